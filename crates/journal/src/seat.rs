//! What a writer thread works with, and the only way by which it reaches what is shared.

use crate::fenced::Fenced;
use crate::keeper::ToKeeper;
use crate::options::Options;
use crate::queue::Queue;
use crate::shared::Shared;
use crate::storage::Storage;
use crate::tenure::{Over, Tenure};
use crossbeam_channel::Sender;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// What every writer of a journal is given.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) options: Options,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) to_keeper: Sender<ToKeeper>,
}

/// The same for one writer, until it is given up.
pub(crate) struct Seat {
    pub(crate) options: Options,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) to_keeper: Sender<ToKeeper>,
    tenure: Arc<Tenure>,
}

impl Seat {
    pub(crate) fn new(desk: Desk, tenure: Arc<Tenure>) -> Self {
        let Desk { options, storage, shared, to_keeper } = desk;
        let storage = Arc::new(Fenced { storage, tenure: Arc::clone(&tenure) });
        Self { options, storage, shared, to_keeper, tenure }
    }

    /// The queue, unless this writer was given up: that happens under the same lock.
    pub(crate) fn queue(&self) -> Result<MutexGuard<'_, Queue>, Over> {
        let queue = self.shared.lock();
        self.tenure.check()?;
        Ok(queue)
    }

    /// Wait for something to do.
    pub(crate) fn wait(
        &self,
        patience: Duration,
        until: impl Fn(&Queue) -> bool,
    ) -> Result<MutexGuard<'_, Queue>, Over> {
        let wait = self.shared.to_writer.wait_timeout_while(self.queue()?, patience, |queue| !until(queue));
        let queue = wait.unwrap_or_else(PoisonError::into_inner).0;
        self.tenure.check()?;
        Ok(queue)
    }

    /// Wait until there is something to write; rows that the keeper asked for are queued.
    pub(crate) fn wait_for_work(&self, patience: Duration) -> Result<MutexGuard<'_, Queue>, Over> {
        let is_asked = || self.shared.is_row_asked();
        let mut queue = self.wait(patience, |queue| queue.is_urgent() || is_asked())?;
        self.shared.take_asked(&mut queue);
        Ok(queue)
    }

    /// Say that the journal is down, and wait a little before the next try.
    pub(crate) fn fail_and_pause(&self, why: String, pause: Duration) -> Result<(), Over> {
        let mut queue = self.queue()?;
        queue.end_io(false);
        self.shared.fail(&mut queue, why);
        drop(queue);
        self.shared.wake();
        self.wait(pause, |queue| queue.ending.is_asked()).map(drop)
    }

    pub(crate) fn longer(&self, pause: Duration) -> Duration {
        (pause * 2).min(Duration::from_millis(self.options.retry_limit_ms))
    }
}
