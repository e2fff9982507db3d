//! Opening a journal, and the handle that the guard's data loop holds.

use crate::error::{JournalError, Unrecorded};
use crate::keeper::{Keeper, ToKeeper};
use crate::opening::Opening;
use crate::options::Options;
use crate::queue::{Claim, Commit, Limits, Queue};
use crate::seat::Desk;
use crate::shared::Shared;
use crate::state::State;
use crate::storage::Storage;
use crate::tenure::Tenure;
use crate::watchdog::Watchdog;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use event::{Event, Sequence};
use std::borrow::Borrow;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// A journal that is being written. One per directory.
pub struct Journal {
    shared: Arc<Shared>,
    to_keeper: Sender<ToKeeper>,
    stop_keeper: Arc<AtomicBool>,
    keepers_tenure: Arc<Tenure>,
    watchdog: Option<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
    patience: Duration,
}

/// Open a journal for writing. `wake` is called from another thread whenever there are commits to
/// take, or the journal has gone down or come up.
///
/// Whatever the disk refuses, or another writer that holds the directory, is no error: the journal then
/// starts down, says why, and tries until it comes up by itself.
///
/// # Errors
/// The keys lie inside the directory, or the system gives no thread.
pub fn open(
    options: Options,
    storage: Arc<dyn Storage>,
    wake: Arc<dyn Fn() + Send + Sync>,
) -> Result<(Journal, Opening), JournalError> {
    if options.key_directory.starts_with(&options.directory) {
        return Err(JournalError::KeysInside(options.key_directory));
    }
    let shared = Arc::new(Shared::new(Queue::new(limits(&options)), wake));
    let (to_keeper, asked) = unbounded();
    let mut journal = Journal::new(&options, Arc::clone(&shared), to_keeper.clone());
    let desk = Desk { options, storage, shared, to_keeper };
    let opening = journal.start(desk, asked).map_err(JournalError::at(Path::new("thread")))?;
    Ok((journal, opening))
}

impl Journal {
    /// Number a row and queue it. Never waits for the disk. Where memory is full the row is counted
    /// and told in a `journal.gap` later. While the directory was not read yet it is not known which numbers are
    /// free: the row waits for its own, and 0 is told.
    pub fn append(&self, event: impl Borrow<Event>) -> Sequence {
        self.push(event.borrow(), Claim::Behind)
    }

    /// As [`Journal::append`], for the row that ends a request whose first row was appended ahead: it has a part of
    /// the reserve.
    pub fn append_end(&self, event: impl Borrow<Event>) -> Sequence {
        self.push(event.borrow(), Claim::End)
    }

    fn push(&self, event: &Event, claim: Claim) -> Sequence {
        let (sequence, should_hurry) = self.shared.lock().push(event, claim);
        if should_hurry {
            self.shared.to_writer.notify_one();
        }
        sequence
    }

    /// Number a row and have it made durable at once; [`Journal::take_commits`] tells when it is.
    ///
    /// # Errors
    /// Nothing was recorded, and why.
    pub fn append_ahead(&self, event: impl Borrow<Event>) -> Result<Sequence, Unrecorded> {
        let sequence = self.shared.lock().push_ahead(event.borrow())?;
        self.shared.to_writer.notify_one();
        Ok(sequence)
    }

    /// What became of rows appended ahead since the last call.
    #[must_use]
    pub fn take_commits(&self) -> Vec<Commit> {
        self.shared.lock().take_commits()
    }

    /// Whether rows can become durable now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.shared.up.load(Ordering::Acquire)
    }

    /// Changes with each new live segment.
    #[must_use]
    pub fn segment(&self) -> u64 {
        self.shared.segment.load(Ordering::Acquire)
    }

    /// How the journal fares.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Keep a policy's text under its digest, beside the rows that name it. Never waits for the disk.
    pub fn keep_policy(&self, digest: &str, text: &[u8]) {
        // The keeper ends only with the journal.
        let _ = self.to_keeper.send(ToKeeper::Policy { digest: digest.to_owned(), text: text.to_owned() });
    }

    /// Have a digest signed with the next commit, which comes at once.
    pub fn checkpoint_now(&self) {
        self.shared.lock().ask_checkpoint();
        self.shared.to_writer.notify_one();
    }

    /// Make a new signing key, signed by the last. Waits for the disk.
    ///
    /// # Errors
    /// [`JournalError::Down`]: the old key stays in use.
    pub fn rotate_key(&self) -> Result<String, JournalError> {
        let (answer, answered) = bounded(1);
        self.shared.lock().ask_key(answer);
        self.shared.to_writer.notify_one();
        match answered.recv_timeout(self.patience) {
            Ok(true) => Ok(self.shared.lock().status.public_key.clone()),
            _ => Err(JournalError::Down),
        }
    }

    /// Write what waits, sign the end, and stop. A disk that hangs is not waited for.
    pub fn close(self) {
        drop(self);
    }

    fn new(options: &Options, shared: Arc<Shared>, to_keeper: Sender<ToKeeper>) -> Self {
        let patience = Duration::from_millis(options.sync_deadline_ms.saturating_mul(5).max(2_000));
        Self {
            shared,
            to_keeper,
            stop_keeper: Arc::default(),
            keepers_tenure: Arc::new(Tenure::new()),
            watchdog: None,
            keeper: None,
            patience,
        }
    }

    fn start(&mut self, desk: Desk, asked: Receiver<ToKeeper>) -> io::Result<Opening> {
        let tenure = Arc::clone(&self.keepers_tenure);
        let patience = Duration::from_millis(desk.options.start_patience_ms);
        let keeper = Keeper::new(desk.clone(), asked, Arc::clone(&self.stop_keeper), Arc::clone(&tenure));
        self.watchdog = Some(spawn("journal-watch", move || Watchdog::new(desk, tenure).run())?);
        self.shared.wait_until(patience, |queue| queue.status.up || queue.status.last_failure.is_some());
        let opening = self.take_opening();
        self.keeper = Some(spawn("journal-keep", move || keeper.run())?);
        Ok(opening)
    }

    /// What opening found. Where it has found nothing yet, the keeper tells it later.
    fn take_opening(&self) -> Opening {
        let mut queue = self.shared.lock();
        let mut opening = queue.start.take_opening().unwrap_or_default();
        if !queue.status.up {
            opening.is_down(queue.status.last_failure.as_deref());
        }
        opening
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop_keeper.store(true, Ordering::Release);
        let _ = self.to_keeper.send(ToKeeper::Stop);
        self.shared.lock().ending.ask();
        self.shared.to_writer.notify_one();
        let has_keeper = self.keeper.is_some();
        self.shared.wait_until(self.patience, |queue| {
            queue.ending.writer_has_ended() && (queue.ending.keeper_has_ended() || !has_keeper)
        });
        // A thread that hangs in the disk is left behind: the guard's end must not wait for it.
        let (lock_file, keeper_has_ended) = {
            let mut queue = self.shared.lock();
            queue.ending.leave();
            (queue.start.take_lock(), queue.ending.keeper_has_ended())
        };
        self.keepers_tenure.end();
        let _ = self.watchdog.take().map(JoinHandle::join);
        let _ = self.keeper.take().filter(|_| keeper_has_ended).map(JoinHandle::join);
        // Only now: until here they may still have written.
        drop(lock_file);
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(work)
}

fn limits(options: &Options) -> Limits {
    Limits { rows: options.queue_rows, reserved_rows: options.queue_reserved_rows, bytes: options.queue_bytes }
}
