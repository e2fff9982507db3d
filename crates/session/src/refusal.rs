//! Refusals: the policy's own, and those the guard makes to keep its promises.

use crate::context::Unrecorded;
use event::Kind;
use policy::Denial;
use policy::document::Answer;
use std::sync::Arc;
use wire::ExceptionCode;

/// Why a request is not forwarded, and how that looks.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) answer: Answer,
    pub(crate) reason: Arc<str>,
    pub(crate) rule: Option<Arc<str>>,
}

// === impl Refusal ===

impl Refusal {
    /// The journal cannot hold its record.
    pub(crate) fn journal() -> Self {
        Self::busy(Kind::RequestDenied, "journal: its record cannot become durable")
    }

    /// Its record was not taken.
    pub(crate) fn unrecorded(why: Unrecorded) -> Self {
        match why {
            Unrecorded::Down => Self::journal(),
            Unrecorded::Full => Self::busy(Kind::RequestDenied, "journal_full: no room for its record"),
        }
    }

    /// It waited too long; forwarding it now could surprise its sender.
    pub(crate) fn deadline() -> Self {
        Self::busy(Kind::RequestDenied, "deadline: not forwarded in time")
    }

    /// The client is over its budget of requests.
    pub(crate) fn flooded() -> Self {
        Self::busy(Kind::ModbusFlooded, "flooded: over the budget of open and queued requests")
    }

    /// Nothing can be decided: the conduit's own denial.
    pub(crate) fn of(answer: Answer, reason: &str) -> Self {
        Self { kind: Kind::RequestDenied, answer, reason: reason.into(), rule: None }
    }

    /// The session takes no more requests.
    pub(crate) fn leaving(why: &str) -> Self {
        Self::busy(Kind::RequestDenied, why)
    }

    // 06, server device busy, says "try again later"; it is given whatever denial is set,
    // for the request itself is not at fault.
    fn busy(kind: Kind, reason: &str) -> Self {
        let answer = Answer::Exception(ExceptionCode::SERVER_DEVICE_BUSY.0);
        Self { kind, answer, reason: reason.into(), rule: None }
    }
}

impl From<&Denial> for Refusal {
    fn from(denial: &Denial) -> Self {
        Self {
            kind: Kind::RequestDenied,
            answer: denial.answer,
            reason: denial.reason.to_string().into(),
            rule: denial.rule.clone(),
        }
    }
}
