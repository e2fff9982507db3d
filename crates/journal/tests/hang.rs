//! What happens when the disk never answers.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::Kind;
use harness::{Disk, Place, denied, poll, settle, until};
use journal::{Journal, Options, Unrecorded};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn options(place: &Place) -> Options {
    Options { sync_deadline_ms: 500, hang_ms: 500, ..place.options() }
}

fn rows_of(place: &Place, kind: Kind) -> Vec<event::Event> {
    journal::read(&place.directory()).unwrap().into_iter().filter(|row| row.kind == kind).collect()
}

/// A journal with a durable row, and a write that waits for a sync that never returns.
fn hung(place: &Place) -> (Arc<Disk>, Journal, event::Sequence, u64) {
    let disk = Disk::that_syncs_nothing();
    let (journal, _) = place.open_with(options(place), disk.storage());
    journal.append(poll(1));
    settle(&journal);
    until("all rows are signed", || journal.state().checkpoint.sequence == journal.state().durable_sequence);
    let durable = journal.state().durable_sequence;
    disk.sync_hangs.store(true, Ordering::SeqCst);
    let lost = journal.append_ahead(denied(2)).unwrap();
    until("the writer hangs", || disk.hanging.load(Ordering::SeqCst) == 1);
    (disk, journal, lost, durable)
}

/// It may be down too briefly to be seen so.
fn is_replaced(journal: &Journal) -> bool {
    journal.is_up() && journal.state().failures == 1
}

#[test]
fn a_sync_that_never_returns_is_told_as_lost_and_another_writer_goes_on_behind_the_last_durable_row() {
    let place = Place::new();
    let (disk, journal, lost, durable) = hung(&place);
    disk.sync_hangs.store(false, Ordering::SeqCst);

    until("another writer is up", || is_replaced(&journal));
    let told: Vec<_> = journal.take_commits().iter().map(|commit| (commit.sequence, commit.durable)).collect();
    journal.append(poll(3));
    settle(&journal);
    assert_eq!(disk.hanging.load(Ordering::SeqCst), 1);
    journal.close();

    let opened = rows_of(&place, Kind::JournalSegmentOpened);
    let reason = opened.last().unwrap().reason.clone().unwrap();
    assert_eq!(told, [(lost, false)]);
    assert!(reason.starts_with(&format!("after: {durable} ")) && reason.ends_with(" failed"), "{reason}");
    assert_eq!(rows_of(&place, Kind::JournalGap).iter().map(|row| row.count).collect::<Vec<_>>(), [Some(1)]);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
    disk.lets_go.store(true, Ordering::SeqCst);
}

#[test]
fn a_hung_sync_that_returns_in_the_end_changes_nothing() {
    let place = Place::new();
    let (disk, journal, lost, _) = hung(&place);
    disk.sync_hangs.store(false, Ordering::SeqCst);
    until("another writer is up", || is_replaced(&journal));
    let (before, segment) = (journal.state(), journal.segment());

    disk.lets_go.store(true, Ordering::SeqCst);
    until("the old sync returns", || disk.hanging.load(Ordering::SeqCst) == 0);
    let later = journal.append_ahead(denied(3)).unwrap();
    until("the write is durable", || journal.state().durable_sequence >= later.0);
    settle(&journal);
    let told: Vec<_> = journal.take_commits().iter().map(|commit| (commit.sequence, commit.durable)).collect();

    assert_eq!(journal.segment(), segment);
    assert_eq!(journal.state().failures, before.failures);
    assert_eq!(told, [(lost, false), (later, true)]);
    journal.close();
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn rows_that_queued_up_while_the_writer_hung_are_recorded_by_the_next() {
    let place = Place::new();
    let (disk, journal, _, _) = hung(&place);
    for number in 0..100 {
        journal.append(poll(number));
    }
    disk.sync_hangs.store(false, Ordering::SeqCst);

    until("another writer is up", || is_replaced(&journal));
    settle(&journal);
    journal.close();

    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 101);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
    disk.lets_go.store(true, Ordering::SeqCst);
}

#[test]
fn a_disk_on_which_every_sync_hangs_costs_five_writers_and_recovers_with_the_first_that_comes_back() {
    let place = Place::new();
    let (disk, journal, _, _) = hung(&place);

    until("the last writer hangs", || {
        journal.state().last_failure.is_some_and(|why| why.starts_with("5 writers hang in the disk"))
    });
    journal.append(poll(4));
    assert_eq!(journal.append_ahead(denied(5)), Err(Unrecorded::Down));
    until("the keeper hangs too, and says so", || {
        journal.state().last_alarm.as_deref() == Some("sealing and retention hang in the disk")
    });
    // Many deadlines later: five writers and the keeper, and no other.
    assert_eq!(disk.hanging.load(Ordering::SeqCst), 6);
    disk.sync_hangs.store(false, Ordering::SeqCst);
    disk.lets_go.store(true, Ordering::SeqCst);
    until("the journal is up again", || journal.is_up());
    settle(&journal);
    journal.close();

    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 2);
    assert!(harness::files(&place.directory(), ".draft").is_empty());
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn a_writer_that_was_given_up_cannot_give_its_segment_the_name_of_a_later_one() {
    let (place, disk) = (Place::new(), Disk::that_syncs_nothing());
    let (journal, _) = place.open_with(options(&place), disk.storage());
    settle(&journal);
    disk.renames_hang.store(true, Ordering::SeqCst);
    disk.sync_fails_at.store(disk.syncs.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    journal.append(poll(1));
    until("the next segment hangs at its name", || disk.hanging.load(Ordering::SeqCst) == 1);
    disk.renames_hang.store(false, Ordering::SeqCst);
    until("another writer is up", || is_replaced(&journal));
    journal.append(denied(2));
    settle(&journal);

    disk.lets_go.store(true, Ordering::SeqCst);
    until("the name is given late", || disk.hanging.load(Ordering::SeqCst) == 0);
    journal.append(denied(3));
    settle(&journal);
    let failures = journal.state().failures;
    journal.close();

    assert_eq!(failures, 1);
    assert_eq!(rows_of(&place, Kind::RequestDenied).len(), 2);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn a_key_can_be_changed_after_a_hang() {
    let place = Place::new();
    let (disk, journal, _, _) = hung(&place);
    disk.sync_hangs.store(false, Ordering::SeqCst);
    until("another writer is up", || is_replaced(&journal));
    let before = journal.state().public_key;

    let after = journal.rotate_key().unwrap();
    journal.append(poll(3));
    settle(&journal);
    journal.close();

    assert_ne!(before, after);
    let proof = journal::VerifyOptions { first_public_key: Some(before), ..Default::default() };
    let found = journal::verify(&place.directory(), &proof).unwrap();
    assert!(found.ok, "{:?}", found.findings);
    disk.lets_go.store(true, Ordering::SeqCst);
}

#[test]
fn a_hang_while_the_key_is_changed_leaves_the_old_key_in_use() {
    let place = Place::new();
    let disk = Disk::that_syncs_nothing();
    let (journal, opening) = place.open_with(options(&place), disk.storage());
    settle(&journal);
    // The row that tells of it is synced; the new key's file is not.
    disk.sync_hangs_at.store(disk.syncs.load(Ordering::SeqCst) + 2, Ordering::SeqCst);

    let answer = std::thread::scope(|scope| {
        let changing = scope.spawn(|| journal.rotate_key());
        until("the key's sync hangs", || disk.hanging.load(Ordering::SeqCst) == 1);
        journal.append(poll(0));
        changing.join().unwrap()
    });
    until("another writer is up", || is_replaced(&journal));
    journal.append(poll(1));
    settle(&journal);
    disk.lets_go.store(true, Ordering::SeqCst);
    until("the old sync returns", || disk.hanging.load(Ordering::SeqCst) == 0);
    journal.append(poll(2));
    settle(&journal);
    assert_eq!(journal.state().public_key, opening.public_key);
    journal.close();

    assert!(answer.is_err());
    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 3);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn a_journal_closes_though_its_disk_hangs() {
    let place = Place::new();
    let (disk, journal, _, _) = hung(&place);

    journal.close();

    let (next, _) = place.open();
    until("another one can write", || next.is_up());
    disk.lets_go.store(true, Ordering::SeqCst);
    next.close();
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn the_last_writer_that_hangs_outside_a_commit_takes_the_journal_down() {
    let place = Place::new();
    let (disk, journal, _, _) = hung(&place);
    // Four writers, and the keeper over the first one's segment.
    until("the fourth writer hangs", || disk.hanging.load(Ordering::SeqCst) == 5);
    disk.sync_hangs.store(false, Ordering::SeqCst);
    until("the fifth is up", || journal.is_up());
    settle(&journal);
    disk.sync_hangs_at.store(disk.syncs.load(Ordering::SeqCst) + 2, Ordering::SeqCst);

    std::thread::scope(|scope| {
        let changing = scope.spawn(|| journal.rotate_key().is_err());
        until("the key's sync hangs", || disk.hanging.load(Ordering::SeqCst) == 6);
        until("the journal is down", || !journal.is_up());
        assert_eq!(journal.append_ahead(denied(5)), Err(Unrecorded::Down));
        assert!(changing.join().unwrap());
    });

    disk.lets_go.store(true, Ordering::SeqCst);
    until("the journal is up again", || journal.is_up());
    journal.close();
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}
