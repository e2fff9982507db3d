//! Connections that the kernel diverts (TPROXY): where they arrive, whose they are, and how a client's address is kept.
//!
//! Kept true here:
//! * sockets for what is diverted are bound to loopback, so that nobody reaches them but by the kernel's rules;
//! * a connection under a client's address goes to that client's own destination and nowhere else.

use crate::listeners::Place;
use mio::net::TcpStream;
use policy::document::{ClientAddress, Document, Transparent};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// To a socket of the guard's own.
    Direct,
    /// To its server, and diverted.
    Diverted(ClientAddress),
}

/// Whether a guard can do without a socket for diverted connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A server has an address of this family.
    Required,
    /// None has; the host may lack the family.
    Welcome,
}

/// Where a leg of a conversation leads, and under whose address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) to: SocketAddr,
    /// `None`: the guard's own.
    pub(crate) from: Option<IpAddr>,
}

/// What a document says of diverting at one of its places.
pub(crate) fn of(document: &Document, place: Place) -> Option<Transparent> {
    document.conduits.get(place.conduit)?.transparent
}

/// Where connections to the servers' own addresses belong.
pub(crate) fn destinations(document: &Document) -> BTreeMap<SocketAddr, (Place, Entry)> {
    let places = crate::listeners::places(document).into_iter();
    let diverted = places.filter_map(|(address, place)| {
        let entry = Entry::Diverted(of(document, place)?.client_address);
        Some((address, (place, entry)))
    });
    diverted.collect()
}

/// The sockets at which diverted connections arrive: in both families, for what no server declares is refused here too.
pub(crate) fn sockets(document: &Document) -> BTreeMap<SocketAddr, Need> {
    let mut sockets = BTreeMap::new();
    for conduit in &document.conduits {
        let Some(transparent) = conduit.transparent else { continue };
        for loopback in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let is_needed = conduit.listeners.iter().any(|at| at.address.is_ipv4() == loopback.is_ipv4());
            let need = sockets.entry(SocketAddr::new(loopback, transparent.port)).or_insert(Need::Welcome);
            if is_needed {
                *need = Need::Required;
            }
        }
    }
    sockets
}

/// Whether a host has no such family at all; then nothing of it could be diverted either.
pub(crate) fn lacks_family(error: &io::Error) -> bool {
    let known = [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| known.contains(&code))
}

/// Let a socket take, or stand under, addresses that are not this host's.
pub(crate) fn make_transparent(socket: &Socket, family: SocketAddr) -> io::Result<()> {
    match family {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true),
        SocketAddr::V6(_) => socket.set_ip_transparent_v6(true),
    }
}

/// Start to connect; readiness to write tells the end of it.
pub(crate) fn connect(route: Route) -> io::Result<TcpStream> {
    let Some(from) = route.from else { return TcpStream::connect(route.to) };
    let domain = if route.to.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    make_transparent(&socket, route.to)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    match socket.connect(&route.to.into()) {
        // A connection that does not block is under way.
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// Refuse a connection at once, as though nobody listened.
pub(crate) fn refuse(stream: &TcpStream) {
    // Where linger cannot be set the socket is already dead.
    let _ = SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Document {
        let conduit = |name: &str, address: &str, transparent: serde_json::Value| {
            json!({"name": name, "verdicts": "enforce", "denial": "silence", "server_silent": "close",
                "idle_timeout_ms": 1, "deadline_ms": 1, "on_journal_failure": "permit", "record_read_values": "all",
                "budgets": {"sessions": 1, "sessions_per_client": 1, "open_requests": 1, "queued_requests": 0,
                    "denial_rows_per_second": 0},
                "transparent": transparent, "rules": [],
                "listeners": [{"address": address, "port": 502, "servers": [0]}]})
        };
        let keep = json!({"port": 15502, "client_address": "keep"});
        serde_json::from_value(json!({
            "format": 1, "site": "s", "guard": "g", "utc_offsets": [], "assets": [], "point_maps": [],
            "servers": [{"name": "s", "address": "10.0.0.1", "port": 502, "gateway": false, "reply_timeout_ms": 1,
                "units": []}],
            "conduits": [conduit("own", "10.0.0.2", json!(null)), conduit("a", "10.0.0.1", keep.clone()),
                conduit("b", "fd00::1", keep)]}))
        .unwrap()
    }

    #[test]
    fn only_the_servers_of_transparent_conduits_are_destinations() {
        let document = document();
        let found: Vec<_> =
            destinations(&document).into_iter().map(|(at, (place, _))| (at.to_string(), place.conduit)).collect();

        assert_eq!(found, [("10.0.0.1:502".to_owned(), 1), ("[fd00::1]:502".to_owned(), 2)]);
    }

    #[test]
    fn conduits_with_one_port_share_a_loopback_socket_in_each_family_that_servers_have() {
        let mut document = document();
        let found = |document: &Document| -> Vec<(String, Need)> {
            sockets(document).into_iter().map(|(address, need)| (address.to_string(), need)).collect()
        };
        let (v4, v6) = ("127.0.0.1:15502".to_owned(), "[::1]:15502".to_owned());

        assert_eq!(found(&document), [(v4.clone(), Need::Required), (v6.clone(), Need::Required)]);
        document.conduits.pop();
        assert_eq!(found(&document), [(v4, Need::Required), (v6, Need::Welcome)]);
    }

    #[test]
    fn a_route_of_the_guard_s_own_binds_no_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect(Route { to: listener.local_addr().unwrap(), from: None }).unwrap();
        let (_accepted, peer) = listener.accept().unwrap();

        assert_eq!(stream.local_addr().unwrap(), peer);
    }
}
