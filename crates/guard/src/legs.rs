//! All server connections of one conversation, by the session's name for each.

use crate::leg_socket::LegSocket;
use crate::socket::Readiness;
use crate::token::{Slot, token_of};
use crate::turn::Turn;
use session::{Leg, Session};
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) struct Legs {
    sockets: Vec<LegSocket>,
    unacknowledged: Duration,
}

impl Legs {
    /// The legs of the conversation at `place` of the table lead to `addresses`; none is connected yet.
    pub(crate) fn new(place: usize, addresses: impl Iterator<Item = SocketAddr>, unacknowledged: Duration) -> Self {
        let sockets = addresses.enumerate().map(|(index, address)| {
            let leg = Leg(u8::try_from(index).unwrap_or(u8::MAX));
            LegSocket::new(leg, token_of(place, Slot::Server(leg.0)), address)
        });
        Self { sockets: sockets.collect(), unacknowledged }
    }

    /// How long what was sent may stay unacknowledged, for open connections too.
    pub(crate) fn limit_unacknowledged(&mut self, to: Duration) {
        if std::mem::replace(&mut self.unacknowledged, to) == to {
            // Most reloads change nothing here, and must not cost a call for each open connection.
            return;
        }
        for socket in &self.sockets {
            socket.limit_unacknowledged(to);
        }
    }

    #[cfg(test)]
    pub(crate) fn get(&self, leg: Leg) -> Option<&LegSocket> {
        self.sockets.get(usize::from(leg.0))
    }

    pub(crate) fn get_mut(&mut self, leg: Leg) -> Option<&mut LegSocket> {
        self.sockets.get_mut(usize::from(leg.0))
    }

    pub(crate) fn ready(&mut self, leg: Leg, is: Readiness) {
        if let Some(socket) = self.get_mut(leg) {
            socket.ready(is);
        }
    }

    /// Complete handshakes and receive; whether anything moved.
    pub(crate) fn serve(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let mut moved = false;
        for socket in &mut self.sockets {
            moved |= socket.serve(self.unacknowledged, session, turn);
        }
        moved
    }

    /// Whether bytes wait in the kernel that the session wants.
    pub(crate) fn can_receive(&self, session: &Session) -> bool {
        self.sockets.iter().any(|socket| socket.can_receive(session))
    }

    /// Write what waits; whether that failed anywhere.
    pub(crate) fn flush(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let mut has_failed = false;
        for socket in &mut self.sockets {
            has_failed |= socket.flush(session, turn);
        }
        has_failed
    }

    /// When the next handshake is given up, monotonic nanoseconds.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.sockets.iter().filter_map(LegSocket::deadline).min()
    }

    pub(crate) fn deadline_reached(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        for socket in &mut self.sockets {
            socket.deadline_reached(session, turn);
        }
    }

    pub(crate) fn reset(&mut self) {
        for socket in &mut self.sockets {
            socket.reset();
        }
    }
}
