//! Takes connections: budgets first, then a session.

use crate::client_end::ClientEnd;
use crate::conversation::{Conversation, Parts};
use crate::directory::Admission;
use crate::diverted::{Entry, Route};
use crate::legs::{Legs, Way};
use crate::limits::Limit;
use crate::listeners::Place;
use crate::socket::Socket;
use crate::timers::Key;
use crate::tls::{Identity, Refusal, TlsStream};
use crate::token::{Slot, token_of};
use event::{Event, Kind};
use mio::Registry;
use mio::net::TcpStream;
use policy::Moment;
use policy::document::{Budgets, ClientAddress, Verdicts};
use session::{SessionConfig, Terms};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A peer that acknowledges nothing for as long is gone.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Clients that no rule names hold at most this part of a conduit's sessions together: whoever may connect at all
/// could take the places of those the conduit is there for. A quarter of the default is what one client may hold.
const UNNAMED_PART: u32 = 4;

/// Whose a session is, as far as budgets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    conduit: usize,
    client: IpAddr,
    /// No rule permits it anything, where rules decide.
    is_unnamed: bool,
}

/// How many sessions stand open, by conduit and by client.
#[derive(Default)]
pub(crate) struct Population {
    conduits: HashMap<usize, Seats>,
    clients: HashMap<(usize, IpAddr), u32>,
}

/// Sessions of a conduit.
#[derive(Clone, Copy, Default)]
struct Seats {
    all: u32,
    unnamed: u32,
}

impl Guest {
    pub(crate) fn of(conduit: usize, peer: SocketAddr, admission: &Admission) -> Self {
        let enforces = admission.config.terms.verdicts == Verdicts::Enforce;
        let is_unnamed = enforces && !admission.view.names_client();
        Self { conduit, client: canonical(peer.ip()), is_unnamed }
    }

    /// Somebody whose certificate is not known yet: a stranger only where no role could make a rule name it.
    pub(crate) fn in_handshake(self, is_unnamed: bool) -> Self {
        Self { is_unnamed, ..self }
    }

    pub(crate) fn client(self) -> IpAddr {
        self.client
    }

    pub(crate) fn is_unnamed(self) -> bool {
        self.is_unnamed
    }
}

impl Population {
    /// The budget a further session would break, if any.
    pub(crate) fn over_budget(&self, guest: Guest, budgets: &Budgets) -> Option<Limit> {
        let seats = self.conduits.get(&guest.conduit).copied().unwrap_or_default();
        let own = self.clients.get(&(guest.conduit, guest.client)).copied().unwrap_or_default();
        let met = [
            (Limit::Sessions, seats.all >= budgets.sessions),
            (Limit::SessionsPerClient, own >= budgets.sessions_per_client),
            (Limit::SessionsUnnamed, guest.is_unnamed && seats.unnamed >= room_for_unnamed(budgets)),
        ];
        met.into_iter().find(|(_, is_met)| *is_met).map(|(limit, _)| limit)
    }

    pub(crate) fn enter(&mut self, guest: Guest) {
        let seats = self.conduits.entry(guest.conduit).or_default();
        seats.all += 1;
        seats.unnamed += u32::from(guest.is_unnamed);
        *self.clients.entry((guest.conduit, guest.client)).or_default() += 1;
    }

    pub(crate) fn leave(&mut self, guest: Guest) {
        if let Some(seats) = self.conduits.get_mut(&guest.conduit) {
            seats.all = seats.all.saturating_sub(1);
            seats.unnamed = seats.unnamed.saturating_sub(u32::from(guest.is_unnamed));
        }
        if let Some(count) = self.clients.get_mut(&(guest.conduit, guest.client)) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.clients.remove(&(guest.conduit, guest.client));
            }
        }
    }
}

/// At least one, so that a stranger hears why it is refused; but never all.
fn room_for_unnamed(budgets: &Budgets) -> u32 {
    (budgets.sessions / UNNAMED_PART).max(1).min(budgets.sessions.saturating_sub(1))
}

/// A connection that was just accepted.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) place: Place,
    pub(crate) entry: Entry,
}

/// Watch a client's connection.
pub(crate) fn watch(stream: TcpStream, registry: &Registry, place: usize) -> io::Result<Socket> {
    let socket = Socket::register(stream, registry, token_of(place, Slot::Client))?;
    socket.configure(UNACKNOWLEDGED)?;
    Ok(socket)
}

/// Watch a client's connection whose handshake is done.
pub(crate) fn watch_secured(stream: Box<TlsStream>, registry: &Registry, place: usize) -> io::Result<Socket> {
    let socket = Socket::secured(stream, registry, token_of(place, Slot::Client))?;
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
    (admission, identity): (&Admission, Identity),
    key: Key,
    session: session::Session,
    (client, now): (ClientEnd, Moment),
) -> Conversation {
    let guest = Guest::of(arrival.place.conduit, arrival.peer, admission);
    let Arrival { peer, local, place, .. } = *arrival;
    let legs = legs(admission, key, arrival);
    let parts = Parts { key, local, peer, place, guest, identity, legs };
    Conversation::new(parts, client, session, now)
}

/// Where the legs of an admitted session lead.
fn legs(admission: &Admission, key: Key, arrival: &Arrival) -> Legs {
    let terms = &admission.config.terms;
    let ways = terms.servers.iter().map(|server| match (&server.shared, server.address) {
        (None, Some(address)) => {
            let secured = server.expects.is_some().then(|| Arc::clone(&server.name));
            Way::Socket(Route { to: SocketAddr::new(address, server.port), from: kept(arrival) }, secured)
        }
        _ => Way::Line(Arc::clone(&server.name)),
    });
    Legs::new(key, canonical(arrival.peer.ip()), ways, unacknowledged(terms))
}

/// The address of its own that a client keeps towards servers.
fn kept(arrival: &Arrival) -> Option<IpAddr> {
    (arrival.entry == Entry::Diverted(ClientAddress::Keep)).then(|| arrival.peer.ip())
}

/// The row of a connection to what the policy does not know.
pub(crate) fn undeclared(peer: SocketAddr, destination: SocketAddr, own: Event) -> Event {
    Event {
        kind: Kind::SessionRefused,
        client_address: Some(canonical(peer.ip())),
        client_port: Some(peer.port()),
        server_address: Some(destination.ip()),
        reason: Some(Arc::from(format!("undeclared_destination: {destination}"))),
        ..own
    }
}

/// The row of a connection that no session was opened for.
pub(crate) fn refusal(config: &SessionConfig, budget: Limit, own: Event) -> Event {
    let reason = Some(Arc::from(format!("budget: {}", budget.name())));
    Event { reason, ..of_client(config, Kind::SessionRefused, own) }
}

/// The row of a connection whose handshake came to nothing.
pub(crate) fn tls_refusal(config: &SessionConfig, refusal: &Refusal, own: Event) -> Event {
    Event { reason: Some(Arc::from(refusal.told())), ..of_client(config, Kind::TlsRefused, own) }
}

/// A row about a client that has no session, or not yet.
pub(crate) fn of_client(config: &SessionConfig, kind: Kind, own: Event) -> Event {
    Event {
        kind,
        conduit: Some(Arc::clone(&config.terms.conduit)),
        client: config.client.name.clone(),
        client_address: config.client.address,
        client_port: config.client.port,
        ..own
    }
}

/// An IPv4 client on a socket for both families is still that IPv4 client.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(sessions: u32) -> Budgets {
        serde_json::from_value(serde_json::json!({"sessions": sessions, "sessions_per_client": sessions,
            "open_requests": 1, "queued_requests": 1, "denial_rows_per_second": 1}))
        .unwrap()
    }

    fn guest(last: u8, is_unnamed: bool) -> Guest {
        Guest { conduit: 0, client: IpAddr::from([127, 0, 0, last]), is_unnamed }
    }

    #[test]
    fn clients_that_no_rule_names_leave_three_quarters_of_the_sessions_to_those_that_one_does() {
        let (mut population, budgets) = (Population::default(), budgets(8));
        for last in 1..=2 {
            assert_eq!(population.over_budget(guest(last, true), &budgets), None);
            population.enter(guest(last, true));
        }

        assert_eq!(population.over_budget(guest(3, true), &budgets), Some(Limit::SessionsUnnamed));
        for last in 10..16 {
            assert_eq!(population.over_budget(guest(last, false), &budgets), None);
            population.enter(guest(last, false));
        }
        assert_eq!(population.over_budget(guest(16, false), &budgets), Some(Limit::Sessions));
        population.leave(guest(1, true));
        assert_eq!(population.over_budget(guest(3, true), &budgets), None);
    }

    #[test]
    fn the_smallest_budgets_still_have_a_place_that_no_stranger_can_take() {
        let room = [1, 2, 3, 4, 8, 1024].map(|sessions| room_for_unnamed(&budgets(sessions)));

        assert_eq!(room, [0, 1, 1, 1, 2, 256]);
    }
}
