//! The disk as one writer thread may use it: until it is given up, and watched at each operation.
//!
//! Kept true here: of a thread that was given up no more than the one operation it hung in can still
//! reach the disk. What that may do late is weighed where it is asked: see [`Segment`](crate::segment).

use crate::storage::{AppendFile, Entry, Lock, ReadFile, Storage};
use crate::tenure::Tenure;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

pub(crate) struct Fenced {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) tenure: Arc<Tenure>,
}

struct FencedFile {
    file: Option<Box<dyn AppendFile>>,
    tenure: Arc<Tenure>,
}

struct FencedReader {
    file: Box<dyn ReadFile>,
    tenure: Arc<Tenure>,
}

impl Storage for Fenced {
    fn create_directory(&self, path: &Path, secret: bool) -> io::Result<()> {
        self.tenure.ask(|| self.storage.create_directory(path, secret))
    }

    fn create(&self, path: &Path, secret: bool) -> io::Result<Box<dyn AppendFile>> {
        let file = self.tenure.ask(|| self.storage.create(path, secret))?;
        Ok(Box::new(FencedFile { file: Some(file), tenure: Arc::clone(&self.tenure) }))
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.tenure.ask(|| self.storage.sync(path))
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let file = self.tenure.ask(|| self.storage.read(path))?;
        Ok(Box::new(FencedReader { file, tenure: Arc::clone(&self.tenure) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.tenure.ask(|| self.storage.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.tenure.ask(|| self.storage.remove(path))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.tenure.ask(|| self.storage.sync_directory(path))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        self.tenure.ask(|| self.storage.list(directory))
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        self.tenure.ask(|| self.storage.free_space(path))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.tenure.ask(|| self.storage.lock(path))
    }
}

impl AppendFile for FencedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        self.tenure.ask(|| file.append(bytes))
    }

    fn sync(&mut self) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        self.tenure.ask(|| file.sync())
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        self.tenure.ask(|| file.is_at(path))
    }
}

impl Drop for FencedFile {
    fn drop(&mut self) {
        // Closing writes what is left on some file systems, and can hang like a sync. Nobody asks what came of it.
        let file = self.file.take();
        let _ = self.tenure.ask(|| {
            drop(file);
            Ok(())
        });
    }
}

impl Read for FencedReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.tenure.ask(|| self.file.read(bytes))
    }
}

impl Seek for FencedReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.tenure.ask(|| self.file.seek(to))
    }
}
