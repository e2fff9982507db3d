//! Failed and stalled syncs, a full disk, and a clock that steps, each at every place where it can come.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::{Event, Kind, Sequence};
use harness::{denied, poll, settle, until};
use journal::{Journal, Options, Storage as _, Verification, VerifyOptions};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storage_double::{Disk, Operation, Step};

fn directory() -> PathBuf {
    PathBuf::from("/plant/journal")
}

/// Each row begins a new segment, so that a short run has every kind of step in it.
fn options() -> Options {
    Options {
        commit_interval_ms: 1,
        checkpoint_interval_ms: 2,
        sync_deadline_ms: 20_000,
        segment_bytes: 1,
        housekeeping_ms: 5,
        retry_ms: 1,
        retry_limit_ms: 2,
        ..Options::new(&directory(), Path::new("/plant/keys"), "gate-1")
    }
}

fn open(disk: &Disk, options: Options) -> Journal {
    journal::open(options, Arc::new(disk.clone()), Arc::new(|| {})).unwrap().0
}

fn rows(disk: &Disk, kind: Kind) -> Vec<Event> {
    journal::read_on(disk, &directory()).unwrap().into_iter().filter(|row| row.kind == kind).collect()
}

fn verified(disk: &Disk) -> Verification {
    let found = journal::verify_on(disk, &directory(), &VerifyOptions::default()).unwrap();
    assert!(found.ok, "{:#?}", found.findings);
    found
}

/// Write ahead, and give back what was reported durable.
fn write(journal: &Journal, count: u64) -> Vec<Sequence> {
    let waiting = (0..count).filter(|number| journal.append_ahead(denied(*number)).is_ok()).count();
    let told = RefCell::new(Vec::new());
    until("each row is told", || {
        told.borrow_mut().extend(journal.take_commits());
        told.borrow().len() >= waiting
    });
    told.into_inner().into_iter().filter(|commit| commit.durable).map(|commit| commit.sequence).collect()
}

fn live_files(disk: &Disk) -> usize {
    disk.list(&directory()).unwrap().iter().filter(|entry| entry.name.ends_with(".arrows")).count()
}

/// A start that was late tells here what it found, for good and behind all that fails.
fn is_of_the_start(alarm: &str) -> bool {
    alarm.starts_with("journal: ")
}

/// Write through a fault until the journal is well again; what was promised must be there after a cut.
fn lives_through(fault: impl Fn(&Disk), mend: impl Fn(&Disk)) {
    let disk = Disk::new();
    fault(&disk);
    let journal = open(&disk, options());
    let mut durable: Vec<Sequence> = (0..4).flat_map(|_| write(&journal, 2)).collect();
    mend(&disk);
    until("the journal is up again", || journal.is_up());
    durable.extend(write(&journal, 1));
    assert!(!durable.is_empty());
    until("all but the live file is sealed, and no alarm is left", || {
        live_files(&disk) == 1 && journal.state().last_alarm.is_none_or(|alarm| is_of_the_start(&alarm))
    });
    journal.close();

    let left = disk.power_cut(7);
    verified(&left);
    let kept: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
    assert!(durable.iter().all(|sequence| kept.contains(sequence)), "{durable:?} of {kept:?}");
}

#[test]
fn whichever_sync_of_a_file_fails_the_journal_goes_on_and_keeps_its_word() {
    (0..25).for_each(|good| lives_through(|disk| disk.fail_sync_after(good), |_| {}));
}

#[test]
fn whichever_sync_of_a_directory_fails_the_journal_goes_on_and_keeps_its_word() {
    (0..25).for_each(|good| lives_through(|disk| disk.fail_directory_sync_after(good), |_| {}));
}

#[test]
fn wherever_the_disk_is_full_the_journal_goes_on_when_there_is_room_again() {
    for room in (0..60_000).step_by(1_700) {
        lives_through(|disk| disk.set_room(Some(room)), |disk| disk.set_room(None));
    }
}

#[test]
fn a_segment_whose_sync_failed_is_never_written_or_synced_again() {
    let disk = Disk::new();
    let _clock = disk.start_trace();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, ..options() });
    journal.append(poll(1));
    settle(&journal);
    let durable = journal.state().durable_sequence;
    disk.set_syncs_fail(true);
    assert!(write(&journal, 3).is_empty());
    disk.set_syncs_fail(false);
    until("the journal is up again", || journal.is_up());
    assert_eq!(write(&journal, 1).len(), 1);
    journal.close();

    let trace = disk.trace();
    let failed = trace.iter().position(|step| step.operation == Operation::SyncFailed).unwrap();
    let later = |step: &&Step| step.path == trace[failed].path && step.operation != Operation::Removed;
    assert_eq!(trace[failed + 1..].iter().filter(later).collect::<Vec<_>>(), Vec::<&Step>::new());
    let opened = rows(&disk, Kind::JournalSegmentOpened);
    let reason = opened[1].reason.as_deref().unwrap();
    assert!(reason.starts_with(&format!("after: {durable} ")) && reason.ends_with(" failed"), "{reason}");
    let notices = verified(&disk).notices;
    assert!(notices.iter().any(|notice| notice.what == "rows that the disk did not confirm in time"), "{notices:#?}");
}

#[test]
fn a_sync_that_never_returns_is_a_failure_that_holds_up_nobody_and_no_row_of_it_is_promised() {
    let disk = Disk::new();
    let journal = open(&disk, Options { sync_deadline_ms: 50, ..options() });
    let kept = write(&journal, 2);
    until("all is quiet", || journal.is_up() && live_files(&disk) == 1);
    disk.stall_syncs();

    assert!(write(&journal, 2).is_empty());
    assert!(!journal.is_up());
    journal.append(poll(1));
    journal.close();

    let left = disk.power_cut(3);
    let journal = open(&left, options());
    until("the journal is up", || journal.is_up());
    journal.close();
    let rows: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
    assert!(kept.iter().all(|sequence| rows.contains(sequence)));
    verified(&left);
}

#[test]
fn a_clock_that_steps_back_and_forth_changes_neither_order_nor_proof() {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 6_000, ..options() });
    let mut written = Vec::new();
    for number in 0..60u64 {
        let step =
            [0, 86_400_000_000_000, -3_600_000_000_000, i64::MAX, i64::MIN][usize::try_from(number % 5).unwrap()];
        let event = Event { time: poll(number).time.saturating_add(step), ..poll(number) };
        let sequence = journal.append(event.clone());
        written.push(Event { sequence, ..event });
        if number % 9 == 0 {
            settle(&journal);
        }
    }
    settle(&journal);
    journal.close();
    let journal = open(&disk, options());
    until("all but the live file is sealed", || live_files(&disk) == 1);
    journal.close();

    assert_eq!(rows(&disk, Kind::RequestPermitted), written);
    verified(&disk);
}

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
}

#[test]
fn a_policy_whose_name_could_not_be_synced_is_tried_again() {
    let disk = Disk::new();
    let journal = open(&disk, options());
    until("the journal is up", || journal.is_up());
    disk.fail_directory_sync_after(0);
    let _clock = disk.start_trace();
    let policies = directory().join("policies");

    journal.keep_policy("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", b"abc");

    let is_durable = |step: &Step| step.path == policies && step.operation == Operation::DirectorySynced;
    until("its name is durable", || disk.trace().iter().any(is_durable));
    assert!(disk.trace().iter().any(|step| step.operation == Operation::SyncFailed));
}
