//! Requests that wait their turn, in the order in which they came.

use crate::context::{Context, Leg};
use crate::facts::Asked;
use crate::front::Front;
use event::Sequence;
use policy::Moment;
use std::collections::VecDeque;
use wire::{TransactionId, UnitId};

/// Where a waiting request stands with the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No row yet: it is decided when its turn comes.
    New,
    /// Its row is on the way to the disk.
    Recording(Sequence),
    /// Its row is durable.
    Recorded(Sequence),
    /// Its row was lost.
    Lost(Sequence),
}

/// A request that waits, with its bytes.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) transaction_id: TransactionId,
    pub(crate) unit: UnitId,
    pub(crate) pdu: Box<[u8]>,
    pub(crate) arrived: Moment,
    pub(crate) leg: Option<Leg>,
    pub(crate) changes_state: bool,
    pub(crate) standing: Standing,
}

/// The requests of a session that are not forwarded yet.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
}

// === impl Standing ===

impl Standing {
    pub(crate) fn sequence(self) -> Option<Sequence> {
        match self {
            Self::New => None,
            Self::Recording(first) | Self::Recorded(first) | Self::Lost(first) => Some(first),
        }
    }
}

// === impl Waiting ===

impl Waiting {
    pub(crate) fn of(asked: &Asked<'_>, changes_state: bool, standing: Standing) -> Self {
        Self {
            transaction_id: asked.transaction_id,
            unit: asked.unit,
            pdu: asked.pdu.into(),
            arrived: asked.arrived,
            leg: asked.leg,
            changes_state,
            standing,
        }
    }

    /// The request again, routed as the policy now in force says.
    pub(crate) fn asked(&self, front: &Front) -> Asked<'_> {
        let (target, leg) = front.route(self.unit);
        Asked {
            transaction_id: self.transaction_id,
            unit: self.unit,
            pdu: &self.pdu,
            arrived: self.arrived,
            target,
            leg,
        }
    }

    fn is_recording(&self) -> bool {
        matches!(self.standing, Standing::Recording(_))
    }

    fn deadline(&self, deadline_ns: u64) -> u64 {
        self.arrived.monotonic_ns.saturating_add(deadline_ns)
    }
}

// === impl Queue ===

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many wait for a turn; those that wait for the journal have had theirs.
    pub(crate) fn without_turn(&self) -> usize {
        self.waiting.iter().filter(|entry| !entry.is_recording()).count()
    }

    pub(crate) fn recording(&self) -> usize {
        self.waiting.iter().filter(|entry| entry.is_recording()).count()
    }

    pub(crate) fn push(&mut self, entry: Waiting) {
        self.waiting.push_back(entry);
    }

    pub(crate) fn insert(&mut self, at: usize, entry: Waiting) {
        self.waiting.insert(at.min(self.waiting.len()), entry);
    }

    pub(crate) fn remove(&mut self, at: usize) -> Option<Waiting> {
        self.waiting.remove(at)
    }

    /// Whether an earlier request stands before one with this leg and id.
    ///
    /// The id matters too: two replies with one id can be told apart by their order alone.
    pub(crate) fn holds_up(&self, before: usize, leg: Option<Leg>, id: TransactionId) -> bool {
        let same_leg = |entry: &Waiting| leg.is_some() && entry.leg == leg;
        self.waiting.iter().take(before).any(|entry| same_leg(entry) || entry.transaction_id == id)
    }

    /// The next entry at or after `from` that may have its turn.
    pub(crate) fn next_turn(&self, from: usize) -> Option<usize> {
        let ready = |(at, entry): &(usize, &Waiting)| {
            !entry.is_recording() && !self.holds_up(*at, entry.leg, entry.transaction_id)
        };
        self.waiting.iter().enumerate().skip(from).find(ready).map(|(at, _)| at)
    }

    /// The journal has answered for a row.
    pub(crate) fn settle(&mut self, row: Sequence, standing: Standing) {
        let asked = |entry: &&mut Waiting| entry.standing == Standing::Recording(row);
        if let Some(entry) = self.waiting.iter_mut().find(asked) {
            entry.standing = standing;
        }
    }

    /// A server is gone: who waited for the journal need not wait to hear of it.
    ///
    /// Only those that still lead there: the turn that follows ends them, and none may be taken for recorded.
    pub(crate) fn unhold(&mut self, front: &Front, leg: Leg) {
        let leads_there = |entry: &&mut Waiting| entry.leg == Some(leg) && front.route(entry.unit).1 == Some(leg);
        for entry in self.waiting.iter_mut().filter(leads_there) {
            if let Standing::Recording(row) = entry.standing {
                entry.standing = Standing::Recorded(row);
            }
        }
    }

    /// The earliest moment at which a request that can change state must be gone.
    pub(crate) fn next_deadline(&self, deadline_ns: u64) -> Option<u64> {
        let bound = self.waiting.iter().filter(|entry| entry.changes_state);
        bound.map(|entry| entry.deadline(deadline_ns)).min()
    }

    /// Take out one request whose deadline has passed.
    pub(crate) fn take_late(&mut self, ctx: &Context<'_>, deadline_ns: u64) -> Option<Waiting> {
        let is_late = |entry: &Waiting| entry.changes_state && ctx.now.monotonic_ns >= entry.deadline(deadline_ns);
        let at = self.waiting.iter().position(is_late)?;
        self.waiting.remove(at)
    }

    /// Take out the request with a client's id.
    pub(crate) fn take(&mut self, id: TransactionId) -> Option<Waiting> {
        let at = self.waiting.iter().position(|entry| entry.transaction_id == id)?;
        self.waiting.remove(at)
    }

    pub(crate) fn take_first(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }
}
