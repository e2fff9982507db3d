//! How a forwarded request ended, what its reply teaches, and the row that says so.

use crate::changes::Changes;
use crate::context::{Context, Leg};
use crate::front::Front;
use crate::leg::Open;
use crate::rows::{follow, latency_us};
use event::Kind;
use policy::document::RecordReadValues;
use std::sync::Arc;
use wire::{Adu, ExceptionCode, Response};

/// The end of a forwarded request.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    /// Why there is no reply of the server's.
    pub(crate) reason: Option<&'static str>,
    /// What the server, or the guard for it, answered.
    pub(crate) exception_code: Option<u8>,
    /// The server's reply is complete.
    pub(crate) is_answered: bool,
    /// Values worth a row.
    pub(crate) response_values: Option<Arc<[u16]>>,
}

/// Reads replies: into the plant's last-known values, and into rows.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    changes: Changes,
    /// Used again for each reply, so that steady polling allocates nothing.
    values: Vec<u16>,
}

// === impl Reading ===

impl Reading {
    /// A reply is complete and fits its request.
    pub(crate) fn conclude(
        &mut self,
        front: &mut Front,
        ctx: &mut Context<'_>,
        open: &Open,
        (pdu, response): (&[u8], &Response<'_>),
    ) {
        let exception_code = match response {
            Response::Exception(code) => Some(code.0),
            _ => None,
        };
        if exception_code.is_some() {
            front.forget(ctx, &open.facts);
        }
        let has_values = self.take_values(response);
        if let (true, Some(target), Some(span)) = (has_values, open.facts.target, open.facts.reads) {
            ctx.plant.observe_read(target, span, &self.values, (open.sent_ns, ctx.now));
        }
        let is_due = has_values && self.is_due(front, ctx, open, pdu);
        let response_values = is_due.then(|| self.values.as_slice().into());
        let end = End { reason: None, exception_code, is_answered: true, response_values };
        record_end(front, ctx, open, end);
    }

    fn take_values(&mut self, response: &Response<'_>) -> bool {
        self.values.clear();
        let Some(values) = response.values() else { return false };
        self.values.extend(values);
        true
    }

    fn is_due(&mut self, front: &Front, ctx: &Context<'_>, open: &Open, pdu: &[u8]) -> bool {
        match front.terms().record_read_values {
            RecordReadValues::All => true,
            RecordReadValues::None => false,
            RecordReadValues::Changes => self.changes.is_news(&open.facts, pdu, ctx.recorder.segment()),
        }
    }
}

// === impl End ===

impl End {
    /// Nothing came back, and nothing is told to the client.
    pub(crate) fn of(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }

    /// Nothing came back, and the guard answers for the server.
    pub(crate) fn excepted(reason: &'static str, code: ExceptionCode) -> Self {
        Self { exception_code: Some(code.0), ..Self::of(reason) }
    }
}

/// Write the row that ends a request: its only one, or the second of two.
pub(crate) fn record_end(front: &mut Front, ctx: &mut Context<'_>, open: &Open, end: End) {
    let facts = &open.facts;
    let mut row = front.rows.lend(open.kind, facts.arrived, facts, &open.ruling);
    let mut ruling = open.ruling.reason.as_deref();
    if facts.changes_state {
        follow(&mut row, open.sequence);
        row.time = ctx.now.utc_ns;
        if open.kind == Kind::RequestObserved {
            // It was forwarded. What it would have been stands in the row before, and here would read as what was done.
            (row.verdict, row.rule, row.reason, ruling) = (None, None, None, None);
        }
    }
    if end.is_answered {
        row.latency_us = Some(latency_us(open.sent_ns, ctx.now.monotonic_ns));
    }
    if let Some(reason) = end.reason {
        row.reason = Some(joined(reason, ruling));
    }
    row.exception_code = end.exception_code;
    row.response_values = end.response_values;
    match row.request_sequence.is_some() && open.kind == Kind::RequestPermitted {
        true => ctx.recorder.record_end(&row),
        false => ctx.recorder.record(&row),
    };
    front.rows.take_back(row);
}

/// In observe mode a row already says what would have been refused; neither word may hide the other.
fn joined(reason: &str, ruling: Option<&str>) -> Arc<str> {
    match ruling {
        Some(ruling) => format!("{ruling}; {reason}").into(),
        None => reason.into(),
    }
}

/// A row about what a server sent on its own account.
pub(crate) fn record_server(
    front: &Front,
    ctx: &mut Context<'_>,
    kind: Kind,
    (leg, adu, reason): (Leg, Option<&Adu<'_>>, &str),
) {
    let mut row = front.rows.server(kind, ctx.now, leg);
    row.reason = Some(reason.into());
    if let Some(adu) = adu {
        row.unit_id = Some(adu.unit_id.0);
        row.function_code = adu.pdu.first().map(|code| code & 0x7F);
        row.pdu = Some(adu.pdu.into());
    }
    ctx.recorder.record(&row);
}
