//! Connections made and lost, time-outs, and the end: nobody is left waiting, nothing is sent twice.
//!
//! Kept true here:
//! * a write without a reply takes its server connection with it, by reset: a plain close would let
//!   the kernel deliver what is buffered, seconds late;
//! * what is over its deadline does not leave, whether or not a timer has told of it;
//! * no path from here leads a forwarded request back to the queue.

use super::queue::Standing;
use super::{Framed, record_unheard, refuse_unheard};
use crate::context::{Action, Context, Leg};
use crate::front::{Front, Manner};
use crate::leg::{Link, Open};
use crate::outcome::{End, record_end};
use crate::refusal::Refusal;
use event::{Kind, Sequence};
use policy::document::{Answer, ServerSilent};
use wire::{ExceptionCode, TransactionId};

// === impl Framed ===

impl Framed {
    pub(crate) fn server_connected(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg) {
        self.is_opening = false;
        if let Some(state) = self.legs.get_mut(leg.index()) {
            state.link = Link::Open;
        }
        self.pump(front, ctx);
    }

    pub(crate) fn server_refused(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg, why: &str) {
        if core::mem::take(&mut self.is_opening) {
            self.set_link(leg, Link::Closed);
            return front.end(Manner::Reset, why);
        }
        self.set_link(leg, Link::Refused);
        self.queue.unhold(front, leg);
        self.pump(front, ctx);
        self.set_link(leg, Link::Closed);
    }

    fn set_link(&mut self, leg: Leg, link: Link) {
        if let Some(state) = self.legs.get_mut(leg.index()) {
            state.link = link;
        }
    }

    /// The server's stream ended. A direct server's end is the client's end, as without a guard.
    pub(crate) fn server_finished(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg) {
        if !self.is_connected(leg) {
            return;
        }
        self.settle_left(front, ctx, leg);
        let owes = self.legs.get(leg.index()).is_some_and(|state| !state.open.is_empty());
        self.drop_leg(front, ctx, leg, "server_closed");
        // What it owes is answered 0x0B now, so none of it may arrive later.
        front.actions.push(if owes { Action::ResetServer(leg) } else { Action::FinishServer(leg) });
        if front.terms().is_direct() {
            return front.end(Manner::Finish, "server_closed");
        }
        self.pump(front, ctx);
    }

    /// Reset a server connection; those who wait for it get 0x0B.
    pub(super) fn lose_leg(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg, reason: &'static str) {
        front.actions.push(Action::ResetServer(leg));
        self.drop_leg(front, ctx, leg, reason);
    }

    fn drop_leg(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg, reason: &'static str) {
        self.settle_left(front, ctx, leg);
        let Some(state) = self.legs.get_mut(leg.index()) else { return };
        for open in state.lose() {
            self.fail(front, ctx, &open, reason);
        }
    }

    /// No reply will come: 0x0B, and what it wrote is unknown until read.
    pub(super) fn fail(&mut self, front: &mut Front, ctx: &mut Context<'_>, open: &Open, reason: &'static str) {
        front.forget(ctx, &open.facts);
        let code = ExceptionCode::GATEWAY_TARGET_FAILED;
        record_end(front, ctx, open, End::excepted(reason, code));
        front.except(&open.facts, code);
    }

    pub(crate) fn journal_durable(&mut self, front: &mut Front, ctx: &mut Context<'_>, row: Sequence) {
        self.queue.settle(row, Standing::Recorded(row));
        self.pump(front, ctx);
    }

    pub(crate) fn journal_failed(&mut self, front: &mut Front, ctx: &mut Context<'_>, row: Sequence) {
        self.queue.settle(row, Standing::Lost(row));
        self.pump(front, ctx);
    }

    pub(crate) fn policy_changed(&mut self, front: &mut Front, ctx: &mut Context<'_>, was_named: bool) {
        if !was_named && front.leaving.is_none() && !front.terms().passes_bytes() {
            self.open_direct(front);
        }
        self.pump(front, ctx);
    }

    pub(crate) fn deadline_reached(&mut self, front: &mut Front, ctx: &mut Context<'_>) {
        if !front.terms().observes() {
            self.refuse_late(front, ctx);
        }
        for index in 0..self.legs.len() {
            if let Ok(leg) = u8::try_from(index) {
                self.check_leg(front, ctx, Leg(leg));
            }
        }
        self.pump(front, ctx);
    }

    /// A line that others share has taken what waited for it.
    pub(crate) fn server_took(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg) {
        let terms = front.config.terms.servers.get(leg.index());
        if let Some((server, state)) = terms.zip(self.legs.get_mut(leg.index())) {
            for facts in state.took(server, ctx.now.monotonic_ns) {
                // What is read from now on is no older than this write.
                if let Some((target, span)) = facts.target.zip(facts.writes) {
                    ctx.plant.write_leaves_by(target, span, ctx.now.monotonic_ns);
                }
            }
        }
        self.settle_left(front, ctx, leg);
        self.pump(front, ctx);
    }

    /// A line that others share gives up one request, and sees to it that no late reply is taken for another's.
    pub(crate) fn server_failed(
        &mut self,
        front: &mut Front,
        ctx: &mut Context<'_>,
        (leg, own_id): (Leg, TransactionId),
        reason: Option<&'static str>,
    ) {
        let Some(state) = self.legs.get_mut(leg.index()) else { return };
        let Some(open) = state.position(own_id).and_then(|at| state.open.remove(at)) else { return };
        match reason {
            None => self.give_up_silent(front, ctx, &open),
            Some(reason) => self.fail(front, ctx, &open, reason),
        }
        self.pump(front, ctx);
    }

    /// What has not left for its server stays here, with its last row and no answer.
    pub(crate) fn client_gave_up(&mut self, front: &mut Front, ctx: &mut Context<'_>, id: TransactionId) {
        if let Some(entry) = self.queue.take(id) {
            let refusal = Refusal::of(Answer::Silence, "client_gave_up");
            record_unheard(front, ctx, &entry.asked(front), (refusal, entry.standing.sequence()));
        }
        for (leg, state) in (0..).map(Leg).zip(&mut self.legs) {
            let Some(open) = state.take_alone(id) else { continue };
            front.forget(ctx, &open.facts);
            record_end(front, ctx, &open, End::of("client_gave_up"));
            self.lose_leg(front, ctx, leg, "client_gave_up");
            break;
        }
        self.pump(front, ctx);
    }

    /// Whether bytes that wait for a server are past their deadline.
    pub(crate) fn has_unsent(&self, leg: Leg, now_ns: u64) -> bool {
        self.legs.get(leg.index()).is_some_and(|state| state.has_stuck(now_ns))
    }

    pub(crate) fn refuse_unsent(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg) {
        self.check_leg(front, ctx, leg);
        self.pump(front, ctx);
    }

    fn refuse_late(&mut self, front: &mut Front, ctx: &mut Context<'_>) {
        let deadline_ns = front.terms().deadline_ns;
        while let Some(entry) = self.queue.take_late(ctx, deadline_ns) {
            let first = entry.standing.sequence();
            refuse_unheard(front, ctx, &entry.asked(front), (Refusal::deadline(), first));
        }
    }

    /// What no reply follows has ended once its last byte is with the socket. Asked before anything
    /// is thrown away, so that what left is never told as lost.
    fn settle_left(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg) {
        let Some(state) = self.legs.get_mut(leg.index()) else { return };
        while let Some(open) = state.take_left() {
            record_end(front, ctx, &open, End::of("no_reply"));
        }
    }

    fn check_leg(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg) {
        self.settle_left(front, ctx, leg);
        let Some((trusts_ids, stuck, silent)) = self.take_overdue(front, ctx, leg) else { return };
        let needs_reset = |open: &Open| open.facts.changes_state || !trusts_ids;
        let must_reset = !stuck.is_empty() || silent.iter().any(needs_reset);
        for open in &stuck {
            self.give_up_unsent(front, ctx, open);
        }
        for open in &silent {
            self.give_up_silent(front, ctx, open);
        }
        if must_reset {
            self.lose_leg(front, ctx, leg, "server_reset");
        }
    }

    /// What is over its time: bytes that never left, and replies that never came.
    fn take_overdue(&mut self, front: &Front, ctx: &Context<'_>, leg: Leg) -> Option<(bool, Vec<Open>, Vec<Open>)> {
        let now_ns = ctx.now.monotonic_ns;
        let granted = front.terms().servers.get(leg.index())?.tolerate;
        let state = self.legs.get_mut(leg.index())?;
        if state.next_deadline().is_none_or(|first| first > now_ns) {
            return None;
        }
        let (mut stuck, mut silent) = (Vec::new(), Vec::new());
        for open in core::mem::take(&mut state.open) {
            if open.silent_ns <= now_ns {
                state.give_up(open.own_id);
            }
            if open.is_stuck(&state.out, now_ns) {
                stuck.push(open);
            } else if open.silent_ns <= now_ns {
                silent.push(open);
            } else {
                state.open.push_back(open);
            }
        }
        let trusts_ids = state.echoes_ids && !granted.wrong_transaction_id && !state.owes_too_much();
        Some((trusts_ids, stuck, silent))
    }

    /// Its last byte never reached the socket, and the reset sees to it that it never will.
    fn give_up_unsent(&mut self, front: &mut Front, ctx: &mut Context<'_>, open: &Open) {
        let code = ExceptionCode::SERVER_DEVICE_BUSY;
        front.forget(ctx, &open.facts);
        record_end(front, ctx, open, End::excepted("deadline: not sent in time", code));
        front.except(&open.facts, code);
    }

    fn give_up_silent(&mut self, front: &mut Front, ctx: &mut Context<'_>, open: &Open) {
        match front.terms().server_silent {
            ServerSilent::Exception => return self.fail(front, ctx, open, "server_silent"),
            ServerSilent::Silence => {}
            ServerSilent::Close => front.end(Manner::Finish, "server_silent"),
        }
        front.forget(ctx, &open.facts);
        record_end(front, ctx, open, End::of("server_silent"));
    }

    /// The session ends: each request gets its last row, and no byte that waits is sent.
    pub(crate) fn abandon(&mut self, front: &mut Front, ctx: &mut Context<'_>, reason: &str) {
        while let Some(entry) = self.queue.take_first() {
            let asked = entry.asked(front);
            let refusal = Refusal::leaving(reason);
            record_unheard(front, ctx, &asked, (refusal, entry.standing.sequence()));
        }
        for index in 0..self.legs.len() {
            if let Ok(leg) = u8::try_from(index) {
                self.abandon_leg(front, ctx, Leg(leg));
            }
        }
    }

    fn abandon_leg(&mut self, front: &mut Front, ctx: &mut Context<'_>, leg: Leg) {
        self.settle_left(front, ctx, leg);
        let Some(state) = self.legs.get_mut(leg.index()) else { return };
        let is_clean = state.open.is_empty();
        match state.link {
            Link::Open if is_clean => front.actions.push(Action::FinishServer(leg)),
            Link::Open | Link::Connecting => front.actions.push(Action::ResetServer(leg)),
            Link::Closed | Link::Refused => {}
        }
        for (used, count) in state.tolerated.take_rest() {
            let mut row = front.rows.server(Kind::ModbusTolerated, ctx.now, leg);
            (row.reason, row.count) = (Some(used.word()), Some(count));
            ctx.recorder.record(&row);
        }
        if is_clean {
            // What waits in its buffer still leaves before the stream ends.
            state.link = Link::Closed;
            return;
        }
        for open in state.lose() {
            front.forget(ctx, &open.facts);
            record_end(front, ctx, &open, End::of("session_closed"));
        }
    }

    pub(crate) fn next_deadline(&self, front: &Front) -> Option<u64> {
        let legs = self.legs.iter().filter_map(crate::leg::LegState::next_deadline);
        let terms = front.terms();
        let bound = (!terms.observes()).then(|| self.queue.next_deadline(terms.deadline_ns));
        legs.chain(bound.flatten()).min()
    }
}
