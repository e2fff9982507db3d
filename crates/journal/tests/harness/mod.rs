//! A journal in a folder of its own, and a disk that fails on demand.

#![allow(dead_code, unused_imports, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)]

mod disk;
pub mod plant;
mod rows;

pub use disk::Disk;
pub use rows::{denied, full, poll, poll_out_of_order};

use journal::{FileSystem, Journal, Opening, Options, Storage, Verification, VerifyOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Two folders: record and keys.
pub struct Place {
    root: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub fn directory(&self) -> PathBuf {
        self.root.path().join("journal")
    }

    pub fn keys(&self) -> PathBuf {
        self.root.path().join("keys")
    }

    pub fn options(&self) -> Options {
        Options {
            commit_interval_ms: 5,
            checkpoint_interval_ms: 20,
            sync_deadline_ms: 5_000,
            housekeeping_ms: 20,
            retry_ms: 5,
            retry_limit_ms: 20,
            start_patience_ms: 20_000,
            ..Options::new(&self.directory(), &self.keys(), "gate-1")
        }
    }

    pub fn open(&self) -> (Journal, Opening) {
        self.open_with(self.options(), Arc::new(FileSystem))
    }

    pub fn open_with(&self, options: Options, storage: Arc<dyn Storage>) -> (Journal, Opening) {
        journal::open(options, storage, Arc::new(|| {})).unwrap()
    }

    pub fn files(&self, end: &str) -> Vec<PathBuf> {
        files(&self.directory(), end)
    }

    pub fn verify(&self) -> Verification {
        verify(&self.directory())
    }
}

pub fn verify(directory: &Path) -> Verification {
    journal::verify(directory, &VerifyOptions::default()).unwrap()
}

pub fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_string_lossy().ends_with(end));
    found.sort();
    found
}

/// Wait, bounded, until something is so; a machine that does other work too is slow.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// All rows appended so far are on disk.
pub fn settle(journal: &Journal) {
    let last = journal.state().next_sequence - 1;
    until("rows are durable", || journal.state().durable_sequence >= last);
}

/// Copy a journal as it stands, as a dead process would leave it.
pub fn snapshot(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}
