//! One Rust error, one Python exception.

use guard::GuardError;
use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyValueError};
use std::fmt::Display;

create_exception!(_core, DocumentError, PyValueError, "The policy document is wrong.");
create_exception!(_core, CoreError, PyOSError, "A disk, a port or the data loop failed.");

pub(crate) fn core_error(error: GuardError) -> PyErr {
    match error {
        GuardError::Document(_) | GuardError::Options(_) | GuardError::Credentials(_) => {
            DocumentError::new_err(error.to_string())
        }
        GuardError::World(_) | GuardError::Hung => CoreError::new_err(error.to_string()),
    }
}

pub(crate) fn document_error(error: impl Display) -> PyErr {
    DocumentError::new_err(error.to_string())
}

pub(crate) fn journal_error(error: impl Display) -> PyErr {
    CoreError::new_err(error.to_string())
}
