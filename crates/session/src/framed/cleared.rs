//! A request the policy lets through, or the operator who only observes: what may still hinder it,
//! what its rows say, and what is kept of it once it is gone.

use super::queue::Standing;
use crate::context::{Begun, Context, Leg, Unrecorded};
use crate::facts::{Asked, Facts};
use crate::front::Front;
use crate::judge::{Judgement, first_row, judge};
use crate::leg::Open;
use crate::refusal::Refusal;
use crate::rows::Ruling;
use event::{Event, Kind, Sequence};
use policy::document::OnJournalFailure;
use policy::{Permit, Target};
use std::sync::Arc;
use wire::{Expectation, Request, TransactionId};

/// What lets a request through: a permit, or the operator's word that this conduit only observes.
pub(super) enum Passage {
    Permitted(Permit),
    Observed,
}

/// How many time-outs of others a read may wait for a shared line: one silent unit must not cost all others theirs.
const LINE_TURNS: u64 = 3;

/// A first row, and whether the request waits for it.
pub(super) enum First {
    Ahead(Sequence),
    AtOnce(Sequence),
}

/// A request that may pass, and all that is known of it.
pub(super) struct Cleared<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) request: &'a Request<'a>,
    pub(super) facts: Facts,
    pub(super) target: Target,
    pub(super) leg: Leg,
    pub(super) passage: Passage,
    pub(super) ruling: Ruling,
    /// Only a tolerance of its server's makes it a request.
    pub(super) is_over_quantity: bool,
}

// === impl Cleared ===

impl<'a> Cleared<'a> {
    pub(super) fn parts(&self) -> (&'a Asked<'a>, &'a Request<'a>, &Facts) {
        (self.asked, self.request, &self.facts)
    }

    /// What stands against it now, though the policy permits it.
    pub(super) fn hindrance(&self, front: &Front, ctx: &Context<'_>, standing: Standing) -> Option<Refusal> {
        if !self.is_enforced() {
            return None;
        }
        let waited_ns = ctx.now.monotonic_ns.saturating_sub(self.facts.arrived.monotonic_ns);
        if self.facts.changes_state && waited_ns >= front.terms().deadline_ns {
            return Some(Refusal::deadline());
        }
        let is_recorded = matches!(standing, Standing::Recorded(_));
        let is_lost = matches!(standing, Standing::Lost(_)) || !ctx.recorder.journal_is_up();
        let needs_journal = self.facts.changes_state || front.terms().on_journal_failure == OnJournalFailure::DenyAll;
        let is_stopped = is_lost && !is_recorded && needs_journal && !self.yields(front);
        is_stopped.then(Refusal::journal)
    }

    pub(super) fn is_enforced(&self) -> bool {
        matches!(self.passage, Passage::Permitted(_))
    }

    /// Whether a missing record does not stop it.
    pub(super) fn yields(&self, front: &Front) -> bool {
        let by_terms = front.terms().on_journal_failure == OnJournalFailure::Permit;
        match &self.passage {
            Passage::Permitted(permit) => permit.is_essential() || by_terms,
            Passage::Observed => true,
        }
    }

    pub(super) fn record_first(&self, front: &Front, ctx: &mut Context<'_>) -> Result<First, Refusal> {
        if self.is_enforced() {
            let row = self.first_row(front, ctx);
            let why = match ctx.recorder.record_ahead(&row) {
                Ok(first) => {
                    self.begin(ctx, (&row, first), None);
                    return Ok(First::Ahead(first));
                }
                Err(why) => why,
            };
            if !self.yields(front) {
                return Err(Refusal::unrecorded(why));
            }
            return Ok(First::AtOnce(self.record_exempt(front, ctx, (why, None))));
        }
        let row = self.first_row(front, ctx);
        let first = ctx.recorder.record(&row);
        self.begin(ctx, (&row, first), None);
        Ok(First::AtOnce(first))
    }

    /// The row of a request that does not wait for it; it names the operator's choice that lets it pass.
    pub(super) fn record_exempt(
        &self,
        front: &Front,
        ctx: &mut Context<'_>,
        (why, instead_of): (Unrecorded, Option<Sequence>),
    ) -> Sequence {
        let mut row = self.first_row(front, ctx);
        if let Some(exemption) = self.exemption(why) {
            row.reason = Some(exemption);
        }
        let first = ctx.recorder.record(&row);
        self.begin(ctx, (&row, first), instead_of);
        first
    }

    fn begin(&self, ctx: &mut Context<'_>, (row, first): (&Event, Sequence), instead_of: Option<Sequence>) {
        let writes = self.facts.writes.map(|span| (self.target, span));
        ctx.recorder.begun(Begun { row, first, instead_of, writes });
    }

    /// Name the operator's choice where only that lets a request pass which has no row before it.
    pub(super) fn name_exemption(mut self, front: &Front, ctx: &Context<'_>) -> Self {
        let needs_journal = front.terms().on_journal_failure == OnJournalFailure::DenyAll;
        if needs_journal && self.is_enforced() && !self.facts.changes_state && !ctx.recorder.journal_is_up() {
            self.ruling.reason = self.exemption(Unrecorded::Down);
        }
        self
    }

    fn exemption(&self, why: Unrecorded) -> Option<Arc<str>> {
        let Passage::Permitted(permit) = &self.passage else { return None };
        let choice = if permit.is_essential() { "the rule is essential" } else { "on_failure lets it pass" };
        let what = match why {
            Unrecorded::Down => "journal: down",
            Unrecorded::Full => "journal_full: no room for its record",
        };
        Some(format!("{what}, {choice}").into())
    }

    pub(super) fn first_row(&self, front: &Front, ctx: &Context<'_>) -> Event {
        let parts = (self.asked, self.request, &self.facts, &self.ruling);
        first_row(front, ctx, self.kind(), parts)
    }

    pub(super) fn kind(&self) -> Kind {
        if self.is_enforced() { Kind::RequestPermitted } else { Kind::RequestObserved }
    }

    pub(super) fn into_open(
        self,
        front: &Front,
        ctx: &Context<'_>,
        (own_id, sequence, end): (TransactionId, Option<Sequence>, u64),
    ) -> Open {
        let terms = front.terms();
        let sent_ns = ctx.now.monotonic_ns;
        let server = terms.servers.get(self.leg.index());
        let patience_ns = server.map(|server| server.reply_timeout_ns);
        let silent_ns = sent_ns.saturating_add(patience_ns.unwrap_or_default());
        let is_bound = self.facts.changes_state && self.is_enforced();
        let deadline_ns = self.facts.arrived.monotonic_ns.saturating_add(terms.deadline_ns);
        let mut open = Open {
            own_id,
            expectation: Expectation::of(self.request),
            kind: self.kind(),
            sequence,
            sent_ns,
            silent_ns,
            leave_by: is_bound.then_some((deadline_ns, end)),
            facts: self.facts,
            ruling: self.ruling,
            is_leaving: false,
        };
        if let Some(shared) = server.and_then(|server| server.shared.as_ref()) {
            // A line has others to serve: its time runs from when the line has taken it, and until then this bounds the wait.
            let others_ns = patience_ns.unwrap_or_default().saturating_mul(shared.attempts);
            let turn_ns = sent_ns.saturating_add(others_ns.saturating_mul(LINE_TURNS));
            open.is_leaving = true;
            open.leave_by = open.leave_by.or(Some((turn_ns, end)));
            open.silent_ns = u64::MAX;
        }
        if !open.awaits_reply() {
            open.leave_by = open.leave_by.or(Some((silent_ns, end)));
        }
        open
    }
}

/// Ask the policy. What it denies passes only where the operator wrote `verdicts: observe`.
pub(super) fn clear<'a>(
    front: &Front,
    ctx: &Context<'_>,
    asked: &'a Asked<'a>,
    request: &'a Request<'a>,
    facts: Facts,
) -> Result<Cleared<'a>, Refusal> {
    if front.is_detached {
        return Err(Refusal::leaving("policy_changed"));
    }
    let judgement = judge(front, ctx, asked, request);
    let ruling = judgement.ruling(front);
    let observes = front.terms().observes();
    let passage = match judgement {
        Judgement::Permitted(permit) if !observes => Passage::Permitted(permit),
        Judgement::Refused(refusal) if !observes => return Err(refusal),
        Judgement::Permitted(_) | Judgement::Refused(_) => Passage::Observed,
    };
    let Some((target, leg)) = asked.target.zip(asked.leg) else {
        return Err(Refusal::of(front.terms().denial, "unit_undeclared"));
    };
    Ok(Cleared { asked, request, facts, target, leg, passage, ruling, is_over_quantity: false })
}
