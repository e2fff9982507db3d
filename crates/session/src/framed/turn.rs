//! One request's turn: decided, recorded if it can change state, forwarded.
//!
//! Kept true here:
//! * bytes enter a server's buffer in `forward` only, and it takes a `Passage`;
//! * a request that can change state has a durable row before, unless the operator chose
//!   otherwise for a failing journal;
//! * the decision that counts is made in the moment of forwarding.

use super::Framed;
use super::cleared::{Cleared, First, clear};
use super::queue::Standing;
use crate::context::{Context, Leg, Unrecorded};
use crate::facts::{Asked, Facts, is_opaque, written};
use crate::front::{Front, Refused};
use crate::leg::Link;
use crate::refusal::Refusal;
use crate::rows::follow;
use crate::tolerated::Use;
use event::Sequence;
use wire::{ExceptionCode, Request, RequestError, append_adu, parse_request};

/// V1.1b3 §4.1.
const PDU_BYTES: u16 = 253;

/// How a turn went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The request is forwarded or answered.
    Done,
    /// It waits for its server or for the budget.
    Wait,
    /// It waits for this row to become durable.
    Record(Sequence),
}

// === impl Framed ===

impl Framed {
    pub(super) fn turn(
        &mut self,
        front: &mut Front,
        ctx: &mut Context<'_>,
        asked: &Asked<'_>,
        standing: Standing,
    ) -> Turn {
        let (request, is_over_quantity) = match parse(front, asked) {
            Ok(parsed) => parsed,
            Err(error) => {
                front.refuse_malformed(ctx, asked, error.anomaly(), error.exception_code());
                return Turn::Done;
            }
        };
        let facts = Facts::of(asked, &request);
        match clear(front, ctx, asked, &request, facts) {
            Ok(cleared) => self.pass(front, ctx, Cleared { is_over_quantity, ..cleared }, standing),
            Err(refusal) => {
                refuse(front, ctx, (asked, &request, &facts), refusal, standing);
                Turn::Done
            }
        }
    }

    fn pass(&mut self, front: &mut Front, ctx: &mut Context<'_>, cleared: Cleared<'_>, standing: Standing) -> Turn {
        if let Some(refusal) = cleared.hindrance(front, ctx, standing) {
            refuse(front, ctx, cleared.parts(), refusal, standing);
            return Turn::Done;
        }
        match self.legs.get(cleared.leg.index()).map(|state| state.link) {
            Some(Link::Refused) | None => {
                report_unreachable(front, ctx, &cleared, standing.sequence());
                return Turn::Done;
            }
            Some(Link::Closed) => {
                self.connect(front, cleared.leg);
                return Turn::Wait;
            }
            Some(Link::Connecting | Link::Open) => {}
        }
        if !self.has_room(front, cleared.leg) {
            return Turn::Wait;
        }
        self.record_and_forward(front, ctx, cleared, standing)
    }

    fn has_room(&self, front: &Front, leg: Leg) -> bool {
        let server = front.terms().servers.get(leg.index());
        let ready = server.zip(self.legs.get(leg.index()));
        !self.is_budget_spent(front) && ready.is_some_and(|(server, state)| state.is_ready(server))
    }

    /// Whether so many requests are open that the next one waits.
    pub(super) fn is_budget_spent(&self, front: &Front) -> bool {
        let budget = usize::try_from(front.terms().budgets.open_requests).unwrap_or(usize::MAX);
        self.open_requests().saturating_add(self.queue.recording()) >= budget
    }

    fn record_and_forward(
        &mut self,
        front: &mut Front,
        ctx: &mut Context<'_>,
        cleared: Cleared<'_>,
        standing: Standing,
    ) -> Turn {
        if let Standing::Lost(_) = standing {
            // Its second row waits in memory and goes to the second sink; the first is in neither.
            let row = cleared.record_exempt(front, ctx, (Unrecorded::Down, standing.sequence()));
            self.forward(front, ctx, cleared, Some(row));
            return Turn::Done;
        }
        if !cleared.facts.changes_state || standing != Standing::New {
            self.forward(front, ctx, cleared.name_exemption(front, ctx), standing.sequence());
            return Turn::Done;
        }
        match cleared.record_first(front, ctx) {
            Ok(First::Ahead(row)) => return Turn::Record(row),
            Ok(First::AtOnce(row)) => self.forward(front, ctx, cleared, Some(row)),
            Err(refusal) => refuse(front, ctx, cleared.parts(), refusal, standing),
        }
        Turn::Done
    }

    fn forward(&mut self, front: &mut Front, ctx: &mut Context<'_>, cleared: Cleared<'_>, first: Option<Sequence>) {
        if cleared.is_over_quantity {
            self.tolerate(front, ctx, cleared.leg, Use::OverQuantity);
        }
        let Some(state) = self.legs.get_mut(cleared.leg.index()) else { return };
        let (own_id, asked) = (state.own_id(), cleared.asked);
        append_adu(state.out.tail(), own_id, asked.unit, asked.pdu);
        // What goes out now counts as the value at once.
        ctx.plant.value_forwarded(cleared.target, cleared.request, ctx.now);
        let (target, writes) = (cleared.target, cleared.facts.writes);
        let open = cleared.into_open(front, ctx, (own_id, first, state.out.end()));
        if let (true, Some((by_ns, _)), Some(span)) = (open.is_leaving, open.leave_by, writes) {
            ctx.plant.write_leaves_by(target, span, by_ns);
        }
        state.open.push_back(open);
    }
}

fn refuse(
    front: &mut Front,
    ctx: &mut Context<'_>,
    (asked, request, facts): (&Asked<'_>, &Request<'_>, &Facts),
    refusal: Refusal,
    standing: Standing,
) {
    let pdu = is_opaque(request).then_some(asked.pdu);
    let (values, first) = (written(request), standing.sequence());
    front.refuse(ctx, Refused { facts, refusal, values, pdu, first });
}

/// The policy permits it, but there is no way to its server.
fn report_unreachable(front: &mut Front, ctx: &mut Context<'_>, cleared: &Cleared<'_>, first: Option<Sequence>) {
    let mut row = cleared.first_row(front, ctx);
    row.reason = Some("server_unreachable: it refuses the connection".into());
    row.exception_code = Some(ExceptionCode::GATEWAY_PATH_UNAVAILABLE.0);
    if first.is_some() {
        follow(&mut row, first);
        row.time = ctx.now.utc_ns;
        ctx.recorder.record_end(&row);
    } else {
        ctx.recorder.record(&row);
    }
    front.except(&cleared.facts, ExceptionCode::GATEWAY_PATH_UNAVAILABLE);
}

/// The strict reading first, so that a tolerance is used only where it is needed.
fn parse<'a>(front: &Front, asked: &Asked<'a>) -> Result<(Request<'a>, bool), RequestError> {
    let server = asked.leg.and_then(|leg| front.terms().servers.get(leg.index()));
    let Some(server) = server else { return parse_request(asked.pdu, false).map(|request| (request, false)) };
    if asked.pdu.len() > usize::from(server.umas_pdu_bytes.max(PDU_BYTES)) {
        // Another server of the listener may be sent as much; this one may not.
        return Err(RequestError::Length);
    }
    match parse_request(asked.pdu, false) {
        Err(_) if server.tolerate.over_quantity => parse_request(asked.pdu, true).map(|request| (request, true)),
        strict => strict.map(|request| (request, false)),
    }
}
