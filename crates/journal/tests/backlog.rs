//! Rows that queue up before a slow disk, and who waits for them.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::{Kind, Sequence};
use harness::plant::{directory, open, options, rows, verified, write};
use harness::{denied, poll, settle, until};
use journal::{Commit, Journal, Options};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storage_double::Disk;

#[test]
fn a_sync_that_costs_time_is_paid_once_by_all_who_wait() {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, ..options() });
    disk.set_sync_cost(Duration::from_millis(20));
    let before = disk.syncs();

    assert_eq!(write(&journal, 64).len(), 64);

    assert!(disk.syncs() - before <= 4);
}

#[test]
fn a_disk_whose_every_sync_is_in_time_can_open_a_segment() {
    let disk = Disk::new();
    disk.set_sync_cost(Duration::from_millis(150));

    let journal = open(&disk, Options { sync_deadline_ms: 400, ..options() });

    until("the journal is up", || journal.is_up());
    // Three syncs took longer together than the deadline of one.
    assert_eq!(journal.state().last_failure, None);
}

/// 5,000 rows that queued up behind a sync that stalled.
fn with_a_backlog() -> (Disk, Journal, u64) {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, checkpoint_interval_ms: 1 << 30, ..options() });
    settle(&journal);
    disk.stall_syncs();
    let before = disk.syncs();
    journal.append(poll(0));
    until("a commit is under way", || disk.syncs() > before);
    for number in 1..5_000 {
        journal.append(poll(number));
    }
    let syncs = disk.syncs();
    (disk, journal, syncs)
}

#[test]
fn a_backlog_is_written_in_several_commits() {
    let (disk, journal, before) = with_a_backlog();

    disk.release_syncs();
    settle(&journal);

    assert!(disk.syncs() - before >= 3, "{}", disk.syncs() - before);
    journal.close();
    assert_eq!(rows(&disk, Kind::RequestPermitted).len(), 5_000);
    verified(&disk);
}

#[test]
fn a_commit_of_a_backlog_that_fails_loses_no_row_behind_it() {
    let (disk, journal, _) = with_a_backlog();

    disk.fail_sync_after(2);
    disk.release_syncs();
    settle(&journal);
    journal.close();

    let lost: u64 = rows(&disk, Kind::JournalGap).iter().filter_map(|row| row.count).sum();
    assert_eq!(lost, 1_024);
    let numbers: Vec<Sequence> =
        journal::read_on(&disk, &directory()).unwrap().iter().map(|row| row.sequence).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    verified(&disk.power_cut(1));
}

/// Syncs asked for until the next write is durable.
fn syncs_until_durable(disk: &Disk, journal: &Journal) -> u64 {
    let before = disk.syncs();
    let row = journal.append_ahead(denied(1)).unwrap();
    until("the write is durable", || journal.take_commits().contains(&Commit { sequence: row, durable: true }));
    disk.syncs() - before
}

#[test]
fn a_write_on_a_slow_disk_waits_for_two_syncs_however_many_rows_of_others_stand_before_it() {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, checkpoint_interval_ms: 1_000, ..options() });
    settle(&journal);
    disk.set_sync_cost(Duration::from_millis(50));
    let stop = AtomicBool::new(false);

    let waited = std::thread::scope(|scope| {
        // 30,000 rows a second: more than a thousand come in the time of one sync.
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                for number in 0..300 {
                    journal.append(poll(number));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        std::thread::sleep(Duration::from_millis(1_000));
        let waited: Vec<u64> = (0..8).map(|_| syncs_until_durable(&disk, &journal)).collect();
        stop.store(true, Ordering::SeqCst);
        waited
    });

    // The one under way was asked for before, the next one holds the row; a checkpoint may fall between them.
    assert!(waited.iter().all(|syncs| *syncs <= 2), "{waited:?}");
    journal.close();
    verified(&disk);
}

#[test]
fn a_commit_of_a_large_backlog_is_no_failure_of_a_disk_that_is_well() {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, sync_deadline_ms: 150, hang_ms: 20_000, ..options() });
    settle(&journal);
    // To spell the columns of so many rows takes longer than the deadline, in a build without optimisation.
    for number in 0..60_000 {
        journal.append(poll(number));
    }
    journal.checkpoint_now();

    settle(&journal);

    assert_eq!((journal.state().failures, journal.state().last_failure), (0, None));
    journal.close();
    assert_eq!(rows(&disk, Kind::RequestPermitted).len() as u64 + gaps(&disk), 60_000);
}

fn gaps(disk: &Disk) -> u64 {
    rows(disk, Kind::JournalGap).iter().filter_map(|row| row.count).sum()
}
