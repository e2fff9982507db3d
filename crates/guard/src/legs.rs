//! All server connections of one conversation, by the session's name for each.

use crate::diverted::Route;
use crate::leg_socket::{Judge, LegSocket};
use crate::line_leg::LineLeg;
use crate::socket::Readiness;
use crate::timers::Key;
use crate::tls::{Credential, ServerGate};
use crate::token::{Slot, token_of};
use crate::turn::Turn;
use session::{Leg, Session};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Legs {
    ends: Vec<LegEnd>,
    unacknowledged: Duration,
}

/// How a server is reached.
pub(crate) enum Way {
    /// By a connection of the session's own; under TLS where there is a name to find its files by.
    Socket(Route, Option<Arc<str>>),
    /// By the line to the server of that name.
    Line(Arc<str>),
}

enum LegEnd {
    Socket(LegSocket),
    Line(LineLeg),
}

impl Legs {
    /// The legs of a conversation, none connected yet; `party` is whose they are.
    pub(crate) fn new(key: Key, party: IpAddr, ways: impl Iterator<Item = Way>, unacknowledged: Duration) -> Self {
        let ends = ways.enumerate().map(|(index, way)| {
            let leg = Leg(u8::try_from(index).unwrap_or(u8::MAX));
            match way {
                Way::Socket(route, secured) => {
                    let token = token_of(key.place, Slot::Server(leg.0));
                    LegEnd::Socket(LegSocket::new(leg, token, (route, secured)))
                }
                Way::Line(name) => LegEnd::Line(LineLeg::new(key, leg, party, name)),
            }
        });
        Self { ends: ends.collect(), unacknowledged }
    }

    /// How long what was sent may stay unacknowledged, for open connections too.
    pub(crate) fn limit_unacknowledged(&mut self, to: Duration) {
        if std::mem::replace(&mut self.unacknowledged, to) == to {
            // Most reloads change nothing here, and must not cost a call for each open connection.
            return;
        }
        for socket in self.sockets() {
            socket.limit_unacknowledged(to);
        }
    }

    #[cfg(test)]
    pub(crate) fn get(&self, leg: Leg) -> Option<&LegSocket> {
        match self.ends.get(usize::from(leg.0)) {
            Some(LegEnd::Socket(socket)) => Some(socket),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, leg: Leg) -> Option<&mut LegSocket> {
        match self.ends.get_mut(usize::from(leg.0)) {
            Some(LegEnd::Socket(socket)) => Some(socket),
            _ => None,
        }
    }

    pub(crate) fn line_mut(&mut self, leg: Leg) -> Option<&mut LineLeg> {
        match self.ends.get_mut(usize::from(leg.0)) {
            Some(LegEnd::Line(line)) => Some(line),
            _ => None,
        }
    }

    pub(crate) fn connect(&mut self, leg: Leg, session: &mut Session, turn: &mut Turn<'_>) {
        match self.ends.get_mut(usize::from(leg.0)) {
            Some(LegEnd::Socket(socket)) => socket.connect(session, turn),
            Some(LegEnd::Line(line)) => line.connect(session, turn),
            None => {}
        }
    }

    /// Send FIN behind what waits. A line's other sessions go on.
    pub(crate) fn finish(&mut self, leg: Leg) {
        match self.ends.get_mut(usize::from(leg.0)) {
            Some(LegEnd::Socket(socket)) => socket.finish(),
            Some(LegEnd::Line(line)) => line.reset(),
            None => {}
        }
    }

    pub(crate) fn reset_leg(&mut self, leg: Leg) {
        match self.ends.get_mut(usize::from(leg.0)) {
            Some(LegEnd::Socket(socket)) => socket.reset(),
            Some(LegEnd::Line(line)) => line.reset(),
            None => {}
        }
    }

    pub(crate) fn ready(&mut self, leg: Leg, is: Readiness) {
        if let Some(socket) = self.get_mut(leg) {
            socket.ready(is);
        }
    }

    /// Complete handshakes and receive; whether anything moved.
    pub(crate) fn serve(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let (mut moved, unacknowledged) = (false, self.unacknowledged);
        for socket in self.sockets_mut() {
            moved |= socket.serve(unacknowledged, session, turn);
        }
        moved
    }

    /// Whether bytes wait in the kernel that the session wants.
    pub(crate) fn can_receive(&self, session: &Session) -> bool {
        self.sockets().any(|socket| socket.can_receive(session))
    }

    /// Write what waits, or offer it; whether that failed anywhere.
    pub(crate) fn flush(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let mut has_failed = false;
        for end in &mut self.ends {
            match end {
                LegEnd::Socket(socket) => has_failed |= socket.flush(session, turn),
                LegEnd::Line(line) => line.flush(session, turn),
            }
        }
        has_failed
    }

    /// When the next handshake is given up, monotonic nanoseconds.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.sockets().filter_map(LegSocket::deadline).min()
    }

    pub(crate) fn deadline_reached(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        for socket in self.sockets_mut() {
            socket.deadline_reached(session, turn);
        }
    }

    /// Cut each connection whose server `judge` says something against.
    pub(crate) fn judge(&mut self, judge: &mut Judge<'_>, session: &mut Session, turn: &mut Turn<'_>) {
        for socket in self.sockets_mut() {
            socket.judge(judge, session, turn);
        }
    }

    pub(crate) fn servers(&self) -> impl Iterator<Item = (&Arc<ServerGate>, &Arc<Credential>)> {
        self.sockets().filter_map(LegSocket::server)
    }

    /// Whether a handshake waits for a responder; it may go on.
    pub(crate) fn stir_settled(&mut self) -> bool {
        self.sockets_mut().filter_map(|socket| socket.stir_settled().then_some(())).count() > 0
    }

    /// The conversation is over, and its connections with it: TLS says so.
    pub(crate) fn take_leave(&mut self) {
        for socket in self.sockets_mut() {
            socket.take_leave();
        }
    }

    pub(crate) fn reset(&mut self) {
        for socket in self.sockets_mut() {
            socket.reset();
        }
    }

    fn sockets(&self) -> impl Iterator<Item = &LegSocket> {
        self.ends.iter().filter_map(|end| match end {
            LegEnd::Socket(socket) => Some(socket),
            LegEnd::Line(_) => None,
        })
    }

    fn sockets_mut(&mut self) -> impl Iterator<Item = &mut LegSocket> {
        self.ends.iter_mut().filter_map(|end| match end {
            LegEnd::Socket(socket) => Some(socket),
            LegEnd::Line(_) => None,
        })
    }
}
