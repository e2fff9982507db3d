//! A clock that steps.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::{Event, Kind};
use harness::plant::{directory, live_files, open, options, rows, verified, write};
use harness::{poll, settle, until};
use journal::{Journal, Options, WallClock};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use storage_double::Disk;

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
