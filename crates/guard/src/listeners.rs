//! The sockets clients connect to, and which conduit each belongs to.

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
    pub(crate) place: Place,
}

/// All listeners; the token of the n-th opened is `Token(first + n)` and never used again.
pub(crate) struct Listeners {
    open: BTreeMap<usize, Listening>,
    next_token: usize,
}

/// Sockets bound for a new policy, not yet in use.
pub(crate) struct Prepared(Vec<(SocketAddr, TcpListener)>);

impl Listeners {
    /// The first listener opened gets token `first`.
    pub(crate) fn new(first: usize) -> Self {
        Self { open: BTreeMap::new(), next_token: first }
    }

    /// Bind what a policy needs and is not yet open; changes nothing that is.
    ///
    /// # Errors
    /// The address that cannot be bound, whose it is, why, and what would mend it.
    pub(crate) fn prepare(&self, policy: &Policy) -> Result<Prepared, String> {
        let wanted = sockets(policy.document());
        let open: BTreeSet<_> = self.open.values().map(|listening| listening.address).collect();
        let fresh = wanted.keys().filter(|address| !open.contains(*address));
        let bound = fresh.map(|address| match bind(*address) {
            Ok(socket) => Ok((*address, socket)),
            Err(error) => Err(unbound(policy.document(), *address, &error)),
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
            let Some(place) = wanted.get(&address).copied() else { continue };
            registry.register(&mut socket, Token(token), Interest::READABLE)?;
            fresh.insert(token, Listening { socket, address, place });
        }
        self.open.retain(|_, listening| match wanted.get(&listening.address) {
            Some(place) => {
                listening.place = *place;
                true
            }
            // Closing the socket ends the watch over it as well.
            None => false,
        });
        self.next_token = fresh.keys().next_back().map_or(self.next_token, |last| last + 1);
        self.open.append(&mut fresh);
        Ok(())
    }

    pub(crate) fn get(&self, token: usize) -> Option<&Listening> {
        self.open.get(&token)
    }

    pub(crate) fn tokens(&self) -> Vec<usize> {
        self.open.keys().copied().collect()
    }

    /// Accept no more.
    pub(crate) fn close(&mut self) {
        self.open.clear();
    }
}

/// Where each socket of a document stands in it. Clients at serial ports have none.
fn sockets(document: &Document) -> BTreeMap<SocketAddr, Place> {
    let mut places = places(document);
    places.retain(|address, _| !is_of_port(address.ip()));
    places
}

/// Where each address of a document stands in it.
pub(crate) fn places(document: &Document) -> BTreeMap<SocketAddr, Place> {
    let mut places = BTreeMap::new();
    for (conduit, of) in document.conduits.iter().enumerate() {
        for (listener, at) in of.listeners.iter().enumerate() {
            places.insert(SocketAddr::new(at.address, at.port), Place { conduit, listener });
        }
    }
    places
}

fn unbound(document: &Document, address: SocketAddr, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there; `ss -ltnp` names it",
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address; `ip address` lists those it has, `listen` in the site file chooses"
        }
        io::ErrorKind::PermissionDenied => "a port below 1024 needs CAP_NET_BIND_SERVICE",
        _ => "`listen` in the site file chooses the address",
    };
    let place = places(document).get(&address).copied();
    let conduit = place.and_then(|place| document.conduits.get(place.conduit));
    let of = conduit.map(|conduit| format!(" of conduit {}", conduit.name)).unwrap_or_default();
    format!("listener {address}{of}: {error}: {hint}")
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if let IpAddr::V6(v6) = address.ip() {
        // `::` means both families to an operator who writes it; any other address is one.
        socket.set_only_v6(!v6.is_unspecified())?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}
