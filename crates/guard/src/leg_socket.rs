//! One of a conversation's server connections, from connect to its end.
//!
//! ```text
//! Absent ──connect──► Connecting ──there──► Open ──both streams ended──► Absent
//!    ▲                    │      │            ▲ │ reset, failed
//!    │                    │  under TLS        │ │
//!    │                    │      └► Securing ─┘ │
//!    │                    │ refused,   │        │
//!    │                    │ too late   │        │
//!    └────────────────────┴────────────┴────────┘
//! ```
//!
//! Kept true here:
//! * bytes reach a server only from the session's own buffer for it;
//! * where TLS is asked for no byte leaves without it, whatever became of its files;
//! * bytes that could not leave at once are held against their deadline before they do;
//! * the session is told each way in which a connection ends that it did not ask for.

use crate::diverted::Route;
use crate::limits::Limit;
use crate::socket::{Flushed, Readiness, Received, Socket};
use crate::tls::{Credential, Dial, Reason, Refusal, ServerGate, Step, When};
use crate::turn::Turn;
use event::{Event, Kind};
use mio::Token;
#[cfg(test)]
use mio::net::TcpStream;
use session::{Leg, Recorder as _, Session};
use std::sync::Arc;
use std::time::Duration;

/// A server on a plant network that does not complete a handshake by then is not there.
pub(crate) const CONNECT_NS: u64 = 3_000_000_000;
/// Small controllers take a second or two for their signature.
pub(crate) const HANDSHAKE_NS: u64 = 5_000_000_000;

/// Says what stands against a server's certificate, if anything does.
pub(crate) type Judge<'a> = dyn FnMut(&Arc<ServerGate>, &Arc<Credential>) -> Option<Refusal> + 'a;

pub(crate) struct LegSocket {
    leg: Leg,
    token: Token,
    route: Route,
    /// The name to find the files of TLS by, where it is to be spoken.
    secured: Option<Arc<str>>,
    far: Option<Far>,
    server: Server,
    is_finishing: bool,
    /// So many bytes wait that no more are read for it.
    is_stuffed: bool,
    /// The socket did not take all that was there for it.
    is_holding: bool,
}

/// Who is at the other end.
struct Far {
    gate: Arc<ServerGate>,
    credential: Arc<Credential>,
    /// Something came: it has taken the guard's certificate.
    has_spoken: bool,
}

enum Server {
    Absent,
    Connecting { socket: Socket, until_ns: u64 },
    Securing { dial: Box<Dial>, until_ns: u64 },
    Open(Socket),
}

impl LegSocket {
    pub(crate) fn new(leg: Leg, token: Token, (route, secured): (Route, Option<Arc<str>>)) -> Self {
        Self {
            leg,
            token,
            route,
            secured,
            far: None,
            server: Server::Absent,
            is_finishing: false,
            is_stuffed: false,
            is_holding: false,
        }
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
            Server::Connecting { .. } | Server::Securing { .. } | Server::Absent => None,
        }
    }

    pub(crate) fn ready(&mut self, is: Readiness) {
        match &mut self.server {
            Server::Connecting { socket, .. } | Server::Open(socket) => socket.ready(is),
            Server::Securing { dial, .. } => dial.ready(is),
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
        self.far = None;
        if self.secured.is_some() && self.gate(turn).is_none() {
            turn.ledger.counters.limit(Limit::ServerConnect);
            return session.server_refused(self.leg, &mut turn.context());
        }
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

    /// The files to speak TLS by, unless the server is to be left alone for now.
    fn gate(&self, turn: &Turn<'_>) -> Option<Arc<ServerGate>> {
        let gate = turn.keyring.server(self.secured.as_deref()?)?;
        gate.may_dial(turn.now.monotonic_ns).then(|| Arc::clone(gate))
    }

    /// Complete the handshakes or receive; whether anything moved.
    pub(crate) fn serve(&mut self, unacknowledged: Duration, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        match &self.server {
            Server::Connecting { socket, .. } if socket.has_stirred() => self.complete(unacknowledged, session, turn),
            Server::Securing { dial, .. } if dial.can_step() => self.secure(session, turn),
            Server::Open(_) => self.receive(session, turn),
            Server::Connecting { .. } | Server::Securing { .. } | Server::Absent => false,
        }
    }

    /// Whether bytes wait in the kernel that the session wants.
    pub(crate) fn can_receive(&self, session: &Session) -> bool {
        matches!(&self.server, Server::Open(socket) if socket.has_more()) && session.wants_server(self.leg)
    }

    /// When an unfinished handshake is given up, monotonic nanoseconds.
    pub(crate) fn deadline(&self) -> Option<u64> {
        match self.server {
            Server::Connecting { until_ns, .. } | Server::Securing { until_ns, .. } => Some(until_ns),
            Server::Absent | Server::Open(_) => None,
        }
    }

    pub(crate) fn deadline_reached(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        if self.deadline().is_none_or(|at| at > turn.now.monotonic_ns) {
            return;
        }
        match &self.server {
            Server::Securing { dial, .. } => {
                let late = dial.late();
                turn.ledger.counters.limit(Limit::HandshakeTimeout);
                self.mistrusted(&late, session, turn);
            }
            _ => self.refused(session, turn),
        }
    }

    /// Who is there under TLS.
    pub(crate) fn server(&self) -> Option<(&Arc<ServerGate>, &Arc<Credential>)> {
        let far = self.far.as_ref().filter(|_| matches!(self.server, Server::Open(_)))?;
        Some((&far.gate, &far.credential))
    }

    /// Whether its handshake waits for a responder; it may go on.
    pub(crate) fn stir_settled(&mut self) -> bool {
        let Server::Securing { dial, .. } = &mut self.server else { return false };
        dial.stir();
        dial.is_settled()
    }

    /// Cut the connection where something stands against its server now.
    pub(crate) fn judge(&mut self, judge: &mut Judge<'_>, session: &mut Session, turn: &mut Turn<'_>) {
        let Some(far) = self.far.as_ref().filter(|_| matches!(self.server, Server::Open(_))) else { return };
        if let Some(refusal) = judge(&far.gate, &far.credential) {
            self.note(Kind::TlsServerRefused, &refusal.told(), session, turn);
            self.failed(session, turn);
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

    /// What ends without a word cannot be resumed, as though it had been cut.
    pub(crate) fn take_leave(&mut self) {
        if let Server::Open(socket) = &mut self.server
            && self.is_finishing
            && !self.is_holding
            && !socket.write_ended
        {
            socket.finish();
        }
    }

    pub(crate) fn reset(&mut self) {
        match self.take() {
            Server::Connecting { socket, .. } | Server::Open(socket) => socket.reset(),
            Server::Securing { dial, .. } => Socket::dialed(dial.into_stream()).reset(),
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
            Some(Ok(())) if socket.configure(unacknowledged).is_ok() => match self.secured {
                None => self.connected(socket, session, turn),
                Some(_) => self.begin_handshake(socket, session, turn),
            },
            Some(_) => self.refused(session, turn),
        }
        true
    }

    fn connected(&mut self, socket: Socket, session: &mut Session, turn: &mut Turn<'_>) {
        self.server = Server::Open(socket);
        // What waited for this is judged by its deadline now.
        turn.read_clock();
        session.server_connected(self.leg, &mut turn.context());
    }

    fn begin_handshake(&mut self, socket: Socket, session: &mut Session, turn: &mut Turn<'_>) {
        let begun = self.gate(turn).zip(socket.into_wire());
        match begun.map(|(gate, wire)| Dial::begin(wire, gate, When::of(turn.now))) {
            Some(Ok(dial)) => {
                let until_ns = turn.now.monotonic_ns.saturating_add(HANDSHAKE_NS);
                self.server = Server::Securing { dial: Box::new(dial), until_ns };
            }
            Some(Err(error)) => self.mistrusted(&Refusal::new(Reason::Internal, error.to_string()), session, turn),
            None => self.refused(session, turn),
        }
    }

    /// One step of the handshake, where this turn of the loop has one left.
    fn secure(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let Some(left) = turn.dials.checked_sub(1) else {
            turn.is_spent = true;
            return true;
        };
        *turn.dials = left;
        let Server::Securing { dial, .. } = &mut self.server else { return false };
        let step = dial.step(When::of(turn.now));
        // A step is long: deadlines behind it are judged by a fresh look.
        turn.read_clock();
        match step {
            Step::Waiting => return false,
            Step::Refused(refusal) => self.mistrusted(&refusal, session, turn),
            Step::Done(credential, complaints) => {
                let Server::Securing { dial, .. } = self.take() else { return false };
                let gate = Arc::clone(&dial.gate);
                if gate.is_new(&credential) {
                    self.note(Kind::TlsServerKnown, &credential.whom, session, turn);
                }
                for complaint in complaints {
                    let told = format!("{}: {}", complaint.told(), credential.whom);
                    self.note(Kind::TlsTolerated, &told, session, turn);
                }
                self.far = Some(Far { gate, credential, has_spoken: false });
                self.connected(Socket::dialed(dial.into_stream()), session, turn);
            }
        }
        true
    }

    /// The server is none that may be used: said once for each try, and not tried again at once.
    fn mistrusted(&mut self, refusal: &Refusal, session: &mut Session, turn: &mut Turn<'_>) {
        if let Some(gate) = self.secured.as_deref().and_then(|name| turn.keyring.server(name)) {
            gate.failed(turn.now.monotonic_ns);
        }
        self.note(Kind::TlsServerRefused, &refusal.told(), session, turn);
        self.refused(session, turn);
    }

    fn note(&self, kind: Kind, reason: &str, session: &Session, turn: &mut Turn<'_>) {
        let config = session.config();
        let row = Event {
            session: Some(config.client.id),
            server: self.secured.clone(),
            server_address: Some(self.route.to.ip()),
            reason: Some(Arc::from(reason)),
            ..crate::accept::of_client(config, kind, turn.ledger.own())
        };
        turn.ledger.record(&row);
    }

    fn receive(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        if !self.can_receive(session) {
            return false;
        }
        let Server::Open(socket) = &mut self.server else { return false };
        match socket.receive(turn.scratch) {
            Received::Bytes(count) => {
                if let Some(far) = self.far.as_mut().filter(|far| !far.has_spoken) {
                    far.has_spoken = true;
                    far.gate.succeeded();
                }
                let (bytes, mut context) = turn.received(count);
                session.server_received(self.leg, bytes, &mut context);
            }
            Received::Finished => session.server_finished(self.leg, &mut turn.context()),
            Received::Broken(_) => {
                let words = socket.words().to_owned();
                self.broken(words, session, turn);
            }
            Received::Failed => self.failed(session, turn),
            Received::Spent => turn.is_spent = true,
            Received::Nothing => return false,
        }
        true
    }

    /// TLS 1.3 lets a server refuse the guard's certificate only when the handshake is over here.
    fn broken(&mut self, words: String, session: &mut Session, turn: &mut Turn<'_>) {
        if let Some(far) = self.far.as_ref().filter(|far| !far.has_spoken) {
            far.gate.failed(turn.now.monotonic_ns);
            let refusal = Refusal::new(Reason::ServerAlert, words);
            self.note(Kind::TlsServerRefused, &refusal.told(), session, turn);
        }
        self.failed(session, turn);
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
