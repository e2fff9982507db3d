//! One client's connection, its session, and the server connections it uses.
//!
//! Theory: the session decides, this file moves bytes. Each pump reads what the session
//! wants, hands it over, carries out what the session asks for, and writes what it left in
//! its buffers, until nothing moves or the turn is over.
//!
//! Kept true here:
//! * bytes reach a server only from the session's own buffer for it;
//! * no conversation gets more than `ROUNDS` turns in a row, nor takes more than a scratch memory's worth in one;
//! * a connection that ends, ends its counterpart as the session says, or when it has lingered;
//! * no conversation is over before its session has recorded its end.

use crate::accept::{Guest, unacknowledged};
use crate::client_end::ClientEnd;
use crate::leg_socket::Judge;
#[cfg(test)]
use crate::leg_socket::LegSocket;
use crate::legs::Legs;
use crate::listeners::Place;
use crate::socket::Readiness;
use crate::timers::Key;
use crate::tls::{Credential, Identity, ServerGate};
use crate::token::Slot;
use crate::turn::Turn;
use line::ClientId;
use policy::Moment;
use session::{Action, Leg, Session, Terms};
use std::net::SocketAddr;
use std::sync::Arc;

const ROUNDS: usize = 8;

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// Nothing moves until an event comes.
    Idle,
    /// The turn is over but work is left.
    Unfinished,
    /// Both sides are done.
    Ended,
}

pub(crate) struct Conversation {
    pub(crate) key: Key,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
    pub(crate) guest: Guest,
    pub(crate) identity: Identity,
    /// A row has told that its certificate expired.
    pub(crate) is_expiry_told: bool,
    pub(crate) opened: Moment,
    pub(crate) session: Session,
    pub(crate) timer_ns: u64,
    /// It stands among the unfinished already.
    pub(crate) is_unfinished: bool,
    client: ClientEnd,
    legs: Legs,
}

/// What a conversation is made of.
pub(crate) struct Parts {
    pub(crate) key: Key,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
    pub(crate) guest: Guest,
    pub(crate) identity: Identity,
    pub(crate) legs: Legs,
}

impl Conversation {
    pub(crate) fn new(parts: Parts, client: ClientEnd, session: Session, opened: Moment) -> Self {
        Self {
            key: parts.key,
            local: parts.local,
            peer: parts.peer,
            place: parts.place,
            guest: parts.guest,
            identity: parts.identity,
            is_expiry_told: false,
            opened,
            session,
            timer_ns: u64::MAX,
            is_unfinished: false,
            client,
            legs: parts.legs,
        }
    }

    /// Another policy's terms hold from now on, for open connections too.
    pub(crate) fn adopt(&mut self, terms: &Terms) {
        self.legs.limit_unacknowledged(unacknowledged(terms));
    }

    /// As though the kernel had no more room for a server.
    #[cfg(test)]
    pub(crate) fn stuff(&mut self, leg: Leg) {
        self.on_leg(leg, LegSocket::stuff);
    }

    /// A server's connection, where it is there.
    #[cfg(test)]
    pub(crate) fn stream(&self, leg: Leg) -> Option<&mio::net::TcpStream> {
        self.legs.get(leg).and_then(LegSocket::stream)
    }

    /// Note what epoll says.
    pub(crate) fn ready(&mut self, slot: Slot, is: Readiness) {
        match slot {
            Slot::Client => self.client.ready(is),
            Slot::Server(leg) => self.legs.ready(Leg(leg), is),
        }
    }

    /// Move bytes until nothing moves or the turn is over.
    pub(crate) fn pump(&mut self, turn: &mut Turn<'_>) -> Pumped {
        for _ in 0..ROUNDS {
            let mut moved = self.client.receive(&mut self.session, turn);
            moved |= self.legs.serve(&mut self.session, turn);
            moved |= self.act(turn);
            moved |= self.client.flush(&mut self.session, turn);
            moved |= self.legs.flush(&mut self.session, turn);
            if self.client.is_over() {
                self.conclude(turn);
                return Pumped::Ended;
            }
            // Epoll will not say again what it said while there was no room for more.
            if !moved && !self.can_receive() {
                return Pumped::Idle;
            }
            if turn.is_spent {
                return Pumped::Unfinished;
            }
        }
        Pumped::Unfinished
    }

    /// When to look again, monotonic nanoseconds.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let deadlines = [self.legs.deadline(), self.session.next_deadline(), self.client.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Time has passed: tell whom it concerns.
    pub(crate) fn deadline_reached(&mut self, turn: &mut Turn<'_>) {
        self.client.deadline_reached(turn.now.monotonic_ns);
        self.legs.deadline_reached(&mut self.session, turn);
        self.session.deadline_reached(&mut turn.context());
    }

    /// End now, with nothing recorded: for a session that can no longer be asked.
    pub(crate) fn reset(mut self) {
        self.client.reset();
        self.legs.reset();
    }

    /// Whether bytes wait in the kernel that the session wants.
    fn can_receive(&self) -> bool {
        self.client.can_receive(&self.session) || self.legs.can_receive(&self.session)
    }

    /// The client is gone: the session records its end, and servers are reset where it says so.
    fn conclude(&mut self, turn: &mut Turn<'_>) {
        self.session.close("client_closed", &mut turn.context());
        self.act(turn);
        self.legs.take_leave();
    }

    /// Carry out what the session asks for; whether it asked for anything.
    fn act(&mut self, turn: &mut Turn<'_>) -> bool {
        let actions = self.session.take_actions();
        let acted = !actions.is_empty();
        if self.session.is_closed() {
            self.client.linger(turn.now.monotonic_ns);
        }
        for action in actions {
            match action {
                Action::Connect(leg) => self.legs.connect(leg, &mut self.session, turn),
                Action::ResetServer(leg) => self.legs.reset_leg(leg),
                Action::FinishServer(leg) => self.legs.finish(leg),
                Action::FinishClient => self.client.finish(),
                Action::ResetClient => self.client.reset(),
            }
        }
        acted
    }

    /// Cut each server connection that `judge` says something against.
    pub(crate) fn judge_servers(&mut self, judge: &mut Judge<'_>, turn: &mut Turn<'_>) {
        self.legs.judge(judge, &mut self.session, turn);
    }

    /// Each server that is there under TLS, with what it showed.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&Arc<ServerGate>, &Arc<Credential>)> {
        self.legs.servers()
    }

    /// A responder said something: whether a handshake with a server waits for that.
    pub(crate) fn stir_settled(&mut self) -> bool {
        self.legs.stir_settled()
    }

    /// The line that a leg leads to is there.
    pub(crate) fn line_connected(&mut self, leg: Leg, turn: &mut Turn<'_>) {
        if let Some(line) = self.legs.line_mut(leg) {
            line.connected(&mut self.session, turn);
        }
    }

    /// The line that a leg leads to cannot be had any more.
    pub(crate) fn line_gone(&mut self, leg: Leg, was_connected: bool, turn: &mut Turn<'_>) {
        if let Some(line) = self.legs.line_mut(leg) {
            line.gone(was_connected, &mut self.session, turn);
        }
    }

    /// The line that a leg leads to takes what it was offered.
    pub(crate) fn line_takes(&mut self, leg: Leg, client: ClientId, turn: &mut Turn<'_>) {
        if let Some(line) = self.legs.line_mut(leg) {
            line.take(client, &mut self.session, turn);
        }
    }

    #[cfg(test)]
    fn on_leg(&mut self, leg: Leg, work: impl FnOnce(&mut LegSocket)) {
        if let Some(socket) = self.legs.get_mut(leg) {
            work(socket);
        }
    }
}
