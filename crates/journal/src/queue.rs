//! What the data loop and the writer share: rows that wait, numbers, and what became of them.
//!
//! Kept true here:
//! * the lock is never held across anything that touches the disk;
//! * numbers rise in the order of the rows on disk: one is kept aside while a commit is under way,
//!   so that a segment opened after a failure can stand before the rows that queued up meanwhile;
//! * what queues up is cut into portions of a commit each, every one but the first behind a number of its own, so that
//!   the same holds between them;
//! * memory is bounded; what finds no room is counted, never forgotten.

use crate::keys::Keys;
use crate::opening::Opening;
use crate::own::Cause;
use crate::recover::Found;
use crate::row::Link;
use crate::spelled::Spelled;
use crate::state::Status;
use crate::storage::Lock;
use crossbeam_channel::Sender;
use event::{Clock, Event, Kind, Sequence};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A commit takes no more, and with so many the writer does not wait for the interval, so that its work comes in small
/// portions. 256 were weighed against it: what each commit costs by itself then showed in the time of each request (ADR
/// 0008). Below 5,120 rows a second the interval comes first.
const COMMIT_ROWS: usize = 1_024;

/// What became of a row that somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The row.
    pub sequence: Sequence,
    /// Whether it is on disk. If not, it must be taken as not recorded.
    pub durable: bool,
}

/// Rows that could not be recorded since the last `journal.gap`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) count: u64,
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
}

/// A row of the journal's own that waits for its number.
pub(crate) struct OwnRow {
    pub(crate) kind: Kind,
    pub(crate) reason: String,
    /// Told whether the row became durable; where nobody is told, a lost row is recorded later.
    pub(crate) answer: Option<Sender<bool>>,
}

/// How much of what waits a commit takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What one commit should hold at most.
    Portion,
    /// Everything, for what must stand behind all of it.
    All,
}

/// Rows of one commit that wait.
#[derive(Default)]
struct Portion {
    /// Kept free when the portion before it was full.
    front: Option<u64>,
    rows: Spelled,
}

/// Limits of [`Queue`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) reserved_rows: usize,
    pub(crate) bytes: usize,
}

/// One commit's worth of rows, numbered.
#[derive(Default)]
pub(crate) struct Taken {
    /// The number kept aside, when rows queued up behind it: a checkpoint takes it.
    pub(crate) front: Option<u64>,
    pub(crate) rows: Spelled,
    pub(crate) own: Vec<(u64, Kind, String)>,
    pub(crate) gap: Option<(u64, Gap)>,
    pub(crate) checkpoint: Option<u64>,
}

/// Where the record stands. It is kept here and not by the writer, so that another one can go on.
#[derive(Clone)]
pub(crate) struct Progress {
    /// The last row known durable.
    pub(crate) durable: Link,
    /// Why the next segment begins.
    pub(crate) cause: Cause,
    /// The segment being written.
    pub(crate) live: Option<u64>,
    pub(crate) keys: Keys,
    pub(crate) clock: Clock,
}

pub(crate) struct Queue {
    limits: Limits,
    /// The next row's number; 0 until the directory was read, so that no number can be given twice.
    next: u64,
    kept_aside: Option<u64>,
    portions: VecDeque<Portion>,
    /// Room for as many rows as the last commit took.
    spare: Spelled,
    waiting: VecDeque<Sequence>,
    in_flight: Vec<Sequence>,
    own: Vec<OwnRow>,
    /// Own rows of the commit under way, and what else must be told again if it is lost.
    own_in_flight: Vec<OwnRow>,
    gap_in_flight: Gap,
    pub(crate) gap: Gap,
    pub(crate) commits: Vec<Commit>,
    pub(crate) io_since: Option<Instant>,
    pub(crate) io_syncs: u32,
    pub(crate) io_is_late: bool,
    pub(crate) checkpoint_asked: bool,
    pub(crate) key_asked: Option<Sender<bool>>,
    pub(crate) is_closing: bool,
    pub(crate) has_ended: bool,
    /// The disk hangs and the journal is closed all the same.
    pub(crate) is_left: bool,
    pub(crate) keeper_has_ended: bool,
    pub(crate) lock_file: Option<Box<dyn Lock>>,
    /// What the directory holds, until the keys are there too.
    pub(crate) found: Option<Found>,
    /// When the record's last row was written, as far as a start found one.
    pub(crate) last_time: Option<i64>,
    pub(crate) progress: Option<Progress>,
    /// What opening found, until somebody takes it.
    pub(crate) opening: Option<Opening>,
    pub(crate) status: Status,
}

impl Gap {
    pub(crate) fn add(&mut self, time: i64) {
        self.merge(Self { count: 1, first_ns: time, last_ns: time });
    }

    pub(crate) fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        let is_first = self.count == 0;
        self.first_ns = if is_first { other.first_ns } else { self.first_ns.min(other.first_ns) };
        self.last_ns = if is_first { other.last_ns } else { self.last_ns.max(other.last_ns) };
        self.count += other.count;
    }
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            next: 0,
            kept_aside: None,
            portions: VecDeque::new(),
            spare: Spelled::default(),
            waiting: VecDeque::new(),
            in_flight: Vec::new(),
            own: Vec::new(),
            own_in_flight: Vec::new(),
            gap_in_flight: Gap::default(),
            gap: Gap::default(),
            commits: Vec::new(),
            io_since: None,
            io_syncs: 1,
            io_is_late: false,
            checkpoint_asked: false,
            key_asked: None,
            is_closing: false,
            has_ended: false,
            is_left: false,
            keeper_has_ended: false,
            lock_file: None,
            found: None,
            last_time: None,
            progress: None,
            opening: None,
            status: Status::default(),
        }
    }

    /// The directory is read: numbers are given from here on, and what was repaired is to be recorded.
    pub(crate) fn begin(&mut self, found: Found, keys: Keys) {
        (self.next, self.last_time) = (found.next, found.last_time);
        // The first segment's: rows may queue up before it is there.
        self.keep_number_aside();
        self.status.public_key = keys.public_key();
        self.status.durable_sequence = found.after.sequence;
        for reason in found.recovered {
            self.push_own(OwnRow { kind: Kind::JournalRecovered, reason, answer: None });
        }
        let cause = found.cause.unwrap_or(Cause::First);
        self.progress = Some(Progress { durable: found.after, cause, live: None, keys, clock: Clock::default() });
    }

    /// Whether the directory was read and is this journal's to write.
    pub(crate) fn is_begun(&self) -> bool {
        self.progress.is_some()
    }

    /// Queue a row nobody waits for; counted where there is no room, or where no number is known to be free.
    /// True where the writer should hurry.
    pub(crate) fn push(&mut self, event: &Event) -> (Sequence, bool) {
        if !self.is_begun() {
            self.gap.add(event.time);
            return (Sequence::default(), false);
        }
        let room = self.limits.rows.saturating_sub(self.limits.reserved_rows);
        if self.queued_rows() >= room || self.weight() >= self.limits.bytes {
            self.status.rows_without_room += 1;
            self.gap.add(event.time);
            return (Sequence(self.number()), false);
        }
        let sequence = self.put(event);
        (sequence, self.queued_rows() == self.hurry())
    }

    /// Queue a row somebody waits for.
    pub(crate) fn push_ahead(&mut self, event: &Event) -> Option<Sequence> {
        // Twice the bytes: rows nobody waits for must not take the room of those.
        if !self.status.up {
            return None;
        }
        if self.queued_rows() >= self.limits.rows || self.weight() >= self.limits.bytes * 2 {
            self.status.rows_without_room += 1;
            return None;
        }
        let sequence = self.put(event);
        self.waiting.push_back(sequence);
        Some(sequence)
    }

    fn put(&mut self, event: &Event) -> Sequence {
        if self.portions.back().is_none_or(|portion| portion.rows.len() >= COMMIT_ROWS) {
            let front = (!self.portions.is_empty()).then(|| self.number());
            self.portions.push_back(Portion { front, rows: std::mem::take(&mut self.spare) });
        }
        let sequence = Sequence(self.number());
        if let Some(portion) = self.portions.back_mut() {
            portion.rows.push(sequence, event);
        }
        sequence
    }

    fn weight(&self) -> usize {
        self.portions.iter().map(|portion| portion.rows.weight()).sum()
    }

    pub(crate) fn push_own(&mut self, row: OwnRow) {
        self.own.push(row);
    }

    /// Whether the next commit begins with a checkpoint in any case.
    pub(crate) fn has_front(&self) -> bool {
        self.kept_aside.is_some()
    }

    /// Whether the writer has something to do before its next interval.
    pub(crate) fn is_urgent(&self) -> bool {
        !self.waiting.is_empty()
            || !self.own.is_empty()
            || self.checkpoint_asked
            || self.is_closing
            || self.key_asked.is_some()
            || self.queued_rows() >= self.hurry()
    }

    /// So many rows are committed at once, however short they have waited.
    fn hurry(&self) -> usize {
        COMMIT_ROWS.min(self.limits.rows.saturating_sub(self.limits.reserved_rows) / 2)
    }

    pub(crate) fn has_rows(&self) -> bool {
        !self.portions.is_empty() || self.has_own()
    }

    /// Whether the journal has something to add: that stands behind all rows.
    pub(crate) fn has_own(&self) -> bool {
        !self.own.is_empty() || self.gap.count > 0
    }

    pub(crate) fn queued_rows(&self) -> usize {
        // All portions but the last are full.
        let full = self.portions.len().saturating_sub(1) * COMMIT_ROWS;
        full + self.portions.back().map_or(0, |portion| portion.rows.len())
    }

    /// Take what waits, and number what the journal adds behind the last of it.
    pub(crate) fn take(&mut self, extent: Extent, wants_checkpoint: bool) -> Taken {
        let front = self.kept_aside.take();
        let mut rows = self.portions.pop_front().unwrap_or_default().rows;
        self.spare = Spelled::with_room_for(&rows);
        if let (Extent::Portion, Some(next)) = (extent, self.portions.front_mut()) {
            self.kept_aside = next.front.take();
            let end = self.kept_aside.unwrap_or(self.next);
            let answered = self.waiting.partition_point(|sequence| sequence.0 < end);
            self.in_flight = self.waiting.drain(..answered).collect();
            return Taken { front, rows, ..Taken::default() };
        }
        self.portions.drain(..).for_each(|portion| rows.append(portion.rows));
        Taken { front, rows, ..self.take_own(wants_checkpoint) }
    }

    fn take_own(&mut self, wants_checkpoint: bool) -> Taken {
        let gap = std::mem::take(&mut self.gap);
        let own = std::mem::take(&mut self.own);
        let numbered = own.iter().map(|row| (self.number(), row.kind, row.reason.clone())).collect();
        self.own_in_flight = own;
        let gap = (gap.count > 0).then(|| (self.number(), gap));
        let checkpoint = wants_checkpoint.then(|| self.number());
        self.in_flight = self.waiting.drain(..).collect();
        self.checkpoint_asked = false;
        self.keep_number_aside();
        Taken { own: numbered, gap, checkpoint, ..Taken::default() }
    }

    /// The disk's time for this many syncs runs from here; `gap_if_lost` counts the rows under way.
    pub(crate) fn begin_io(&mut self, gap_if_lost: Gap, syncs: u32) {
        self.io_since = Some(Instant::now());
        self.io_syncs = syncs;
        self.io_is_late = false;
        self.gap_in_flight = gap_if_lost;
    }

    /// The disk has answered, or nobody waits for its answer any more. How long it took.
    ///
    /// Own rows that were lost and that nobody waits for are queued again, for new numbers; whoever waits
    /// asks again by himself. They are as many as were found at the start.
    pub(crate) fn end_io(&mut self, is_written: bool) -> Duration {
        let gap = std::mem::take(&mut self.gap_in_flight);
        let (waited_for, mut again): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.own_in_flight).into_iter().partition(|row| row.answer.is_some());
        for answer in waited_for.into_iter().filter_map(|row| row.answer) {
            // Who no longer listens need not know.
            let _ = answer.send(is_written);
        }
        if !is_written {
            self.gap.merge(gap);
            again.append(&mut self.own);
            self.own = again;
        }
        self.io_since.take().map(|since| since.elapsed()).unwrap_or_default()
    }

    /// The number for a row that must stand before all that is queued from now on.
    pub(crate) fn keep_number_aside(&mut self) -> u64 {
        if let Some(number) = self.kept_aside {
            return number;
        }
        let number = self.number();
        self.kept_aside = Some(number);
        number
    }

    /// The number kept aside is used.
    pub(crate) fn use_number(&mut self) {
        self.kept_aside = None;
    }

    /// A number nobody queued up behind is given back, so that rows stay without a hole.
    pub(crate) fn give_number_back(&mut self) {
        if self.kept_aside.is_some_and(|number| number + 1 == self.next) {
            self.next -= 1;
            self.kept_aside = None;
        }
    }

    pub(crate) fn answer_in_flight(&mut self, durable: bool) -> bool {
        let answered = std::mem::take(&mut self.in_flight);
        let any = !answered.is_empty();
        self.commits.extend(answered.into_iter().map(|sequence| Commit { sequence, durable }));
        any
    }

    /// The disk has failed: whoever waits need wait no longer.
    pub(crate) fn fail(&mut self, why: String) {
        self.answer_in_flight(false);
        self.in_flight = self.waiting.drain(..).collect();
        self.answer_in_flight(false);
        if self.status.up {
            self.status.failures += 1;
        }
        self.status.up = false;
        self.status.last_failure = Some(why);
    }

    /// The next row's number; the one kept aside is given back unless a row comes first.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next - u64::from(self.kept_aside.is_some_and(|number| number + 1 == self.next))
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}
