//! The handle: starts the data loop on its own thread and speaks to it.

use crate::command::Command;
use crate::data_loop::waker_token;
use crate::error::{GuardError, world};
use crate::ledger::Ledger;
use crate::options::Options;
use crate::seat::spell;
use crate::start::{Opening, assemble};
use crate::tls::Keyring;
use crossbeam_channel::{Sender, bounded, unbounded};
use journal::Storage;
use mio::{Poll, Waker};
use policy::Policy;
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
    in_force: Mutex<InForce>,
    opening: Opening,
}

/// What a reload is held against.
struct InForce {
    policy: Arc<Policy>,
    keyring: Keyring,
}

impl Guard {
    /// Check the policy, read its certificates, open the journal, bind every listener, and start to guard.
    ///
    /// # Errors
    /// [`GuardError`]: nothing was started.
    pub fn start(document: &[u8], options: &[u8]) -> Result<Self, GuardError> {
        Self::start_on(document, options, Arc::new(journal::FileSystem))
    }

    /// [`Guard::start`] with the journal on any storage.
    ///
    /// # Errors
    /// As [`Guard::start`].
    pub fn start_on(document: &[u8], options: &[u8], storage: Arc<dyn Storage>) -> Result<Self, GuardError> {
        let policy = Arc::new(Policy::parse(document).map_err(GuardError::Document)?);
        let options: Options =
            serde_json::from_slice(options).map_err(|error| GuardError::Options(error.to_string()))?;
        let keyring = Keyring::load(&policy, &Keyring::default())?;
        let poll = Poll::new().map_err(world)?;
        let waker = Arc::new(Waker::new(poll.registry(), waker_token()).map_err(world)?);
        let (commands, receiver) = unbounded();
        let (data_loop, opening) =
            assemble((Arc::clone(&policy), keyring.clone()), (&options, storage), &waker, (poll, receiver))?;
        let thread = std::thread::Builder::new().name("guard".to_owned()).spawn(move || data_loop.run());
        let thread = thread.map_err(world)?;
        Ok(Self {
            commands,
            waker,
            thread: Mutex::new(Some(thread)),
            in_force: Mutex::new(InForce { policy, keyring }),
            opening,
        })
    }

    /// What a person should know of this start: the journal's repairs and alarms, a descriptor
    /// limit below the budgets, a syslog that is not to be found.
    #[must_use]
    pub fn opening(&self) -> &[String] {
        &self.opening
    }

    /// Digest of the policy in force.
    #[must_use]
    pub fn digest(&self) -> String {
        lock(&self.in_force).policy.digest().to_owned()
    }

    /// Put another policy in force, and the certificates that its files hold now; its digest.
    ///
    /// # Errors
    /// [`GuardError`]: the old policy stays in force.
    pub fn reload(&self, document: &[u8]) -> Result<String, GuardError> {
        let policy = Policy::parse(document).inspect_err(|error| self.reject(&error.to_string()));
        let policy = Arc::new(policy.map_err(GuardError::Document)?);
        // Built here, so that the data loop does not build tables while requests wait.
        let mut in_force = lock(&self.in_force);
        policy.warm(&in_force.policy);
        let keyring = Keyring::load(&policy, &in_force.keyring);
        let keyring = keyring.inspect_err(|error| self.reject(&error.to_string()))?;
        let next = (Arc::clone(&policy), keyring.clone());
        let answer = self.ask(ANSWER, |answer| Command::Reload { policy: next.0, keyring: next.1, answer })?;
        answer.map_err(GuardError::World)?;
        let digest = policy.digest().to_owned();
        *in_force = InForce { policy, keyring };
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
        Ok(spell(&self.ask(ANSWER, |answer| Command::Sessions { answer })?))
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
