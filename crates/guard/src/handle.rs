//! The handle: starts the data loop on its own thread and speaks to it.

use crate::clock::Clock;
use crate::command::Command;
use crate::data_loop::{DataLoop, Parts, waker_token};
use crate::ledger::Ledger;
use crate::limits;
use crate::listeners::Listeners;
use crate::options::{JournalOptions, Options};
use crate::syslog::Syslog;
use crate::token::FIRST_LISTENER;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use journal::Journal;
use mio::{Poll, Waker};
use policy::{DocumentError, Policy};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the data loop may take to answer before it counts as hung.
const ANSWER: Duration = Duration::from_secs(10);

/// A running guard. Dropping it without `stop` leaves the loop running until the process ends.
pub struct Guard {
    commands: Sender<Command>,
    waker: Arc<Waker>,
    thread: Mutex<Option<JoinHandle<io::Result<Ledger>>>>,
    /// Held while a reload is under way, so that two do not overtake each other.
    policy: Mutex<Arc<Policy>>,
    opening: Vec<String>,
}

/// Why a guard cannot do what it was asked.
#[derive(Debug)]
pub enum GuardError {
    /// The policy document is wrong; nothing changed.
    Document(DocumentError),
    /// The options are wrong.
    Options(serde_json::Error),
    /// A port, a disk or the system refuses.
    World(String),
    /// The data loop does not answer.
    Hung,
}

impl Guard {
    /// Check the policy, open the journal, bind every listener, and start to guard.
    ///
    /// # Errors
    /// [`GuardError`]: nothing was started.
    pub fn start(document: &[u8], options: &[u8]) -> Result<Self, GuardError> {
        let policy = Arc::new(Policy::parse(document).map_err(GuardError::Document)?);
        let options: Options = serde_json::from_slice(options).map_err(GuardError::Options)?;
        let poll = Poll::new().map_err(world)?;
        let waker = Arc::new(Waker::new(poll.registry(), waker_token()).map_err(world)?);
        let (commands, receiver) = unbounded();
        let (journal, opening) = open_journal(&options, &policy, &waker)?;
        let thread = start_loop(Arc::clone(&policy), &options, journal, (poll, receiver))?;
        Ok(Self { commands, waker, thread: Mutex::new(Some(thread)), policy: Mutex::new(policy), opening })
    }

    /// What opening the journal had to say: repairs and alarms, for a person.
    #[must_use]
    pub fn opening(&self) -> &[String] {
        &self.opening
    }

    /// Digest of the policy in force.
    #[must_use]
    pub fn digest(&self) -> String {
        lock(&self.policy).digest().to_owned()
    }

    /// Put another policy in force; its digest.
    ///
    /// # Errors
    /// [`GuardError`]: the old policy stays in force.
    pub fn reload(&self, document: &[u8]) -> Result<String, GuardError> {
        let policy = Policy::parse(document).inspect_err(|error| self.reject(&error.to_string()));
        let policy = Arc::new(policy.map_err(GuardError::Document)?);
        // Built here, so that the data loop does not build tables while requests wait.
        let mut in_force = lock(&self.policy);
        policy.warm(&in_force);
        let next = Arc::clone(&policy);
        let answer = self.ask(ANSWER, |answer| Command::Reload { policy: next, answer })?;
        answer.map_err(GuardError::World)?;
        let digest = policy.digest().to_owned();
        *in_force = policy;
        Ok(digest)
    }

    /// Record that a new policy was refused before it came here.
    pub fn reject(&self, reason: &str) {
        self.tell(Command::Reject { reason: reason.to_owned() });
    }

    /// Say whether the kernel reports a disciplined clock.
    pub fn clock_synchronised(&self, is: bool) {
        self.tell(Command::ClockSynchronised(is));
    }

    /// State as JSON.
    ///
    /// # Errors
    /// [`GuardError::Hung`].
    pub fn status(&self) -> Result<Vec<u8>, GuardError> {
        self.ask(ANSWER, |answer| Command::Status { answer })
    }

    /// Open sessions as JSON.
    ///
    /// # Errors
    /// [`GuardError::Hung`].
    pub fn sessions(&self) -> Result<Vec<u8>, GuardError> {
        self.ask(ANSWER, |answer| Command::Sessions { answer })
    }

    /// Metrics in Prometheus' text format.
    ///
    /// # Errors
    /// [`GuardError::Hung`].
    pub fn metrics(&self) -> Result<Vec<u8>, GuardError> {
        self.ask(ANSWER, |answer| Command::Metrics { answer })
    }

    /// Accept no more and finish what is open; whether all of it was in time.
    ///
    /// # Errors
    /// [`GuardError::Hung`].
    pub fn drain(&self, timeout: Duration) -> Result<bool, GuardError> {
        let until = Instant::now() + timeout;
        self.ask(timeout + ANSWER, |answer| Command::Drain { until, answer })
    }

    /// Whether the data loop still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        lock(&self.thread).as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// End every session, sign and close the journal.
    ///
    /// # Errors
    /// [`GuardError::World`] when the loop had failed.
    pub fn stop(&self) -> Result<(), GuardError> {
        let Some(thread) = lock(&self.thread).take() else { return Ok(()) };
        self.tell(Command::Stop);
        let ledger = thread.join().map_err(|_| GuardError::World("the data loop panicked".to_owned()))?;
        if let Some(journal) = ledger.map_err(world)?.into_journal() {
            journal.close();
        }
        Ok(())
    }

    fn tell(&self, command: Command) {
        // A loop that has ended hears nothing; `is_alive` tells.
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }

    fn ask<T>(&self, patience: Duration, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, GuardError> {
        let (answer, answered) = bounded(1);
        self.tell(command(answer));
        answered.recv_timeout(patience).map_err(|_| GuardError::Hung)
    }
}

/// What the locks here guard is whole at every moment, whatever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start_loop(
    policy: Arc<Policy>,
    options: &Options,
    journal: Option<Journal>,
    (poll, commands): (Poll, Receiver<Command>),
) -> Result<JoinHandle<io::Result<Ledger>>, GuardError> {
    let syslog = options.syslog.as_ref().map(|to| Syslog::open(&to.address)).transpose().map_err(world)?;
    let clock = Clock::new();
    let ledger = Ledger::new(journal, syslog, clock.now());
    let descriptors = limits::raise(policy.document());
    let mut listeners = Listeners::new(FIRST_LISTENER);
    let prepared = listeners.prepare(&policy);
    let prepared = prepared.map_err(|(address, error)| GuardError::World(format!("{address}: {error}")))?;
    listeners.adopt(prepared, &policy, poll.registry()).map_err(world)?;
    let mut data_loop = DataLoop::new(Parts { poll, clock, policy, ledger, listeners, descriptors, commands });
    data_loop.adopt_policy();
    std::thread::Builder::new().name("guard".to_owned()).spawn(move || data_loop.run()).map_err(world)
}

fn open_journal(
    options: &Options,
    policy: &Policy,
    waker: &Arc<Waker>,
) -> Result<(Option<Journal>, Vec<String>), GuardError> {
    let Some(options) = &options.journal else { return Ok((None, Vec::new())) };
    let waker = Arc::clone(waker);
    let wake = Arc::new(move || {
        // The loop also looks each second.
        let _ = waker.wake();
    });
    let storage = Arc::new(journal::FileSystem);
    let (journal, opening) = journal::open(journal_options(options, policy), storage, wake)
        .map_err(|error| GuardError::World(error.to_string()))?;
    Ok((Some(journal), opening.messages()))
}

fn journal_options(options: &JournalOptions, policy: &Policy) -> journal::Options {
    journal::Options {
        keep_age_ms: options.keep_age_ms,
        keep_bytes: options.keep_bytes,
        commit_interval_ms: options.commit_interval_ms,
        sync_deadline_ms: options.sync_deadline_ms,
        segment_bytes: options.segment_bytes,
        segment_age_ms: options.segment_age_ms,
        ..journal::Options::new(&options.directory, &options.key_directory, &policy.document().guard)
    }
}

fn world(error: io::Error) -> GuardError {
    GuardError::World(error.to_string())
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => write!(f, "{error}"),
            Self::Options(error) => write!(f, "options: {error}"),
            Self::World(what) => f.write_str(what),
            Self::Hung => f.write_str("the data loop does not answer"),
        }
    }
}

impl std::error::Error for GuardError {}
