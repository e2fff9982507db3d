//! Numbers of rows that queue up while nothing can be written, what a commit takes, and who finds room.

use crate::backlog::{Extent, PORTION_ROWS};
use crate::error::Unrecorded;
use crate::own::OwnRow;
use crate::queue::{Claim, Commit, Limits, Queue};
use crate::recover::Found;
use crate::shared::Shared;
use event::{Event, Kind, Sequence, SpelledFields};
use std::sync::Arc;
use std::time::Duration;

const ROOMY: Limits = Limits { rows: 65_536, reserved_rows: 8_192, bytes: 48 << 20 };

/// A queue whose numbers begin with 1.
fn numbered(limits: Limits) -> Queue {
    let mut queue = Queue::new(limits);
    queue.keep(Found { next: 1, ..Found::default() });
    queue.status.up = true;
    queue
}

fn fill(queue: &mut Queue, rows: usize) {
    for _ in 0..rows {
        queue.push(&Event::default(), Claim::Behind);
    }
}

/// How many rows each commit takes, until none is left.
fn commits(queue: &mut Queue, extent: Extent) -> Vec<usize> {
    std::iter::from_fn(|| {
        let rows = queue.take(extent).rows.iter().map(|rows| rows.len()).sum::<usize>();
        (rows > 0).then_some(rows)
    })
    .collect()
}

#[test]
fn a_row_that_queues_up_before_the_first_segment_is_there_has_a_number_behind_the_segment_s() {
    let mut queue = numbered(ROOMY);

    let (row, _) = queue.push(&Event::default(), Claim::Behind);

    assert_eq!((queue.keep_number_aside(), row.0), (1, 2));
}

#[test]
fn rows_that_come_before_numbers_are_known_wait_and_are_numbered_behind_the_segment_s() {
    let mut queue = Queue::new(ROOMY);
    let rows = PORTION_ROWS + 5;
    let told = queue.push(&Event::default(), Claim::Behind).0;
    fill(&mut queue, rows - 1);

    queue.keep(Found { next: 7_000, ..Found::default() });

    let later = queue.push(&Event::default(), Claim::Behind).0;
    let segment = queue.keep_number_aside();
    queue.come_up(segment);
    let taken = [queue.take(Extent::Needed), queue.take(Extent::Needed)];
    let spelled = taken.iter().flat_map(|taken| &taken.rows).flat_map(|rows| rows.iter());
    let numbers: Vec<u64> =
        spelled.map(|row| u64::from_be_bytes(SpelledFields::new(row).next().unwrap().1.try_into().unwrap())).collect();
    assert_eq!((told, segment, queue.state().unrecorded_rows), (Sequence(0), 7_000, 0));
    assert_eq!((numbers.len(), numbers[0], numbers[rows]), (rows + 1, 7_001, later.0));
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    // The one that a segment opened between the two portions would have.
    assert_eq!(taken[1].front, Some(7_001 + PORTION_ROWS as u64));
}

#[test]
fn a_backlog_that_nobody_waits_for_is_halved_with_each_commit() {
    let mut queue = numbered(ROOMY);
    fill(&mut queue, 5 * PORTION_ROWS);

    assert_eq!(commits(&mut queue, Extent::Needed), [3 * PORTION_ROWS, PORTION_ROWS, PORTION_ROWS]);
}

#[test]
fn a_row_somebody_waits_for_is_in_the_next_commit_whatever_stands_before_it() {
    let mut queue = numbered(ROOMY);
    fill(&mut queue, 9 * PORTION_ROWS + 1);
    let sequence = queue.push_ahead(&Event::default()).unwrap();
    fill(&mut queue, 4 * PORTION_ROWS);

    let taken = queue.take(Extent::Needed);
    queue.answer_in_flight(true);

    assert_eq!(taken.rows.len(), 10);
    assert_eq!(queue.take_commits(), [Commit { sequence, durable: true }]);
}

#[test]
fn no_commit_is_larger_than_the_bound_not_even_of_all_that_waits() {
    let mut queue = numbered(ROOMY);
    fill(&mut queue, 40 * PORTION_ROWS);
    queue.push_own(OwnRow { kind: Kind::JournalSealed, reason: "sealed".to_owned(), answer: None });
    let end = queue.add_own(true);

    let mut own = 0;
    let commits: Vec<usize> = std::iter::from_fn(|| {
        let taken = queue.take(Extent::Added);
        own += taken.own.len();
        assert_eq!(taken.checkpoint, (own > 0).then_some(end));
        (!taken.rows.is_empty()).then(|| taken.rows.iter().map(|rows| rows.len()).sum())
    })
    .take(3)
    .collect();

    assert_eq!(commits, [16 * PORTION_ROWS, 16 * PORTION_ROWS, 8 * PORTION_ROWS]);
    assert_eq!(own, 1);
}

#[test]
fn to_take_a_backlog_moves_its_portions_and_copies_no_row() {
    let mut queue = numbered(ROOMY);
    fill(&mut queue, 4 * PORTION_ROWS);
    queue.add_own(true);

    let taken = queue.take(Extent::Added);

    assert_eq!(taken.rows.iter().map(|rows| rows.len()).collect::<Vec<_>>(), [PORTION_ROWS; 4]);
}

#[test]
fn what_the_journal_adds_is_numbered_anew_where_the_disk_fails_before_it_is_taken() {
    let mut queue = numbered(ROOMY);
    fill(&mut queue, 20 * PORTION_ROWS);
    let (answer, answered) = crossbeam_channel::bounded(1);
    let row = |reason: &str, answer| OwnRow { kind: Kind::JournalSealed, reason: reason.to_owned(), answer };
    queue.push_own(row("kept", None));
    queue.push_own(row("asked", Some(answer)));
    queue.add_own(true);
    drop(queue.take(Extent::Added));

    queue.end_io(false);
    queue.fail("the disk".to_owned());

    assert_eq!(answered.try_recv(), Ok(false));
    let end = queue.add_own(false);
    let taken: Vec<_> = std::iter::from_fn(|| Some(queue.take(Extent::Added))).take(3).collect();
    let own: Vec<_> =
        taken.iter().flat_map(|taken| &taken.own).map(|(number, _, reason)| (*number, &**reason)).collect();
    let gaps: Vec<_> = taken.iter().filter_map(|taken| taken.gap).map(|(number, gap)| (number, gap.count)).collect();
    assert_eq!(own, [(end - 1, "kept")]);
    assert_eq!(gaps, [(end, 16 * PORTION_ROWS as u64)]);
}

#[test]
fn a_full_queue_keeps_room_for_writes_and_more_for_the_ends_of_writes() {
    let mut queue = numbered(Limits { rows: 100, reserved_rows: 40, bytes: 48 << 20 });
    fill(&mut queue, 70);

    let ahead = std::iter::from_fn(|| queue.push_ahead(&Event::default()).ok()).count();
    let refused = queue.push_ahead(&Event::default());
    let before = queue.state().unrecorded_rows;
    for _ in 0..20 {
        queue.push(&Event::default(), Claim::End);
    }

    assert_eq!((ahead, refused), (20, Err(Unrecorded::Full)));
    assert_eq!((before, queue.state().unrecorded_rows, queue.state().queued_rows), (10, 10, 100));
}

#[test]
fn the_keeper_waits_for_nobody_who_holds_the_data_loop_s_lock() {
    let shared = Arc::new(Shared::new(Queue::new(ROOMY), Arc::new(|| {})));
    let held = shared.lock();
    let (done, is_done) = crossbeam_channel::bounded(1);
    let keeper = Arc::clone(&shared);
    std::thread::spawn(move || {
        let _ = keeper.record_own(Kind::JournalSealed, "sealed".to_owned());
        keeper.tell(Some("alarm".to_owned()));
        keeper.tell_free_space(Some(7));
        let _ = done.send(());
    });

    let outcome = is_done.recv_timeout(Duration::from_secs(10));
    drop(held);

    assert!(outcome.is_ok());
    assert_eq!((shared.state().last_alarm.as_deref(), shared.state().free_bytes), (Some("alarm"), Some(7)));
}
