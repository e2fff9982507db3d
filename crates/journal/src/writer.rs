//! The one thread that writes.
//!
//! ```text
//!             open succeeds                      commit fails or is late
//!   Down ───────────────────────► Up ───────────────────────────────────► Down
//!    ▲ └─ fails: again, later      │ size or age: seal, open the next ─► Up
//! ```
//!
//! Kept true here:
//! * nobody is told that a row is durable before its sync has returned in time;
//! * a segment whose commit failed is never written or synced again;
//! * the next segment names the last row known durable, and continues the chain from it.

use crate::commit::{Prepared, Scribe};
use crate::hex;
use crate::keeper::ToKeeper;
use crate::options::Options;
use crate::own::{Cause, opened};
use crate::queue::Queue;
use crate::row::Link;
use crate::segment::Segment;
use crate::shared::Shared;
use crate::state::Checkpoint;
use crate::storage::Storage;
use crossbeam_channel::Sender;
use event::Kind;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A new segment is synced three times: its schema, its first row, its name.
const OPENING_SYNCS: u64 = 3;

pub(crate) struct Writer {
    pub(crate) options: Options,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) scribe: Scribe,
    pub(crate) to_keeper: Sender<ToKeeper>,
    /// The last row known durable.
    pub(crate) durable: Link,
    /// Why the next segment begins.
    pub(crate) cause: Cause,
    pub(crate) segment: Option<Segment>,
    pub(crate) checkpoint_at: Instant,
    /// Rows since the last signed one.
    pub(crate) has_unsigned: bool,
    /// The last checkpoint of a clean stop was written.
    pub(crate) has_finished: bool,
    pub(crate) retry: Duration,
}

impl Writer {
    /// Write until told to end.
    pub(crate) fn run(mut self) {
        loop {
            match self.segment.is_some() {
                true => self.turn(),
                false => self.reopen(),
            }
            let mut queue = self.shared.lock();
            if queue.is_closing && (self.segment.is_none() || (self.has_finished && !queue.has_rows())) {
                queue.has_ended = true;
                self.shared.up.store(false, Ordering::Release);
                self.shared.changed.notify_all();
                return;
            }
        }
    }

    fn turn(&mut self) {
        let patience = Duration::from_millis(self.options.commit_interval_ms);
        let (is_closing, key_asked) = {
            let mut queue = self.wait(patience, |queue| queue.is_urgent());
            (queue.is_closing, queue.key_asked.take())
        };
        if let Some(answer) = key_asked {
            let _ = answer.send(self.rotate_key());
            if self.segment.is_none() {
                return;
            }
        }
        if is_closing {
            return self.finish();
        }
        if self.is_segment_full() {
            return self.rotate();
        }
        self.commit_if_needed();
    }

    fn commit_if_needed(&mut self) {
        let interval = Duration::from_millis(self.options.checkpoint_interval_ms);
        let is_due = self.has_unsigned && self.checkpoint_at.elapsed() >= interval;
        let (is_asked, has_front) = {
            let queue = self.shared.lock();
            if !queue.has_rows() && !is_due && !queue.checkpoint_asked {
                return;
            }
            (queue.checkpoint_asked, queue.has_front())
        };
        let why = if is_asked { "asked" } else { "interval" };
        if self.commit(is_asked || (is_due && !has_front), why) {
            self.shared.lock().give_number_back();
        }
    }

    /// End the live segment and begin the next; rows go on queueing meanwhile.
    fn rotate(&mut self) {
        if self.commit(true, "rotated") {
            self.end_segment(Cause::Rotated);
            self.reopen();
        }
    }

    fn finish(&mut self) {
        self.has_finished = true;
        // The second one proves the bytes of the first, and of all that came with it.
        if self.commit(true, "stop") && self.commit(true, "stop") {
            self.shared.lock().give_number_back();
        }
    }

    fn commit(&mut self, wants_checkpoint: bool, why: &str) -> bool {
        let taken = self.shared.lock().take(wants_checkpoint);
        let written = self.segment.as_ref().map(Segment::written).unwrap_or_default();
        let prepared = self.scribe.prepare(taken, self.durable, (why, written));
        let Some(segment) = &mut self.segment else { return false };
        segment.has_events |= prepared.has_events;
        // The deadline is the disk's: digests and signatures were made before it begins to run.
        self.shared.lock().begin_io();
        let written = segment.commit(&prepared.rows);
        self.settle(prepared, written)
    }

    /// Say what became of a commit; whether the segment may go on.
    fn settle(&mut self, prepared: Prepared, written: io::Result<()>) -> bool {
        let mut queue = self.shared.lock();
        let took = queue.io_since.take().map(|since| since.elapsed()).unwrap_or_default();
        queue.status.last_commit_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let deadline = Duration::from_millis(self.options.sync_deadline_ms);
        let is_late = queue.io_is_late || took > deadline;
        match &written {
            Err(error) => self.shared.fail(&mut queue, error.to_string()),
            Ok(()) if is_late => self.shared.fail(&mut queue, format!("a commit took {} ms", took.as_millis())),
            Ok(()) => {}
        }
        let is_well = written.is_ok() && !is_late;
        let is_somebody_waiting = queue.answer_in_flight(is_well);
        if written.is_err() {
            queue.gap.merge(prepared.gap_if_lost);
        }
        drop(queue);
        if written.is_ok() {
            self.advance(&prepared);
        }
        prepared.answer(written.is_ok());
        if is_somebody_waiting || !is_well {
            self.shared.wake();
        }
        if !is_well {
            self.end_segment(Cause::Failed);
        }
        is_well
    }

    fn advance(&mut self, prepared: &Prepared) {
        self.durable = prepared.end;
        self.has_unsigned = prepared.signed != Some(prepared.end);
        let mut queue = self.shared.lock();
        queue.status.durable_sequence = prepared.end.sequence;
        if let Some(signed) = prepared.signed {
            self.checkpoint_at = Instant::now();
            queue.status.checkpoint = Checkpoint { sequence: signed.sequence, digest: hex::render(&signed.digest) };
        }
    }

    fn end_segment(&mut self, cause: Cause) {
        if let Some(segment) = self.segment.take() {
            // The keeper outlives the writer; where it has gone, the next start seals.
            let _ = self.to_keeper.send(ToKeeper::Seal { first: segment.first });
        }
        self.cause = cause;
    }

    /// Try to begin a segment; after a failure wait a little, longer each time.
    fn reopen(&mut self) {
        match self.open_segment() {
            Ok(()) => self.retry = Duration::from_millis(self.options.retry_ms),
            Err(error) => {
                let key_asked = {
                    let mut queue = self.shared.lock();
                    self.shared.fail(&mut queue, error.to_string());
                    queue.key_asked.take()
                };
                // A key cannot be changed without a row that says so.
                let _ = key_asked.map(|answer| answer.send(false));
                self.shared.wake();
                drop(self.wait(self.retry, |queue| queue.is_closing));
                self.retry = (self.retry * 2).min(Duration::from_millis(self.options.retry_limit_ms));
            }
        }
    }

    fn open_segment(&mut self) -> io::Result<()> {
        self.scribe.keys.settle()?;
        let number = {
            let mut queue = self.shared.lock();
            queue.begin_io();
            queue.keep_number_aside()
        };
        let opening = self.scribe.prepare_opening(number, opened(self.durable, self.cause), self.durable);
        let made = Segment::create(&self.storage, &self.options.directory, number, &opening.rows);
        let took = self.shared.lock().io_since.take().map(|since| since.elapsed()).unwrap_or_default();
        let segment = made?;
        if took > Duration::from_millis(self.options.sync_deadline_ms.saturating_mul(OPENING_SYNCS)) {
            // Nothing was promised of it yet; a slow disk gets another try, not a stream of refusals.
            drop(segment);
            let path = crate::names::SegmentName::Live { first: number }.within(&self.options.directory);
            self.storage.remove(&path)?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("a new segment took {} ms", took.as_millis())));
        }
        self.advance(&opening);
        self.segment = Some(segment);
        self.is_up(number);
        Ok(())
    }

    fn is_up(&self, first: u64) {
        let mut queue = self.shared.lock();
        queue.use_number();
        queue.status.up = true;
        queue.status.segment = first;
        self.shared.segment.store(first, Ordering::Release);
        self.shared.up.store(true, Ordering::Release);
        self.shared.changed.notify_all();
        drop(queue);
        self.shared.wake();
    }

    fn is_segment_full(&self) -> bool {
        self.segment.as_ref().is_some_and(|segment| {
            let age = Duration::from_millis(self.options.segment_age_ms);
            segment.has_events && (segment.bytes >= self.options.segment_bytes || segment.opened_at.elapsed() >= age)
        })
    }

    /// The last key signs the next one, on disk, before the next one signs anything.
    fn rotate_key(&mut self) -> bool {
        let reason = "new_key: the rows from here on are signed by the key that keys.json names next".to_owned();
        self.shared.lock().push_own(crate::queue::OwnRow { kind: Kind::JournalKeyChanged, reason, answer: None });
        if !self.commit(false, "interval") {
            return false;
        }
        // The number kept aside: what was queued meanwhile comes behind it, whoever signs it.
        let changed = self.scribe.keys.rotate(self.durable.sequence + 1);
        match &changed {
            // The list of keys may name the new one: no row may be signed until it is known not to.
            Err(error) if self.scribe.keys.is_unsure() => {
                let mut queue = self.shared.lock();
                self.shared.fail(&mut queue, error.to_string());
                drop(queue);
                self.shared.wake();
                self.end_segment(Cause::Failed);
            }
            _ => self.shared.lock().give_number_back(),
        }
        self.shared.lock().status.public_key = self.scribe.keys.public_key();
        changed.is_ok()
    }

    fn wait(&self, patience: Duration, until: impl Fn(&Queue) -> bool) -> MutexGuard<'_, Queue> {
        let wait = self.shared.to_writer.wait_timeout_while(self.shared.lock(), patience, |queue| !until(queue));
        wait.unwrap_or_else(PoisonError::into_inner).0
    }
}
