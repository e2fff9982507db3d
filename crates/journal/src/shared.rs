//! What the threads of a journal share, and the ways to wait on it.
//!
//! Kept true here: the data loop waits for no lock but the queue's, which writer and watchdog hold for as long as it
//! takes to move some numbers and portions. The keeper, which runs at the lowest priority and may lose the core at any
//! moment, takes it when the directory is this journal's and when it ends, and not in between.

use crate::own::OwnRow;
use crate::queue::Queue;
use crate::state::State;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use event::Kind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) struct Shared {
    queue: Mutex<Queue>,
    /// The writer waits here.
    pub(crate) to_writer: Condvar,
    /// Whoever waits for the journal to come up, or to end.
    pub(crate) changed: Condvar,
    pub(crate) up: AtomicBool,
    pub(crate) segment: AtomicU64,
    /// Whether the directory is this journal's to write.
    pub(crate) is_begun: AtomicBool,
    ask_row: Sender<OwnRow>,
    asked_rows: Receiver<OwnRow>,
    upkeep: Mutex<Upkeep>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

/// What the keeper has to say.
#[derive(Clone, Default)]
struct Upkeep {
    alarm: Option<String>,
    free_bytes: Option<u64>,
}

impl Shared {
    pub(crate) fn new(queue: Queue, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (ask_row, asked_rows) = unbounded();
        Self {
            queue: Mutex::new(queue),
            to_writer: Condvar::new(),
            changed: Condvar::new(),
            up: AtomicBool::new(false),
            segment: AtomicU64::new(0),
            is_begun: AtomicBool::new(false),
            ask_row,
            asked_rows,
            upkeep: Mutex::default(),
            wake,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic under the lock leaves numbers and rows as they were: each step below is whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake(&self) {
        (self.wake)();
    }

    /// Say that the disk has failed, once per failure, and wake whoever waits for a commit.
    pub(crate) fn fail(&self, queue: &mut Queue, why: String) {
        queue.fail(why);
        self.up.store(false, Ordering::Release);
        self.changed.notify_all();
    }

    /// Have a row of the journal's own recorded; the answer comes when it is durable or lost. Takes no lock: where the
    /// writer has just looked, it finds the row after its interval.
    pub(crate) fn record_own(&self, kind: Kind, reason: String) -> Receiver<bool> {
        let (answer, answered) = bounded(1);
        // The channel's other end stands beside this one.
        let _ = self.ask_row.send(OwnRow { kind, reason, answer: Some(answer) });
        self.to_writer.notify_one();
        answered
    }

    pub(crate) fn is_row_asked(&self) -> bool {
        !self.asked_rows.is_empty()
    }

    pub(crate) fn take_asked(&self, queue: &mut Queue) {
        self.asked_rows.try_iter().for_each(|row| queue.push_own(row));
    }

    /// What a person should know of what the keeper does.
    pub(crate) fn tell(&self, alarm: Option<String>) {
        self.upkeep().alarm = alarm;
    }

    pub(crate) fn tell_free_space(&self, bytes: Option<u64>) {
        self.upkeep().free_bytes = bytes;
    }

    /// How the journal fares. What the keeper is just writing down is told the next time.
    pub(crate) fn state(&self) -> State {
        let upkeep = self.upkeep.try_lock().ok().map(|upkeep| upkeep.clone());
        let mut queue = self.lock();
        if let Some(Upkeep { alarm, free_bytes }) = upkeep {
            (queue.status.last_alarm, queue.status.free_bytes) = (alarm, free_bytes);
        }
        queue.state()
    }

    fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_until(&self, patience: Duration, is_so: impl Fn(&Queue) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |queue| !is_so(queue));
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_so(&queue)
    }
}
