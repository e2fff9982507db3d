//! A request on the line, and the ways in which it can end without a reply.

use crate::seats::{ClientId, Offer};
use core::net::IpAddr;
use wire::{Expectation, Request, Span, TransactionId, UnitId, parse_request};

/// Why a request got no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its unit said nothing in time.
    Silent,
    /// What came was damaged.
    Garbled,
    /// The line was lost.
    Lost,
}

/// What a request does, as far as a line must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A read of addresses, the same for whoever asks.
    Read(Span),
    /// Another request that changes nothing.
    Query,
    /// Whatever may change a unit's state.
    Change,
}

/// A request that is on the line, or about to be there again.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// `None`: whoever asked has gone, and the reply is nobody's.
    pub(crate) client: Option<ClientId>,
    pub(crate) party: IpAddr,
    /// The session's own id.
    pub(crate) transaction_id: TransactionId,
    /// The line's id, where its framing has ids.
    pub(crate) line_id: TransactionId,
    pub(crate) unit_id: UnitId,
    pub(crate) pdu: Vec<u8>,
    pub(crate) expectation: Expectation,
    pub(crate) class: Class,
    pub(crate) sent_ns: u64,
    pub(crate) silent_ns: u64,
    pub(crate) retries: u32,
    /// A write went out beside it, so what it reads may be old.
    pub(crate) is_stale: bool,
}

// === impl Class ===

impl Class {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        match (request, request.reads()) {
            _ if request.can_change_state() => Self::Change,
            (Request::ReadBits { .. } | Request::ReadRegisters { .. }, Some(span)) => Self::Read(span),
            _ => Self::Query,
        }
    }
}

// === impl Job ===

impl Job {
    /// `None`: what was offered is no request; the session would not have let it through.
    pub(crate) fn of(client: ClientId, party: IpAddr, offer: Offer) -> Option<Self> {
        let request = parse_request(&offer.pdu, true).ok()?;
        let (expectation, class) = (Expectation::of(&request), Class::of(&request));
        Some(Self {
            client: Some(client),
            party,
            transaction_id: offer.transaction_id,
            line_id: TransactionId(0),
            unit_id: offer.unit_id,
            expectation,
            class,
            pdu: offer.pdu,
            sent_ns: 0,
            silent_ns: 0,
            retries: 0,
            is_stale: false,
        })
    }

    pub(crate) fn changes_state(&self) -> bool {
        self.class == Class::Change
    }

    /// Whether another client asks for just this.
    pub(crate) fn asks_as(&self, offer: &Offer) -> bool {
        self.unit_id == offer.unit_id && self.pdu == offer.pdu
    }
}
