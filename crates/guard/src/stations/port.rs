//! One serial port at which a client asks, with the guard's place on its bus.
//!
//! ```text
//! Down ──time──► Up ──failed──► Down (the pause grows)
//! ```

use super::StationId;
use crate::lines::{End, Way, pace_of};
use crate::listeners::Place;
use crate::timers::Key;
use crate::token::token_of_station;
use line::{Station, StationAction, Statistics};
use mio::Registry;
use mio::event::Event;
use policy::document::{ClientBus, Serial};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use wire::{TransactionId, UnitId, append_adu};

const LEAST_PAUSE_NS: u64 = 250_000_000;
const MOST_PAUSE_NS: u64 = 10_000_000_000;

/// What somebody must hear of.
#[derive(Debug)]
pub(crate) enum Told {
    /// A request, as a client of Modbus TCP would send it.
    Ask(Vec<u8>),
    /// The client does not wait for this one any more; whose reply was there, and of which function.
    GaveUp(TransactionId, Option<(UnitId, u8)>),
    /// For the record: the port is there, or is not.
    Note(bool, String),
}

enum Link {
    Down { again_ns: u64 },
    Up(End),
}

pub(crate) struct ClientPort {
    id: StationId,
    /// The client's asset.
    name: Arc<str>,
    /// The address that stands for it.
    pub(crate) address: SocketAddr,
    pub(crate) place: Place,
    /// The conversation that its requests go to.
    pub(crate) key: Option<Key>,
    serial: Serial,
    station: Station,
    link: Link,
    told: VecDeque<Told>,
    pause_ns: u64,
    /// What was told last: whether it is there.
    last_told: Option<bool>,
    is_retired: bool,
}

impl ClientPort {
    pub(crate) fn new(
        id: StationId,
        (name, address): (&Arc<str>, SocketAddr),
        (place, bus): (Place, &ClientBus),
    ) -> Self {
        Self {
            id,
            name: Arc::clone(name),
            address,
            place,
            key: None,
            serial: bus.serial.clone(),
            station: Station::new(pace_of(&bus.serial), bus.echo),
            link: Link::Down { again_ns: 0 },
            told: VecDeque::new(),
            pause_ns: LEAST_PAUSE_NS,
            last_told: None,
            is_retired: false,
        }
    }

    /// Another policy says this of it. A port that is to be set anew is opened anew.
    pub(crate) fn adopt(&mut self, (name, place, bus): (&Arc<str>, Place, &ClientBus), now_ns: u64) {
        (self.name, self.place, self.is_retired) = (Arc::clone(name), place, false);
        self.station.configure(pace_of(&bus.serial), bus.echo);
        if self.serial != bus.serial {
            self.serial = bus.serial.clone();
            self.drop_end(now_ns);
        }
    }

    /// No new request is taken: no policy names it any more, or the guard is about to end.
    pub(crate) fn retire(&mut self) {
        self.is_retired = true;
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.is_retired
    }

    pub(crate) fn is_over(&self, now_ns: u64) -> bool {
        self.is_retired && self.key.is_none() && self.told.is_empty() && self.is_quiet(now_ns)
    }

    /// Whether nothing is to be said any more.
    pub(crate) fn is_quiet(&self, now_ns: u64) -> bool {
        !self.is_up() || self.station.is_quiet(now_ns)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn leads(&self) -> &str {
        &self.serial.port
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.station.is_asked()
    }

    pub(crate) fn statistics(&self) -> &Statistics {
        self.station.statistics()
    }

    /// The reply to a request; `false`: nobody waits for it any more.
    pub(crate) fn reply(&mut self, id: TransactionId, unit_id: UnitId, pdu: &[u8]) -> bool {
        self.station.reply(id, unit_id, pdu)
    }

    pub(crate) fn ready(&mut self, event: &Event) {
        if let Link::Up(end) = &mut self.link {
            end.ready(event);
        }
    }

    /// When it wants to be looked at, monotonic nanoseconds.
    pub(crate) fn next_deadline(&self, now_ns: u64) -> Option<u64> {
        match &self.link {
            _ if !self.told.is_empty() => Some(now_ns),
            Link::Down { .. } if self.is_retired => None,
            Link::Down { again_ns } => Some(*again_ns),
            Link::Up(_) => self.station.next_deadline(now_ns),
        }
    }

    /// Read, write and open; then what somebody must hear of, one at a time.
    pub(crate) fn work(&mut self, registry: &Registry, now_ns: u64, scratch: &mut [u8]) -> Option<Told> {
        self.open(registry, now_ns);
        self.receive(now_ns, scratch);
        while self.told.is_empty() {
            let Some(action) = self.station.next(now_ns) else { break };
            self.act(action, now_ns);
        }
        self.told.pop_front()
    }

    fn act(&mut self, action: StationAction, now_ns: u64) {
        match action {
            // Silence: a client on a bus asks again, and finds who is there then.
            StationAction::Ask { .. } if self.is_retired => {}
            StationAction::Ask { id, unit_id, pdu } => {
                let mut adu = Vec::new();
                append_adu(&mut adu, id, unit_id, &pdu);
                self.told.push_back(Told::Ask(adu));
            }
            StationAction::GaveUp { id, late } => self.told.push_back(Told::GaveUp(id, late)),
            StationAction::Send(frame) => self.send(&frame, now_ns),
        }
    }

    fn send(&mut self, frame: &[u8], now_ns: u64) {
        let Link::Up(end) = &mut self.link else { return };
        // What the port did not take at once would leave late, into the client's next words.
        match end.send(frame) {
            Ok(()) if end.is_holding() => self.failed(&io::ErrorKind::WriteZero.into(), now_ns),
            Ok(()) => {}
            Err(error) => self.failed(&error, now_ns),
        }
    }

    fn receive(&mut self, now_ns: u64, scratch: &mut [u8]) {
        let Link::Up(end) = &mut self.link else { return };
        while let Some(received) = end.receive(scratch) {
            match received {
                Ok(count) => self.station.received(scratch.get(..count).unwrap_or_default(), now_ns),
                Err(error) => return self.failed(&error, now_ns),
            }
        }
    }

    fn open(&mut self, registry: &Registry, now_ns: u64) {
        let Link::Down { again_ns } = self.link else { return };
        if again_ns > now_ns || self.is_retired {
            return;
        }
        match End::open(&Way::Serial(self.serial.clone()), registry, token_of_station(self.id.0)) {
            Ok(end) => self.opened(end),
            Err(error) => self.failed(&error, now_ns),
        }
    }

    fn opened(&mut self, end: End) {
        self.link = Link::Up(end);
        self.pause_ns = LEAST_PAUSE_NS;
        let what = format!("client_port_opened: {} at {}", self.name, self.leads());
        self.note(true, what);
    }

    fn failed(&mut self, error: &io::Error, now_ns: u64) {
        self.drop_end(now_ns);
        self.link = Link::Down { again_ns: now_ns.saturating_add(self.pause_ns) };
        self.pause_ns = self.pause_ns.saturating_mul(2).min(MOST_PAUSE_NS);
        let what = format!("client_port_lost: {} at {}: {error}", self.name, self.leads());
        self.note(false, what);
    }

    /// Each change is told once.
    fn note(&mut self, is_there: bool, what: String) {
        if self.last_told.replace(is_there) != Some(is_there) {
            self.told.push_back(Told::Note(is_there, what));
        }
    }

    fn drop_end(&mut self, now_ns: u64) {
        if let Link::Up(end) = std::mem::replace(&mut self.link, Link::Down { again_ns: now_ns }) {
            end.reset();
            self.station.lost();
        }
    }
}
