//! A conversation's connection to its client: what is read from it, written to it, and how it ends.
//!
//! Kept true here: a client that was told FIN ends its own side, or is reset after `LINGER_NS`.

use crate::limits::Limit;
use crate::socket::{Flushed, Readiness, Received, Socket};
use crate::turn::Turn;
use session::Session;

/// How long a client that was told FIN may take to end its side.
const LINGER_NS: u64 = 5_000_000_000;

pub(crate) struct ClientSide {
    socket: Option<Socket>,
    is_finishing: bool,
    /// So many replies lie unread that the client is not heard.
    is_stuffed: bool,
    linger_ns: Option<u64>,
}

impl ClientSide {
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket: Some(socket), is_finishing: false, is_stuffed: false, linger_ns: None }
    }

    pub(crate) fn ready(&mut self, is: Readiness) {
        if let Some(socket) = &mut self.socket {
            socket.ready(is);
        }
    }

    /// Whether bytes wait in the kernel that the session wants.
    pub(crate) fn can_receive(&self, session: &Session) -> bool {
        // A closed session's client is still heard, for the end of its stream.
        let is_wanted = session.is_closed() || session.wants_client();
        is_wanted && self.socket.as_ref().is_some_and(Socket::has_more)
    }

    /// Hand the session what came; whether anything did.
    pub(crate) fn receive(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        if !self.can_receive(session) {
            return false;
        }
        let Some(socket) = self.socket.as_mut() else { return false };
        match socket.receive(turn.scratch) {
            Received::Bytes(count) => {
                let (bytes, mut context) = turn.received(count);
                session.client_received(bytes, &mut context);
            }
            Received::Finished => session.client_finished(&mut turn.context()),
            Received::Failed => self.failed("client_reset", session, turn),
            Received::Broken(why) => self.failed(why, session, turn),
            Received::Spent => turn.is_spent = true,
            Received::Nothing => return false,
        }
        true
    }

    /// Write what waits; whether that failed, for then the session has more to say.
    pub(crate) fn flush(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let Some(socket) = self.socket.as_mut() else { return false };
        match socket.flush(session.client_out()) {
            Flushed::All if self.is_finishing && !socket.write_ended => socket.finish(),
            Flushed::All | Flushed::Some => {}
            Flushed::Failed => {
                self.failed("client_reset", session, turn);
                return true;
            }
        }
        let is_stuffed = session.client_out().is_full();
        if is_stuffed && !self.is_stuffed {
            turn.ledger.counters.limit(Limit::ClientBytes);
        }
        self.is_stuffed = is_stuffed;
        false
    }

    /// Send FIN behind what waits.
    pub(crate) fn finish(&mut self) {
        self.is_finishing = true;
    }

    /// The session is closed: from now on the client's own end is awaited.
    pub(crate) fn linger(&mut self, now_ns: u64) {
        self.linger_ns.get_or_insert(now_ns.saturating_add(LINGER_NS));
    }

    /// When the client will have lingered long enough, monotonic nanoseconds.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.linger_ns
    }

    pub(crate) fn deadline_reached(&mut self, now_ns: u64) {
        if self.linger_ns.is_some_and(|at| at <= now_ns) {
            self.reset();
        }
    }

    /// Gone, or told FIN and at the end of its own side.
    pub(crate) fn is_over(&self) -> bool {
        self.socket.as_ref().is_none_or(|socket| socket.write_ended && socket.read_ended)
    }

    pub(crate) fn reset(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.reset();
        }
    }

    fn failed(&mut self, why: &str, session: &mut Session, turn: &mut Turn<'_>) {
        self.reset();
        session.close(why, &mut turn.context());
    }
}
