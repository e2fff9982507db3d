//! The thread that writes. There is one at a time.
//!
//! ```text
//!              open succeeds                      commit fails or is late
//!    Down ───────────────────────► Up ───────────────────────────────────► Down
//!     ▲ └─ fails: again, later      │ size or age: seal, open the next ─► Up
//!  hangs: another writer, Down      └ hangs: another writer, Down
//! ```
//!
//! Kept true here:
//! * nobody is told that a row is durable before its sync has returned in time;
//! * a segment whose commit failed or hung is never written or synced again;
//! * the next segment names the last row known durable, and continues the chain from it.

use crate::backlog::Extent;
use crate::closed;
use crate::commit::{Prepared, Scribe};
use crate::hex;
use crate::keeper::ToKeeper;
use crate::opening;
use crate::own::{Author, Cause, OwnRow, opened};
use crate::progress::Progress;
use crate::row::Link;
use crate::seal::{Ended, Live};
use crate::seat::Seat;
use crate::segment::{Segment, remove_drafts};
use crate::state::Checkpoint;
use crate::tenure::Over;
use crossbeam_channel::bounded;
use event::Kind;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A new segment is synced three times: its schema, its first row, its name.
const OPENING_SYNCS: u32 = 3;

pub(crate) struct Writer {
    seat: Seat,
    scribe: Scribe,
    /// The last row known durable.
    durable: Link,
    /// Why the next segment begins.
    cause: Cause,
    segment: Option<Segment>,
    checkpoint_at: Instant,
    /// Rows since the last signed one.
    has_unsigned: bool,
    /// The last checkpoint of a clean stop was written.
    has_finished: bool,
    /// Whether nobody wrote before it in this run.
    is_first: bool,
    /// What writers before it may have left under way can do no harm any more.
    is_tidy: bool,
    retry: Duration,
}

/// Open where nobody has yet, then write until told to end.
pub(crate) fn run(seat: Seat) -> Result<(), Over> {
    let is_first = !seat.queue()?.is_begun();
    if is_first {
        opening::open(&seat)?;
    }
    let progress = seat.queue()?.progress.clone();
    match progress {
        Some(progress) => Writer::new(seat, progress, is_first).run(),
        None => end(&seat),
    }
}

fn end(seat: &Seat) -> Result<(), Over> {
    let mut queue = seat.queue()?;
    queue.ending.end_writer();
    seat.shared.up.store(false, Ordering::Release);
    seat.shared.changed.notify_all();
    Ok(())
}

impl Writer {
    fn new(seat: Seat, progress: Progress, is_first: bool) -> Self {
        let author = Author { guard: Arc::clone(&seat.options.guard), wall: seat.options.clock.clone() };
        Self {
            scribe: Scribe { author, keys: progress.keys, clock: progress.clock },
            retry: Duration::from_millis(seat.options.retry_ms),
            seat,
            durable: progress.durable,
            cause: progress.cause,
            segment: None,
            checkpoint_at: Instant::now(),
            has_unsigned: false,
            has_finished: false,
            is_first,
            is_tidy: false,
        }
    }

    fn run(mut self) -> Result<(), Over> {
        loop {
            match self.segment.is_some() {
                true => self.turn()?,
                false => self.reopen()?,
            }
            let has_ended = {
                let queue = self.seat.queue()?;
                queue.ending.is_asked() && (self.segment.is_none() || (self.has_finished && !queue.has_rows()))
            };
            if has_ended {
                // Closing the file can hang too: before, not after, the end is told.
                self.segment = None;
                return end(&self.seat);
            }
        }
    }

    fn turn(&mut self) -> Result<(), Over> {
        let patience = Duration::from_millis(self.seat.options.commit_interval_ms);
        let (is_closing, was_given_up, key_asked) = {
            let mut queue = self.seat.wait_for_work(patience)?;
            (queue.ending.is_asked(), !queue.status.up, queue.take_key_asked())
        };
        if was_given_up {
            // The last writer of all that may hang, and it came back: the answers that were due are given.
            let _ = key_asked.map(|answer| answer.send(false));
            return self.end_segment(Cause::Failed);
        }
        if let Some(answer) = key_asked {
            let _ = answer.send(self.rotate_key()?);
            if self.segment.is_none() {
                return Ok(());
            }
        }
        if is_closing {
            return self.finish();
        }
        if self.is_segment_full() {
            return self.rotate();
        }
        self.commit_if_needed()
    }

    fn commit_if_needed(&mut self) -> Result<(), Over> {
        let interval = Duration::from_millis(self.seat.options.checkpoint_interval_ms);
        let is_due = self.has_unsigned && self.checkpoint_at.elapsed() >= interval;
        let (is_asked, has_own, wants_checkpoint) = {
            let queue = self.seat.queue()?;
            if !queue.has_rows() && !is_due && !queue.is_checkpoint_asked() {
                return Ok(());
            }
            let is_asked = queue.is_checkpoint_asked();
            (is_asked, queue.has_own(), is_asked || (is_due && queue.lacks_checkpoint()))
        };
        let why = if is_asked { "asked" } else { "interval" };
        // What the journal adds does not wait for a backlog to go down.
        let is_well = match wants_checkpoint || has_own {
            true => self.commit_all(wants_checkpoint, why)?,
            false => self.commit(Extent::Needed, why)?,
        };
        if is_well {
            self.seat.queue()?.give_number_back();
        }
        Ok(())
    }

    /// Commit all that waits, and behind it what the journal adds; in several commits where it is much.
    fn commit_all(&mut self, wants_checkpoint: bool, why: &str) -> Result<bool, Over> {
        let end = self.seat.queue()?.add_own(wants_checkpoint);
        while self.durable.sequence < end {
            if !self.seat.queue()?.has_rows() || !self.commit(Extent::Added, why)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// End the live segment and begin the next; rows go on queueing meanwhile.
    fn rotate(&mut self) -> Result<(), Over> {
        if self.commit_all(true, "rotated")? {
            self.end_segment(Cause::Rotated)?;
            self.reopen()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Over> {
        self.has_finished = true;
        // The second one proves the bytes of the first, and of all that came with it.
        if self.commit_all(true, "stop")? && self.commit_all(true, "stop")? {
            self.seat.queue()?.give_number_back();
            let ended = self.segment.as_ref().map(|segment| (segment.first, segment.bytes));
            // Without it the next start only takes longer.
            let _ = ended.map(|ended| closed::note(&*self.seat.storage, &self.seat.options.directory, ended));
        }
        Ok(())
    }

    fn commit(&mut self, extent: Extent, why: &str) -> Result<bool, Over> {
        let taken = self.seat.queue()?.take(extent);
        let written = self.segment.as_ref().map(Segment::written).unwrap_or_default();
        let mut prepared = self.scribe.prepare(taken, self.durable, (why, written));
        let Some(segment) = &mut self.segment else { return Ok(false) };
        segment.has_events |= prepared.has_events;
        // The deadline is the disk's: whatever is the processor's work is done before it begins to run.
        let spelled = segment.spell(&prepared.batch);
        {
            let mut queue = self.seat.queue()?;
            queue.recycle(&mut prepared.batch.rows);
            queue.begin_io(1);
        }
        let written = spelled.and_then(|bytes| segment.append(&bytes));
        self.settle(&prepared, written)
    }

    /// Say what became of a commit; whether the segment may go on.
    fn settle(&mut self, prepared: &Prepared, written: io::Result<()>) -> Result<bool, Over> {
        let mut queue = self.seat.queue()?;
        let took = queue.end_io(written.is_ok());
        queue.status.last_commit_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let deadline = Duration::from_millis(self.seat.options.sync_deadline_ms);
        let is_late = queue.is_late() || took > deadline;
        match &written {
            Err(error) => self.seat.shared.fail(&mut queue, error.to_string()),
            Ok(()) if is_late => self.seat.shared.fail(&mut queue, format!("a commit took {} ms", took.as_millis())),
            Ok(()) => {}
        }
        let is_well = written.is_ok() && !is_late;
        let is_somebody_waiting = queue.answer_in_flight(is_well);
        drop(queue);
        if written.is_ok() {
            self.advance(prepared)?;
        }
        if is_somebody_waiting || !is_well {
            self.seat.shared.wake();
        }
        if !is_well {
            self.end_segment(Cause::Failed)?;
        }
        Ok(is_well)
    }

    fn advance(&mut self, prepared: &Prepared) -> Result<(), Over> {
        self.durable = prepared.end;
        self.has_unsigned = prepared.signed != Some(prepared.end);
        let checkpoint =
            prepared.signed.map(|it| Checkpoint { sequence: it.sequence, digest: hex::render(&it.digest) });
        let mut queue = self.seat.queue()?;
        queue.status.durable_sequence = prepared.end.sequence;
        if let Some(progress) = &mut queue.progress {
            (progress.durable, progress.clock) = (prepared.end, self.scribe.clock);
        }
        if let Some(checkpoint) = checkpoint {
            self.checkpoint_at = Instant::now();
            queue.status.checkpoint = checkpoint;
        }
        Ok(())
    }

    fn end_segment(&mut self, cause: Cause) -> Result<(), Over> {
        self.cause = cause;
        if let Some(progress) = &mut self.seat.queue()?.progress {
            (progress.live, progress.cause) = (None, cause);
        }
        if let Some(segment) = self.segment.take() {
            // The keeper outlives the writer; where it has gone, the next start seals.
            let is_sure = cause == Cause::Rotated;
            let ended = is_sure.then(|| Ended { written: segment.written(), end: self.durable });
            let _ = self.seat.to_keeper.send(ToKeeper::Seal(Live { first: segment.first, ended }));
        }
        Ok(())
    }

    /// Try to begin a segment; after a failure wait a little, longer each time.
    fn reopen(&mut self) -> Result<(), Over> {
        match self.tidy().and_then(|()| self.open_segment()) {
            Ok((segment, number)) => {
                self.segment = Some(segment);
                self.retry = Duration::from_millis(self.seat.options.retry_ms);
                self.come_up(number)
            }
            Err(error) => {
                // A key cannot be changed without a row that says so.
                let key_asked = self.seat.queue()?.take_key_asked();
                let _ = key_asked.map(|answer| answer.send(false));
                self.seat.fail_and_pause(error.to_string(), self.retry)?;
                self.retry = self.seat.longer(self.retry);
                Ok(())
            }
        }
    }

    fn tidy(&mut self) -> io::Result<()> {
        if !self.is_tidy {
            remove_drafts(&*self.seat.storage, &self.seat.options.directory)?;
        }
        if self.scribe.keys.is_unsure() || !(self.is_tidy || self.is_first) {
            self.scribe.keys.keep_again(&*self.seat.storage)?;
        }
        self.is_tidy = true;
        Ok(())
    }

    fn open_segment(&mut self) -> io::Result<(Segment, u64)> {
        let number = {
            let mut queue = self.seat.queue()?;
            queue.begin_io(OPENING_SYNCS);
            queue.keep_number_aside()
        };
        let opening = self.scribe.prepare_opening(number, opened(self.durable, self.cause), self.durable);
        let segment = Segment::create(&*self.seat.storage, &self.seat.options.directory, number, &opening.batch)?;
        let took = self.seat.queue()?.end_io(true);
        if took > Duration::from_millis(self.seat.options.sync_deadline_ms.saturating_mul(OPENING_SYNCS.into())) {
            // Nothing was promised of it yet; a slow disk gets another try, not a stream of refusals.
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("a new segment took {} ms", took.as_millis())));
        }
        self.advance(&opening)?;
        Ok((segment, number))
    }

    fn come_up(&self, first: u64) -> Result<(), Over> {
        let mut queue = self.seat.queue()?;
        queue.come_up(first);
        self.seat.shared.segment.store(first, Ordering::Release);
        self.seat.shared.up.store(true, Ordering::Release);
        self.seat.shared.changed.notify_all();
        drop(queue);
        self.seat.shared.wake();
        Ok(())
    }

    fn is_segment_full(&self) -> bool {
        self.segment.as_ref().is_some_and(|segment| {
            let age = Duration::from_millis(self.seat.options.segment_age_ms);
            segment.has_events
                && (segment.bytes >= self.seat.options.segment_bytes || segment.opened_at.elapsed() >= age)
        })
    }

    /// The last key signs the next one, on disk, before the next one signs anything.
    fn rotate_key(&mut self) -> Result<bool, Over> {
        let reason = "new_key: the rows from here on are signed by the key that keys.json names next".to_owned();
        // Asked for, though not listened to: where the key is not changed, no later row may say that it is.
        let answer = Some(bounded(1).0);
        self.seat.queue()?.push_own(OwnRow { kind: Kind::JournalKeyChanged, reason, answer });
        if !self.commit_all(false, "interval")? {
            return Ok(false);
        }
        // The number kept aside stays so meanwhile: where this hangs, the next segment opens before rows that queue up.
        let changed = self.scribe.keys.rotate(&*self.seat.storage, self.durable.sequence + 1);
        let is_unsure = self.scribe.keys.is_unsure();
        {
            let mut queue = self.seat.queue()?;
            queue.status.public_key = self.scribe.keys.public_key();
            if let Some(progress) = &mut queue.progress {
                progress.keys = self.scribe.keys.clone();
            }
            match &changed {
                // The list of keys may name the new one: no row may be signed until it is known not to.
                Err(error) if is_unsure => self.seat.shared.fail(&mut queue, error.to_string()),
                _ => queue.give_number_back(),
            }
        }
        if is_unsure {
            self.seat.shared.wake();
            self.end_segment(Cause::Failed)?;
        }
        Ok(changed.is_ok())
    }
}
