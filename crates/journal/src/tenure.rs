//! Whether a writer thread is still the one that writes, and how long it has waited for the disk.
//!
//! Kept true here: a thread that was given up learns so at the next thing it asks, of the disk or of the
//! queue, and gets nothing from either.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) struct Tenure {
    is_over: AtomicBool,
    /// Since when an operation is under way, in microseconds from `began`; 0 where none is.
    busy_since_us: AtomicU64,
    began: Instant,
}

/// This thread was given up: another one writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over;

impl Tenure {
    pub(crate) fn new() -> Self {
        Self { is_over: AtomicBool::new(false), busy_since_us: AtomicU64::new(0), began: Instant::now() }
    }

    /// Give the thread up. To be called under the queue's lock: who holds it and looks, knows.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn check(&self) -> Result<(), Over> {
        if self.is_over.load(Ordering::SeqCst) { Err(Over) } else { Ok(()) }
    }

    /// How long the operation under way has taken.
    pub(crate) fn has_waited(&self) -> Duration {
        match self.busy_since_us.load(Ordering::SeqCst) {
            0 => Duration::ZERO,
            since => Duration::from_micros(self.now_us().saturating_sub(since)),
        }
    }

    /// Ask the disk. What it answers too late is not believed.
    pub(crate) fn ask<T>(&self, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.busy_since_us.store(self.now_us(), Ordering::SeqCst);
        let answer = self.check().map_err(io::Error::from).and_then(|()| operation());
        self.busy_since_us.store(0, Ordering::SeqCst);
        self.check()?;
        answer
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }
}

impl From<Over> for io::Error {
    fn from(_: Over) -> Self {
        Self::other("this writer was given up")
    }
}

#[cfg(test)]
mod tests {
    use super::{Over, Tenure};
    use std::time::Duration;

    #[test]
    fn who_was_given_up_asks_the_disk_nothing_more() {
        let tenure = Tenure::new();
        tenure.end();
        let mut was_asked = false;

        let answer = tenure.ask(|| {
            was_asked = true;
            Ok(())
        });

        assert!(answer.is_err());
        assert!(!was_asked);
        assert_eq!(tenure.check(), Err(Over));
    }

    #[test]
    fn an_answer_that_comes_after_the_end_is_not_believed() {
        let tenure = Tenure::new();

        let answer = tenure.ask(|| {
            tenure.end();
            Ok(7)
        });

        assert!(answer.is_err());
    }

    #[test]
    fn only_an_operation_under_way_is_waited_for() {
        let tenure = Tenure::new();

        let meanwhile = tenure.ask(|| {
            while tenure.has_waited().is_zero() {}
            Ok(tenure.has_waited())
        });

        assert!(meanwhile.unwrap() > Duration::ZERO);
        assert_eq!(tenure.has_waited(), Duration::ZERO);
    }
}
