//! The serial ports at which clients ask: which there are, and which conversation each has.
//!
//! Kept true here:
//! * a port is opened again for ever, with a growing pause, and each loss is told;
//! * a reload keeps a port that is still a client's, and what is open at one that is not is finished;
//! * nothing here waits.

mod port;
mod report;

pub(crate) use port::{ClientPort, Told};
pub(crate) use report::PORT_FAMILIES;

use crate::listeners::{Place, places};
use crate::timers::Key;
use mio::Registry;
use mio::event::Event;
use policy::document::Document;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// A port's place in the table; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StationId(pub(crate) usize);

pub(crate) struct Stations {
    ports: BTreeMap<StationId, ClientPort>,
    next: usize,
    registry: Registry,
}

impl Stations {
    /// None yet.
    ///
    /// # Errors
    /// The system cannot watch anything.
    pub(crate) fn new(registry: &Registry) -> io::Result<Self> {
        Ok(Self { ports: BTreeMap::new(), next: 0, registry: registry.try_clone()? })
    }

    /// Keep what is still a client's, retire the rest, and have the new ones opened.
    pub(crate) fn adopt(&mut self, document: &Document, now_ns: u64) {
        let places = places(document);
        for port in self.ports.values_mut() {
            port.retire();
        }
        for (address, place) in places.into_iter().filter(|(address, _)| policy::document::is_of_port(address.ip())) {
            let Some(bus) = bus_at(document, place) else { continue };
            let name = name_of(document, address);
            match self.ports.values_mut().find(|port| port.address == address) {
                Some(port) => port.adopt((&name, place, bus), now_ns),
                None => {
                    self.next += 1;
                    let id = StationId(self.next);
                    self.ports.insert(id, ClientPort::new(id, (&name, address), (place, bus)));
                }
            }
        }
        self.sweep(now_ns);
    }

    /// Drop what is no client's any more and has nothing to say.
    pub(crate) fn sweep(&mut self, now_ns: u64) {
        self.ports.retain(|_, port| !port.is_over(now_ns));
    }

    /// Whether all replies have left.
    pub(crate) fn are_quiet(&self, now_ns: u64) -> bool {
        self.ports.values().all(|port| port.is_quiet(now_ns))
    }

    /// Take no more requests; what was asked is still answered.
    pub(crate) fn close(&mut self) {
        for port in self.ports.values_mut() {
            port.retire();
        }
    }

    pub(crate) fn get_mut(&mut self, id: StationId) -> Option<&mut ClientPort> {
        self.ports.get_mut(&id)
    }

    /// A conversation is gone, however it ended.
    pub(crate) fn forget(&mut self, key: Key) {
        for port in self.ports.values_mut().filter(|port| port.key == Some(key)) {
            port.key = None;
        }
    }

    /// Note what epoll says.
    pub(crate) fn ready(&mut self, place: usize, event: &Event) {
        if let Some(port) = self.ports.get_mut(&StationId(place)) {
            port.ready(event);
        }
    }

    pub(crate) fn ids(&self) -> Vec<StationId> {
        self.ports.keys().copied().collect()
    }

    /// Read, write, open, and give what somebody must hear of.
    pub(crate) fn work(&mut self, id: StationId, now_ns: u64, scratch: &mut [u8]) -> Option<Told> {
        self.ports.get_mut(&id)?.work(&self.registry, now_ns, scratch)
    }

    /// The port whose client has this address.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<&ClientPort> {
        self.ports.values().find(|port| port.address == address)
    }

    /// When one of them wants to be looked at, monotonic nanoseconds.
    pub(crate) fn next_deadline(&self, now_ns: u64) -> Option<u64> {
        self.ports.values().filter_map(|port| port.next_deadline(now_ns)).min()
    }

    /// Each port that is a client's.
    pub(crate) fn all(&self) -> impl Iterator<Item = &ClientPort> {
        self.ports.values().filter(|port| !port.is_retired())
    }
}

fn bus_at(document: &Document, place: Place) -> Option<&policy::document::ClientBus> {
    document.conduits.get(place.conduit)?.listeners.get(place.listener)?.bus.as_ref()
}

fn name_of(document: &Document, address: SocketAddr) -> Arc<str> {
    let owner = document.assets.iter().find(|asset| asset.addresses.contains(&address.ip()));
    owner.map_or("", |asset| asset.name.as_str()).into()
}
