//! The question put to the policy, and its answer as the session needs it.

use crate::context::Context;
use crate::facts::{Asked, Facts, is_opaque, written};
use crate::front::Front;
use crate::refusal::Refusal;
use crate::rows::Ruling;
use event::{Event, Kind, Outcome};
use policy::{Permit, Reason, Verdict};
use wire::Request;

/// What the policy says of a request, and where it would go.
pub(crate) enum Judgement {
    Permitted(Permit),
    Refused(Refusal),
}

/// Ask the policy.
pub(crate) fn judge(front: &Front, ctx: &Context<'_>, asked: &Asked<'_>, request: &Request<'_>) -> Judgement {
    let Some(target) = asked.target else {
        let reason = Reason::UnitUndeclared(asked.unit).to_string();
        return Judgement::Refused(Refusal::of(front.terms().denial, &reason));
    };
    match front.view.decide(request, target, asked.unit, ctx.plant, ctx.now) {
        Verdict::Permit(permit) => Judgement::Permitted(permit),
        Verdict::Deny(denial) => Judgement::Refused(Refusal::from(&denial)),
    }
}

// === impl Judgement ===

impl Judgement {
    pub(crate) fn ruling(&self, front: &Front) -> Ruling {
        let (verdict, rule, reason) = match self {
            Self::Permitted(permit) => (Outcome::Permit, Some(permit.rule().clone()), None),
            Self::Refused(refusal) => (Outcome::Deny, refusal.rule.clone(), Some(refusal.reason.clone())),
        };
        Ruling { verdict, policy: front.terms().policy.clone(), rule, reason }
    }
}

/// The row before a request that can change state is forwarded.
pub(crate) fn first_row(
    front: &Front,
    ctx: &Context<'_>,
    kind: Kind,
    (asked, request, facts, ruling): (&Asked<'_>, &Request<'_>, &Facts, &Ruling),
) -> Event {
    let mut row = front.rows.request(kind, facts.arrived, facts, ruling);
    row.values = written(request);
    row.pdu = is_opaque(request).then(|| asked.pdu.into());
    let known = facts.target.zip(facts.writes);
    let known = known.and_then(|(target, span)| ctx.plant.known(target, span));
    if let Some((values, since)) = known {
        row.previous_values = Some(values.into());
        row.previous_time = Some(since);
    }
    row
}
