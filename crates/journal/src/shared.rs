//! One lock between data loop, writer, watchdog and keeper, and the ways to wait on it.

use crate::queue::{OwnRow, Queue};
use crossbeam_channel::{Receiver, bounded};
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
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Shared {
    pub(crate) fn new(queue: Queue, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self {
            queue: Mutex::new(queue),
            to_writer: Condvar::new(),
            changed: Condvar::new(),
            up: AtomicBool::new(false),
            segment: AtomicU64::new(0),
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

    /// Have a row of the journal's own recorded; the answer comes when it is durable or lost.
    pub(crate) fn record_own(&self, kind: Kind, reason: String) -> Receiver<bool> {
        let (answer, answered) = bounded(1);
        self.lock().push_own(OwnRow { kind, reason, answer: Some(answer) });
        self.to_writer.notify_one();
        answered
    }

    pub(crate) fn wait_until(&self, patience: Duration, is_so: impl Fn(&Queue) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |queue| !is_so(queue));
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_so(&queue)
    }
}
