//! What goes in comes out, live and sealed, and survives a stop at any byte.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::{Event, Kind};
use harness::{Place, denied, full, poll, settle, snapshot, until, verify};
use journal::{JournalError, Options};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn is_own(event: &Event) -> bool {
    event.kind.name().starts_with("journal.")
}

fn events(place: &Place) -> Vec<Event> {
    journal::read(&place.directory()).unwrap().into_iter().filter(|event| !is_own(event)).collect()
}

#[test]
fn keys_inside_the_journal_are_refused() {
    let place = Place::new();
    let options = Options { key_directory: place.directory().join("keys"), ..place.options() };

    let opened = journal::open(options, Arc::new(journal::FileSystem), Arc::new(|| {}));

    assert!(matches!(opened, Err(JournalError::KeysInside(_))));
}

#[test]
fn only_the_owner_can_read_a_key() {
    let place = Place::new();
    let (_journal, opening) = place.open();

    let mode = fs::metadata(place.keys().join("journal-0001.key")).unwrap().permissions().mode();

    assert_eq!(mode & 0o777, 0o600);
    assert!(opening.is_new_key);
    assert!(opening.messages()[0].contains(&opening.public_key));
}

#[test]
fn every_field_comes_back_from_the_live_file_and_from_the_sealed_one() {
    let place = Place::new();
    let (journal, _) = place.open();
    let mut written: Vec<Event> = [full(1), poll(2), denied(3), Event::default()].into();
    for event in &mut written {
        event.sequence = journal.append(event.clone());
    }
    journal.close();
    let live = events(&place);
    let digest_when_live = place.verify().last_checkpoint.unwrap();

    let (journal, _) = place.open();
    until("the first segment is sealed", || place.files(".arrows").len() == 1 && !place.files(".parquet").is_empty());
    settle(&journal);
    journal.close();

    assert_eq!(live, written);
    assert_eq!(events(&place), written);
    let proof = journal::VerifyOptions { checkpoint: Some(digest_when_live.digest), ..Default::default() };
    let sealed = journal::verify(&place.directory(), &proof).unwrap();
    assert!(sealed.ok, "{:?}", sealed.findings);
}

#[test]
fn a_row_appended_ahead_is_told_durable_and_rows_have_no_hole() {
    let place = Place::new();
    let (journal, _) = place.open();
    let mut waiting = Vec::new();
    for number in 0..300 {
        journal.append(poll(number));
        waiting.push(journal.append_ahead(denied(number)).unwrap());
    }
    let mut told = Vec::new();
    while told.len() < waiting.len() {
        told.extend(journal.take_commits());
    }
    journal.close();

    assert!(told.iter().all(|commit| commit.durable));
    assert_eq!(told.iter().map(|commit| commit.sequence).collect::<Vec<_>>(), waiting);
    let sequences: Vec<u64> = journal::read(&place.directory()).unwrap().iter().map(|row| row.sequence.0).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    assert!(place.verify().ok);
}

#[test]
fn numbering_goes_on_after_a_clean_stop_and_jumps_after_an_unclean_one() {
    let place = Place::new();
    let (journal, _) = place.open();
    journal.append(poll(1));
    journal.close();
    let (journal, second) = place.open();
    let after_clean = journal.append(poll(2)).0;
    settle(&journal);
    until("the first segment is sealed", || place.files(".arrows").len() == 1);
    settle(&journal);
    let dead = snapshot(&place.directory());
    journal.close();

    let options = Options { directory: dead.path().to_owned(), ..place.options() };
    let (journal, third) = place.open_with(options, Arc::new(journal::FileSystem));
    let after_unclean = journal.append(poll(3)).0;
    journal.close();

    assert!(!second.was_unclean);
    assert!(after_clean < 10);
    assert!(third.was_unclean);
    assert!(after_unclean > 1_000_000);
    assert!(verify(dead.path()).ok);
}

#[test]
fn a_file_cut_at_any_byte_of_its_last_batch_opens_verifies_and_loses_no_earlier_row() {
    let place = Place::new();
    let (journal, _) = place.open();
    journal.append(poll(1));
    settle(&journal);
    let live = place.files(".arrows").remove(0);
    until("a checkpoint is written", || journal.state().checkpoint.sequence == journal.state().durable_sequence);
    let before = fs::metadata(&live).unwrap().len();
    let durable = journal.state().durable_sequence;
    journal.append_ahead(denied(2)).unwrap();
    until("it is committed", || !journal.take_commits().is_empty());
    let dead = snapshot(&place.directory());
    journal.close();
    let name = live.file_name().unwrap();
    let bytes = fs::read(dead.path().join(name)).unwrap();

    let cuts: Vec<usize> = (usize::try_from(before).unwrap()..bytes.len()).collect();
    std::thread::scope(|scope| {
        for some in cuts.chunks(cuts.len() / 8 + 1) {
            scope.spawn(|| {
                some.iter().for_each(|&cut| opens_cut_at(&place, dead.path(), (name, &bytes[..cut]), (before, durable)))
            });
        }
    });
}

fn opens_cut_at(place: &Place, dead: &Path, (name, bytes): (&OsStr, &[u8]), (before, durable): (u64, u64)) {
    let (copy, cut) = (snapshot(dead), bytes.len() as u64);
    fs::write(copy.path().join(name), bytes).unwrap();
    let options = Options { directory: copy.path().to_owned(), ..place.options() };
    let (journal, _) = place.open_with(options, harness::Disk::careless());
    journal.append(poll(3));
    journal.close();

    let rows = journal::read(copy.path()).unwrap();
    assert!(rows.iter().filter(|row| row.sequence.0 <= durable).count() as u64 == durable, "cut at {cut}");
    let found = verify(copy.path());
    assert!(found.ok, "cut at {cut}: {:?}", found.findings);
    assert!(harness::files(copy.path(), ".torn").len() == usize::from(cut > before), "cut at {cut}");
}

#[test]
fn a_segment_is_sealed_at_its_size_and_the_guard_is_told_of_the_next() {
    let place = Place::new();
    let (journal, _) =
        place.open_with(Options { segment_bytes: 20_000, ..place.options() }, Arc::new(journal::FileSystem));
    let first = journal.segment();
    for number in 0..2_000 {
        journal.append(poll(number));
        if number % 100 == 0 {
            settle(&journal);
        }
    }
    settle(&journal);
    until("old segments are sealed", || place.files(".parquet").len() > 3 && place.files(".arrows").len() == 1);

    assert!(journal.segment() > first);
    journal.close();
    assert_eq!(events(&place).len(), 2_000);
    let found = place.verify();
    assert!(found.ok, "{:?}", found.findings);
}

#[test]
fn retention_leaves_signed_rows_and_a_journal_that_verifies() {
    let place = Place::new();
    let options = Options { segment_bytes: 20_000, keep_bytes: Some(150_000), ..place.options() };
    let (journal, opening) = place.open_with(options, Arc::new(journal::FileSystem));
    for number in 0..3_000 {
        journal.append(poll(number));
        if number % 50 == 0 {
            settle(&journal);
        }
    }
    until("segments are retired", || {
        journal::read(&place.directory()).unwrap_or_default().first().is_some_and(|row| row.sequence.0 > 1)
    });
    settle(&journal);
    journal.close();

    let proof = journal::VerifyOptions { first_public_key: Some(opening.first_public_key), ..Default::default() };
    let found = journal::verify(&place.directory(), &proof).unwrap();
    assert!(found.ok, "{:?}", found.findings);
    assert!(found.first_sequence.unwrap() > 1);
    assert!(journal::read(&place.directory()).unwrap().iter().any(|row| row.kind == Kind::JournalRetired));
    let oldest = format!("{:020}", found.first_sequence.unwrap());
    let all = [place.files(".parquet"), place.files(".arrows")].concat();
    let of_oldest = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&oldest);
    all.iter().filter(of_oldest).for_each(|path| fs::remove_file(path).unwrap());
    assert!(!place.verify().ok, "{:?}", place.verify().notices);
}

#[test]
fn age_retires_too() {
    let place = Place::new();
    let options = Options { keep_age_ms: Some(1), ..place.options() };
    let (journal, _) = place.open_with(options.clone(), Arc::new(journal::FileSystem));
    journal.append(poll(1));
    journal.close();

    let (journal, _) = place.open_with(options, Arc::new(journal::FileSystem));
    until("the old segment is retired", || place.files(".parquet").is_empty() && place.files(".arrows").len() == 1);
    settle(&journal);
    journal.close();

    assert!(events(&place).is_empty());
    assert!(place.verify().ok, "{:?}", place.verify().findings);
}

#[test]
fn a_new_key_is_proved_by_the_first_one() {
    let place = Place::new();
    let (journal, opening) = place.open();
    journal.append(poll(1));
    let second = journal.rotate_key().unwrap();
    journal.append(poll(2));
    let third = journal.rotate_key().unwrap();
    journal.append(poll(3));
    journal.close();
    let (journal, again) = place.open();
    journal.close();

    assert_ne!(second, third);
    assert_eq!(again.public_key, third);
    let with = |key: &str| journal::VerifyOptions { first_public_key: Some(key.to_owned()), ..Default::default() };
    let found = journal::verify(&place.directory(), &with(&opening.first_public_key)).unwrap();
    assert!(found.ok, "{:?}", found.findings);
    assert!(!journal::verify(&place.directory(), &with(&second)).unwrap().ok);
}

#[test]
fn a_policy_is_kept_once_under_its_digest_and_its_change_is_found() {
    let place = Place::new();
    let (journal, _) = place.open();
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    journal.keep_policy(digest, b"abc");
    journal.keep_policy(digest, b"abc");
    let path = place.directory().join("policies").join(format!("{digest}.json"));
    until("the text is kept", || fs::read(&path).is_ok_and(|text| text == b"abc"));
    journal.close();

    assert!(place.verify().ok);
    fs::write(path, b"abd").unwrap();
    assert!(!place.verify().ok);
}

#[test]
fn a_directory_full_of_nonsense_does_not_prevent_a_start() {
    let place = Place::new();
    fs::create_dir_all(place.directory()).unwrap();
    for name in ["00000000000000000001-00000000000000000009.parquet", "00000000000000000010.arrows"] {
        fs::write(place.directory().join(name), b"no such thing").unwrap();
    }
    fs::write(place.directory().join("keys.json"), b"[").unwrap();

    let (journal, opening) = place.open();
    let sequence = journal.append(poll(1)).0;
    settle(&journal);

    assert!(journal.is_up());
    assert!(!opening.alarms.is_empty());
    assert!(sequence > 1_000_000);
}
