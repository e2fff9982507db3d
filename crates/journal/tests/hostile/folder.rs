//! A folder that stands in for a journal's, made anew for each input.

use journal::{JournalError, Options, Verification, VerifyOptions};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub struct Folder {
    root: TempDir,
}

impl Folder {
    pub fn new() -> Self {
        // Memory where there is some: a fuzzer would wear a disk out.
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = Self { root: root.unwrap() };
        fs::create_dir(folder.path()).unwrap();
        folder
    }

    pub fn path(&self) -> PathBuf {
        self.root.path().join("journal")
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn options(&self) -> Options {
        Options {
            commit_interval_ms: 1,
            sync_deadline_ms: 5_000,
            start_patience_ms: 20_000,
            ..Options::new(&self.path(), &self.root.path().join("keys"), "gate-1")
        }
    }

    /// Whatever is in it, verifying ends with an answer.
    pub fn verify(&self, first_public_key: Option<&str>) -> Verification {
        let options = VerifyOptions { first_public_key: first_public_key.map(Into::into), ..VerifyOptions::default() };
        match journal::verify(&self.path(), &options) {
            Ok(found) => found,
            Err(JournalError::World(path, error)) => panic!("{}: {error}", path.display()),
            Err(error) => panic!("{error}"),
        }
    }
}
