//! The disk: the journal's side of it, and the test's.

use crate::cut::survivors;
use crate::faults::is_turn;
use crate::file::{Content, File, lock};
use crate::names::Names;
use crate::state::State;
use crate::trace::{Operation, Step};
use journal::{AppendFile, Entry, Lock, ReadFile, Storage};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Whoever waits in a stalled sync.
    changed: Condvar,
}

// === impl Disk: the test's side ===

impl Disk {
    /// An empty disk that does all it is asked, at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Let every sync take at least so long.
    pub fn set_sync_cost(&self, cost: Duration) {
        self.lock().faults.sync_cost = cost;
    }

    /// Let one sync of a file fail, after so many that do not. What it was to make durable stays unsure
    /// for good, whatever later syncs say.
    pub fn fail_sync_after(&self, good: u64) {
        self.lock().faults.good_syncs = Some(good);
    }

    /// Let one sync of a file panic, after so many that do not: a fault of whoever asked for it.
    pub fn panic_in_sync_after(&self, good: u64) {
        self.lock().faults.syncs_before_panic = Some(good);
    }

    /// Let every sync of a file fail, or none.
    pub fn set_syncs_fail(&self, fail: bool) {
        self.lock().faults.syncs_fail = fail;
    }

    /// Let one sync of a directory fail, after so many that do not.
    pub fn fail_directory_sync_after(&self, good: u64) {
        self.lock().faults.good_directory_syncs = Some(good);
    }

    /// Let no sync return until [`Disk::release_syncs`], or until the power goes out.
    pub fn stall_syncs(&self) {
        self.lock().faults.is_stalled = true;
    }

    /// Let stalled syncs return.
    pub fn release_syncs(&self) {
        self.lock().faults.is_stalled = false;
        self.inner.changed.notify_all();
    }

    /// Let the bytes of a file be read no more; it can still be opened, listed, renamed and removed.
    pub fn make_unreadable(&self, path: &Path) {
        self.lock().faults.unreadable.insert(path.to_owned());
    }

    /// Let so many more bytes fit; an append that is too long leaves what does. `None`: any number.
    pub fn set_room(&self, bytes: Option<u64>) {
        let mut state = self.lock();
        state.faults.capacity = bytes.map(|bytes| state.used().saturating_add(bytes));
    }

    /// Let the power go out after so many more changes, in the middle of the next one.
    pub fn lose_power_after(&self, steps: u64) {
        self.lock().faults.steps_left = Some(steps);
    }

    /// Whether the power is on.
    #[must_use]
    pub fn has_power(&self) -> bool {
        !self.lock().has_no_power
    }

    /// Changes asked for so far: appends, syncs, names.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// Syncs of files asked for so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Files opened for reading so far.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.lock().reads
    }

    /// Put the power out, and give a disk that holds one of the states which that may leave. The same
    /// seed chooses the same one.
    #[must_use]
    pub fn power_cut(&self, seed: u64) -> Self {
        let mut state = self.lock();
        state.lose_power();
        self.inner.changed.notify_all();
        let left = survivors(&state, seed);
        Self { inner: Arc::new(Inner { state: Mutex::new(left), changed: Condvar::new() }) }
    }

    /// Note each operation from here on. Other threads may draw from the clock that is given back, to say
    /// what came first.
    #[must_use]
    pub fn start_trace(&self) -> Arc<AtomicU64> {
        let mut state = self.lock();
        state.trace.get_or_insert_default();
        Arc::clone(&state.clock)
    }

    /// What was noted.
    #[must_use]
    pub fn trace(&self) -> Vec<Step> {
        self.lock().trace.clone().unwrap_or_default()
    }

    /// Kill whoever uses the disk: nothing they ask for from here on is done. What they wrote can be read
    /// from the disk given back, but is no more durable than it was.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut state = self.lock();
        let mut left = std::mem::take(&mut *state);
        state.has_no_power = true;
        self.inner.changed.notify_all();
        (left.faults, left.has_no_power, left.locks) = Default::default();
        Self { inner: Arc::new(Inner { state: Mutex::new(left), changed: Condvar::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Change something, unless the power is out.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.lock();
        state.check_power()?;
        let done = change(&mut state)?;
        state.spend_step()?;
        Ok(done)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        let end = {
            let mut state = self.lock();
            state.check_power()?;
            state.syncs += 1;
            let content = lock(file);
            state.note(&content.path, Operation::SyncBegun);
            content.bytes.len()
        };
        let mut state = self.wait_for_sync()?;
        if is_turn(&mut state.faults.syncs_before_panic) {
            drop(state);
            std::panic::panic_any("a sync was told to panic");
        }
        if state.faults.syncs_fail || is_turn(&mut state.faults.good_syncs) {
            let mut content = lock(file);
            content.is_spoiled = true;
            state.note(&content.path, Operation::SyncFailed);
            return Err(io::Error::other("sync failed"));
        }
        let mut content = lock(file);
        content.make_durable(end);
        state.note(&content.path, Operation::SyncReturned { end });
        Ok(())
    }

    /// Take a sync's time; the state as it is when it is about to return.
    fn wait_for_sync(&self) -> io::Result<MutexGuard<'_, State>> {
        let cost = self.lock().faults.sync_cost;
        if !cost.is_zero() {
            std::thread::sleep(cost);
        }
        let stalls = |state: &mut State| state.faults.is_stalled && !state.has_no_power;
        let waited = self.inner.changed.wait_while(self.lock(), stalls);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.check_power()?;
        state.spend_step()?;
        Ok(state)
    }
}

// === impl Storage: the journal's side ===

impl Storage for Disk {
    fn create_directory(&self, path: &Path, _secret: bool) -> io::Result<()> {
        self.change(|state| {
            if state.directories.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let (names, name) = state.place(path)?;
            names.add_folder(name)?;
            state.directories.insert(path.to_owned(), Names::default());
            state.note(path, Operation::Created);
            Ok(())
        })
    }

    fn create(&self, path: &Path, _secret: bool) -> io::Result<Box<dyn AppendFile>> {
        let file = self.change(|state| {
            let is_full = state.room() == 0;
            let (names, name) = state.place(path)?;
            if names.live().contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if is_full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = Content::file(path, Vec::new());
            names.set(name, Some(Arc::clone(&file)));
            state.note(path, Operation::Created);
            Ok(file)
        })?;
        Ok(Box::new(Appending { disk: self.clone(), file }))
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let file = self.lock().find(path)?;
        self.sync_file(&file)
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let mut state = self.lock();
        state.check_power()?;
        state.reads += 1;
        Ok(Box::new(Reading { disk: self.clone(), file: state.find(path)?, at: 0 }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            let file = state.find(from)?;
            if from == to {
                return Ok(());
            }
            to.clone_into(&mut lock(&file).path);
            let (names, name) = state.place(to)?;
            names.set(name, Some(file));
            let (names, name) = state.place(from)?;
            names.set(name, None);
            state.note(from, Operation::Renamed { to: to.to_owned() });
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            state.find(path)?;
            let (names, name) = state.place(path)?;
            names.set(name, None);
            state.note(path, Operation::Removed);
            Ok(())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.lock().check_power()?;
        let mut state = self.wait_for_sync()?;
        if is_turn(&mut state.faults.good_directory_syncs) {
            state.note(path, Operation::SyncFailed);
            return Err(io::Error::other("sync failed"));
        }
        state.directories.get_mut(path).ok_or(io::ErrorKind::NotFound)?.sync();
        state.note(path, Operation::DirectorySynced);
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let state = self.lock();
        state.check_power()?;
        let names = state.directories.get(directory).ok_or(io::ErrorKind::NotFound)?;
        let entry = |(name, file): (&String, &File)| {
            let content = lock(file);
            let bytes = u64::try_from(content.bytes.len()).unwrap_or(u64::MAX);
            Entry { name: name.clone(), bytes, modified: Some(content.modified) }
        };
        Ok(names.live().iter().map(entry).collect())
    }

    fn free_space(&self, _path: &Path) -> io::Result<u64> {
        let state = self.lock();
        state.check_power()?;
        Ok(state.room())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.change(|state| {
            let (names, name) = state.place(path)?;
            if !names.live().contains_key(name) {
                names.set(name, Some(Content::file(path, Vec::new())));
            }
            if !state.locks.insert(path.to_owned()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        })?;
        Ok(Box::new(Held { disk: self.clone(), path: path.to_owned() }))
    }
}

struct Held {
    disk: Disk,
    path: PathBuf,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.lock().locks.remove(&self.path);
    }
}

struct Appending {
    disk: Disk,
    file: File,
}

impl AppendFile for Appending {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.change(|state| {
            let room = usize::try_from(state.room()).unwrap_or(usize::MAX);
            let fits = bytes.get(..room).unwrap_or(bytes);
            let mut content = lock(&self.file);
            content.append(fits);
            state.note(&content.path, Operation::Appended { end: content.bytes.len() });
            if fits.len() == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync_file(&self.file)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.disk.lock();
        state.check_power()?;
        Ok(Arc::ptr_eq(&state.find(path)?, &self.file))
    }
}

struct Reading {
    disk: Disk,
    file: File,
    at: u64,
}

impl Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.lock();
        state.check_power()?;
        let content = lock(&self.file);
        if state.faults.unreadable.contains(&content.path) {
            return Err(io::Error::other("bytes cannot be read"));
        }
        let start = usize::try_from(self.at).unwrap_or(usize::MAX);
        let mut rest = content.bytes.get(start..).unwrap_or_default();
        let read = rest.read(into)?;
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or_default());
        Ok(read)
    }
}

impl Seek for Reading {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = lock(&self.file).bytes.len();
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => u64::try_from(length).ok().and_then(|length| length.checked_add_signed(by)),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
