//! What servers say: each reply is checked against its request and goes to it alone.
//!
//! Kept true here:
//! * a reply counts only with our transaction id, its request's unit id, function and length;
//! * a late, doubled or unasked reply reaches nobody and is recorded;
//! * what a device is granted beyond that is named in the site file, and counted.

use super::Framed;
use crate::config::ServerTerms;
use crate::context::{Context, Leg};
use crate::front::{Front, frame_trouble, kind_of};
use crate::leg::{LegState, Link, Open};
use crate::outcome::record_server;
use crate::tolerated::Use;
use event::Kind;
use wire::{Adu, FrameError, PduLimit, ReplyTolerance, Response, ResponseError};
use wire::{TransactionId, UnitId, parse_reply_adu, parse_response};

const HEADER_BYTES: usize = 7;

/// A header, a function code, and one byte more: every reply has at least that.
const SHORTEST_REPLY: usize = 9;

// === impl Framed ===

impl Framed {
    pub(crate) fn server_received(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg, bytes: &[u8]) {
        let Some(state) = self.legs.get_mut(leg.index()) else { return };
        let stream = state.inbox.join(bytes);
        let mut rest: &[u8] = &stream;
        while self.is_connected(leg) && !front.is_ending() {
            match self.next_reply(front, leg, rest) {
                Ok(Some((adu, used))) => {
                    if header_lies(rest, &adu) {
                        self.tolerate(front, ctx, leg, Use::Length);
                    }
                    rest = rest.get(used..).unwrap_or_default();
                    self.take_reply(front, ctx, leg, &adu);
                }
                Ok(None) => break,
                Err(error) => {
                    let (kind, reason) = frame_trouble(error);
                    record_server(front, ctx, kind, (leg, None, &reason));
                    self.lose_leg(front, ctx, leg, "server_malformed");
                }
            }
        }
        self.keep_rest(leg, rest);
        self.pump(front, ctx);
    }

    fn next_reply<'a>(
        &self,
        front: &Front,
        leg: Leg,
        stream: &'a [u8],
    ) -> Result<Option<(Adu<'a>, usize)>, FrameError> {
        let server = front.terms().servers.get(leg.index());
        match server.zip(self.legs.get(leg.index())) {
            Some((server, state)) => next_reply(server, state.first_awaited(), stream),
            None => Ok(None),
        }
    }

    fn keep_rest(&mut self, leg: Leg, rest: &[u8]) {
        if let Some(state) = self.legs.get_mut(leg.index()).filter(|leg| leg.link == Link::Open) {
            state.inbox.keep(rest);
        }
    }

    fn take_reply(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg, adu: &Adu<'_>) {
        let Some(at) = self.pair(front, ctx, leg, adu) else {
            record_server(front, ctx, Kind::ResponseUnsolicited, (leg, Some(adu), "unsolicited"));
            return self.lose_if_unsure(front, ctx, leg);
        };
        let Some(state) = self.legs.get_mut(leg.index()) else { return };
        let Some(open) = state.open.remove(at) else { return };
        state.echoes_ids |= open.own_id == adu.transaction_id;
        match self.check(front, ctx, leg, (&open, adu)) {
            Ok((response, pdu)) => {
                front.reply(open.facts.transaction_id, open.facts.unit, pdu);
                self.reading.conclude(front, ctx, &open, (pdu, &response));
            }
            Err(error) => {
                let anomaly = error.anomaly();
                record_server(front, ctx, kind_of(anomaly), (leg, Some(adu), anomaly.name()));
                if let Some(state) = self.legs.get_mut(leg.index()) {
                    state.give_up(open.own_id);
                }
                self.fail(front, ctx, &open, "server_mismatch");
                self.lose_if_unsure(front, ctx, leg);
            }
        }
    }

    /// A server that said something amiss is reset where its next words could be taken for another
    /// request's answer: it echoes no ids, or too many of them are spent.
    fn lose_if_unsure(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg) {
        let server = front.terms().servers.get(leg.index());
        let is_order_all = server.is_some_and(|server| server.tolerate.wrong_transaction_id);
        if is_order_all || self.legs.get(leg.index()).is_some_and(LegState::owes_too_much) {
            self.lose_leg(front, ctx, leg, "server_unsolicited");
        }
    }

    /// The open request this reply answers, by id and unit.
    fn pair(&mut self, front: &Front, ctx: &mut Context<'_>, leg: Leg, adu: &Adu<'_>) -> Option<usize> {
        let granted = front.terms().servers.get(leg.index())?.tolerate;
        let state = self.legs.get(leg.index())?;
        let by_id = state.position(adu.transaction_id);
        // Only one request is open where ids are not echoed, so its place is known.
        let is_alone = state.open.len() == 1 && state.first_awaited().is_some();
        let by_order = (granted.wrong_transaction_id && is_alone).then_some(0);
        let at = by_id.or(by_order)?;
        let has_unit = state.open.get(at)?.facts.unit == adu.unit_id;
        if !has_unit && !granted.wrong_unit_id {
            return None;
        }
        if by_id.is_none() {
            self.tolerate(front, ctx, leg, Use::TransactionId);
        }
        if !has_unit {
            self.tolerate(front, ctx, leg, Use::UnitId);
        }
        Some(at)
    }

    /// The strict reading first, so that a tolerance is used only where it is needed.
    fn check<'a>(
        &mut self,
        front: &Front,
        ctx: &mut Context<'_>,
        leg: Leg,
        (open, adu): (&Open, &Adu<'a>),
    ) -> Result<(Response<'a>, &'a [u8]), ResponseError> {
        let strict = match parse_response(&open.expectation, adu.pdu, ReplyTolerance::default()) {
            Ok(response) => return Ok((response, adu.pdu)),
            Err(error) => error,
        };
        let server = front.terms().servers.get(leg.index()).ok_or(strict)?;
        let response = parse_response(&open.expectation, adu.pdu, granted_to(server))?;
        let length = open.expectation.reply_bytes(adu.pdu);
        let reply = length.and_then(|bytes| adu.pdu.get(..bytes)).unwrap_or(adu.pdu);
        self.tolerate(front, ctx, leg, Use::TrailingBytes);
        Ok((response, reply))
    }

    /// Count the use of a tolerance, and record it when a row is due.
    pub(super) fn tolerate(&mut self, front: &Front, ctx: &mut Context<'_>, leg: Leg, used: Use) {
        let Some(state) = self.legs.get_mut(leg.index()) else { return };
        let Some(count) = state.tolerated.count(used, ctx.now.monotonic_ns) else { return };
        let mut row = front.rows.server(Kind::ModbusTolerated, ctx.now, leg);
        (row.reason, row.count) = (Some(used.word()), Some(count));
        ctx.recorder.record(&row);
    }
}

/// The next reply of a stream and how many bytes it took.
fn next_reply<'a>(
    server: &ServerTerms,
    first: Option<&Open>,
    stream: &'a [u8],
) -> Result<Option<(Adu<'a>, usize)>, FrameError> {
    let limit = PduLimit { umas_bytes: server.umas_pdu_bytes };
    if server.tolerate.wrong_length {
        // No reply is shorter; with less, neither header nor grammar could say how long it is.
        if stream.len() < SHORTEST_REPLY {
            return Ok(None);
        }
        if let Some(found) = first.and_then(|open| by_grammar(open, stream)) {
            return found;
        }
    }
    let found = parse_reply_adu(stream, limit, granted_to(server))?;
    Ok(found.map(|adu| (adu, adu.len_bytes())))
}

/// A reply as long as its request makes it, whatever its header says.
fn by_grammar<'a>(open: &Open, stream: &'a [u8]) -> Option<Result<Option<(Adu<'a>, usize)>, FrameError>> {
    let (header, body) = stream.split_first_chunk::<HEADER_BYTES>()?;
    let [t1, t0, p1, p0, _, _, unit_id] = *header;
    let length = open.expectation.reply_bytes(body)?;
    let protocol_id = u16::from_be_bytes([p1, p0]);
    if protocol_id != 0 {
        return Some(Err(FrameError::ProtocolId(protocol_id)));
    }
    let Some(pdu) = body.get(..length) else { return Some(Ok(None)) };
    let transaction_id = TransactionId(u16::from_be_bytes([t1, t0]));
    let adu = Adu { transaction_id, unit_id: UnitId(unit_id), pdu };
    Some(Ok(Some((adu, adu.len_bytes()))))
}

/// Whether the header announced another length than the reply has.
fn header_lies(stream: &[u8], adu: &Adu<'_>) -> bool {
    let announced = stream.get(4..6).and_then(|length| length.first_chunk::<2>());
    announced.is_some_and(|length| usize::from(u16::from_be_bytes(*length)) != adu.pdu.len() + 1)
}

fn granted_to(server: &ServerTerms) -> ReplyTolerance {
    let granted = server.tolerate;
    ReplyTolerance { trailing_bytes: granted.trailing_bytes, over_quantity: granted.over_quantity }
}
