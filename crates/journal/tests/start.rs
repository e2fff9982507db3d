//! Nothing that the disk refuses prevents a start: the journal comes up by itself when it can.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::{Kind, Sequence};
use harness::{Disk, Place, denied, poll, settle, snapshot, until};
use journal::{FileSystem, Journal, Opening, Options, Unrecorded};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn rows_of(place: &Place, kind: Kind) -> Vec<event::Event> {
    journal::read(&place.directory()).unwrap().into_iter().filter(|row| row.kind == kind).collect()
}

fn starts_down(place: &Place, why: &str) -> (Journal, Opening) {
    let (journal, opening) = place.open();
    assert!(!journal.is_up());
    assert_eq!(journal.append_ahead(denied(1)), Err(Unrecorded::Down));
    assert!(opening.messages().iter().any(|line| line.starts_with("journal: alarm: down: ") && line.contains(why)));
    assert!(journal.state().last_failure.is_some_and(|said| said.contains(why)), "{:?}", journal.state());
    (journal, opening)
}

#[test]
fn a_directory_that_cannot_be_made_keeps_the_journal_down_until_it_can() {
    let place = Place::new();
    fs::write(place.directory(), b"a plain file").unwrap();

    let (journal, _) = starts_down(&place, "Not a directory");
    fs::remove_file(place.directory()).unwrap();
    until("the journal comes up", || journal.is_up());
    journal.append(poll(2));
    settle(&journal);
    journal.close();

    assert_eq!(rows_of(&place, Kind::RequestPermitted).len(), 1);
    assert!(place.verify().ok);
}

#[test]
fn rows_before_the_first_opening_are_told_no_number_and_are_recorded_when_it_has_come() {
    let place = Place::new();
    let (journal, _) = place.open();
    let highest = journal.append(poll(1));
    settle(&journal);
    journal.close();
    let away = place.keys().join("away");
    fs::rename(place.directory(), &away).unwrap();
    fs::write(place.directory(), b"a plain file").unwrap();

    let (journal, _) = starts_down(&place, "Not a directory");
    let unknown = [journal.append(poll(2)), journal.append(poll(3))];
    let waiting = journal.state();
    fs::remove_file(place.directory()).unwrap();
    fs::rename(&away, place.directory()).unwrap();
    until("the journal comes up", || journal.is_up());
    let next = journal.append(poll(4));
    settle(&journal);
    journal.close();

    assert_eq!(unknown, [Sequence(0); 2]);
    assert_eq!((waiting.queued_rows, waiting.unrecorded_rows, waiting.next_sequence), (2, 0, 0));
    assert!(next > highest);
    assert_eq!(rows_of(&place, Kind::JournalGap), []);
    let times: Vec<i64> = rows_of(&place, Kind::RequestPermitted).iter().map(|row| row.time).collect();
    assert_eq!(times, [poll(1), poll(2), poll(3), poll(4)].map(|row| row.time));
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn a_second_writer_starts_down_names_the_lock_and_takes_over_when_the_first_has_gone() {
    let place = Place::new();
    let (first, _) = place.open();
    let before = first.append(poll(1));
    settle(&first);
    let files = fs::read_dir(place.directory()).unwrap().count();

    let (second, _) = starts_down(&place, "lock: another process writes this journal");
    second.append(poll(2));
    second.keep_policy("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", b"abc");
    assert!(first.is_up());
    assert_eq!(fs::read_dir(place.directory()).unwrap().count(), files);
    first.close();
    until("the second takes over", || second.is_up());
    let after = second.append(poll(3));
    settle(&second);
    second.close();

    assert!(after > before);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn keys_that_cannot_be_read_keep_the_journal_down_until_they_can() {
    let place = Place::new();
    fs::create_dir_all(place.keys()).unwrap();
    let key = place.keys().join("journal-0001.key");
    fs::write(&key, b"no key").unwrap();

    let (journal, opening) = starts_down(&place, "not a signing key");
    fs::remove_file(&key).unwrap();
    until("the journal comes up", || journal.is_up());
    until("the new key is told", || {
        let state = journal.state();
        state.last_alarm.is_some_and(|alarm| alarm.contains("new signing key") && alarm.contains(&state.public_key))
    });
    journal.close();

    assert_eq!(opening.public_key, "");
}

#[test]
fn keys_that_cannot_be_made_keep_the_journal_down_until_they_can() {
    let place = Place::new();
    fs::write(place.keys(), b"a plain file").unwrap();

    let (journal, _) = starts_down(&place, "Not a directory");
    fs::remove_file(place.keys()).unwrap();
    until("the journal comes up", || journal.is_up());
    journal.close();

    assert!(place.verify().ok);
}

#[test]
fn what_the_last_run_left_torn_is_recorded_though_the_keys_came_later() {
    let place = Place::new();
    let (journal, _) = place.open();
    journal.append(poll(1));
    settle(&journal);
    let dead = snapshot(&place.directory());
    journal.close();
    let options = Options { directory: dead.path().to_owned(), ..place.options() };
    let rowless = dead.path().join(format!("{:020}.arrows", 500));
    fs::write(&rowless, b"torn").unwrap();
    let away = place.keys().with_extension("away");
    fs::rename(place.keys(), &away).unwrap();
    fs::write(place.keys(), b"a plain file").unwrap();

    let (journal, _) = place.open_with(options, Arc::new(FileSystem));
    until("it is set aside", || !rowless.exists());
    fs::remove_file(place.keys()).unwrap();
    fs::rename(&away, place.keys()).unwrap();
    until("the journal comes up", || journal.is_up());
    settle(&journal);
    journal.close();

    let rows = journal::read(dead.path()).unwrap();
    let told = rows.iter().filter(|row| row.kind == Kind::JournalRecovered).count();
    assert_eq!(told, 1);
    assert!(harness::verify(dead.path()).ok);
}

#[test]
fn torn_bytes_that_cannot_be_set_aside_stay_in_their_file_until_they_can() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let (journal, _) = place.open();
    journal.append(poll(1));
    settle(&journal);
    journal.close();
    let live = place.files(".arrows").remove(0);
    fs::write(&live, [fs::read(&live).unwrap(), b"torn".to_vec()].concat()).unwrap();
    disk.is_full.store(true, Ordering::SeqCst);

    let (journal, _) = place.open_with(place.options(), disk.storage());
    disk.is_full.store(false, Ordering::SeqCst);
    until("the journal comes up", || journal.is_up());
    until("it is told", || {
        journal.state().last_alarm.is_some_and(|alarm| alarm.contains("torn bytes cannot be set aside"))
    });
    journal.append(poll(2));
    settle(&journal);
    journal.close();
    let was_kept = live.exists();
    let (journal, _) = place.open();
    until("it is sealed", || !live.exists());
    journal.close();

    assert!(was_kept);
    assert_eq!(fs::read(&place.files(".torn")[0]).unwrap(), b"torn");
    assert!(place.verify().ok);
}

#[test]
fn a_sealed_file_that_does_not_hold_its_live_original_s_rows_is_never_signed_and_both_stay() {
    let (place, other) = (Place::new(), Place::new());
    for (place, rows, segment_bytes) in [(&place, 1, 1 << 30), (&other, 30, 1)] {
        let (journal, _) = place.open_with(Options { segment_bytes, ..place.options() }, Arc::new(FileSystem));
        for number in 0..rows {
            journal.append(poll(number));
        }
        settle(&journal);
        until("the other one is sealed", || segment_bytes > 1 || !place.files(".parquet").is_empty());
        journal.close();
    }
    let live = place.files(".arrows").remove(0);
    let strange = place.directory().join(other.files(".parquet")[0].file_name().unwrap());
    fs::copy(&other.files(".parquet")[0], &strange).unwrap();

    let (journal, _) = place.open();
    let alarm = || journal.state().last_alarm.unwrap_or_default();
    until("it is told", || alarm().contains("does not hold the rows of its live original"));
    journal.close();

    assert!(live.exists() && strange.exists());
    assert!(!place.verify().ok);
}

#[test]
fn a_disk_that_hangs_at_the_start_prevents_none_and_is_waited_for() {
    let place = Place::new();
    let disk = Disk::that_syncs_nothing();
    disk.sync_hangs.store(true, Ordering::SeqCst);
    let options = Options { sync_deadline_ms: 500, hang_ms: 500, ..place.options() };

    let (journal, opening) = place.open_with(options, disk.storage());
    assert!(!journal.is_up());
    disk.sync_hangs.store(false, Ordering::SeqCst);
    until("the journal comes up", || journal.is_up());
    journal.append(poll(1));
    settle(&journal);
    journal.close();

    assert!(opening.messages().iter().any(|line| line.contains("the disk has not answered")));
    assert!(place.verify().ok);
    disk.lets_go.store(true, Ordering::SeqCst);
}

#[test]
fn a_journal_that_never_came_up_closes() {
    let place = Place::new();
    fs::write(place.directory(), b"a plain file").unwrap();
    let (journal, _) = starts_down(&place, "Not a directory");

    journal.close();

    assert_eq!(fs::read(place.directory()).unwrap(), b"a plain file");
}

#[test]
fn a_live_file_without_one_readable_row_takes_as_many_numbers_as_it_has_room_for_rows() {
    let place = Place::new();
    fs::create_dir_all(place.directory()).unwrap();
    let bytes = 64 << 20;
    let lost = fs::File::create(place.directory().join(format!("{:020}.arrows", 1))).unwrap();
    lost.set_len(bytes).unwrap();

    let (journal, _) = place.open();
    until("the journal is up", || journal.is_up());
    let next = journal.append(poll(1)).0;

    // A row has a number and a time at least.
    assert!(next > bytes / 16, "{next}");
}
