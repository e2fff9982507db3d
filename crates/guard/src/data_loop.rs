//! The data loop: one thread that waits for sockets, commits, commands and time.
//!
//! Kept true here:
//! * nothing in a turn waits for a disk, a lock held elsewhere, or Python;
//! * a panic while one conversation is served ends that conversation only;
//! * when descriptors run out, accepting pauses and the loop does not spin.

use crate::accept::{self, Arrival, Population};
use crate::clock::Clock;
use crate::command::Command;
use crate::conversation::{Conversation, Pumped, Readiness, Turn};
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::limits::Descriptors;
use crate::listeners::Listeners;
use crate::notify::Notify;
use crate::timers::{Key, Timers};
use crate::token::{Ready, WAKER, ready_of};
use crossbeam_channel::{Receiver, Sender};
use event::{Kind, SessionId};
use mio::net::TcpStream;
use mio::{Events, Poll, Token};
use policy::{Moment, Plant, Policy};
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK_NS: u64 = 1_000_000_000;
const ACCEPT_PAUSE_NS: u64 = 100_000_000;
/// Connections accepted in a row before others get a turn.
const ACCEPTS: usize = 64;
const SCRATCH_BYTES: usize = 64 * 1024;

pub(crate) struct DataLoop {
    pub(crate) poll: Poll,
    pub(crate) clock: Clock,
    pub(crate) now: Moment,
    pub(crate) started: Moment,
    pub(crate) policy: Arc<Policy>,
    pub(crate) directory: Directory,
    pub(crate) plant: Plant,
    pub(crate) ledger: Ledger,
    pub(crate) listeners: Listeners,
    pub(crate) conversations: Slab<Conversation>,
    pub(crate) population: Population,
    pub(crate) descriptors: Descriptors,
    pub(crate) draining: Option<(Instant, Sender<bool>)>,
    timers: Timers,
    unfinished: VecDeque<Key>,
    waiting: HashMap<event::Sequence, Key>,
    commands: Receiver<Command>,
    notify: Notify,
    scratch: Vec<u8>,
    next_session: u64,
    next_tick_ns: u64,
    accept_again_ns: Option<u64>,
    next_alive_ns: u64,
    is_stopping: bool,
}

/// What a loop is made of.
pub(crate) struct Parts {
    pub(crate) poll: Poll,
    pub(crate) clock: Clock,
    pub(crate) policy: Arc<Policy>,
    pub(crate) ledger: Ledger,
    pub(crate) listeners: Listeners,
    pub(crate) descriptors: Descriptors,
    pub(crate) commands: Receiver<Command>,
}

impl DataLoop {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = parts.clock.now();
        Self {
            plant: Plant::new(&parts.policy),
            directory: Directory::of(&parts.policy),
            poll: parts.poll,
            clock: parts.clock,
            now,
            started: now,
            policy: parts.policy,
            ledger: parts.ledger,
            listeners: parts.listeners,
            conversations: Slab::new(),
            population: Population::default(),
            descriptors: parts.descriptors,
            draining: None,
            timers: Timers::default(),
            unfinished: VecDeque::new(),
            waiting: HashMap::new(),
            commands: parts.commands,
            notify: Notify::from_environment(),
            scratch: vec![0; SCRATCH_BYTES],
            next_session: 1,
            next_tick_ns: 0,
            accept_again_ns: None,
            next_alive_ns: 0,
            is_stopping: false,
        }
    }

    /// Guard until told to stop; gives the ledger back so that its journal can be closed.
    pub(crate) fn run(mut self) -> io::Result<Ledger> {
        self.ledger.now = self.now;
        self.ledger.note(Kind::GuardStarted, "started");
        self.notify.ready();
        let mut events = Events::with_capacity(1024);
        while !self.is_stopping {
            match self.poll.poll(&mut events, Some(self.patience())) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.turn(&events);
        }
        self.notify.stopping();
        self.close_all("guard_stopped");
        self.ledger.sum_up();
        self.ledger.note(Kind::GuardStopped, "stopped");
        Ok(self.ledger)
    }

    fn turn(&mut self, events: &Events) {
        self.read_clock();
        for event in events {
            match ready_of(event.token()) {
                Ready::Waker => {}
                Ready::Listener(token) => self.accept(token),
                Ready::Conversation { place, slot } => {
                    if let Some(conversation) = self.conversations.get_mut(place) {
                        conversation.ready(slot, readiness(event));
                        let key = conversation.key;
                        self.serve(key);
                    }
                }
            }
        }
        // A long turn makes its first look at the clock old, and deadlines are judged below.
        self.read_clock();
        self.deliver_commits();
        self.resume_unfinished();
        self.fire_timers();
        self.obey();
        self.tick();
    }

    fn read_clock(&mut self) {
        self.now = self.clock.now();
        self.ledger.now = self.now;
    }

    /// How long nothing will happen unless a socket or the waker says so.
    fn patience(&self) -> Duration {
        if !self.unfinished.is_empty() || self.ledger.has_commits() {
            return Duration::ZERO;
        }
        let now_ns = self.clock.now().monotonic_ns;
        let next = self.timers.next().unwrap_or(u64::MAX).min(self.next_tick_ns);
        let next = next.min(self.accept_again_ns.unwrap_or(u64::MAX));
        // Rounded up: epoll counts milliseconds, and waking early would spin.
        Duration::from_nanos(next.saturating_sub(now_ns).saturating_add(999_999))
    }

    fn accept(&mut self, token: usize) {
        for _ in 0..ACCEPTS {
            let Some(listening) = self.listeners.get(token) else { return };
            let (place, local) = (listening.place, listening.address);
            match listening.socket.accept() {
                Ok((stream, peer)) => self.arrive(stream, &Arrival { peer, local, place }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_momentary(&error) => {}
                Err(_) => {
                    self.ledger.counters.limit("descriptors");
                    return self.accept_again(ACCEPT_PAUSE_NS);
                }
            }
        }
        self.accept_again(0);
    }

    /// Edge-triggered: what was not taken now will not be announced again.
    fn accept_again(&mut self, after_ns: u64) {
        self.accept_again_ns = Some(self.now.monotonic_ns.saturating_add(after_ns));
    }

    fn arrive(&mut self, stream: TcpStream, arrival: &Arrival) {
        let client = accept::canonical(arrival.peer.ip());
        let policy = Arc::clone(&self.policy);
        let Some(conduit) = policy.document().conduits.get(arrival.place.conduit) else { return };
        if let Some(budget) = self.population.over_budget(arrival.place.conduit, conduit, client) {
            self.ledger.counters.limit(budget);
            let row = accept::refusal(conduit, arrival.peer, budget, self.ledger.own());
            session::Recorder::record(&mut self.ledger, row);
            return;
        }
        self.open(stream, arrival);
    }

    fn open(&mut self, stream: TcpStream, arrival: &Arrival) {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        let Some(admission) = self.directory.admit(arrival.place, arrival.peer, id) else { return };
        let key = Key { place: self.conversations.vacant_key(), session: id.0 };
        let Ok(socket) = accept::watch(stream, self.poll.registry(), key.place) else {
            return self.ledger.counters.limit("register");
        };
        let config = Arc::clone(&admission.config);
        let session = session::Session::open(config, Arc::clone(&admission.view), &mut self.context());
        let conversation = accept::converse(arrival, &admission, key, session, (socket, self.now));
        self.conversations.insert(conversation);
        self.population.enter(arrival.place.conduit, accept::canonical(arrival.peer.ip()));
        self.serve(key);
    }

    fn context(&mut self) -> session::Context<'_> {
        session::Context { now: self.now, plant: &mut self.plant, recorder: &mut self.ledger }
    }

    /// Give a conversation its turn, and look after what it leaves behind.
    pub(crate) fn serve(&mut self, key: Key) {
        self.with(key, |conversation, turn| conversation.pump(turn));
    }

    /// Run `work` on a conversation, then pump what it caused.
    pub(crate) fn with(&mut self, key: Key, work: impl FnOnce(&mut Conversation, &mut Turn<'_>) -> Pumped) {
        let Some(conversation) = self.conversations.get_mut(key.place).filter(|found| found.key == key) else {
            return;
        };
        let mut turn = Turn {
            now: self.now,
            plant: &mut self.plant,
            ledger: &mut self.ledger,
            registry: self.poll.registry(),
            scratch: &mut self.scratch,
        };
        let pumped = catch_unwind(AssertUnwindSafe(|| work(conversation, &mut turn)));
        for sequence in self.ledger.take_ahead() {
            self.waiting.insert(sequence, key);
        }
        match pumped {
            Ok(Pumped::Idle) => self.set_timer(key),
            Ok(Pumped::Unfinished) => {
                self.set_timer(key);
                self.postpone(key);
            }
            Ok(Pumped::Ended) => self.remove(key),
            Err(_) => {
                self.ledger.note(Kind::InternalError, "panic: one session was ended");
                // Nothing of it may arrive any more: nobody would record how it ended.
                if let Some(broken) = self.take_out(key) {
                    broken.reset();
                }
            }
        }
    }

    /// Look again in the next turn; once, or one that floods would get more turns than others.
    fn postpone(&mut self, key: Key) {
        if let Some(conversation) = self.conversations.get_mut(key.place)
            && !std::mem::replace(&mut conversation.is_unfinished, true)
        {
            self.unfinished.push_back(key);
        }
    }

    fn set_timer(&mut self, key: Key) {
        let Some(conversation) = self.conversations.get_mut(key.place) else { return };
        let next = conversation.next_deadline().unwrap_or(u64::MAX);
        if next < conversation.timer_ns {
            conversation.timer_ns = next;
            self.timers.add(next, key);
        }
    }

    fn remove(&mut self, key: Key) {
        drop(self.take_out(key));
    }

    fn take_out(&mut self, key: Key) -> Option<Conversation> {
        self.conversations.get(key.place).filter(|found| found.key == key)?;
        let gone = self.conversations.remove(key.place);
        self.population.leave(gone.place.conduit, accept::canonical(gone.peer.ip()));
        Some(gone)
    }

    fn deliver_commits(&mut self) {
        for (sequence, is_durable) in self.ledger.take_commits() {
            let Some(key) = self.waiting.remove(&sequence) else { continue };
            self.with(key, |conversation, turn| {
                if is_durable {
                    conversation.session.journal_durable(sequence, &mut turn.context());
                } else {
                    conversation.session.journal_failed(sequence, &mut turn.context());
                }
                conversation.pump(turn)
            });
        }
    }

    fn resume_unfinished(&mut self) {
        for _ in 0..self.unfinished.len() {
            let Some(key) = self.unfinished.pop_front() else { return };
            if let Some(found) = self.conversations.get_mut(key.place).filter(|found| found.key == key) {
                found.is_unfinished = false;
                self.serve(key);
            }
        }
    }

    fn fire_timers(&mut self) {
        for (at_ns, key) in self.timers.due(self.now.monotonic_ns) {
            let found = self.conversations.get_mut(key.place).filter(|found| found.key == key);
            let Some(conversation) = found.filter(|found| found.timer_ns == at_ns) else { continue };
            conversation.timer_ns = u64::MAX;
            self.with(key, |conversation, turn| {
                conversation.deadline_reached(turn);
                conversation.pump(turn)
            });
        }
        if self.accept_again_ns.is_some_and(|at| at <= self.now.monotonic_ns) {
            self.accept_again_ns = None;
            for token in self.listeners.tokens() {
                self.accept(token);
            }
        }
    }

    fn obey(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Reload { policy, answer } => {
                    // Who asked may have gone away; the policy is in force all the same.
                    let _ = answer.send(self.reload(policy));
                }
                Command::Reject { reason } => self.ledger.note(Kind::PolicyRejected, &reason),
                Command::Status { answer } => drop(answer.send(self.status())),
                Command::Sessions { answer } => drop(answer.send(self.sessions())),
                Command::Metrics { answer } => drop(answer.send(self.metrics())),
                Command::ClockSynchronised(is) => self.clock.set_synchronised(is),
                Command::Drain { until, answer } => self.drain(until, answer),
                Command::Stop => self.is_stopping = true,
            }
        }
    }

    fn drain(&mut self, until: Instant, answer: Sender<bool>) {
        self.listeners.close();
        for key in self.keys() {
            self.with(key, |conversation, turn| {
                conversation.session.drain(&mut turn.context());
                conversation.pump(turn)
            });
        }
        self.draining = Some((until, answer));
        self.next_tick_ns = self.now.monotonic_ns;
    }

    fn tick(&mut self) {
        self.look_after_drain();
        if self.now.monotonic_ns >= self.next_alive_ns
            && let Some(every) = self.notify.every
        {
            self.notify.alive();
            let every = u64::try_from(every.as_nanos()).unwrap_or(TICK_NS);
            self.next_alive_ns = self.now.monotonic_ns.saturating_add(every);
        }
        if self.now.monotonic_ns < self.next_tick_ns {
            return;
        }
        self.next_tick_ns = self.now.monotonic_ns.saturating_add(self.tick_ns());
        if let Some(step) = self.clock.step(self.now) {
            self.ledger.note(Kind::ClockStepped, &format!("clock_stepped: {} ms", step / 1_000_000));
        }
        self.ledger.sum_up();
    }

    fn tick_ns(&self) -> u64 {
        let watchdog = self.notify.every.map_or(TICK_NS, |every| u64::try_from(every.as_nanos()).unwrap_or(TICK_NS));
        if self.draining.is_some() { 10_000_000 } else { TICK_NS.min(watchdog) }
    }

    fn look_after_drain(&mut self) {
        let Some((until, _)) = &self.draining else { return };
        let is_late = Instant::now() >= *until;
        let is_drained = self.conversations.iter_mut().all(|(_, conversation)| conversation.session.is_drained());
        if (is_drained || is_late)
            && let Some((_, answer)) = self.draining.take()
        {
            // Who asked may have gone away.
            let _ = answer.send(is_drained);
        }
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.conversations.iter().map(|(_, conversation)| conversation.key).collect()
    }

    fn close_all(&mut self, reason: &str) {
        for key in self.keys() {
            self.with(key, |conversation, turn| {
                conversation.session.close(reason, &mut turn.context());
                conversation.pump(turn)
            });
            self.remove(key);
        }
    }
}

/// The waker's token, for the handle.
pub(crate) const fn waker_token() -> Token {
    WAKER
}

fn readiness(event: &mio::event::Event) -> Readiness {
    Readiness {
        readable: event.is_readable(),
        writable: event.is_writable() || event.is_error(),
        ending: event.is_read_closed() || event.is_error(),
    }
}

fn is_momentary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
