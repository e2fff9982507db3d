//! One file: what is in it, and how much of that a power cut is sure to leave.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A file, whatever names it has.
pub(crate) type File = Arc<Mutex<Content>>;

pub(crate) struct Content {
    /// Its last name, for the trace.
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// So many bytes survive every cut.
    pub(crate) durable: usize,
    /// The file's length after each append since the last sync.
    pub(crate) ends: Vec<usize>,
    /// A sync failed: the system may count the bytes as clean though they never reached the disk, so
    /// that no later sync proves anything.
    pub(crate) is_spoiled: bool,
    pub(crate) modified: SystemTime,
}

impl Content {
    /// A file as a disk holds it, all of it durable.
    pub(crate) fn file(path: &Path, bytes: Vec<u8>) -> File {
        let durable = bytes.len();
        let path = path.to_owned();
        let content = Self { path, bytes, durable, ends: Vec::new(), is_spoiled: false, modified: SystemTime::now() };
        Arc::new(Mutex::new(content))
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
        self.modified = SystemTime::now();
    }

    /// A sync that began when the file held `end` bytes has returned.
    pub(crate) fn make_durable(&mut self, end: usize) {
        if !self.is_spoiled {
            self.durable = self.durable.max(end);
            self.ends.retain(|later| *later > end);
        }
    }
}

pub(crate) fn lock(file: &File) -> MutexGuard<'_, Content> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}
