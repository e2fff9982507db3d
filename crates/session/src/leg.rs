//! One server connection of a session: its link, its bytes, and the requests it owes replies to.
//!
//! Kept true here:
//! * a transaction id of ours is open at most once on a connection, and one that was given up is not used again;
//! * no state outlives its connection: a new one starts with nothing owed and nothing known.

use crate::config::ServerTerms;
use crate::facts::Facts;
use crate::framing::Inbox;
use crate::outbuffer::OutBuffer;
use crate::rows::Ruling;
use crate::tolerated::Tolerated;
use event::{Kind, Sequence};
use std::collections::VecDeque;
use wire::{Expectation, TransactionId};

/// Where a server connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Link {
    /// There is none; the next permitted request asks for one.
    #[default]
    Closed,
    /// Asked for, not yet there.
    Connecting,
    /// Requests may go out.
    Open,
    /// Just refused: what waits for it is answered, then it is closed.
    Refused,
}

/// A request that went out and whose end is not recorded yet.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) own_id: TransactionId,
    pub(crate) facts: Facts,
    pub(crate) ruling: Ruling,
    /// The kind of its only row.
    pub(crate) kind: Kind,
    pub(crate) expectation: Expectation,
    /// Its first row, where it has one.
    pub(crate) sequence: Option<Sequence>,
    pub(crate) sent_ns: u64,
    /// When the server counts as silent.
    pub(crate) silent_ns: u64,
    /// Until when its last byte must have left, and where that byte stands in the stream.
    /// What awaits no reply always has it, since its last byte is its end.
    pub(crate) leave_by: Option<(u64, u64)>,
    /// It waits for a line that others share.
    pub(crate) is_leaving: bool,
}

/// A server that owes so many late replies is reset: to remember more would let it make us look through them all.
const MOST_GIVEN_UP: usize = 64;

/// How much later than the line itself a session gives a reply up: drains, silences, a long turn.
const LINE_SLACK_NS: u64 = 2_000_000_000;

/// One server connection.
#[derive(Debug, Default)]
pub(crate) struct LegState {
    pub(crate) link: Link,
    pub(crate) inbox: Inbox,
    pub(crate) out: OutBuffer,
    pub(crate) open: VecDeque<Open>,
    /// Whether this connection has echoed an id of ours: then a late reply can be told apart.
    pub(crate) echoes_ids: bool,
    pub(crate) tolerated: Tolerated,
    /// Our ids of requests that were given up while their replies may still come.
    given_up: Vec<TransactionId>,
    last_id: u16,
}

// === impl LegState ===

impl LegState {
    /// The next transaction id of ours. Zero is left out: devices that echo nothing answer with it.
    pub(crate) fn own_id(&mut self) -> TransactionId {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let candidate = TransactionId(self.last_id);
            let is_open = self.open.iter().any(|open| open.own_id == candidate);
            if !is_open && !self.given_up.contains(&candidate) {
                return candidate;
            }
        }
    }

    /// Nobody waits for the reply any more, but it may still come.
    pub(crate) fn give_up(&mut self, own_id: TransactionId) {
        self.given_up.push(own_id);
    }

    /// Whether a reply may still come for which nobody waits.
    pub(crate) fn has_strays(&self) -> bool {
        !self.given_up.is_empty()
    }

    pub(crate) fn owes_too_much(&self) -> bool {
        self.given_up.len() >= MOST_GIVEN_UP
    }

    /// Whether one more request may go out now.
    pub(crate) fn is_ready(&self, server: &ServerTerms) -> bool {
        let one_at_a_time = server.tolerate.wrong_transaction_id || server.tolerate.wrong_length;
        // What waits for a shared line waits where it can still be refused one by one.
        let most = server.shared.as_ref().map_or(usize::MAX, |shared| shared.most_open);
        self.link == Link::Open && (self.open.is_empty() || !one_at_a_time) && self.open.len() < most
    }

    /// The open request that a reply with this id answers.
    pub(crate) fn position(&self, own_id: TransactionId) -> Option<usize> {
        self.open.iter().position(|open| open.own_id == own_id && open.awaits_reply())
    }

    /// The oldest request that awaits a reply.
    pub(crate) fn first_awaited(&self) -> Option<&Open> {
        self.open.iter().find(|open| open.awaits_reply())
    }

    /// What is with the line now left at this moment, and a reply may take its time from here.
    pub(crate) fn took(&mut self, server: &ServerTerms, now_ns: u64) -> Vec<Facts> {
        let mut taken = Vec::new();
        let attempts = server.shared.as_ref().map_or(1, |shared| shared.attempts);
        // The line tells of silence itself; this is for a line that does not.
        let patience_ns = server.reply_timeout_ns.saturating_mul(attempts).saturating_add(LINE_SLACK_NS);
        let out = &self.out;
        for open in self.open.iter_mut().filter(|open| open.is_leaving && open.has_gone(out)) {
            open.is_leaving = false;
            (open.sent_ns, open.silent_ns) = (now_ns, now_ns.saturating_add(patience_ns));
            taken.push(open.facts);
        }
        taken
    }

    /// Take out one request that ended by leaving, for no reply follows it.
    pub(crate) fn take_left(&mut self) -> Option<Open> {
        let at = self.open.iter().position(|open| open.has_left(&self.out))?;
        self.open.remove(at)
    }

    /// Take out the request with a client's id, if it waits for a line and nothing waits beside it.
    pub(crate) fn take_alone(&mut self, client_id: TransactionId) -> Option<Open> {
        let (out, open) = (&self.out, self.open.front().filter(|_| self.open.len() == 1)?);
        let is_it = open.facts.transaction_id == client_id && open.is_leaving && !open.has_gone(out);
        if is_it { self.open.pop_front() } else { None }
    }

    /// The connection is gone; what it owed is handed back.
    pub(crate) fn lose(&mut self) -> VecDeque<Open> {
        self.link = Link::Closed;
        self.out.clear();
        self.inbox = Inbox::default();
        self.echoes_ids = false;
        self.given_up.clear();
        core::mem::take(&mut self.open)
    }

    /// Whether a request's last byte is still here after its deadline.
    pub(crate) fn has_stuck(&self, now_ns: u64) -> bool {
        self.open.iter().any(|open| open.is_stuck(&self.out, now_ns))
    }

    /// The earliest moment at which one of its requests wants attention.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.open.iter().map(|open| open.next_deadline(&self.out)).min()
    }
}

// === impl Open ===

impl Open {
    /// Whether its end is a reply; a broadcast has none, whatever its function.
    pub(crate) fn awaits_reply(&self) -> bool {
        let is_broadcast = self.facts.target.is_some_and(|target| target.is_broadcast());
        !is_broadcast && self.expectation.expects_reply()
    }

    /// Whether its last byte is not here any more.
    fn has_gone(&self, out: &OutBuffer) -> bool {
        self.leave_by.is_none_or(|(_, end)| out.has_sent(end))
    }

    /// Whether it ended by leaving.
    fn has_left(&self, out: &OutBuffer) -> bool {
        !self.awaits_reply() && self.has_gone(out)
    }

    /// Whether its last byte is still here after its deadline.
    pub(crate) fn is_stuck(&self, out: &OutBuffer, now_ns: u64) -> bool {
        self.leave_by.is_some_and(|(by, end)| now_ns >= by && !out.has_sent(end))
    }

    fn next_deadline(&self, out: &OutBuffer) -> u64 {
        match self.leave_by {
            _ if self.has_left(out) => self.sent_ns,
            Some((by, end)) if !out.has_sent(end) && self.is_leaving => by,
            Some((by, end)) if !out.has_sent(end) => by.min(self.silent_ns),
            _ => self.silent_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_whose_reply_may_still_come_is_not_given_to_another_request() {
        let mut state = LegState::default();
        let late = state.own_id();
        state.give_up(late);
        let once_around = (0..=u16::MAX).map(|_| state.own_id());

        assert_eq!(once_around.filter(|id| *id == late).count(), 0);
    }
}
