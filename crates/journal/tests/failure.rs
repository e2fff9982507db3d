//! What happens when the disk fails, stalls or is full.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::Kind;
use harness::{Disk, Place, denied, poll, settle, until};
use journal::{Options, Unrecorded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn rows_of(place: &Place, kind: Kind) -> Vec<event::Event> {
    journal::read(&place.directory()).unwrap().into_iter().filter(|row| row.kind == kind).collect()
}

#[test]
fn a_failed_sync_is_told_and_never_tried_again_on_its_segment() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let (journal, _) = place.open_with(place.options(), disk.storage());
    journal.append(poll(1));
    settle(&journal);
    let first = journal.segment();
    let durable = journal.state().durable_sequence;

    disk.sync_fails.store(true, Ordering::SeqCst);
    let lost = journal.append_ahead(denied(2)).unwrap();
    until("the journal is down", || !journal.is_up());
    let commits = journal.take_commits();
    assert_eq!(commits.iter().map(|commit| (commit.sequence, commit.durable)).collect::<Vec<_>>(), [(lost, false)]);
    assert_eq!(journal.append_ahead(denied(3)), Err(Unrecorded::Down));
    journal.append(poll(4));
    disk.sync_fails.store(false, Ordering::SeqCst);
    until("the journal is up again", || journal.is_up());
    journal.append(poll(5));
    settle(&journal);
    journal.close();

    assert!(journal_opened_after(&place, first, durable));
    assert_eq!(rows_of(&place, Kind::JournalGap).iter().map(|row| row.count).collect::<Vec<_>>(), [Some(1)]);
    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 3);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
    assert!(!found.notices.is_empty());
}

fn journal_opened_after(place: &Place, first: u64, durable: u64) -> bool {
    let opened = rows_of(place, Kind::JournalSegmentOpened);
    let next = opened.iter().find(|row| row.sequence.0 > first).unwrap();
    let reason = next.reason.as_deref().unwrap();
    reason.starts_with(&format!("after: {durable} ")) && reason.ends_with(" failed")
}

#[test]
fn a_stalled_sync_is_a_failure_while_it_still_hangs_and_holds_up_nobody() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let options = Options { sync_deadline_ms: 50, ..place.options() };
    let (journal, _) = place.open_with(options, disk.storage());
    until("the journal is up", || journal.is_up());
    disk.sync_takes_ms.store(60_000, Ordering::SeqCst);

    let waiting = journal.append_ahead(denied(1)).unwrap();
    until("the failure is told", || !journal.is_up());
    let started = Instant::now();
    for number in 0..1_000 {
        journal.append(poll(number));
    }
    let state = journal.state();
    let took = started.elapsed();

    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(!state.up);
    assert_eq!(state.queued_rows, 1_000);
    let told = journal.take_commits();
    assert_eq!(told.iter().map(|commit| (commit.sequence, commit.durable)).collect::<Vec<_>>(), [(waiting, false)]);
    disk.sync_takes_ms.store(0, Ordering::SeqCst);
    until("the journal recovers", || journal.is_up());
    settle(&journal);
    journal.close();
    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 1_000);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn a_full_disk_stops_the_journal_until_there_is_room() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let options = Options { queue_rows: 100, queue_reserved_rows: 50, ..place.options() };
    let (journal, _) = place.open_with(options, disk.storage());
    journal.append(poll(0));
    settle(&journal);

    disk.is_full.store(true, Ordering::SeqCst);
    journal.append(poll(1));
    until("the journal is down", || !journal.is_up());
    for number in 0..200 {
        journal.append(poll(number));
    }
    assert_eq!(journal.append_ahead(denied(2)), Err(Unrecorded::Down));
    assert_eq!(journal.state().queued_rows, 50);
    assert!(journal.state().unrecorded_rows >= 150);
    disk.is_full.store(false, Ordering::SeqCst);
    until("the journal is up again", || journal.is_up());
    settle(&journal);
    journal.close();

    let told: u64 = rows_of(&place, Kind::JournalGap).iter().filter_map(|row| row.count).sum();
    let recorded = rows_of(&place, Kind::RequestPermitted).len() as u64;
    assert_eq!(told + recorded, 202);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn a_directory_that_goes_away_stops_the_journal_until_it_comes_back() {
    let place = Place::new();
    let (journal, _) = place.open();
    journal.append(poll(1));
    settle(&journal);
    let elsewhere = place.keys().join("moved");

    std::fs::rename(place.directory(), &elsewhere).unwrap();
    let lost = journal.append_ahead(denied(2)).unwrap();
    until("the journal is down", || !journal.is_up());
    let told = journal.take_commits();
    assert_eq!(told.iter().map(|commit| (commit.sequence, commit.durable)).collect::<Vec<_>>(), [(lost, false)]);
    std::fs::rename(&elsewhere, place.directory()).unwrap();
    until("the journal is up again", || journal.is_up());
    journal.append(poll(3));
    settle(&journal);
    journal.close();

    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 2);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn a_live_file_that_was_replaced_under_its_name_is_written_no_more_and_no_row_in_it_is_promised() {
    let place = Place::new();
    let (journal, _) = place.open();
    journal.append(poll(1));
    settle(&journal);
    let live = place.files(".arrows").remove(0);
    let copy = place.keys().join("copy");

    std::fs::copy(&live, &copy).unwrap();
    std::fs::rename(&copy, &live).unwrap();
    let lost = journal.append_ahead(denied(2)).unwrap();
    until("the journal is down", || journal.state().failures == 1);
    let told = journal.take_commits();
    until("the journal is up again", || journal.is_up());
    journal.append(poll(3));
    settle(&journal);
    let why = journal.state().last_failure.unwrap();
    journal.close();

    assert_eq!(told.iter().map(|commit| (commit.sequence, commit.durable)).collect::<Vec<_>>(), [(lost, false)]);
    assert!(why.contains("another file has taken its place"), "{why}");
    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 2);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn a_disk_that_is_full_at_the_start_prevents_no_start() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let (journal, _) = place.open_with(place.options(), disk.storage());
    journal.close();
    disk.is_full.store(true, Ordering::SeqCst);

    let (journal, _) = place.open_with(place.options(), disk.storage());
    assert!(!journal.is_up());
    journal.append(poll(1));
    disk.is_full.store(false, Ordering::SeqCst);
    until("the journal comes up", || journal.is_up());
    settle(&journal);
    journal.close();

    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 1);
    assert!(place.verify().ok);
}

#[test]
fn a_new_key_asked_for_while_the_disk_fails_is_refused_soon_and_the_old_one_stays() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let (journal, opening) = place.open_with(place.options(), disk.storage());
    disk.sync_fails.store(true, Ordering::SeqCst);
    journal.append(poll(1));
    until("the journal is down", || !journal.is_up());

    let asked = std::thread::spawn(move || (journal.rotate_key().is_err(), journal));
    until("it is refused", || asked.is_finished());
    let (is_refused, journal) = asked.join().unwrap();

    assert!(is_refused);
    assert_eq!(journal.state().public_key, opening.public_key);
}

#[test]
fn writes_that_wait_together_share_a_sync() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let (journal, _) = place.open_with(place.options(), disk.storage());
    disk.sync_takes_ms.store(20, Ordering::SeqCst);
    let before = disk.syncs.load(Ordering::SeqCst);

    for number in 0..64 {
        journal.append_ahead(denied(number)).unwrap();
    }
    let mut told = 0;
    while told < 64 {
        told += journal.take_commits().len();
    }

    assert!(disk.syncs.load(Ordering::SeqCst) - before <= 4);
}

#[test]
fn what_a_start_repaired_is_recorded_though_the_first_commit_fails() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let (journal, _) = place.open();
    journal.append(poll(1));
    settle(&journal);
    journal.close();
    let live = place.files(".arrows").remove(0);
    std::fs::write(&live, [std::fs::read(&live).unwrap(), b"torn".to_vec()].concat()).unwrap();
    // The writer says that it is up before the first commit, which has the row in it.
    let (up, refusing) = (AtomicBool::new(false), Arc::clone(&disk));
    let wake = move || {
        if !up.swap(true, Ordering::SeqCst) {
            refusing.sync_fails.store(true, Ordering::SeqCst);
        }
    };

    let (journal, opening) = journal::open(place.options(), disk.storage(), Arc::new(wake)).unwrap();
    until("the commit fails", || journal.state().failures == 1);
    disk.sync_fails.store(false, Ordering::SeqCst);
    until("the journal is up again", || journal.is_up());
    settle(&journal);
    journal.close();

    let rows = rows_of(&place, Kind::JournalRecovered);
    assert_eq!(opening.repairs.len(), 1);
    // The disk refused one of them, and may hold it all the same.
    let segments: Vec<u64> = rows_of(&place, Kind::JournalSegmentOpened).iter().map(|row| row.sequence.0).collect();
    assert!(rows.iter().any(|row| row.sequence.0 > segments[2]), "{rows:?}");
    assert!(rows.iter().all(|row| row.reason.as_deref() == Some(&opening.repairs[0])), "{rows:?}");
    assert!(place.verify().ok);
}
