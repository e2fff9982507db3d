//! The clients of a line, and what each has to send: one request at a time, the first of its buffer.

use crate::job::Class;
use core::net::IpAddr;
use wire::{TransactionId, UnitId, parse_request};

/// A session's connection to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// The first whole ADU of a client's buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The session's own id.
    pub transaction_id: TransactionId,
    /// Who it is for.
    pub unit_id: UnitId,
    /// Function code and data.
    pub pdu: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) client: ClientId,
    /// Whose it is: fairness is among people, not among their connections.
    pub(crate) party: IpAddr,
    pub(crate) offer: Option<Waiting>,
}

/// An offer, and what a line needs to know to choose among them.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) offer: Offer,
    pub(crate) class: Class,
    pub(crate) since_ns: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Seats {
    seats: Vec<Seat>,
    last: u64,
}

// === impl Seats ===

impl Seats {
    pub(crate) fn join(&mut self, party: IpAddr) -> ClientId {
        self.last = self.last.saturating_add(1);
        let client = ClientId(self.last);
        self.seats.push(Seat { client, party, offer: None });
        client
    }

    pub(crate) fn leave(&mut self, client: ClientId) {
        self.seats.retain(|seat| seat.client != client);
    }

    /// Note what a client has to send; `false`: it has an offer already, or is not here.
    pub(crate) fn offer(&mut self, client: ClientId, offer: Offer, now_ns: u64) -> bool {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.client == client) else { return false };
        if seat.offer.is_some() {
            return false;
        }
        let class = parse_request(&offer.pdu, true).map_or(Class::Change, |request| Class::of(&request));
        seat.offer = Some(Waiting { offer, class, since_ns: now_ns });
        true
    }

    pub(crate) fn take(&mut self, client: ClientId) -> Option<(IpAddr, Waiting)> {
        let seat = self.seats.iter_mut().find(|seat| seat.client == client)?;
        Some((seat.party, seat.offer.take()?))
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = (&Seat, &Waiting)> {
        self.seats.iter().filter_map(|seat| Some((seat, seat.offer.as_ref()?)))
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.seats.iter().map(|seat| seat.client)
    }

    pub(crate) fn has_party(&self, party: IpAddr) -> bool {
        self.seats.iter().any(|seat| seat.party == party)
    }
}
