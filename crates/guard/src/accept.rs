//! Takes connections: budgets first, then a session.

use crate::conversation::{Conversation, Parts};
use crate::directory::Admission;
use crate::legs::Legs;
use crate::limits::Limit;
use crate::listeners::Place;
use crate::socket::Socket;
use crate::timers::Key;
use crate::token::{Slot, token_of};
use event::{Event, Kind};
use mio::Registry;
use mio::net::TcpStream;
use policy::Moment;
use policy::document::{Conduit, Verdicts};
use session::Terms;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A peer that acknowledges nothing for as long is gone.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How many sessions stand open, by conduit and by client.
#[derive(Default)]
pub(crate) struct Population {
    conduits: HashMap<usize, u32>,
    clients: HashMap<(usize, IpAddr), u32>,
}

impl Population {
    /// The budget a further session would break, if any.
    pub(crate) fn over_budget(&self, conduit: usize, of: &Conduit, client: IpAddr) -> Option<Limit> {
        if self.conduits.get(&conduit).copied().unwrap_or_default() >= of.budgets.sessions {
            return Some(Limit::Sessions);
        }
        let own = self.clients.get(&(conduit, client)).copied().unwrap_or_default();
        (own >= of.budgets.sessions_per_client).then_some(Limit::SessionsPerClient)
    }

    pub(crate) fn enter(&mut self, conduit: usize, client: IpAddr) {
        *self.conduits.entry(conduit).or_default() += 1;
        *self.clients.entry((conduit, client)).or_default() += 1;
    }

    pub(crate) fn leave(&mut self, conduit: usize, client: IpAddr) {
        if let Some(count) = self.conduits.get_mut(&conduit) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.clients.get_mut(&(conduit, client)) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.clients.remove(&(conduit, client));
            }
        }
    }
}

/// A connection that was just accepted.
pub(crate) struct Arrival {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) place: Place,
}

/// Watch a client's connection.
pub(crate) fn watch(stream: TcpStream, registry: &Registry, place: usize) -> io::Result<Socket> {
    let socket = Socket::register(stream, registry, token_of(place, Slot::Client))?;
    socket.configure(UNACKNOWLEDGED)?;
    Ok(socket)
}

/// How long what was sent to a server may stay unacknowledged.
///
/// Under enforcement that is the deadline, for promise 3 covers the kernel's buffer too. An
/// observing conduit has no deadline, and must not break what a plain wire would carry.
pub(crate) fn unacknowledged(terms: &Terms) -> Duration {
    match terms.verdicts {
        Verdicts::Observe => UNACKNOWLEDGED,
        Verdicts::Enforce => Duration::from_nanos(terms.deadline_ns),
    }
}

/// Make a conversation of an admitted connection.
pub(crate) fn converse(
    arrival: &Arrival,
    admission: &Admission,
    key: Key,
    session: session::Session,
    (socket, now): (Socket, Moment),
) -> Conversation {
    let parts =
        Parts { key, local: arrival.local, peer: arrival.peer, place: arrival.place, legs: legs(admission, key) };
    Conversation::new(parts, socket, session, now)
}

/// Where the legs of an admitted session lead.
fn legs(admission: &Admission, key: Key) -> Legs {
    let terms = &admission.config.terms;
    let addresses = terms.servers.iter().map(|server| SocketAddr::new(server.address, server.port));
    Legs::new(key.place, addresses, unacknowledged(terms))
}

/// The row of a connection that no session was opened for.
pub(crate) fn refusal(conduit: &Conduit, peer: SocketAddr, budget: Limit, own: Event) -> Event {
    Event {
        kind: Kind::SessionRefused,
        conduit: Some(Arc::from(conduit.name.as_str())),
        client_address: Some(canonical(peer.ip())),
        client_port: Some(peer.port()),
        reason: Some(Arc::from(format!("budget: {}", budget.name()))),
        ..own
    }
}

/// An IPv4 client on a socket for both families is still that IPv4 client.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}
