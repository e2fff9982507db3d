//! What the data loop, the writer and the watchdog share under one lock: rows that wait, what is under way, and what
//! became of it.
//!
//! Kept true here:
//! * the lock is never held across anything that touches the disk, nor across work that grows with the rows;
//! * memory is bounded; what finds no room is counted, never forgotten;
//! * rows that nobody waits for leave room for those that a request waits for, and those for the ends of requests that
//!   are recorded already.

use crate::backlog::{Added, Backlog, Extent, PORTION_ROWS, Taken};
use crate::error::Unrecorded;
use crate::flight::Flight;
use crate::gap::Gap;
use crate::own::OwnRow;
use crate::progress::{Ending, Progress, Start};
use crate::recover::Found;
use crate::spelled::Spelled;
use crate::state::{State, Status};
use crossbeam_channel::Sender;
use event::{Event, Kind, Sequence};
use std::time::Duration;

/// What became of a row that somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The row.
    pub sequence: Sequence,
    /// Whether it is on disk. If not, it must be taken as not recorded.
    pub durable: bool,
}

/// Limits of [`Queue`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) reserved_rows: usize,
    pub(crate) bytes: usize,
}

/// What a row is to whoever queues it, which says how much of the memory it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nobody waits for it.
    Behind,
    /// A request waits for it.
    Ahead,
    /// It ends a request that is recorded already.
    End,
}

pub(crate) struct Queue {
    limits: Limits,
    backlog: Backlog,
    flight: Flight,
    /// Own rows that wait for their numbers.
    own: Vec<OwnRow>,
    /// Not yet told.
    gap: Gap,
    commits: Vec<Commit>,
    checkpoint_asked: bool,
    key_asked: Option<Sender<bool>>,
    pub(crate) start: Start,
    pub(crate) ending: Ending,
    pub(crate) progress: Option<Progress>,
    pub(crate) status: Status,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            backlog: Backlog::default(),
            flight: Flight::default(),
            own: Vec::new(),
            gap: Gap::default(),
            commits: Vec::new(),
            checkpoint_asked: false,
            key_asked: None,
            start: Start::default(),
            ending: Ending::default(),
            progress: None,
            status: Status::default(),
        }
    }

    /// The directory is read: numbers are free from here on.
    pub(crate) fn keep(&mut self, found: Found) {
        self.backlog.number_from(found.next);
        self.start.keep(found);
    }

    /// The directory is this journal's to write, and what was repaired is to be recorded.
    pub(crate) fn begin(&mut self, repaired: Vec<String>, progress: Progress) {
        self.status.public_key = progress.keys.public_key();
        self.status.durable_sequence = progress.durable.sequence;
        let rows = repaired.into_iter().map(|reason| OwnRow { kind: Kind::JournalRecovered, reason, answer: None });
        self.own.extend(rows);
        self.progress = Some(progress);
    }

    /// Whether the directory was read and is this journal's to write.
    pub(crate) fn is_begun(&self) -> bool {
        self.progress.is_some()
    }

    /// Queue a row nobody waits for; counted where there is no room. True where the writer should hurry.
    pub(crate) fn push(&mut self, event: &Event, claim: Claim) -> (Sequence, bool) {
        if !self.has_room(claim) {
            self.status.rows_without_room += 1;
            self.gap.add(event.time);
            return (self.backlog.skip(), false);
        }
        let sequence = self.backlog.push(event);
        (sequence, self.backlog.rows() == self.hurry())
    }

    /// Queue a row somebody waits for.
    pub(crate) fn push_ahead(&mut self, event: &Event) -> Result<Sequence, Unrecorded> {
        if !self.status.up {
            return Err(Unrecorded::Down);
        }
        if !self.has_room(Claim::Ahead) {
            self.status.rows_without_room += 1;
            return Err(Unrecorded::Full);
        }
        let sequence = self.backlog.push(event);
        self.backlog.wait_for(sequence);
        Ok(sequence)
    }

    fn has_room(&self, claim: Claim) -> bool {
        let Limits { rows, reserved_rows, bytes } = self.limits;
        let (kept_free, bytes) = match claim {
            Claim::Behind => (reserved_rows, bytes),
            Claim::Ahead => (reserved_rows / 2, bytes + bytes / 2),
            Claim::End => (0, bytes * 2),
        };
        self.backlog.rows() < rows.saturating_sub(kept_free) && self.backlog.bytes() < bytes
    }

    pub(crate) fn push_own(&mut self, row: OwnRow) {
        self.own.push(row);
    }

    pub(crate) fn ask_checkpoint(&mut self) {
        self.checkpoint_asked = true;
    }

    pub(crate) fn is_checkpoint_asked(&self) -> bool {
        self.checkpoint_asked
    }

    pub(crate) fn ask_key(&mut self, answer: Sender<bool>) {
        self.key_asked = Some(answer);
    }

    pub(crate) fn take_key_asked(&mut self) -> Option<Sender<bool>> {
        self.key_asked.take()
    }

    /// Whether the writer has something to do before its next interval.
    pub(crate) fn is_urgent(&self) -> bool {
        self.backlog.is_waited_for()
            || !self.own.is_empty()
            || self.checkpoint_asked
            || self.ending.is_asked()
            || self.key_asked.is_some()
            || self.backlog.rows() >= self.hurry()
    }

    /// So many rows are committed at once, however short they have waited.
    fn hurry(&self) -> usize {
        PORTION_ROWS.min(self.limits.rows.saturating_sub(self.limits.reserved_rows) / 2)
    }

    pub(crate) fn has_rows(&self) -> bool {
        !self.backlog.is_empty() || self.has_own()
    }

    /// Whether the journal has something to add: that stands behind all rows.
    pub(crate) fn has_own(&self) -> bool {
        !self.own.is_empty() || self.gap.count > 0 || self.backlog.has_added()
    }

    /// Whether a checkpoint has to be asked for, where one is due: another comes by itself.
    pub(crate) fn lacks_checkpoint(&self) -> bool {
        !self.backlog.has_front() && self.backlog.fits_one_portion()
    }

    /// Number what the journal adds behind all that waits; the last of its numbers.
    pub(crate) fn add_own(&mut self, wants_checkpoint: bool) -> u64 {
        self.checkpoint_asked = false;
        let own = std::mem::take(&mut self.own);
        self.backlog.add(own, std::mem::take(&mut self.gap), wants_checkpoint)
    }

    /// Take rows for one commit.
    pub(crate) fn take(&mut self, extent: Extent) -> Taken {
        let (front, rows, Added { own, gap, checkpoint }, waited_for) = self.backlog.take(extent);
        let mut lost = gap.map(|(_, gap)| gap).unwrap_or_default();
        rows.iter().for_each(|rows| lost.merge(rows.gap()));
        let numbered = own.iter().map(|(number, row)| (*number, row.kind, row.reason.clone())).collect();
        self.flight.board(waited_for, own.into_iter().map(|(_, row)| row).collect(), lost);
        Taken { front, rows, own: numbered, gap, checkpoint }
    }

    /// What was written makes room for what comes.
    pub(crate) fn recycle(&mut self, written: &mut Vec<Spelled>) {
        self.backlog.recycle(written);
    }

    /// The disk's time for this many syncs runs from here.
    pub(crate) fn begin_io(&mut self, syncs: u32) {
        self.flight.begin_io(syncs);
    }

    /// The disk has answered, or nobody waits for its answer any more. How long it took.
    pub(crate) fn end_io(&mut self, is_written: bool) -> Duration {
        let (own, gap) = self.flight.land();
        if !is_written {
            self.gap.merge(gap);
        }
        self.settle_own(own, is_written);
        self.flight.end_io()
    }

    /// Own rows that were lost and that nobody waits for are queued again, for new numbers; whoever waits
    /// asks again by himself. They are as many as were found at the start.
    fn settle_own(&mut self, own: Vec<OwnRow>, is_written: bool) {
        let (waited_for, mut again): (Vec<_>, Vec<_>) = own.into_iter().partition(|row| row.answer.is_some());
        for answer in waited_for.into_iter().filter_map(|row| row.answer) {
            // Who no longer listens need not know.
            let _ = answer.send(is_written);
        }
        if !is_written {
            again.append(&mut self.own);
            self.own = again;
        }
    }

    pub(crate) fn becomes_late(&mut self, deadline: Duration) -> bool {
        self.flight.becomes_late(deadline)
    }

    pub(crate) fn is_late(&self) -> bool {
        self.flight.is_late()
    }

    /// The number for a row that must stand before all that is queued from now on.
    pub(crate) fn keep_number_aside(&mut self) -> u64 {
        self.backlog.keep_number_aside()
    }

    /// A number nobody queued up behind is given back, so that rows stay without a hole.
    pub(crate) fn give_number_back(&mut self) {
        self.backlog.give_number_back();
    }

    pub(crate) fn answer_in_flight(&mut self, durable: bool) -> bool {
        let answered = self.flight.take_waited_for();
        let any = !answered.is_empty();
        self.answer(answered, durable);
        any
    }

    fn answer(&mut self, rows: Vec<Sequence>, durable: bool) {
        self.commits.extend(rows.into_iter().map(|sequence| Commit { sequence, durable }));
    }

    pub(crate) fn take_commits(&mut self) -> Vec<Commit> {
        std::mem::take(&mut self.commits)
    }

    /// A new segment is there.
    pub(crate) fn come_up(&mut self, first: u64) {
        self.backlog.use_number();
        self.status.up = true;
        self.status.segment = first;
        if let Some(progress) = &mut self.progress {
            progress.live = Some(first);
        }
    }

    /// The disk has failed: whoever waits need wait no longer, and what the journal adds gets new numbers.
    pub(crate) fn fail(&mut self, why: String) {
        self.answer_in_flight(false);
        let waiting = self.backlog.stop_waiting();
        self.answer(waiting, false);
        for added in self.backlog.take_added() {
            self.gap.merge(added.gap.map(|(_, gap)| gap).unwrap_or_default());
            self.settle_own(added.own.into_iter().map(|(_, row)| row).collect(), false);
        }
        if self.status.up {
            self.status.failures += 1;
        }
        self.status.up = false;
        self.status.last_failure = Some(why);
    }

    pub(crate) fn state(&self) -> State {
        let queued_rows = u64::try_from(self.backlog.rows()).unwrap_or(u64::MAX);
        let (next_sequence, unrecorded_rows) = (self.backlog.next_sequence(), self.gap.count);
        State { next_sequence, queued_rows, unrecorded_rows, ..self.status.clone() }
    }
}
