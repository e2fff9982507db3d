//! The data loop: one thread that waits for sockets, commits, commands and time.
//!
//! Kept true here: nothing in a turn waits for a disk, a name server, or Python. The one lock that others hold too is
//! the journal's queue, for as long as it takes to move some numbers (ADR 0010). Who arrives stands in `arrivals`, whose turn it is in `serving`, what time brings in
//! `upkeep`, and the end in `drain`.

mod arrivals;
mod asking;
mod broken;
mod drain;
#[cfg(test)]
mod driven;
mod expiring;
mod handshakes;
#[cfg(test)]
#[path = "../tests/harness/mod.rs"]
#[allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub(crate) mod harness;
mod lines;
#[cfg(test)]
mod panics;
mod serving;
mod stations;
mod upkeep;

use self::drain::Intake;
use self::expiring::Expiring;
use self::handshakes::Handshakes;
use crate::accept::Population;
use crate::clock::Clock;
use crate::command::Command;
use crate::conversation::Conversation;
use crate::descriptors::Descriptors;
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::lines::Lines;
use crate::listeners::Listeners;
use crate::notify::Notify;
use crate::options::Away;
use crate::socket::Readiness;
use crate::stations::Stations;
use crate::timers::{Key, Timers};
use crate::tls::Keyring;
use crate::token::{Ready, WAKER, ready_of};
use crossbeam_channel::Receiver;
use event::{Event, Kind};
use mio::{Events, Poll, Token};
use policy::{Moment, Plant, Policy};
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

/// Read at once from one connection: sixteen of the largest ADUs. With 64 KiB, sixteen clients that flooded kept
/// all others waiting for some 150 ms (measured), for one turn of each was thousands of refusals.
const SCRATCH_BYTES: usize = 4 * 1024;

/// Steps of handshakes with servers in one turn of the loop; what they cost stands in ADR 0014.
const DIALS: usize = 4;

pub(crate) struct DataLoop {
    pub(crate) poll: Poll,
    pub(crate) clock: Clock,
    pub(crate) now: Moment,
    /// Conversations served since `now` was read.
    age: u8,
    pub(crate) started: Moment,
    pub(crate) policy: Arc<Policy>,
    pub(crate) directory: Directory,
    pub(crate) plant: Plant,
    pub(crate) ledger: Ledger,
    pub(crate) listeners: Listeners,
    pub(crate) lines: Lines,
    pub(crate) stations: Stations,
    pub(crate) conversations: Slab<Conversation>,
    pub(crate) population: Population,
    pub(crate) descriptors: Descriptors,
    pub(crate) intake: Intake,
    pub(crate) keyring: Keyring,
    pub(crate) expiring: Expiring,
    pub(crate) handshakes: Handshakes,
    /// Steps of handshakes with servers that this turn may still take.
    dials: usize,
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
    away: Vec<Away>,
}

/// What a loop is made of.
pub(crate) struct Parts {
    pub(crate) poll: Poll,
    pub(crate) clock: Clock,
    pub(crate) policy: Arc<Policy>,
    pub(crate) keyring: Keyring,
    pub(crate) ledger: Ledger,
    pub(crate) listeners: Listeners,
    pub(crate) lines: Lines,
    pub(crate) stations: Stations,
    pub(crate) descriptors: Descriptors,
    pub(crate) commands: Receiver<Command>,
    pub(crate) away: Vec<Away>,
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
            age: 0,
            started: now,
            policy: parts.policy,
            ledger: parts.ledger,
            listeners: parts.listeners,
            lines: parts.lines,
            stations: parts.stations,
            conversations: Slab::new(),
            population: Population::default(),
            descriptors: parts.descriptors,
            intake: Intake::default(),
            keyring: parts.keyring,
            expiring: Expiring::default(),
            handshakes: Handshakes::default(),
            dials: DIALS,
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
            away: parts.away,
        }
    }

    /// Guard until told to stop; gives the ledger back so that its journal can be closed.
    pub(crate) fn run(mut self) -> io::Result<Ledger> {
        self.ledger.now = self.now;
        self.ledger.note(Kind::GuardStarted, "started");
        self.tell_away();
        self.notify.ready();
        let mut events = Events::with_capacity(1024);
        while !self.is_stopping {
            let patience = self.patience();
            match self.poll.poll(&mut events, Some(patience)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.turn(&events);
        }
        self.notify.stopping();
        self.refuse_handshakes();
        self.close_all("guard_stopped");
        self.ledger.sum_up();
        self.ledger.note(Kind::GuardStopped, "stopped");
        Ok(self.ledger)
    }

    /// What passed unguarded must stand in the record, though nobody could see it.
    fn tell_away(&mut self) {
        for away in std::mem::take(&mut self.away) {
            let (conduit, reason) = (Some(Arc::from(away.conduit)), Some(Arc::from(away.told)));
            let row = Event { kind: Kind::GuardAway, conduit, reason, ..self.ledger.own() };
            session::Recorder::record(&mut self.ledger, &row);
        }
    }

    fn turn(&mut self, events: &Events) {
        self.read_clock();
        self.dials = DIALS;
        for event in events {
            match ready_of(event.token()) {
                Ready::Waker => {}
                Ready::Listener(token) => self.accept(token),
                Ready::Line(line) => self.lines.ready(line, event),
                Ready::Station(port) => self.stations.ready(port, event),
                Ready::Handshake(place) => self.handshakes.ready(place, Readiness::of(event)),
                Ready::Conversation { place, slot } => {
                    if let Some(conversation) = self.conversations.get_mut(place) {
                        conversation.ready(slot, Readiness::of(event));
                        // What stands among the unfinished has its turn there.
                        if !conversation.is_unfinished {
                            let key = conversation.key;
                            self.serve(key);
                        }
                    }
                }
            }
        }
        // A long turn makes its first look at the clock old, and deadlines are judged below.
        self.read_clock();
        self.deliver_commits();
        self.resume_unfinished();
        self.hear_responders();
        self.shake_hands();
        self.fire_timers();
        self.accept_when_due();
        self.obey();
        self.serve_stations();
        self.serve_lines();
        // What a line brought for a client on a bus leaves in this turn.
        self.serve_stations();
        self.tick();
    }

    fn read_clock(&mut self) {
        self.now = self.clock.now();
        self.ledger.now = self.now;
        self.age = 0;
    }

    fn obey(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Reload { policy, keyring, answer } => {
                    // Who asked may have gone away; the policy is in force all the same.
                    let _ = answer.send(self.reload(policy, keyring));
                }
                Command::Reject { reason } => self.ledger.note(Kind::PolicyRejected, &reason),
                Command::Status { answer } => drop(answer.send(self.status())),
                Command::Sessions { answer } => drop(answer.send(self.sessions())),
                Command::Metrics { answer } => drop(answer.send(self.metrics())),
                Command::ClockSynchronised(is) => self.learn_clock(is),
                Command::Drain { until, answer } => self.drain(until, answer),
                Command::Stop => self.is_stopping = true,
            }
        }
    }

    /// IEC 62443-3-3 SR 2.11: an auditor must see from when to when times could be trusted.
    fn learn_clock(&mut self, is_synchronised: bool) {
        if !self.clock.set_synchronised(is_synchronised) {
            return;
        }
        self.read_clock();
        match is_synchronised {
            true => self.ledger.note(Kind::ClockSynchronised, "synchronised: the kernel's clock is disciplined"),
            false => self.ledger.note(Kind::ClockUnsynchronised, "unsynchronised: nothing disciplines the clock"),
        }
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.conversations.iter().map(|(_, conversation)| conversation.key).collect()
    }
}

/// The waker's token, for the handle.
pub(crate) const fn waker_token() -> Token {
    WAKER
}
