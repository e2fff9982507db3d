//! What retention does where a file of the journal is damaged.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use harness::{Place, poll, settle, until};
use journal::{FileSystem, Journal, Options};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// A journal of several sealed segments, stopped; nothing is removed yet.
fn sealed_journal(place: &Place) -> Vec<PathBuf> {
    let options = Options { segment_bytes: 20_000, ..place.options() };
    let (journal, _) = place.open_with(options, Arc::new(FileSystem));
    fill(&journal);
    until("segments are sealed", || place.files(".parquet").len() > 4 && place.files(".arrows").len() == 1);
    journal.close();
    place.files(".parquet")
}

fn fill(journal: &Journal) {
    for number in 0..1_500 {
        journal.append(poll(number));
        if number % 50 == 0 {
            settle(journal);
        }
    }
}

/// Rows that do not continue their chain.
fn altered_live_file() -> Vec<u8> {
    let place = Place::new();
    let (journal, _) = place.open();
    journal.append(poll(1));
    settle(&journal);
    journal.close();
    let mut bytes = fs::read(&place.files(".arrows")[0]).unwrap();
    let at = bytes.windows(9).position(|some| some == b"hmi-reads").unwrap();
    bytes[at] = b'x';
    bytes
}

fn break_footer(path: &PathBuf) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len();
    bytes[end - 40..].fill(0xA5);
    fs::write(path, bytes).unwrap();
}

fn keeps(place: &Place, options: Options) -> (Journal, PathBuf) {
    let sealed = sealed_journal(place);
    break_footer(&sealed[0]);
    let (journal, _) = place.open_with(options, Arc::new(FileSystem));
    until("the next oldest goes", || !sealed[1].exists());
    (journal, sealed[0].clone())
}

#[test]
fn a_damaged_oldest_file_stays_with_an_alarm_and_the_size_is_kept_to_by_removing_others() {
    let place = Place::new();
    let options = Options { keep_bytes: Some(1_000), ..place.options() };

    let (journal, damaged) = keeps(&place, options);
    let name = damaged.file_name().unwrap().to_string_lossy().into_owned();
    until("the alarm names it", || {
        journal.state().last_alarm.is_some_and(|alarm| alarm.contains(&name) && alarm.contains("damaged; kept"))
    });
    journal.close();

    assert!(damaged.exists());
}

#[test]
fn a_damaged_oldest_file_does_not_keep_the_age_rule_from_the_others() {
    let place = Place::new();
    let options = Options { keep_age_ms: Some(1), ..place.options() };

    let (journal, damaged) = keeps(&place, options);
    until("only the damaged one is left", || place.files(".parquet").iter().all(|path| *path == damaged));
    journal.close();

    assert!(damaged.exists());
}

#[test]
fn a_live_file_that_never_will_be_sealed_holds_up_no_retention() {
    let place = Place::new();
    let options = Options { keep_bytes: Some(1_000), ..place.options() };
    let sealed = sealed_journal(&place);
    let damaged = place.directory().join(format!("{:020}.arrows", 0));
    fs::write(&damaged, altered_live_file()).unwrap();

    let (journal, _) = place.open_with(options, Arc::new(FileSystem));
    until("the oldest goes", || !sealed[0].exists());
    journal.close();

    assert!(damaged.exists());
}

#[test]
fn what_retention_removed_behind_a_damaged_file_is_no_finding_of_its_own() {
    let place = Place::new();
    let (journal, damaged) = keeps(&place, Options { keep_bytes: Some(1_000), ..place.options() });
    settle(&journal);
    journal.close();

    let found = place.verify();

    let name = damaged.file_name().unwrap().to_string_lossy().into_owned();
    assert!(!found.ok);
    let other: Vec<_> = found.findings.iter().filter(|one| one.file.as_deref() != Some(&*name)).collect();
    assert!(other.is_empty(), "{other:?}");
    assert!(found.notices.iter().any(|notice| notice.what.contains("removed by retention")), "{:?}", found.notices);
    assert!(found.findings.iter().all(|one| !one.what.contains("is not there as signed")), "{:?}", found.findings);
}

#[test]
fn a_file_removed_behind_a_damaged_one_that_no_row_tells_of_is_found() {
    let place = Place::new();
    let sealed = sealed_journal(&place);
    break_footer(&sealed[0]);

    fs::remove_file(&sealed[1]).unwrap();

    let found = place.verify();
    assert!(found.findings.iter().any(|one| one.what.contains("is not there as signed")), "{:?}", found.findings);
}

/// A live file whose sealing waits for as long as something stands in the place of the draft.
fn waiting_to_be_sealed(place: &Place) -> (Journal, PathBuf, PathBuf) {
    let (journal, _) = place.open();
    journal.append(poll(1));
    settle(&journal);
    journal.close();
    let (live, block) = (place.files(".arrows").remove(0), place.directory().join(format!("{:020}.parquet.tmp", 1)));
    fs::create_dir(&block).unwrap();
    let (journal, _) = place.open();
    until("it cannot be sealed yet", || journal.state().last_alarm.is_some());
    (journal, live, block)
}

#[test]
fn a_live_file_that_somebody_removed_is_told_and_no_longer_waited_for() {
    let place = Place::new();
    let (journal, live, block) = waiting_to_be_sealed(&place);

    fs::remove_file(&live).unwrap();

    let name = live.file_name().unwrap().to_string_lossy().into_owned();
    let told = format!("{name}: is gone; somebody removed it");
    until("it is told", || journal.state().last_alarm.is_some_and(|alarm| alarm == told));
    fs::remove_dir(&block).unwrap();
    journal.close();
    let found = place.verify();
    assert!(found.findings.iter().any(|one| one.what.contains("rows up to")), "{:?}", found.findings);
}

#[test]
fn a_live_file_that_is_away_with_its_directory_is_waited_for() {
    let place = Place::new();
    let (journal, live, block) = waiting_to_be_sealed(&place);
    let away = place.keys().with_extension("away");

    fs::rename(place.directory(), &away).unwrap();
    until("that is told", || {
        journal.state().last_alarm.is_some_and(|alarm| alarm.contains("No such file") && !alarm.contains("is gone"))
    });
    fs::rename(&away, place.directory()).unwrap();
    fs::remove_dir(&block).unwrap();

    until("it is sealed", || !live.exists());
    journal.close();
    assert!(place.verify().ok);
}

#[test]
fn evidence_does_not_count_against_the_size_that_may_be_kept() {
    let place = Place::new();
    let sealed = sealed_journal(&place);
    let size = |paths: &[PathBuf]| paths.iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    let options = Options { keep_bytes: Some(size(&sealed) + 200_000), ..place.options() };
    let damaged = place.directory().join(format!("{:020}.arrows", 0));
    // Many times what may be kept, behind rows that do not continue their chain.
    fs::write(&damaged, [altered_live_file(), vec![0; 4_000_000]].concat()).unwrap();

    let (journal, _) = place.open_with(options, Arc::new(FileSystem));
    until("it is known for evidence", || {
        journal.state().last_alarm.is_some_and(|alarm| alarm.contains("do not continue their chain"))
    });
    until("all else is sealed", || place.files(".arrows").len() == 2);
    journal.close();

    assert!(sealed.iter().all(|path| path.exists()));
    assert!(damaged.exists());
}

#[test]
fn several_live_files_that_never_will_be_sealed_are_told_with_their_number() {
    let place = Place::new();
    let altered = altered_live_file();
    fs::create_dir_all(place.directory()).unwrap();
    for first in [3, 5, 7] {
        fs::write(place.directory().join(format!("{first:020}.arrows")), &altered).unwrap();
    }

    let (journal, _) = place.open();

    until("all are told", || {
        let alarm = journal.state().last_alarm.unwrap_or_default();
        alarm.contains(&format!("{:020}.arrows", 3)) && alarm.contains(", and 2 more")
    });
    journal.close();
}
