//! What Python sees of the data plane; the only crate that knows Python exists.
//!
//! Kept true here: Python hands over one immutable policy and takes JSON; it is never in the byte
//! path, and the interpreter is released while the data plane works.

mod errors;

use errors::core_error;
use guard::Guard as DataPlane;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::Path;
use std::time::Duration;

/// A compiled policy, for questions.
#[pyclass(frozen, module = "modwarden._core")]
struct Policy(policy::Policy);

#[pymethods]
impl Policy {
    #[new]
    fn new(document: &[u8]) -> PyResult<Self> {
        policy::Policy::parse(document).map(Self).map_err(errors::document_error)
    }

    #[getter]
    fn digest(&self) -> &str {
        self.0.digest()
    }

    fn explain<'py>(&self, py: Python<'py>, question: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let answer = py.detach(|| policy::explain_json(&self.0, question)).map_err(errors::document_error)?;
        Ok(PyBytes::new(py, &answer))
    }
}

/// A running guard.
#[pyclass(frozen, module = "modwarden._core")]
struct Guard(DataPlane);

#[pymethods]
impl Guard {
    #[staticmethod]
    fn start(py: Python<'_>, document: &[u8], options: &[u8]) -> PyResult<Self> {
        let started = py.detach(|| DataPlane::start(document, options)).map_err(core_error)?;
        Ok(Self(started))
    }

    #[getter]
    fn opening(&self) -> Vec<String> {
        self.0.opening().to_vec()
    }

    #[getter]
    fn digest(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.digest())
    }

    #[getter]
    fn is_alive(&self, py: Python<'_>) -> bool {
        py.detach(|| self.0.is_alive())
    }

    fn reload(&self, py: Python<'_>, document: &[u8]) -> PyResult<String> {
        py.detach(|| self.0.reload(document)).map_err(core_error)
    }

    fn reject(&self, reason: &str) {
        self.0.reject(reason);
    }

    fn clock_synchronised(&self, synchronised: bool) {
        self.0.clock_synchronised(synchronised);
    }

    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let text = py.detach(|| self.0.status()).map_err(core_error)?;
        Ok(PyBytes::new(py, &text))
    }

    fn sessions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let text = py.detach(|| self.0.sessions()).map_err(core_error)?;
        Ok(PyBytes::new(py, &text))
    }

    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let text = py.detach(|| self.0.metrics()).map_err(core_error)?;
        Ok(PyBytes::new(py, &text))
    }

    fn drain(&self, py: Python<'_>, timeout_ms: u64) -> PyResult<bool> {
        py.detach(|| self.0.drain(Duration::from_millis(timeout_ms))).map_err(core_error)
    }

    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.stop()).map_err(core_error)
    }
}

/// Verify a journal; options and result as JSON.
#[pyfunction]
fn verify_journal<'py>(py: Python<'py>, directory: &str, options: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let found = py.detach(|| journal::verify_json(Path::new(directory), options)).map_err(errors::journal_error)?;
    Ok(PyBytes::new(py, &found))
}

/// Verify an export; options and result as JSON.
#[pyfunction]
fn verify_export<'py>(py: Python<'py>, folder: &str, options: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let found = py.detach(|| journal::verify_export_json(Path::new(folder), options)).map_err(errors::journal_error)?;
    Ok(PyBytes::new(py, &found))
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("DocumentError", module.py().get_type::<errors::DocumentError>())?;
    module.add("CoreError", module.py().get_type::<errors::CoreError>())?;
    module.add_class::<Policy>()?;
    module.add_class::<Guard>()?;
    module.add_function(wrap_pyfunction!(verify_journal, module)?)?;
    module.add_function(wrap_pyfunction!(verify_export, module)?)
}
