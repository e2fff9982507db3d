//! Sees that somebody writes: notices that the disk hangs while the writer hangs with it, and puts another
//! writer in its place.
//!
//! Kept true here:
//! * a writer that was given up is not believed, whatever it brings later;
//! * of these no more than [`MOST_GIVEN_UP`] are left hanging: a disk on which everything hangs costs that
//!   many threads, and no more.

use crate::keeper::ToKeeper;
use crate::own::Cause;
use crate::queue::Queue;
use crate::seal::Live;
use crate::seat::{Desk, Seat};
use crate::tenure::Tenure;
use crate::writer;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Enough for a disk that stalls a few times in a row; each is a thread and an open file.
const MOST_GIVEN_UP: usize = 4;

/// A sealed segment is a hundred megabytes to sync, and nobody waits for it.
const KEEPER_IS_SLOWER: u32 = 15;

pub(crate) struct Watchdog {
    desk: Desk,
    deadline: Duration,
    patience: Duration,
    tenure: Arc<Tenure>,
    keepers_tenure: Arc<Tenure>,
    thread: Option<JoinHandle<()>>,
    given_up: Arc<AtomicUsize>,
}

/// Counts a thread that was given up as gone when it is.
struct Leaving {
    tenure: Arc<Tenure>,
    given_up: Arc<AtomicUsize>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.tenure.check().is_err() {
            self.given_up.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Watchdog {
    pub(crate) fn new(desk: Desk, keepers_tenure: Arc<Tenure>) -> Self {
        let deadline = Duration::from_millis(desk.options.sync_deadline_ms);
        let patience = Duration::from_millis(desk.options.hang_ms).max(deadline);
        let tenure = Arc::new(Tenure::new());
        Self { desk, deadline, patience, tenure, keepers_tenure, thread: None, given_up: Arc::default() }
    }

    /// Watch until the journal has ended. Looks rather than being told: a signal with each commit would
    /// cost more than forty looks a second.
    pub(crate) fn run(mut self) {
        let pause = (self.deadline / 8).clamp(Duration::from_millis(1), Duration::from_millis(25));
        self.employ();
        while !self.desk.shared.wait_until(pause, |queue| queue.ending.is_over()) {
            if self.finds_late() {
                self.desk.shared.wake();
            }
            match &self.thread {
                None => self.employ(),
                Some(thread) if thread.is_finished() => self.replace_broken(),
                Some(_) if self.tenure.has_waited() > self.patience => self.replace(),
                Some(_) => {}
            }
            if self.keepers_tenure.has_waited() > self.patience * KEEPER_IS_SLOWER {
                let alarm = "sealing and retention hang in the disk".to_owned();
                self.desk.shared.tell(Some(alarm));
            }
        }
        self.part();
    }

    /// Whether a failure was found that nobody had seen.
    fn finds_late(&self) -> bool {
        let mut queue = self.desk.shared.lock();
        let is_late = queue.becomes_late(self.deadline);
        if is_late {
            self.desk.shared.fail(&mut queue, silence(self.deadline));
        }
        is_late
    }

    fn replace(&mut self) {
        if self.given_up.load(Ordering::SeqCst) >= MOST_GIVEN_UP {
            return self.say_stuck();
        }
        let queue = self.desk.shared.lock();
        // It may have come back just now.
        if self.tenure.has_waited() <= self.patience {
            return;
        }
        self.given_up.fetch_add(1, Ordering::SeqCst);
        self.dismiss(queue, silence(self.patience));
        self.employ();
    }

    /// A writer that panicked has told nobody.
    fn replace_broken(&mut self) {
        let queue = self.desk.shared.lock();
        if queue.ending.writer_has_ended() {
            return;
        }
        self.dismiss(queue, "the writer broke off, by a fault of its own".to_owned());
        self.employ();
    }

    /// What it had under way counts as lost, and its segment as failed.
    fn dismiss(&self, mut queue: MutexGuard<'_, Queue>, why: String) {
        self.tenure.end();
        queue.end_io(false);
        self.desk.shared.fail(&mut queue, why);
        if let Some((progress, first)) = queue.progress.as_mut().and_then(|it| it.live.take().map(|first| (it, first)))
        {
            progress.cause = Cause::Failed;
            let _ = self.desk.to_keeper.send(ToKeeper::Seal(Live { first, ended: None }));
        }
        drop(queue);
        self.desk.shared.wake();
    }

    /// All that may hang do; the next writer begins when one of them comes back.
    fn say_stuck(&self) {
        let mut queue = self.desk.shared.lock();
        let was_up = queue.status.up;
        let why = format!("{} writers hang in the disk: none is added before one comes back", MOST_GIVEN_UP + 1);
        self.desk.shared.fail(&mut queue, why);
        drop(queue);
        if was_up {
            self.desk.shared.wake();
        }
    }

    /// Where the system gives no thread, the next look tries again.
    fn employ(&mut self) {
        self.tenure = Arc::new(Tenure::new());
        let seat = Seat::new(self.desk.clone(), Arc::clone(&self.tenure));
        let leaving = Leaving { tenure: Arc::clone(&self.tenure), given_up: Arc::clone(&self.given_up) };
        let work = move || {
            let _leaving = leaving;
            // Who was given up has nobody to tell.
            let _ = writer::run(seat);
        };
        match Builder::new().name("journal".to_owned()).spawn(work) {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => {
                self.thread = None;
                let mut queue = self.desk.shared.lock();
                self.desk.shared.fail(&mut queue, format!("no thread for the writer: {error}"));
            }
        }
    }

    /// A writer that hangs is left behind: the guard's end must not wait for it.
    fn part(self) {
        if self.desk.shared.lock().ending.writer_has_ended() {
            // A panic of the writer was told when it happened.
            let _ = self.thread.map(JoinHandle::join);
            return;
        }
        let queue = self.desk.shared.lock();
        self.given_up.fetch_add(1, Ordering::SeqCst);
        self.tenure.end();
        drop(queue);
    }
}

fn silence(patience: Duration) -> String {
    format!("the disk has not answered for {} ms", patience.as_millis())
}
