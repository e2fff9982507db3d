//! What a start finds after a run that ended badly, and what it costs.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::{Kind, Sequence};
use harness::plant::{directory, live_files, open, options, rows, verified, write};
use harness::{poll, until};
use journal::{Options, Storage as _};
use std::io::Read as _;
use storage_double::Disk;

/// Written under a sync that failed: the journal's process dies over it, the machine runs on.
fn killed_after_a_failed_sync() -> Disk {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, retry_ms: 60_000, ..options() });
    write(&journal, 3);
    disk.set_syncs_fail(true);
    assert!(write(&journal, 3).is_empty());
    let left = disk.kill();
    journal.close();
    left
}

#[test]
fn rows_whose_sync_failed_before_a_start_are_no_part_of_the_record_that_a_power_cut_can_take() {
    for seed in 0..40 {
        let disk = killed_after_a_failed_sync();
        let journal = open(&disk, Options { segment_bytes: 1 << 30, ..options() });
        let durable = write(&journal, 2);
        journal.close();

        let left = disk.power_cut(seed);

        verified(&left);
        let kept: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
        assert!(durable.iter().all(|sequence| kept.contains(sequence)), "{durable:?} of {kept:?}");
    }
}

#[test]
fn a_disk_that_cannot_take_the_copy_of_the_last_live_file_keeps_the_journal_down_until_it_can() {
    let disk = killed_after_a_failed_sync();
    disk.set_room(Some(1_000));
    let journal = open(&disk, options());
    assert!(!journal.is_up());

    disk.set_room(None);

    until("the journal comes up", || journal.is_up());
    assert_eq!(write(&journal, 1).len(), 1);
    journal.close();
    verified(&disk.power_cut(1));
}

#[test]
fn a_live_file_that_cannot_be_read_takes_as_many_numbers_as_it_has_room_for_rows() {
    let disk = Disk::new();
    journal::ensure_directory(&disk, &directory(), false).unwrap();
    let (path, bytes) = (directory().join(format!("{:020}.arrows", 1)), 32 << 20);
    disk.create(&path, false).unwrap().append(&vec![0; bytes]).unwrap();
    disk.make_unreadable(&path);

    let journal = open(&disk, options());
    until("the journal is up", || journal.is_up());
    let next = journal.append(poll(1)).0;

    assert!(next > bytes as u64 / 16, "{next}");
}

/// A stopped journal with the copies of one sealed file that many segments before it would have left.
fn with_old_segments(count: u64) -> Disk {
    let disk = Disk::new();
    let journal = open(&disk, options());
    write(&journal, 3);
    let sealed = || disk.list(&directory()).unwrap().into_iter().find(|entry| entry.name.ends_with(".parquet"));
    until("a segment is sealed", || sealed().is_some() && live_files(&disk) == 1);
    journal.close();
    let (mut bytes, sealed) = (Vec::new(), sealed().unwrap());
    disk.read(&directory().join(sealed.name)).unwrap().read_to_end(&mut bytes).unwrap();
    for number in 0..count {
        let old = directory().join(format!("{number:020}-{number:020}.parquet"));
        if let Ok(mut file) = disk.create(&old, false) {
            file.append(&bytes).unwrap();
        }
    }
    disk
}

fn reads_of_a_start(disk: &Disk) -> u64 {
    let before = disk.reads();
    let journal = open(disk, options());
    until("the journal is up", || journal.is_up());
    let reads = disk.reads() - before;
    journal.close();
    reads
}

#[test]
fn a_start_opens_no_more_files_the_more_was_recorded() {
    let (few, many) = (reads_of_a_start(&with_old_segments(1)), reads_of_a_start(&with_old_segments(500)));

    // The keeper is at work meanwhile, with some files of its own.
    assert!(many < few + 100, "{few} and {many}");
}

/// The rows behind the last confirmed one are sealed with the rest of their segment, and go with it.
#[test]
fn a_segment_whose_last_rows_were_never_confirmed_is_not_missed_once_retention_has_removed_it() {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, keep_bytes: Some(1), ..options() });
    write(&journal, 3);
    disk.set_syncs_fail(true);
    assert!(write(&journal, 3).is_empty());
    disk.set_syncs_fail(false);
    until("the journal goes on in another segment", || journal.is_up());
    let is_retired = || !rows(&disk, Kind::JournalRetired).is_empty();
    until("the segment is retired", || is_retired() && live_files(&disk) == 1);
    write(&journal, 1);
    journal.close();

    verified(&disk);
    assert!(rows(&disk, Kind::JournalSegmentOpened)[0].reason.as_deref().unwrap().ends_with("failed"));
}
