//! Clients that arrive: accepted in small portions, held to the budgets, given a conversation.
//!
//! Kept true here: no listener keeps others from their turn; when descriptors run out, accepting pauses and the
//! loop does not spin; what was diverted to no declared server is reset and recorded; a panic while a session opens costs that connection only.

use super::DataLoop;
use crate::accept::{self, Arrival, Guest};
use crate::client_end::ClientEnd;
use crate::client_side::ClientSide;
use crate::directory::Admission;
use crate::diverted::{self, Entry};
use crate::limits::Limit;
use crate::listeners::Role;
use crate::timers::Key;
use crate::tls::Identity;
use event::SessionId;
use mio::net::TcpStream;
use policy::View;
use policy::document::{Budgets, is_of_port};
use session::{Session, SessionConfig};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const PAUSE_NS: u64 = 100_000_000;
/// Connections accepted in a row before others get a turn.
const ACCEPTS: usize = 64;

impl DataLoop {
    pub(super) fn accept(&mut self, token: usize) {
        for _ in 0..ACCEPTS {
            let Some(listening) = self.listeners.get(token) else { return };
            let (role, address) = (listening.role, listening.address);
            match listening.socket.accept() {
                Ok((stream, peer)) => self.meet(stream, peer, (role, address)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_momentary(&error) => {}
                Err(_) => {
                    self.ledger.counters.limit(Limit::AcceptPaused);
                    return self.accept_again(PAUSE_NS);
                }
            }
        }
        self.accept_again(0);
    }

    /// Accept what was left waiting, once its pause is over.
    pub(super) fn accept_when_due(&mut self) {
        if self.accept_again_ns.is_some_and(|at| at <= self.now.monotonic_ns) {
            self.accept_again_ns = None;
            for token in self.listeners.tokens() {
                self.accept(token);
            }
        }
    }

    /// Edge-triggered: what was not taken now will not be announced again.
    fn accept_again(&mut self, after_ns: u64) {
        let at = self.now.monotonic_ns.saturating_add(after_ns);
        // The earlier moment stands: a listener that is never quiet must not put off the others' turn.
        self.accept_again_ns = Some(self.accept_again_ns.map_or(at, |before| before.min(at)));
    }

    /// Find where a connection belongs; one that was diverted and belongs nowhere is refused.
    fn meet(&mut self, stream: TcpStream, peer: SocketAddr, (role, address): (Role, SocketAddr)) {
        if let Role::Own(place) = role {
            return self.arrive(stream, &Arrival { peer, local: address, place, entry: Entry::Direct });
        }
        // Without an address the connection is already gone.
        let Ok(local) = stream.local_addr() else { return };
        match self.listeners.destination(local) {
            Some((place, entry)) => self.arrive(stream, &Arrival { peer, local, place, entry }),
            None => self.refuse_undeclared(&stream, (peer, local)),
        }
    }

    fn refuse_undeclared(&mut self, stream: &TcpStream, (peer, local): (SocketAddr, SocketAddr)) {
        diverted::refuse(stream);
        self.ledger.counters.limit(Limit::UndeclaredDestination);
        let row = accept::undeclared(peer, local, self.ledger.own());
        session::Recorder::record(&mut self.ledger, &row);
    }

    fn arrive(&mut self, stream: TcpStream, arrival: &Arrival) {
        if is_of_port(accept::canonical(arrival.peer.ip())) {
            // It stands for somebody at a serial port, and no packet comes from there (RFC 6666).
            return;
        }
        let id = SessionId(self.next_session);
        let Some(admission) = self.directory.admit(arrival.place, arrival.peer, id, &Identity::Address) else { return };
        let gate = self.keyring.gate(arrival.place.conduit).map(Arc::clone);
        let guest = Guest::of(arrival.place.conduit, arrival.peer, &admission);
        let guest = match &gate {
            Some(_) => guest.in_handshake(guest.is_unnamed() && !self.directory.may_name(arrival.place, arrival.peer)),
            None => guest,
        };
        let budget = self.over_budget(guest, &admission.config.terms.budgets, &stream);
        if let Some(budget) = budget.or_else(|| self.handshakes.over_budget(guest).filter(|_| gate.is_some())) {
            return self.refuse_over_budget(&admission.config, budget);
        }
        if let Some(gate) = gate {
            return self.begin_handshake(stream, (*arrival, guest), gate);
        }
        self.next_session += 1;
        let place = self.conversations.vacant_key();
        let Ok(socket) = accept::watch(stream, self.poll.registry(), place) else {
            return self.ledger.counters.limit(Limit::Descriptors);
        };
        self.open(ClientEnd::Socket(ClientSide::new(socket)), arrival, (&admission, Identity::Address));
    }

    pub(super) fn refuse_over_budget(&mut self, config: &SessionConfig, budget: Limit) {
        self.ledger.counters.limit(budget);
        let row = accept::refusal(config, budget, self.ledger.own());
        session::Recorder::record(&mut self.ledger, &row);
    }

    fn over_budget(&self, guest: Guest, budgets: &Budgets, stream: &TcpStream) -> Option<Limit> {
        let is_beyond = self.descriptors.is_beyond_clients(stream, guest.is_unnamed());
        self.population.over_budget(guest, budgets).or(is_beyond.then_some(Limit::Descriptors))
    }

    /// Open a session; a socket is watched under the place that the next conversation gets.
    pub(super) fn open(&mut self, client: ClientEnd, arrival: &Arrival, (admission, identity): (&Admission, Identity)) {
        let key = Key { place: self.conversations.vacant_key(), session: admission.config.client.id.0 };
        let Some(session) = self.open_session(&admission.config, &admission.view) else { return };
        let conversation = accept::converse(arrival, (admission, identity), key, session, (client, self.now));
        self.population.enter(conversation.guest);
        self.conversations.insert(conversation);
        self.serve(key);
    }

    /// `None`: it panicked, and the connection it was for is dropped.
    fn open_session(&mut self, config: &Arc<SessionConfig>, view: &Arc<View>) -> Option<Session> {
        let opened = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            super::panics::at_opening();
            Session::open(Arc::clone(config), Arc::clone(view), &mut self.context())
        }));
        if opened.is_err() {
            self.record_broken(config, "panic: one connection was ended");
        }
        opened.ok()
    }

    fn context(&mut self) -> session::Context<'_> {
        session::Context { now: self.now, plant: &mut self.plant, recorder: &mut self.ledger }
    }
}

fn is_momentary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
