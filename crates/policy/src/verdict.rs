//! Verdicts: a permit is a value that only deciding makes.

use crate::document::Answer;
use crate::reason::Reason;
use std::sync::Arc;

/// What the policy says of a request.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It may pass.
    Permit(Permit),
    /// It may not.
    Deny(Denial),
}

/// Proof that a rule permits a request; nothing reaches a server without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    rule: Arc<str>,
    essential: bool,
}

/// Why a request may not pass, and what its client sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// The rule that decided: a `never`, or a permit whose limit failed.
    pub rule: Option<Arc<str>>,
    /// That rule's answer, else the conduit's.
    pub answer: Answer,
}

impl Permit {
    pub(crate) const fn new(rule: Arc<str>, essential: bool) -> Self {
        Self { rule, essential }
    }

    /// The permitting rule; of several, that of the lowest address.
    #[must_use]
    pub const fn rule(&self) -> &Arc<str> {
        &self.rule
    }

    /// Whether essential rules permit every part of the request.
    #[must_use]
    pub const fn is_essential(&self) -> bool {
        self.essential
    }
}
