//! All that one disk holds, under one lock.

use crate::faults::Faults;
use crate::file::{File, lock};
use crate::names::Names;
use crate::trace::{Operation, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct State {
    pub(crate) directories: BTreeMap<PathBuf, Names>,
    pub(crate) locks: BTreeSet<PathBuf>,
    pub(crate) faults: Faults,
    pub(crate) has_no_power: bool,
    pub(crate) steps: u64,
    pub(crate) syncs: u64,
    pub(crate) reads: u64,
    pub(crate) trace: Option<Vec<Step>>,
    pub(crate) clock: Arc<AtomicU64>,
}

/// What every operation answers without power.
pub(crate) fn dark() -> io::Error {
    io::Error::other("no power")
}

impl Default for State {
    /// A disk with its root and nothing in it.
    fn default() -> Self {
        Self {
            directories: ["/", ""].map(|root| (PathBuf::from(root), Names::default())).into(),
            locks: BTreeSet::default(),
            faults: Faults::default(),
            has_no_power: false,
            steps: 0,
            syncs: 0,
            reads: 0,
            trace: None,
            clock: Arc::default(),
        }
    }
}

impl State {
    pub(crate) fn check_power(&self) -> io::Result<()> {
        if self.has_no_power { Err(dark()) } else { Ok(()) }
    }

    /// Count a change. The one during which the power goes may have reached the disk, but nobody hears of it.
    pub(crate) fn spend_step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match &mut self.faults.steps_left {
            Some(0) => self.lose_power(),
            Some(left) => *left -= 1,
            None => {}
        }
        self.check_power()
    }

    pub(crate) fn lose_power(&mut self) {
        self.has_no_power = true;
        self.note(Path::new(""), Operation::PowerLost);
    }

    pub(crate) fn note(&mut self, path: &Path, operation: Operation) {
        if let Some(trace) = &mut self.trace {
            let order = self.clock.fetch_add(1, Ordering::SeqCst);
            trace.push(Step { order, path: path.to_owned(), operation });
        }
    }

    /// Whether a cut may take a directory: it was made, and its name was not synced since.
    pub(crate) fn may_lose(&self, directory: &Path) -> bool {
        let names = directory.parent().and_then(|parent| self.directories.get(parent));
        let name = directory.file_name().and_then(|name| name.to_str());
        names.zip(name).is_some_and(|(names, name)| names.may_lose_folder(name))
    }

    /// The directory of a path, and the name in it.
    pub(crate) fn place<'a>(&mut self, path: &'a Path) -> io::Result<(&mut Names, &'a str)> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        Ok((self.directories.get_mut(directory).ok_or(io::ErrorKind::NotFound)?, name))
    }

    pub(crate) fn find(&mut self, path: &Path) -> io::Result<File> {
        let (names, name) = self.place(path)?;
        Ok(Arc::clone(names.live().get(name).ok_or(io::ErrorKind::NotFound)?))
    }

    /// Bytes that still fit.
    pub(crate) fn room(&self) -> u64 {
        let Some(capacity) = self.faults.capacity else { return u64::MAX };
        capacity.saturating_sub(self.used())
    }

    pub(crate) fn used(&self) -> u64 {
        let files = self.directories.values().flat_map(|names| names.live().values());
        files.map(|file| u64::try_from(lock(file).bytes.len()).unwrap_or(u64::MAX)).sum()
    }
}
