//! The sockets clients connect to, and which conduit each connection belongs to.
//!
//! A socket of its own belongs to one listener of the policy. What the kernel diverts arrives at one socket for all
//! servers, and belongs where its original destination says; that is the accepted connection's local address.
//!
//! Kept true here: a diverted connection is never taken for one to a socket of the guard's own, nor the other way round.

use crate::diverted::{self, Entry, Need};
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use policy::Policy;
use policy::document::{Document, is_of_port};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};

const BACKLOG: i32 = 1024;

/// Where a listener stands in a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) conduit: usize,
    pub(crate) listener: usize,
}

pub(crate) struct Listening {
    pub(crate) socket: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) role: Role,
}

/// What a socket is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// One listener of the policy.
    Own(Place),
    /// All connections that the kernel diverts.
    Diverted(Need),
}

/// All listeners; the token of the n-th opened is `Token(first + n)` and never used again.
pub(crate) struct Listeners {
    open: BTreeMap<usize, Listening>,
    /// Where connections belong that are diverted, by their original destination.
    destinations: BTreeMap<SocketAddr, (Place, Entry)>,
    next_token: usize,
}

/// Sockets bound for a new policy, not yet in use.
pub(crate) struct Prepared(Vec<(SocketAddr, TcpListener)>);

impl Listeners {
    /// The first listener opened gets token `first`.
    pub(crate) fn new(first: usize) -> Self {
        Self { open: BTreeMap::new(), destinations: BTreeMap::new(), next_token: first }
    }

    /// Bind what a policy needs and is not yet open; changes nothing that is.
    ///
    /// # Errors
    /// The address that cannot be bound, whose it is, why, and what would mend it.
    pub(crate) fn prepare(&self, policy: &Policy) -> Result<Prepared, String> {
        let wanted = sockets(policy.document());
        let open: BTreeSet<_> =
            self.open.values().map(|listening| (listening.address, listening.is_diverted())).collect();
        let is_open = |address: &SocketAddr, role: &Role| open.contains(&(*address, matches!(role, Role::Diverted(_))));
        let fresh = wanted.iter().filter(|(address, role)| !is_open(address, role));
        let bound = fresh.filter_map(|(address, role)| match bind(*address, *role) {
            Ok(socket) => Some(Ok((*address, socket))),
            Err(error) if *role == Role::Diverted(Need::Welcome) && diverted::lacks_family(&error) => None,
            Err(error) => Some(Err(unbound(policy.document(), (*address, *role), &error))),
        });
        bound.collect::<Result<Vec<_>, _>>().map(Prepared)
    }

    /// Put prepared sockets to use, close those the policy no longer names, renumber the rest.
    ///
    /// # Errors
    /// The system cannot watch a new socket; then nothing has changed.
    pub(crate) fn adopt(&mut self, prepared: Prepared, policy: &Policy, registry: &Registry) -> io::Result<()> {
        let wanted = sockets(policy.document());
        let mut fresh = BTreeMap::new();
        for (token, (address, mut socket)) in (self.next_token..).zip(prepared.0) {
            let Some(role) = wanted.get(&address).copied() else { continue };
            registry.register(&mut socket, Token(token), Interest::READABLE)?;
            fresh.insert(token, Listening { socket, address, role });
        }
        let fresh_addresses: BTreeSet<_> = fresh.values().map(|listening| listening.address).collect();
        self.open.retain(|_, listening| match wanted.get(&listening.address) {
            Some(role) if !fresh_addresses.contains(&listening.address) => {
                listening.role = *role;
                true
            }
            // Closing the socket ends the watch over it as well.
            _ => false,
        });
        self.next_token = fresh.keys().next_back().map_or(self.next_token, |last| last + 1);
        self.open.append(&mut fresh);
        self.destinations = diverted::destinations(policy.document());
        Ok(())
    }

    pub(crate) fn get(&self, token: usize) -> Option<&Listening> {
        self.open.get(&token)
    }

    /// Where a diverted connection belongs; `None`: the policy declares no such server.
    pub(crate) fn destination(&self, local: SocketAddr) -> Option<(Place, Entry)> {
        self.destinations.get(&local).copied()
    }

    pub(crate) fn tokens(&self) -> Vec<usize> {
        self.open.keys().copied().collect()
    }

    /// Accept no more.
    pub(crate) fn close(&mut self) {
        self.open.clear();
    }
}

impl Listening {
    fn is_diverted(&self) -> bool {
        matches!(self.role, Role::Diverted(_))
    }
}

/// Where each address stands in a document that clients connect to, or that stands for a client at a serial port.
pub(crate) fn places(document: &Document) -> BTreeMap<SocketAddr, Place> {
    let mut places = BTreeMap::new();
    for (conduit, of) in document.conduits.iter().enumerate() {
        for (listener, at) in of.listeners.iter().enumerate() {
            places.insert(SocketAddr::new(at.address, at.port), Place { conduit, listener });
        }
    }
    places
}

/// The sockets that a document needs. Clients at serial ports have none.
fn sockets(document: &Document) -> BTreeMap<SocketAddr, Role> {
    let own = places(document).into_iter().filter(|(address, _)| !is_of_port(address.ip()));
    let own = own.filter(|(_, place)| diverted::of(document, *place).is_none());
    let own = own.map(|(address, place)| (address, Role::Own(place)));
    let diverted = diverted::sockets(document).into_iter().map(|(address, need)| (address, Role::Diverted(need)));
    own.chain(diverted).collect()
}

fn unbound(document: &Document, (address, role): (SocketAddr, Role), error: &io::Error) -> String {
    let of = match role {
        Role::Own(place) => document.conduits.get(place.conduit).map(|conduit| format!(" of conduit {}", conduit.name)),
        Role::Diverted(_) => Some(" for diverted connections".to_owned()),
    };
    let hint = match (error.kind(), role) {
        (io::ErrorKind::AddrInUse, _) => "another process listens there; `ss -ltnp` names it",
        (io::ErrorKind::AddrNotAvailable, Role::Own(_)) => {
            "this host has no such address; `ip address` lists those it has, `listen` in the site file chooses"
        }
        (io::ErrorKind::AddrNotAvailable, Role::Diverted(_)) => "this host's loopback interface lacks that address",
        (io::ErrorKind::PermissionDenied, Role::Own(_)) => "a port below 1024 needs CAP_NET_BIND_SERVICE",
        (io::ErrorKind::PermissionDenied, Role::Diverted(_)) => "transparent insertion needs CAP_NET_ADMIN",
        (_, Role::Own(_)) => "`listen` in the site file chooses the address",
        (_, Role::Diverted(_)) => "`transparent: {port: …}` in the site file chooses the port",
    };
    format!("listener {address}{}: {error}: {hint}", of.unwrap_or_default())
}

fn bind(address: SocketAddr, role: Role) -> io::Result<TcpListener> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if let IpAddr::V6(v6) = address.ip() {
        // `::` means both families to an operator who writes it; any other address is one.
        socket.set_only_v6(!v6.is_unspecified())?;
    }
    if matches!(role, Role::Diverted(_)) {
        diverted::make_transparent(&socket, address)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}
