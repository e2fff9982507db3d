//! What stays of a request once its bytes are gone: enough to pair its reply and write its row.

use crate::context::Leg;
use policy::{Moment, Target};
use std::sync::Arc;
use wire::{Request, Span, TransactionId, UnitId};

/// A request as it stands in the client's stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) transaction_id: TransactionId,
    pub(crate) unit: UnitId,
    pub(crate) pdu: &'a [u8],
    pub(crate) arrived: Moment,
    /// Where its unit id leads; `None`: nowhere.
    pub(crate) target: Option<Target>,
    /// The same as one of the listener's servers.
    pub(crate) leg: Option<Leg>,
}

/// The fields of a request that its rows repeat. Small, and free of allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) transaction_id: TransactionId,
    pub(crate) unit: UnitId,
    pub(crate) arrived: Moment,
    pub(crate) target: Option<Target>,
    pub(crate) leg: Option<Leg>,
    pub(crate) function_code: u8,
    pub(crate) sub_function: Option<u16>,
    pub(crate) address: Option<u16>,
    pub(crate) quantity: Option<u16>,
    pub(crate) write_address: Option<u16>,
    pub(crate) write_quantity: Option<u16>,
    pub(crate) reads: Option<Span>,
    pub(crate) writes: Option<Span>,
    pub(crate) changes_state: bool,
}

// === impl Facts ===

impl Facts {
    pub(crate) fn of(asked: &Asked<'_>, request: &Request<'_>) -> Self {
        let (reads, writes) = (request.reads(), request.writes());
        let mut facts = Self::unparsed(asked);
        facts.function_code = request.function_code().get();
        facts.sub_function = request.sub_function();
        facts.changes_state = request.can_change_state();
        (facts.reads, facts.writes) = (reads, writes);
        let (first, second) = match (reads, writes) {
            (None, written) => (written, None),
            (read, written) => (read, written),
        };
        (facts.address, facts.quantity) = bounds(first);
        (facts.write_address, facts.write_quantity) = bounds(second);
        facts
    }

    /// Of bytes that are no request: what the header and the first byte say.
    pub(crate) fn unparsed(asked: &Asked<'_>) -> Self {
        Self {
            transaction_id: asked.transaction_id,
            unit: asked.unit,
            arrived: asked.arrived,
            target: asked.target,
            leg: asked.leg,
            function_code: asked.pdu.first().copied().unwrap_or_default(),
            sub_function: None,
            address: None,
            quantity: None,
            write_address: None,
            write_quantity: None,
            reads: None,
            writes: None,
            changes_state: false,
        }
    }
}

/// The values a request writes, for its row.
pub(crate) fn written(request: &Request<'_>) -> Option<Arc<[u16]>> {
    request.writes()?;
    Some(request.written_values().collect())
}

fn bounds(span: Option<Span>) -> (Option<u16>, Option<u16>) {
    let Some(span) = span else { return (None, None) };
    (Some(span.range.first()), Some(span.range.quantity()))
}

/// Whether a row keeps the raw bytes, because its other fields cannot say what was asked.
pub(crate) fn is_opaque(request: &Request<'_>) -> bool {
    matches!(
        request,
        Request::Opaque { .. } | Request::CanOpen { .. } | Request::Umas { .. } | Request::WriteFileRecord(..)
    )
}
