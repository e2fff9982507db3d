//! One client's connection, its session, and the server connections it uses.
//!
//! Theory: the session decides, this file moves bytes. Each pump reads what the session
//! wants, hands it over, carries out what the session asks for, and writes what it left in
//! its buffers, until nothing moves or the turn is over.
//!
//! Kept true here:
//! * bytes reach a server only from the session's own buffer for it;
//! * no conversation gets more than `ROUNDS` turns in a row;
//! * a connection that ends, ends its counterpart as the session says, or after `LINGER_NS`;
//! * no conversation is over before its session has recorded its end.

use crate::accept::unacknowledged;
use crate::ledger::Ledger;
use crate::listeners::Place;
use crate::socket::{Flushed, Received, Socket};
use crate::timers::Key;
use crate::token::{Slot, token_of};
use mio::Registry;
use policy::{Moment, Plant};
use session::{Action, Context, Leg, Session, Terms};
use std::net::SocketAddr;
use std::time::Duration;

const ROUNDS: usize = 8;
/// How long a client that was told FIN may take to end its side.
const LINGER_NS: u64 = 5_000_000_000;
/// A server on a plant network that does not complete a handshake by then is not there.
const CONNECT_NS: u64 = 3_000_000_000;

/// What the loop lends a conversation for one turn.
pub(crate) struct Turn<'a> {
    pub(crate) now: Moment,
    pub(crate) plant: &'a mut Plant,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) registry: &'a Registry,
    pub(crate) scratch: &'a mut [u8],
}

/// What epoll says of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer's stream has ended, perhaps behind bytes that are still to be read.
    pub(crate) ending: bool,
}

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

enum Server {
    Connecting { socket: Socket, until_ns: u64 },
    Open(Socket),
}

pub(crate) struct Conversation {
    pub(crate) key: Key,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
    pub(crate) opened: Moment,
    pub(crate) session: Session,
    pub(crate) timer_ns: u64,
    client: Option<Socket>,
    client_finishing: bool,
    linger_ns: Option<u64>,
    servers: Vec<Option<Server>>,
    finishing: Vec<bool>,
    addresses: Vec<SocketAddr>,
    unacknowledged: Duration,
    /// It stands among the unfinished already.
    pub(crate) is_unfinished: bool,
}

/// What a conversation is made of.
pub(crate) struct Parts {
    pub(crate) key: Key,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) unacknowledged: Duration,
}

impl Conversation {
    pub(crate) fn new(parts: Parts, client: Socket, session: Session, opened: Moment) -> Self {
        let legs = parts.addresses.len();
        Self {
            key: parts.key,
            local: parts.local,
            peer: parts.peer,
            place: parts.place,
            opened,
            session,
            timer_ns: u64::MAX,
            client: Some(client),
            client_finishing: false,
            linger_ns: None,
            servers: std::iter::repeat_with(|| None).take(legs).collect(),
            finishing: vec![false; legs],
            addresses: parts.addresses,
            unacknowledged: parts.unacknowledged,
            is_unfinished: false,
        }
    }

    /// Another policy's terms hold from now on, for open connections too.
    pub(crate) fn adopt(&mut self, terms: &Terms) {
        self.unacknowledged = unacknowledged(terms);
        for server in self.servers.iter().flatten() {
            if let Server::Open(socket) = server {
                // A socket that cannot be set has already failed, and epoll will say so.
                let _ = socket.configure(self.unacknowledged);
            }
        }
    }

    /// Note what epoll says.
    pub(crate) fn ready(&mut self, slot: Slot, is: Readiness) {
        let socket = match slot {
            Slot::Client => self.client.as_mut(),
            Slot::Server(leg) => self.servers.get_mut(usize::from(leg)).and_then(Option::as_mut).map(Server::socket),
        };
        if let Some(socket) = socket {
            socket.can_read |= is.readable || is.ending;
            socket.can_write |= is.writable;
            socket.is_ending |= is.ending;
        }
    }

    /// Move bytes until nothing moves or the turn is over.
    pub(crate) fn pump(&mut self, turn: &mut Turn<'_>) -> Pumped {
        for _ in 0..ROUNDS {
            let mut moved = self.receive_from_client(turn);
            for leg in 0..self.servers.len() {
                moved |= self.serve(leg, turn);
            }
            moved |= self.act(turn);
            moved |= self.flush(turn);
            if self.is_over() {
                self.conclude(turn);
                return Pumped::Ended;
            }
            // Epoll will not say again what it said while there was no room for more.
            if !moved && !self.can_receive() {
                return Pumped::Idle;
            }
        }
        Pumped::Unfinished
    }

    /// Whether bytes wait in the kernel that the session wants.
    fn can_receive(&self) -> bool {
        let waits = |socket: &Socket| socket.can_read && !socket.read_ended;
        let from_client = self.client.as_ref().is_some_and(waits) && self.wants_client();
        from_client
            || (0..).zip(&self.servers).any(|(leg, server)| match server {
                Some(Server::Open(socket)) => waits(socket) && self.session.wants_server(leg_of(leg)),
                Some(Server::Connecting { .. }) | None => false,
            })
    }

    /// A closed session's client is still heard, for the end of its stream.
    fn wants_client(&self) -> bool {
        self.session.is_closed() || self.session.wants_client()
    }

    /// The client is gone: the session records its end, and servers are reset where it says so.
    fn conclude(&mut self, turn: &mut Turn<'_>) {
        self.session.close("client_closed", &mut turn.context());
        self.act(turn);
    }

    /// When to look again, monotonic nanoseconds.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let connecting = self.servers.iter().flatten().filter_map(|server| match server {
            Server::Connecting { until_ns, .. } => Some(*until_ns),
            Server::Open(_) => None,
        });
        connecting.chain(self.session.next_deadline()).chain(self.linger_ns).min()
    }

    /// Time has passed: tell whom it concerns.
    pub(crate) fn deadline_reached(&mut self, turn: &mut Turn<'_>) {
        let now_ns = turn.now.monotonic_ns;
        if self.linger_ns.is_some_and(|at| at <= now_ns) {
            self.reset_client();
        }
        for leg in 0..self.servers.len() {
            let expired =
                matches!(self.servers.get(leg), Some(Some(Server::Connecting { until_ns, .. })) if *until_ns <= now_ns);
            if expired {
                self.refused(leg, turn);
            }
        }
        self.session.deadline_reached(&mut turn.context());
    }

    /// End now, with nothing recorded: for a session that can no longer be asked.
    pub(crate) fn reset(mut self) {
        self.reset_client();
        for leg in 0..self.servers.len() {
            self.reset_server(leg);
        }
    }

    fn receive_from_client(&mut self, turn: &mut Turn<'_>) -> bool {
        let wants = self.wants_client();
        let Some(socket) = self.client.as_mut() else { return false };
        if !socket.can_read || socket.read_ended || !wants {
            return false;
        }
        match socket.receive(turn.scratch) {
            Received::Bytes(count) => {
                let (scratch, mut context) = turn.split();
                self.session.client_received(scratch.get(..count).unwrap_or_default(), &mut context);
            }
            Received::Finished => self.session.client_finished(&mut turn.context()),
            Received::Failed => self.client_failed(turn),
            Received::Nothing => return false,
        }
        true
    }

    fn client_failed(&mut self, turn: &mut Turn<'_>) {
        self.reset_client();
        self.session.close("client_reset", &mut turn.context());
    }

    fn serve(&mut self, leg: usize, turn: &mut Turn<'_>) -> bool {
        match self.servers.get(leg) {
            Some(Some(Server::Connecting { socket, .. })) if socket.can_write || socket.can_read => {
                self.connected(leg, turn)
            }
            Some(Some(Server::Open(_))) => self.receive_from_server(leg, turn),
            _ => false,
        }
    }

    fn connected(&mut self, leg: usize, turn: &mut Turn<'_>) -> bool {
        let Some(place) = self.servers.get_mut(leg) else { return false };
        let Some(Server::Connecting { socket, until_ns }) = place.take() else { return false };
        match socket.connected() {
            None => {
                *place = Some(Server::Connecting { socket, until_ns });
                return false;
            }
            Some(Ok(())) if socket.configure(self.unacknowledged).is_ok() => {
                *place = Some(Server::Open(socket));
                self.session.server_connected(leg_of(leg), &mut turn.context());
            }
            Some(_) => self.refused(leg, turn),
        }
        true
    }

    fn refused(&mut self, leg: usize, turn: &mut Turn<'_>) {
        self.reset_server(leg);
        self.session.server_refused(leg_of(leg), &mut turn.context());
    }

    fn receive_from_server(&mut self, leg: usize, turn: &mut Turn<'_>) -> bool {
        let wants = self.session.wants_server(leg_of(leg));
        let Some(Some(Server::Open(socket))) = self.servers.get_mut(leg) else { return false };
        if !socket.can_read || socket.read_ended || !wants {
            return false;
        }
        match socket.receive(turn.scratch) {
            Received::Bytes(count) => {
                let (scratch, mut context) = turn.split();
                self.session.server_received(leg_of(leg), scratch.get(..count).unwrap_or_default(), &mut context);
            }
            Received::Finished => self.session.server_finished(leg_of(leg), &mut turn.context()),
            Received::Failed => {
                self.reset_server(leg);
                self.session.server_finished(leg_of(leg), &mut turn.context());
            }
            Received::Nothing => return false,
        }
        true
    }

    fn act(&mut self, turn: &mut Turn<'_>) -> bool {
        let actions = self.session.take_actions();
        let acted = !actions.is_empty();
        if self.session.is_closed() && self.linger_ns.is_none() {
            self.linger_ns = Some(turn.now.monotonic_ns.saturating_add(LINGER_NS));
        }
        for action in actions {
            match action {
                Action::Connect(leg) => self.connect(usize::from(leg.0), turn),
                Action::ResetServer(leg) => self.reset_server(usize::from(leg.0)),
                Action::FinishServer(leg) => self.finish_server(usize::from(leg.0)),
                Action::FinishClient => self.client_finishing = true,
                Action::ResetClient => self.reset_client(),
            }
        }
        acted
    }

    fn connect(&mut self, leg: usize, turn: &mut Turn<'_>) {
        let Some(address) = self.addresses.get(leg).copied() else { return };
        let token = token_of(self.key.place, Slot::Server(leg_of(leg).0));
        match Socket::connect(address, turn.registry, token) {
            Ok(socket) => {
                let until_ns = turn.now.monotonic_ns.saturating_add(CONNECT_NS);
                self.put(leg, Server::Connecting { socket, until_ns });
            }
            Err(_) => {
                turn.ledger.counters.limit("server_connect_failed");
                self.session.server_refused(leg_of(leg), &mut turn.context());
            }
        }
    }

    fn put(&mut self, leg: usize, server: Server) {
        if let (Some(place), Some(finishing)) = (self.servers.get_mut(leg), self.finishing.get_mut(leg)) {
            *place = Some(server);
            *finishing = false;
        }
    }

    fn finish_server(&mut self, leg: usize) {
        if let Some(finishing) = self.finishing.get_mut(leg) {
            *finishing = true;
        }
    }

    /// Write what waits; whether that failed, for then the session has more to say.
    fn flush(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut has_failed = self.flush_client(turn);
        for leg in 0..self.servers.len() {
            has_failed |= self.flush_server(leg, turn);
        }
        has_failed
    }

    fn flush_client(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(socket) = self.client.as_mut() else { return false };
        match socket.flush(self.session.client_out()) {
            Flushed::All if self.client_finishing && !socket.write_ended => socket.finish(),
            Flushed::All | Flushed::Some => {}
            Flushed::Failed => {
                self.client_failed(turn);
                return true;
            }
        }
        false
    }

    fn flush_server(&mut self, leg: usize, turn: &mut Turn<'_>) -> bool {
        let Some(place) = self.servers.get_mut(leg) else { return false };
        let Some(Server::Open(socket)) = place else { return false };
        let finishing = self.finishing.get(leg).copied().unwrap_or_default();
        match socket.flush(self.session.server_out(leg_of(leg))) {
            Flushed::All if finishing && !socket.write_ended => socket.finish(),
            Flushed::All | Flushed::Some => {}
            Flushed::Failed => {
                self.reset_server(leg);
                self.session.server_finished(leg_of(leg), &mut turn.context());
                return true;
            }
        }
        if socket.write_ended && socket.read_ended {
            // Both streams have ended: an ordinary close lets the last bytes arrive.
            *place = None;
        }
        false
    }

    fn reset_client(&mut self) {
        if let Some(socket) = self.client.take() {
            socket.reset();
        }
    }

    fn reset_server(&mut self, leg: usize) {
        match self.servers.get_mut(leg).and_then(Option::take) {
            Some(Server::Connecting { socket, .. } | Server::Open(socket)) => socket.reset(),
            None => {}
        }
    }

    /// The client is gone, or was told FIN and has ended its own side.
    fn is_over(&self) -> bool {
        self.client.as_ref().is_none_or(|socket| socket.write_ended && socket.read_ended)
    }
}

impl Server {
    fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Connecting { socket, .. } | Self::Open(socket) => socket,
        }
    }
}

impl Turn<'_> {
    pub(crate) fn context(&mut self) -> Context<'_> {
        Context { now: self.now, plant: self.plant, recorder: self.ledger }
    }

    fn split(&mut self) -> (&[u8], Context<'_>) {
        (self.scratch, Context { now: self.now, plant: self.plant, recorder: self.ledger })
    }
}

fn leg_of(index: usize) -> Leg {
    Leg(u8::try_from(index).unwrap_or(u8::MAX))
}
