//! What the guard was told, and what must therefore be in the record.

use crate::life::Life;
use event::{Event, Kind, SessionId};
use journal::{Commit, Opening, Storage as _, VerifyOptions};
use std::collections::{BTreeMap, BTreeSet};
use storage_double::Disk;

/// Rows are told apart by the mark they carry.
#[derive(Clone, Default)]
pub struct Model {
    /// Each number handed out, and the row's mark; of a row that was neither promised nor found, it may come again.
    pub given: BTreeMap<u64, u64>,
    /// Those reported durable.
    pub durable: BTreeMap<u64, u64>,
    /// Marks of rows that came before numbers were known: they are numbered later.
    unnumbered: BTreeSet<u64>,
    found: BTreeSet<u64>,
    marks: u64,
    first_key: Option<String>,
}

impl Model {
    pub fn mark(&mut self) -> u64 {
        self.marks += 1;
        self.marks
    }

    /// A journal that could not be opened yet names no key.
    pub fn opened(&mut self, opening: Opening) {
        if opening.first_public_key.is_empty() {
            return;
        }
        let first = self.first_key.get_or_insert_with(|| opening.first_public_key.clone());
        assert_eq!(*first, opening.first_public_key, "another first key: {opening:?}");
    }

    pub fn given(&mut self, sequence: u64, mark: u64) {
        if sequence == 0 {
            self.unnumbered.insert(mark);
            return;
        }
        let is_used = self.durable.contains_key(&sequence) || self.found.contains(&sequence);
        assert!(!is_used, "number {sequence} is in the record and was given again");
        self.given.insert(sequence, mark);
    }

    pub fn answered(&mut self, commit: Commit) {
        if commit.durable {
            self.durable.insert(commit.sequence.0, self.given[&commit.sequence.0]);
        }
    }

    /// What is on a disk after a power cut is in the record, promised or not.
    pub fn remember(&mut self, disk: &Disk, life: &Life) {
        let rows = journal::read_on(disk, &life.options.directory).unwrap_or_default();
        self.found.extend(rows.iter().map(|row| row.sequence.0));
    }

    /// Hold what a disk has against what was promised of it.
    pub fn check(&self, disk: &Disk, life: &Life, context: &str) {
        let directory = &life.options.directory;
        if self.durable.is_empty() && journal::read_on(disk, directory).unwrap_or_default().is_empty() {
            return;
        }
        let options = VerifyOptions { first_public_key: self.first_key.clone(), ..VerifyOptions::default() };
        let found = journal::verify_on(disk, directory, &options).unwrap();
        let files = || disk.list(directory).unwrap().into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        assert!(found.ok, "{context}: {:#?} in {:?}", found.findings, files());
        let rows = journal::read_on(disk, directory).unwrap();
        assert!(rows.windows(2).all(|pair| pair[0].sequence < pair[1].sequence), "{context}: numbers do not rise");
        let marks: BTreeMap<u64, u64> =
            rows.iter().filter_map(|row| row.session.map(|SessionId(mark)| (row.sequence.0, mark))).collect();
        // What retention removed is proved by its signed rows, or verification would have said so.
        let kept = if life.options.keep_bytes.is_some() { found.first_sequence.unwrap() } else { 0 };
        for (sequence, mark) in self.durable.range(kept..) {
            assert_eq!(marks.get(sequence), Some(mark), "{context}: row {sequence} was durable");
        }
        rows.iter().for_each(|row| check_set_aside(disk, life, row, context));
        for (sequence, mark) in &marks {
            let is_known = self.given.get(sequence) == Some(mark) || self.unnumbered.contains(mark);
            assert!(is_known, "{context}: row {sequence} was never written so: {mark}");
        }
    }
}

/// Bytes that a start says it set aside are there, all of them.
fn check_set_aside(disk: &Disk, life: &Life, row: &Event, context: &str) {
    let reason = row.reason.as_deref().unwrap_or_default();
    let ["torn:", name, bytes, ..] = reason.split(' ').collect::<Vec<_>>()[..] else { return };
    if row.kind != Kind::JournalRecovered {
        return;
    }
    let kept =
        disk.list(&life.options.directory).unwrap().into_iter().find(|entry| entry.name == format!("{name}.torn"));
    let kept = kept.map_or(0, |entry| entry.bytes);
    assert!(kept >= bytes.parse().unwrap(), "{context}: {kept} bytes kept, but the record says: {reason}");
}
