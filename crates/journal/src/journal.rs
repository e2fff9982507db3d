//! Opening a journal, and the handle that the guard's data loop holds.

use crate::commit::Scribe;
use crate::error::{JournalDown, JournalError};
use crate::keeper::{Keeper, ToKeeper};
use crate::keys::{Keys, KeysOpening};
use crate::names::LOCK;
use crate::options::Options;
use crate::own::{Author, Cause};
use crate::queue::{Commit, Limits, OwnRow, Queue};
use crate::recover::{Found, recover};
use crate::shared::Shared;
use crate::state::{State, Status};
use crate::storage::{Lock, Storage};
use crate::watchdog::watch;
use crate::writer::Writer;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use event::{Clock, Event, Kind, Sequence};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// A journal that is being written. One per directory.
pub struct Journal {
    shared: Arc<Shared>,
    to_keeper: Sender<ToKeeper>,
    stop_keeper: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    patience: Duration,
    _lock: Box<dyn Lock>,
}

/// What opening found, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The key that proves the whole journal; to be noted where an intruder cannot write.
    pub first_public_key: String,
    /// The key in use.
    pub public_key: String,
    /// Whether a key was made.
    pub is_new_key: bool,
    /// Whether the last run did not stop cleanly.
    pub was_unclean: bool,
    /// What was repaired, and how.
    pub repairs: Vec<String>,
    /// What is damaged and stays so.
    pub alarms: Vec<String>,
}

/// Open a journal for writing. `wake` is called from another thread whenever there are commits to
/// take, or the journal has gone down or come up.
///
/// # Errors
/// Another writer holds the directory, or directory or keys cannot be made or read. Damage inside the
/// directory, or a full disk, is no error: the journal then says so and tries on.
pub fn open(
    options: Options,
    storage: Arc<dyn Storage>,
    wake: Arc<dyn Fn() + Send + Sync>,
) -> Result<(Journal, Opening), JournalError> {
    if options.key_directory.starts_with(&options.directory) {
        return Err(JournalError::KeysInside(options.key_directory));
    }
    storage.create_directory(&options.directory, false).map_err(JournalError::at(&options.directory))?;
    let lock = take_lock(&*storage, &options)?;
    let found = recover(&*storage, &options.directory);
    let keys = Keys::open(Arc::clone(&storage), &options.directory, &options.key_directory, found.next)?;
    let opening = Opening::new(&found, &keys);
    let shared = Arc::new(Shared::new(queue(&options, &found, &keys.keys), wake));
    let (to_keeper, asked) = unbounded();
    let mut journal = Journal::new(&options, Arc::clone(&shared), to_keeper, lock);
    journal
        .start(options, storage, (found, keys.keys, asked))
        .map_err(JournalError::at(std::path::Path::new("thread")))?;
    Ok((journal, opening))
}

impl Journal {
    /// Number a row and queue it. Never waits for the disk. Where memory is full the row is counted
    /// and told in a `journal.gap` later.
    pub fn append(&self, event: Event) -> Sequence {
        let (sequence, should_hurry) = self.shared.lock().push(event);
        if should_hurry {
            self.shared.to_writer.notify_one();
        }
        sequence
    }

    /// Number a row and have it made durable at once; [`Journal::take_commits`] tells when it is.
    ///
    /// # Errors
    /// [`JournalDown`]: nothing was recorded.
    pub fn append_ahead(&self, event: Event) -> Result<Sequence, JournalDown> {
        let sequence = self.shared.lock().push_ahead(event).ok_or(JournalDown)?;
        self.shared.to_writer.notify_one();
        Ok(sequence)
    }

    /// What became of rows appended ahead since the last call.
    #[must_use]
    pub fn take_commits(&self) -> Vec<Commit> {
        std::mem::take(&mut self.shared.lock().commits)
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
        let queue = self.shared.lock();
        let mut state = queue.status.clone();
        state.next_sequence = queue.next_sequence();
        state.queued_rows = u64::try_from(queue.queued_rows()).unwrap_or(u64::MAX);
        state.unrecorded_rows = queue.gap.count;
        state
    }

    /// Keep a policy's text under its digest, beside the rows that name it. Never waits for the disk.
    pub fn keep_policy(&self, digest: &str, text: &[u8]) {
        // The keeper ends only with the journal.
        let _ = self.to_keeper.send(ToKeeper::Policy { digest: digest.to_owned(), text: text.to_owned() });
    }

    /// Have a digest signed with the next commit, which comes at once.
    pub fn checkpoint_now(&self) {
        self.shared.lock().checkpoint_asked = true;
        self.shared.to_writer.notify_one();
    }

    /// Make a new signing key, signed by the last. Waits for the disk.
    ///
    /// # Errors
    /// [`JournalError::Down`]: the old key stays in use.
    pub fn rotate_key(&self) -> Result<String, JournalError> {
        let (answer, answered) = bounded(1);
        self.shared.lock().key_asked = Some(answer);
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

    fn new(options: &Options, shared: Arc<Shared>, to_keeper: Sender<ToKeeper>, lock: Box<dyn Lock>) -> Self {
        let patience = Duration::from_millis(options.sync_deadline_ms.saturating_mul(5).max(2_000));
        Self { shared, to_keeper, stop_keeper: Arc::default(), threads: Vec::new(), patience, _lock: lock }
    }

    fn start(
        &mut self,
        options: Options,
        storage: Arc<dyn Storage>,
        (found, keys, asked): (Found, Keys, Receiver<ToKeeper>),
    ) -> io::Result<()> {
        let deadline = Duration::from_millis(options.sync_deadline_ms);
        let keeper = Keeper {
            options: options.clone(),
            storage: Arc::clone(&storage),
            shared: Arc::clone(&self.shared),
            asked,
            stop: Arc::clone(&self.stop_keeper),
            to_seal: found.to_seal.iter().copied().collect(),
            policies: Vec::new(),
            to_remove: std::collections::BTreeSet::new(),
            damage: None,
            kept: Vec::new(),
        };
        let writer = Writer {
            scribe: Scribe { author: Author { guard: Arc::clone(&options.guard) }, keys, clock: Clock::default() },
            retry: Duration::from_millis(options.retry_ms),
            options,
            storage,
            shared: Arc::clone(&self.shared),
            to_keeper: self.to_keeper.clone(),
            durable: found.after,
            cause: found.cause.unwrap_or(Cause::First),
            segment: None,
            has_finished: false,
            checkpoint_at: Instant::now(),
            has_unsigned: false,
        };
        self.spawn("journal", move || writer.run())?;
        let shared = Arc::clone(&self.shared);
        self.spawn("journal-watch", move || watch(&shared, deadline))?;
        self.shared.wait_until(self.patience, |queue| queue.status.up || queue.status.last_failure.is_some());
        self.spawn("journal-keep", move || keeper.run())
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop_keeper.store(true, Ordering::Release);
        let _ = self.to_keeper.send(ToKeeper::Stop);
        self.shared.lock().is_closing = true;
        self.shared.to_writer.notify_one();
        let has_ended = self.shared.wait_until(self.patience, |queue| queue.has_ended);
        for thread in std::mem::take(&mut self.threads) {
            // A thread that hangs in the disk is left behind: the guard's end must not wait for it.
            if has_ended {
                let _ = thread.join();
            }
        }
    }
}

impl Opening {
    /// All of it as sentences.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        if self.is_new_key {
            messages.push(format!("journal: new signing key; note its public key elsewhere: {}", self.public_key));
        }
        messages.extend(self.repairs.iter().map(|repair| format!("journal: repaired: {repair}")));
        messages.extend(self.alarms.iter().map(|alarm| format!("journal: alarm: {alarm}")));
        messages
    }

    fn new(found: &Found, keys: &KeysOpening) -> Self {
        let mut alarms = found.alarms.clone();
        alarms.extend(keys.alarm.clone());
        Self {
            first_public_key: keys.keys.first_public_key(),
            public_key: keys.keys.public_key(),
            is_new_key: keys.is_new,
            was_unclean: found.cause == Some(Cause::Recovered),
            repairs: found.recovered.clone(),
            alarms,
        }
    }
}

fn queue(options: &Options, found: &Found, keys: &Keys) -> Queue {
    let limits =
        Limits { rows: options.queue_rows, reserved_rows: options.queue_reserved_rows, bytes: options.queue_bytes };
    let status = Status { public_key: keys.public_key(), durable_sequence: found.after.sequence, ..Status::default() };
    let mut queue = Queue::new(found.next, limits, status);
    for reason in &found.recovered {
        queue.push_own(OwnRow { kind: Kind::JournalRecovered, reason: reason.clone(), answer: None });
    }
    queue
}

fn take_lock(storage: &dyn Storage, options: &Options) -> Result<Box<dyn Lock>, JournalError> {
    storage.lock(&options.directory.join(LOCK)).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => JournalError::Locked(options.directory.clone()),
        _ => JournalError::World(options.directory.clone(), error),
    })
}
