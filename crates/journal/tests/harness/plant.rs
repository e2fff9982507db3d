//! A journal on the disk in memory, with short segments.

use super::until;
use event::{Event, Kind, Sequence};
use journal::{Journal, Options, Storage as _, Verification, VerifyOptions};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage_double::Disk;

pub fn directory() -> PathBuf {
    PathBuf::from("/plant/journal")
}

/// Each row begins a new segment, so that a short run has every kind of step in it.
pub fn options() -> Options {
    Options {
        commit_interval_ms: 1,
        checkpoint_interval_ms: 2,
        sync_deadline_ms: 20_000,
        segment_bytes: 1,
        housekeeping_ms: 5,
        retry_ms: 1,
        retry_limit_ms: 2,
        start_patience_ms: 20_000,
        ..Options::new(&directory(), Path::new("/plant/keys"), "gate-1")
    }
}

pub fn open(disk: &Disk, options: Options) -> Journal {
    journal::open(options, Arc::new(disk.clone()), Arc::new(|| {})).unwrap().0
}

pub fn rows(disk: &Disk, kind: Kind) -> Vec<Event> {
    journal::read_on(disk, &directory()).unwrap().into_iter().filter(|row| row.kind == kind).collect()
}

pub fn verified(disk: &Disk) -> Verification {
    let found = journal::verify_on(disk, &directory(), &VerifyOptions::default()).unwrap();
    assert!(found.ok, "{:#?}", found.findings);
    found
}

/// Write ahead, and give back what was reported durable.
pub fn write(journal: &Journal, count: u64) -> Vec<Sequence> {
    let waiting = (0..count).filter(|number| journal.append_ahead(super::denied(*number)).is_ok()).count();
    let told = RefCell::new(Vec::new());
    until("each row is told", || {
        told.borrow_mut().extend(journal.take_commits());
        told.borrow().len() >= waiting
    });
    told.into_inner().into_iter().filter(|commit| commit.durable).map(|commit| commit.sequence).collect()
}

pub fn live_files(disk: &Disk) -> usize {
    disk.list(&directory()).unwrap().iter().filter(|entry| entry.name.ends_with(".arrows")).count()
}
