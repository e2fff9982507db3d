//! The client's end of a conversation: a connection, or a place on a bus.

use crate::bus_side::BusSide;
use crate::client_side::ClientSide;
use crate::socket::Readiness;
use crate::turn::Turn;
use session::Session;

pub(crate) enum ClientEnd {
    Socket(ClientSide),
    Bus(BusSide),
}

impl ClientEnd {
    pub(crate) fn ready(&mut self, is: Readiness) {
        if let Self::Socket(socket) = self {
            socket.ready(is);
        }
    }

    /// Whether bytes wait in the kernel that the session wants. A bus is heard by its port.
    pub(crate) fn can_receive(&self, session: &Session) -> bool {
        matches!(self, Self::Socket(socket) if socket.can_receive(session))
    }

    /// Hand the session what came; whether anything did.
    pub(crate) fn receive(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        match self {
            Self::Socket(socket) => socket.receive(session, turn),
            Self::Bus(_) => false,
        }
    }

    /// Write what waits; whether that failed, for then the session has more to say.
    pub(crate) fn flush(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        match self {
            Self::Socket(socket) => return socket.flush(session, turn),
            Self::Bus(bus) => bus.flush(session, turn),
        }
        false
    }

    /// Send FIN behind what waits.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Socket(socket) => socket.finish(),
            Self::Bus(bus) => bus.end(),
        }
    }

    pub(crate) fn reset(&mut self) {
        match self {
            Self::Socket(socket) => socket.reset(),
            Self::Bus(bus) => bus.end(),
        }
    }

    /// The session is closed: from now on the client's own end is awaited.
    pub(crate) fn linger(&mut self, now_ns: u64) {
        if let Self::Socket(socket) = self {
            socket.linger(now_ns);
        }
    }

    /// When the client will have lingered long enough, monotonic nanoseconds.
    pub(crate) fn deadline(&self) -> Option<u64> {
        match self {
            Self::Socket(socket) => socket.deadline(),
            Self::Bus(_) => None,
        }
    }

    pub(crate) fn deadline_reached(&mut self, now_ns: u64) {
        if let Self::Socket(socket) = self {
            socket.deadline_reached(now_ns);
        }
    }

    /// Gone, or told FIN and at the end of its own side.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_over(),
            Self::Bus(bus) => bus.is_over(),
        }
    }
}
