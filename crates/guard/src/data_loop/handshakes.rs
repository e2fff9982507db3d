//! TLS handshakes under way, until each is a session or a refusal.
//!
//! Kept true here:
//! * a handshake costs as much as a hundred requests, so that a turn of the loop takes only a few steps of them,
//!   in the order in which they became ready;
//! * each has a deadline, and a place that it counts for from its first byte: in the budgets of sessions, and here;
//! * each that comes to nothing is a row with its reason.

use super::DataLoop;
use crate::accept::{self, Arrival, Guest};
use crate::client_end::ClientEnd;
use crate::client_side::ClientSide;
use crate::directory::Admission;
use crate::limits::Limit;
use crate::listeners::places;
use crate::socket::Readiness;
use crate::tls::{Credential, Gate, Handshake, Identity, Reason, Refusal, Step, When};
use crate::token::handshake_token;
use event::{Event, Kind, SessionId};
use mio::Interest;
use mio::net::TcpStream;
use session::Recorder as _;
use slab::Slab;
use socket2::SockRef;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How long a client may take from connecting to the end of its handshake.
const DEADLINE_NS: u64 = 10_000_000_000;
/// Handshakes at once: at some 50 KB each 13 MB, and at a few hundred a second and core less than a second's work.
const MOST: usize = 256;
/// Of those one client's; a SCADA that starts again opens its connections in a few rounds.
const MOST_OF_ONE: usize = MOST / 8;
/// Of those all clients' together that no rule can name.
const MOST_UNNAMED: usize = MOST / 4;
/// Steps in one turn of the loop; what they cost stands in ADR 0012.
const STEPS: usize = 4;

#[derive(Default)]
pub(crate) struct Handshakes {
    table: Slab<Handshake>,
    queue: VecDeque<Ticket>,
    deadlines: VecDeque<(u64, Ticket)>,
    next_number: u64,
}

/// A place in the table, and whose it was.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ticket {
    place: usize,
    number: u64,
}

impl Handshakes {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether one of these budgets keeps a further client out.
    pub(super) fn over_budget(&self, guest: Guest) -> Option<Limit> {
        let of_one = self.table.iter().filter(|(_, found)| found.guest.client() == guest.client()).count();
        let unnamed = self.table.iter().filter(|(_, found)| found.guest.is_unnamed()).count();
        let is_over =
            self.table.len() >= MOST || of_one >= MOST_OF_ONE || (guest.is_unnamed() && unnamed >= MOST_UNNAMED);
        is_over.then_some(Limit::TlsHandshakes)
    }

    /// Note what epoll says, and have it looked at in its turn.
    pub(super) fn ready(&mut self, place: usize, is: Readiness) {
        let Some(found) = self.table.get_mut(place) else { return };
        found.ready(is);
        if !std::mem::replace(&mut found.is_queued, true) {
            self.queue.push_back(Ticket { place, number: found.number });
        }
    }

    /// Those that wait for a responder's answer have their turn.
    pub(super) fn stir_settled(&mut self) {
        let settled = self.table.iter_mut().filter(|(_, found)| found.is_settled() && !found.is_queued);
        for (place, found) in settled {
            found.is_queued = true;
            self.queue.push_back(Ticket { place, number: found.number });
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// When the oldest is given up, monotonic nanoseconds.
    pub(super) fn next_deadline(&self) -> u64 {
        self.deadlines.front().map_or(u64::MAX, |(at, _)| *at)
    }

    fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Handshake> {
        self.table.get_mut(ticket.place).filter(|found| found.number == ticket.number)
    }

    fn take(&mut self, ticket: Ticket) -> Option<Handshake> {
        self.get_mut(ticket)?;
        Some(self.table.remove(ticket.place))
    }

    /// The next whose time is over; deadlines of those that ended before theirs are forgotten.
    fn next_due(&mut self, now_ns: u64) -> Option<Ticket> {
        while let Some((at_ns, ticket)) = self.deadlines.front().copied() {
            let is_open = self.get_mut(ticket).is_some();
            if is_open && at_ns > now_ns {
                return None;
            }
            self.deadlines.pop_front();
            if is_open {
                return Some(ticket);
            }
        }
        None
    }
}

impl DataLoop {
    pub(super) fn begin_handshake(
        &mut self,
        mut stream: TcpStream,
        (arrival, guest): (Arrival, Guest),
        gate: Arc<Gate>,
    ) {
        let place = self.handshakes.table.vacant_key();
        let interests = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut stream, handshake_token(place), interests).is_err() {
            return self.ledger.counters.limit(Limit::Descriptors);
        }
        // What cannot be set shows itself at the first byte.
        let _ = SockRef::from(&stream).set_tcp_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(Duration::from_nanos(DEADLINE_NS)));
        let number = self.handshakes.next_number;
        self.handshakes.next_number += 1;
        let when = When::of(self.now);
        match Handshake::begin(stream, (arrival, guest, number), gate, when) {
            Ok(handshake) => {
                self.population.enter(guest);
                self.handshakes.table.insert(handshake);
                let until_ns = self.now.monotonic_ns.saturating_add(DEADLINE_NS);
                self.handshakes.deadlines.push_back((until_ns, Ticket { place, number }));
            }
            Err(error) => self.tell_refused(&arrival, &Refusal::new(Reason::Internal, error.to_string())),
        }
    }

    /// A few steps, then those whose time is over.
    pub(super) fn shake_hands(&mut self) {
        for _ in 0..STEPS {
            let Some(ticket) = self.handshakes.queue.pop_front() else { break };
            self.step(ticket);
        }
        while let Some(ticket) = self.handshakes.next_due(self.now.monotonic_ns) {
            let is_settled = self.handshakes.get_mut(ticket).is_some_and(|found| found.is_settled());
            let late = Refusal::new(Reason::OcspSilent, "the handshake could wait no longer");
            self.refuse(ticket, &if is_settled { late } else { Refusal::new(Reason::HandshakeTimeout, "") });
        }
    }

    /// The guard is about to end.
    pub(super) fn refuse_handshakes(&mut self) {
        let tickets = self.handshakes.table.iter().map(|(place, found)| Ticket { place, number: found.number });
        for ticket in tickets.collect::<Vec<_>>() {
            self.refuse(ticket, &Refusal::new(Reason::Draining, ""));
        }
    }

    fn step(&mut self, ticket: Ticket) {
        let when = When::of(self.now);
        let Some(handshake) = self.handshakes.get_mut(ticket) else { return };
        handshake.is_queued = false;
        match handshake.step(when) {
            Step::Waiting => {}
            Step::Refused(refusal) => self.refuse(ticket, &refusal),
            Step::Done(credential, complaints) => {
                let told: Vec<String> = complaints.iter().map(|one| one.told()).collect();
                self.let_in(ticket, &credential, &told);
            }
        }
        // A step is long: deadlines behind it are judged by a fresh look.
        self.read_clock();
    }

    fn refuse(&mut self, ticket: Ticket, refusal: &Refusal) {
        let Some(gone) = self.handshakes.take(ticket) else { return };
        self.population.leave(gone.guest);
        self.tell_refused(&gone.arrival, refusal);
    }

    fn tell_refused(&mut self, arrival: &Arrival, refusal: &Refusal) {
        if let Some(admission) = self.admit(arrival, &Identity::Address) {
            let row = accept::tls_refusal(&admission.config, refusal, self.ledger.own());
            self.ledger.record(&row);
        }
    }

    /// A handshake is done: the policy in force says who that is and what it may do.
    fn let_in(&mut self, ticket: Ticket, credential: &Arc<Credential>, complaints: &[String]) {
        let Some(done) = self.handshakes.take(ticket) else { return };
        self.population.leave(done.guest);
        let Some(arrival) = self.still_there(&done, credential) else { return };
        let identity = Identity::Certificate(Arc::clone(credential));
        let Some(admission) = self.admit(&arrival, &identity) else { return };
        for complaint in complaints {
            self.tolerate(&admission, credential, complaint);
        }
        let guest = Guest::of(arrival.place.conduit, arrival.peer, &admission);
        if let Some(budget) = self.population.over_budget(guest, &admission.config.terms.budgets) {
            return self.refuse_over_budget(&admission.config, budget);
        }
        let place = self.conversations.vacant_key();
        let Ok(socket) = accept::watch_secured(done.into_stream(), self.poll.registry(), place) else {
            return self.ledger.counters.limit(Limit::Descriptors);
        };
        self.next_session += 1;
        self.expiring.expect(credential.until_s);
        self.open(ClientEnd::Socket(ClientSide::new(socket)), &arrival, (&admission, identity));
    }

    /// Where the client stands now: a reload during its handshake may have changed that.
    fn still_there(&mut self, done: &Handshake, credential: &Arc<Credential>) -> Option<Arrival> {
        let place = places(self.policy.document()).get(&done.arrival.local).copied()?;
        let arrival = Arrival { place, ..done.arrival };
        let refusal = match self.keyring.gate(place.conduit) {
            Some(gate) if Arc::ptr_eq(gate, &done.gate) => return Some(arrival),
            Some(gate) => gate.lets_in(credential, When::of(self.now)).err(),
            None => Some(Refusal::new(Reason::PolicyChanged, "")),
        };
        match refusal {
            None => Some(arrival),
            Some(refusal) => {
                self.tell_refused(&arrival, &refusal);
                None
            }
        }
    }

    fn admit(&self, arrival: &Arrival, identity: &Identity) -> Option<Admission> {
        self.directory.admit(arrival.place, arrival.peer, SessionId(self.next_session), identity)
    }

    fn tolerate(&mut self, admission: &Admission, credential: &Credential, complaint: &str) {
        let reason = Some(Arc::from(format!("{complaint}: {}", credential.whom)));
        let row = Event { reason, ..accept::of_client(&admission.config, Kind::TlsTolerated, self.ledger.own()) };
        self.ledger.record(&row);
    }
}
