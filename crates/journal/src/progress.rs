//! Where the record stands, from the first look into the directory to the end. It is kept beside the queue and not by
//! the writer, so that another one can go on.

use crate::keys::Keys;
use crate::opening::Opening;
use crate::own::Cause;
use crate::recover::Found;
use crate::row::Link;
use crate::storage::Lock;
use event::Clock;

/// Where the record stands.
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

/// What opening has come to so far.
#[derive(Default)]
pub(crate) struct Start {
    lock_file: Option<Box<dyn Lock>>,
    /// What the directory holds, until the keys are there too.
    found: Option<Found>,
    /// When the record's last row was written, as far as a start found one.
    last_time: Option<i64>,
    /// For a person, until somebody takes it.
    opening: Option<Opening>,
}

/// Who has ended.
#[derive(Default)]
pub(crate) struct Ending {
    is_asked: bool,
    writer_has_ended: bool,
    keeper_has_ended: bool,
    is_left: bool,
}

impl Progress {
    pub(crate) fn after(found: &Found, keys: Keys) -> Self {
        let cause = found.cause.unwrap_or(Cause::First);
        Self { durable: found.after, cause, live: None, keys, clock: Clock::default() }
    }
}

impl Start {
    pub(crate) fn has_lock(&self) -> bool {
        self.lock_file.is_some()
    }

    pub(crate) fn hold(&mut self, lock: Box<dyn Lock>) {
        self.lock_file = Some(lock);
    }

    pub(crate) fn take_lock(&mut self) -> Option<Box<dyn Lock>> {
        self.lock_file.take()
    }

    /// What was found is kept until the keys are there: a second look would not find again what the first set aside.
    pub(crate) fn keep(&mut self, found: Found) {
        self.last_time = found.last_time;
        self.found = Some(found);
    }

    pub(crate) fn found(&self) -> Option<Found> {
        self.found.clone()
    }

    pub(crate) fn last_time(&self) -> Option<i64> {
        self.last_time
    }

    /// What was found is told and built upon.
    pub(crate) fn finish(&mut self, opening: Opening) {
        self.found = None;
        self.opening = Some(opening);
    }

    pub(crate) fn take_opening(&mut self) -> Option<Opening> {
        self.opening.take()
    }
}

impl Ending {
    pub(crate) fn ask(&mut self) {
        self.is_asked = true;
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked
    }

    pub(crate) fn end_writer(&mut self) {
        self.writer_has_ended = true;
    }

    pub(crate) fn writer_has_ended(&self) -> bool {
        self.writer_has_ended
    }

    pub(crate) fn end_keeper(&mut self) {
        self.keeper_has_ended = true;
    }

    pub(crate) fn keeper_has_ended(&self) -> bool {
        self.keeper_has_ended
    }

    /// The disk hangs and the journal is closed all the same.
    pub(crate) fn leave(&mut self) {
        self.is_left = !self.writer_has_ended;
    }

    /// Whether nobody need watch the writer any more.
    pub(crate) fn is_over(&self) -> bool {
        self.writer_has_ended || self.is_left
    }
}
