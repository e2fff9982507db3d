//! Failed and stalled syncs, a full disk, and a clock that steps, each at every place where it can come.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::{Event, Kind, Sequence};
use harness::{denied, poll, settle, until};
use journal::{Commit, Journal, Options, Storage as _, Verification, VerifyOptions, WallClock};
use std::cell::RefCell;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
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
        start_patience_ms: 20_000,
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
fn a_directory_that_was_made_and_not_synced_is_made_durable_by_the_next_try() {
    for good in 0..6 {
        for seed in 0..10 {
            let disk = Disk::new();
            disk.fail_directory_sync_after(good);
            let journal = open(&disk, options());
            until("the journal is up", || journal.is_up());
            let durable = write(&journal, 1);
            let key = journal.state().public_key;
            // The power goes before anything else is synced.
            let left = disk.power_cut(seed);
            journal.close();

            let journal = open(&left, options());
            until("the journal is up", || journal.is_up());
            assert_eq!(journal.state().public_key, key, "the keys are gone");
            journal.close();
            let kept: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
            assert_eq!(kept, durable);
        }
    }
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
    // Three syncs took longer together than the deadline of one.
    assert_eq!(journal.state().last_failure, None);
}

#[test]
fn a_policy_whose_name_could_not_be_synced_is_tried_again() {
    let disk = Disk::new();
    let journal = open(&disk, options());
    until("the journal is up", || journal.is_up());
    // The first one is of the directory that the policies' folder is made in.
    disk.fail_directory_sync_after(1);
    let _clock = disk.start_trace();
    let policies = directory().join("policies");

    journal.keep_policy("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", b"abc");

    let is_durable = |step: &Step| step.path == policies && step.operation == Operation::DirectorySynced;
    until("its name is durable", || disk.trace().iter().any(is_durable));
    assert!(disk.trace().iter().any(|step| step.operation == Operation::SyncFailed));
}

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

#[test]
fn a_writer_that_broke_off_is_replaced_and_what_it_had_under_way_is_told_as_lost() {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, ..options() });
    let kept = write(&journal, 2);
    disk.panic_in_sync_after(0);

    assert!(write(&journal, 2).is_empty());

    until("another writer is up", || journal.is_up());
    assert!(journal.state().last_failure.is_some_and(|why| why.contains("broke off")));
    let kept: Vec<Sequence> = kept.into_iter().chain(write(&journal, 1)).collect();
    journal.close();
    let left = disk.power_cut(5);
    let rows: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
    assert!(kept.iter().all(|sequence| rows.contains(sequence)), "{kept:?} of {rows:?}");
    verified(&left);
}

#[test]
fn a_file_put_away_is_told_though_the_directory_s_sync_failed() {
    let disk = Disk::new();
    journal::ensure_directory(&disk, &directory(), false).unwrap();
    let name = format!("{:020}.arrows", 7);
    disk.create(&directory().join(&name), false).unwrap().append(b"torn").unwrap();
    // The first one is of the directory above.
    disk.fail_directory_sync_after(1);

    let journal = open(&disk, options());
    until("the journal is up", || journal.is_up());
    settle(&journal);
    journal.close();

    let told: Vec<_> = rows(&disk, Kind::JournalRecovered).into_iter().filter_map(|row| row.reason).collect();
    assert_eq!(told.iter().map(|it| &**it).collect::<Vec<_>>(), [format!("torn: {name} 4 after 0")]);
    assert!(disk.list(&directory()).unwrap().iter().any(|entry| entry.name == format!("{name}.torn")));
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

const DAY_NS: i64 = 86_400_000_000_000;
const NOON: i64 = 1_710_000_000_000_000_000;

/// A clock that a test sets, and that runs on by so much with each look.
fn clock(now: &Arc<AtomicI64>, step_ns: i64) -> WallClock {
    let now = Arc::clone(now);
    WallClock::new(move || now.fetch_add(step_ns, Ordering::SeqCst))
}

fn doubts_the_clock(journal: &Journal) -> bool {
    journal.state().last_alarm.is_some_and(|alarm| alarm.contains("clock is more than a day ahead"))
}

#[test]
fn a_clock_that_jumps_a_year_ahead_and_back_has_nothing_removed_for_its_age() {
    let (disk, now) = (Disk::new(), Arc::new(AtomicI64::new(NOON)));
    let options = Options { keep_age_ms: Some(30 * 86_400_000), clock: clock(&now, 0), ..options() };
    let journal = open(&disk, options.clone());
    (0..4).for_each(|_| drop(write(&journal, 2)));
    until("ages were looked at", || live_files(&disk) == 1);
    now.store(NOON + 365 * DAY_NS, Ordering::SeqCst);
    until("the clock is doubted", || doubts_the_clock(&journal));
    (0..4).for_each(|_| drop(write(&journal, 2)));
    journal.close();
    let journal = open(&disk, options);
    until("it is doubted after a start too", || doubts_the_clock(&journal));
    (0..4).for_each(|_| drop(write(&journal, 2)));

    now.store(NOON, Ordering::SeqCst);
    until("the clock is believed again", || !doubts_the_clock(&journal));
    (0..4).for_each(|_| drop(write(&journal, 2)));
    until("all but the live file is sealed", || live_files(&disk) == 1);
    journal.close();

    assert_eq!(rows(&disk, Kind::JournalRetired), []);
    assert_eq!(rows(&disk, Kind::RequestDenied).len(), 32);
    verified(&disk);
}

/// Until something was removed for its age; each look at the clock is a minute.
fn ages(disk: &Disk, journal: &Journal) {
    until("a segment has had its time", || {
        write(journal, 1);
        // Where segments go faster than they are read, the next look is in time.
        let rows = journal::read_on(disk, &directory()).unwrap_or_default();
        let mut retired = rows.iter().filter(|row| row.kind == Kind::JournalRetired);
        retired.any(|row| row.reason.as_deref().is_some_and(|reason| reason.ends_with(" age")))
    });
}

#[test]
fn segments_go_when_the_clock_has_run_past_their_time() {
    let (disk, now) = (Disk::new(), Arc::new(AtomicI64::new(NOON)));
    let journal =
        open(&disk, Options { keep_age_ms: Some(7_200_000), clock: clock(&now, 60_000_000_000), ..options() });

    ages(&disk, &journal);

    journal.close();
    verified(&disk);
}

#[test]
fn a_segment_that_a_clock_dated_a_year_ahead_goes_with_those_after_it() {
    let (disk, now) = (Disk::new(), Arc::new(AtomicI64::new(NOON + 365 * DAY_NS)));
    let journal =
        open(&disk, Options { keep_age_ms: Some(7_200_000), clock: clock(&now, 60_000_000_000), ..options() });
    write(&journal, 2);
    now.store(NOON, Ordering::SeqCst);

    ages(&disk, &journal);

    journal.close();
    verified(&disk);
}
