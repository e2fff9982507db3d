//! The real disk, with faults that a test switches on.

use journal::{AppendFile, Entry, FileSystem, Lock, ReadFile, Storage};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
pub struct Disk {
    pub is_full: AtomicBool,
    pub sync_fails: AtomicBool,
    pub sync_takes_ms: AtomicU64,
    pub syncs: AtomicU64,
    /// The one sync that fails, counted from 1; 0: none.
    pub sync_fails_at: AtomicU64,
    /// A sync that begins meanwhile returns only after `lets_go`, whatever later ones do.
    pub sync_hangs: AtomicBool,
    /// The same for one sync alone, counted from 1; 0: none.
    pub sync_hangs_at: AtomicU64,
    /// A file that is given a segment's name meanwhile gets it only after `lets_go`.
    pub renames_hang: AtomicBool,
    pub hanging: AtomicU64,
    pub lets_go: AtomicBool,
    /// Nothing is synced: for tests of what is in files, not of what survives.
    pub is_careless: AtomicBool,
}

struct Faulty {
    disk: Arc<Disk>,
    file: Box<dyn AppendFile>,
}

impl Disk {
    fn check_room(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn hang(&self) {
        self.hanging.fetch_add(1, Ordering::SeqCst);
        while !self.lets_go.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.hanging.fetch_sub(1, Ordering::SeqCst);
    }

    fn sync(&self) -> io::Result<()> {
        let number = self.syncs.fetch_add(1, Ordering::SeqCst) + 1;
        if self.sync_hangs.load(Ordering::SeqCst) || number == self.sync_hangs_at.load(Ordering::SeqCst) {
            self.hang();
        }
        if number == self.sync_fails_at.load(Ordering::SeqCst) {
            return Err(io::Error::other("this sync failed"));
        }
        // Looked at again and again, so that a test can end a stall.
        let mut waited = 0;
        while waited < self.sync_takes_ms.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
            waited += 2;
        }
        if self.sync_fails.load(Ordering::SeqCst) { Err(io::Error::other("sync failed")) } else { Ok(()) }
    }
}

impl AppendFile for Faulty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.disk.check_room() {
            // A full disk takes what still fits.
            self.file.append(bytes.get(..bytes.len() / 2).unwrap_or_default())?;
            return Err(error);
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync()?;
        if self.disk.is_careless.load(Ordering::SeqCst) { Ok(()) } else { self.file.sync() }
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}

/// The trait stands on the shared disk, so that a test can keep hold of the switches.
pub struct Handle(pub Arc<Disk>);

impl Disk {
    pub fn careless() -> Arc<dyn Storage> {
        Self::that_syncs_nothing().storage()
    }

    /// For tests whose deadlines must not depend on how busy the real disk is.
    pub fn that_syncs_nothing() -> Arc<Self> {
        Arc::new(Self { is_careless: AtomicBool::new(true), ..Self::default() })
    }

    pub fn storage(self: &Arc<Self>) -> Arc<dyn Storage> {
        Arc::new(Handle(Arc::clone(self)))
    }
}

impl Storage for Handle {
    fn create_directory(&self, path: &Path, secret: bool) -> io::Result<()> {
        FileSystem.create_directory(path, secret)
    }

    fn create(&self, path: &Path, secret: bool) -> io::Result<Box<dyn AppendFile>> {
        self.0.check_room()?;
        Ok(Box::new(Faulty { disk: Arc::clone(&self.0), file: FileSystem.create(path, secret)? }))
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.0.sync()?;
        if self.0.is_careless.load(Ordering::SeqCst) { Ok(()) } else { FileSystem.sync(path) }
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        FileSystem.read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.0.renames_hang.load(Ordering::SeqCst) && to.extension().is_some_and(|end| end == "arrows") {
            self.0.hang();
        }
        FileSystem.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        if self.0.is_careless.load(Ordering::SeqCst) { Ok(()) } else { FileSystem.sync_directory(path) }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        FileSystem.list(directory)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        FileSystem.free_space(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        FileSystem.lock(path)
    }
}
