//! The guard with its journal on a disk in memory whose syncs cost a known time: `guard-on-double JSON`.
//!
//! Only so can the cost of waiting for the record be told apart from the disk that is there. It runs until it is ended.

use guard::Guard;
use serde::Deserialize;
use serde_json::Value;
use std::io::{Error, Result, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use storage_double::Disk;

/// What is asked for.
#[derive(Deserialize)]
struct Settings {
    /// A compiled site file, as `modwarden.guard.compile_site` prints it.
    compiled: PathBuf,
    sync_cost_ms: u64,
}

/// The two parts of it that the core takes.
#[derive(Deserialize)]
struct Compiled {
    document: String,
    options: Value,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "guard-on-double: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let argument = std::env::args().nth(1).ok_or_else(|| Error::other("usage: guard-on-double JSON"))?;
    let settings: Settings = serde_json::from_str(&argument)?;
    let compiled: Compiled = serde_json::from_slice(&std::fs::read(&settings.compiled)?)?;
    let disk = Disk::new();
    disk.set_sync_cost(Duration::from_millis(settings.sync_cost_ms));
    let options = compiled.options.to_string();
    let started = Guard::start_on(compiled.document.as_bytes(), options.as_bytes(), Arc::new(disk));
    let _guard = started.map_err(|error| Error::other(error.to_string()))?;
    loop {
        std::thread::park();
    }
}
