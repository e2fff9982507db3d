//! One of a conversation's server connections, from connect to its end.
//!
//! ```text
//! Absent ──connect──► Connecting ──handshake──► Open ──both streams ended──► Absent
//!    ▲                    │ refused, too late     │ reset, failed
//!    └────────────────────┴──────────────────────┘
//! ```
//!
//! Kept true here:
//! * bytes reach a server only from the session's own buffer for it;
//! * bytes that could not leave at once are held against their deadline before they do;
//! * the session is told each way in which a connection ends that it did not ask for.

use crate::diverted::Route;
use crate::limits::Limit;
use crate::socket::{Flushed, Readiness, Received, Socket};
use crate::turn::Turn;
use mio::Token;
#[cfg(test)]
use mio::net::TcpStream;
use session::{Leg, Session};
use std::time::Duration;

/// A server on a plant network that does not complete a handshake by then is not there.
const CONNECT_NS: u64 = 3_000_000_000;

pub(crate) struct LegSocket {
    leg: Leg,
    token: Token,
    route: Route,
    server: Server,
    is_finishing: bool,
    /// So many bytes wait that no more are read for it.
    is_stuffed: bool,
    /// The socket did not take all that was there for it.
    is_holding: bool,
}

enum Server {
    Absent,
    Connecting { socket: Socket, until_ns: u64 },
    Open(Socket),
}

impl LegSocket {
    pub(crate) fn new(leg: Leg, token: Token, route: Route) -> Self {
        Self { leg, token, route, server: Server::Absent, is_finishing: false, is_stuffed: false, is_holding: false }
    }

    /// As though the kernel had no more room.
    #[cfg(test)]
    pub(crate) fn stuff(&mut self) {
        if let Server::Open(socket) = &mut self.server {
            socket.stuff();
        }
    }

    #[cfg(test)]
    pub(crate) fn stream(&self) -> Option<&TcpStream> {
        match &self.server {
            Server::Open(socket) => Some(socket.stream()),
            Server::Connecting { .. } | Server::Absent => None,
        }
    }

    pub(crate) fn ready(&mut self, is: Readiness) {
        match &mut self.server {
            Server::Connecting { socket, .. } | Server::Open(socket) => socket.ready(is),
            Server::Absent => {}
        }
    }

    pub(crate) fn limit_unacknowledged(&self, to: Duration) {
        if let Server::Open(socket) = &self.server {
            // A socket that cannot be set has already failed, and epoll will say so.
            let _ = socket.limit_unacknowledged(to);
        }
    }

    pub(crate) fn connect(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        match Socket::connect(self.route, turn, self.token) {
            Ok(socket) => {
                let until_ns = turn.now.monotonic_ns.saturating_add(CONNECT_NS);
                self.server = Server::Connecting { socket, until_ns };
                self.is_finishing = false;
            }
            Err(_) => {
                turn.ledger.counters.limit(Limit::ServerConnect);
                session.server_refused(self.leg, &mut turn.context());
            }
        }
    }

    /// Complete the handshake or receive; whether anything moved.
    pub(crate) fn serve(&mut self, unacknowledged: Duration, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        match &self.server {
            Server::Connecting { socket, .. } if socket.has_stirred() => self.complete(unacknowledged, session, turn),
            Server::Open(_) => self.receive(session, turn),
            Server::Connecting { .. } | Server::Absent => false,
        }
    }

    /// Whether bytes wait in the kernel that the session wants.
    pub(crate) fn can_receive(&self, session: &Session) -> bool {
        matches!(&self.server, Server::Open(socket) if socket.has_more()) && session.wants_server(self.leg)
    }

    /// When an unfinished handshake is given up, monotonic nanoseconds.
    pub(crate) fn deadline(&self) -> Option<u64> {
        match self.server {
            Server::Connecting { until_ns, .. } => Some(until_ns),
            Server::Absent | Server::Open(_) => None,
        }
    }

    pub(crate) fn deadline_reached(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        if self.deadline().is_some_and(|at| at <= turn.now.monotonic_ns) {
            self.refused(session, turn);
        }
    }

    /// Write what waits; whether that failed or came too late, for then the session has more to say.
    pub(crate) fn flush(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        if self.is_too_late(session, turn) {
            return true;
        }
        let Server::Open(socket) = &mut self.server else { return false };
        match socket.flush(session.server_out(self.leg)) {
            Flushed::All if self.is_finishing && !socket.write_ended => socket.finish(),
            Flushed::All | Flushed::Some => {}
            Flushed::Failed => {
                self.failed(session, turn);
                return true;
            }
        }
        let is_stuffed = session.server_out(self.leg).is_full();
        if is_stuffed && !self.is_stuffed {
            turn.ledger.counters.limit(Limit::ServerBytes);
        }
        self.is_stuffed = is_stuffed;
        self.is_holding = !session.server_out(self.leg).is_empty();
        if socket.write_ended && socket.read_ended {
            // Both streams have ended: an ordinary close lets the last bytes arrive.
            self.server = Server::Absent;
        }
        false
    }

    /// Whether what was left behind may not leave any more, though no timer has told the session yet.
    fn is_too_late(&self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let can_leave = matches!(&self.server, Server::Open(socket) if socket.can_write());
        if !self.is_holding || !can_leave {
            return false;
        }
        turn.read_clock();
        session.refuse_unsent(self.leg, &mut turn.context())
    }

    /// Send FIN behind what waits.
    pub(crate) fn finish(&mut self) {
        self.is_finishing = true;
    }

    pub(crate) fn reset(&mut self) {
        match self.take() {
            Server::Connecting { socket, .. } | Server::Open(socket) => socket.reset(),
            Server::Absent => {}
        }
    }

    fn complete(&mut self, unacknowledged: Duration, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let Server::Connecting { socket, until_ns } = self.take() else { return false };
        match socket.connected() {
            None => {
                self.server = Server::Connecting { socket, until_ns };
                return false;
            }
            Some(Ok(())) if socket.configure(unacknowledged).is_ok() => {
                self.server = Server::Open(socket);
                // What waited for this is judged by its deadline now.
                turn.read_clock();
                session.server_connected(self.leg, &mut turn.context());
            }
            Some(_) => self.refused(session, turn),
        }
        true
    }

    fn receive(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        if !self.can_receive(session) {
            return false;
        }
        let Server::Open(socket) = &mut self.server else { return false };
        match socket.receive(turn.scratch) {
            Received::Bytes(count) => {
                let (bytes, mut context) = turn.received(count);
                session.server_received(self.leg, bytes, &mut context);
            }
            Received::Finished => session.server_finished(self.leg, &mut turn.context()),
            Received::Failed | Received::Broken(_) => self.failed(session, turn),
            Received::Spent => turn.is_spent = true,
            Received::Nothing => return false,
        }
        true
    }

    fn refused(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        self.reset();
        session.server_refused(self.leg, &mut turn.context());
    }

    fn failed(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        self.reset();
        session.server_finished(self.leg, &mut turn.context());
    }

    fn take(&mut self) -> Server {
        std::mem::replace(&mut self.server, Server::Absent)
    }
}
