//! A conversation the guard frames itself: client bytes become requests, each with its turn.
//!
//! # Theory
//!
//! A request passes through these states; what is recorded stands in brackets.
//!
//! | state | event | next | what happens |
//! |---|---|---|---|
//! | arrived | is no request | ended | exception, or denial where that is silence or reset `[modbus.invalid_*]` |
//! | arrived | an earlier one of its leg, or with its id, is not done | waiting | – |
//! | arrived, waiting | over the queue's budget | ended | 06 `[modbus.flooded]` |
//! | arrived, waiting | its turn, the policy refuses | ended | denial `[request.denied]` |
//! | arrived, waiting | its turn, server not connected, or budget of open ones full | waiting | `Connect` |
//! | arrived, waiting | its turn, cannot change state | open | bytes to the server |
//! | arrived, waiting | its turn, can change state | recording | `[request.permitted]` ahead |
//! | recording | row durable, decided anew: permitted | open | bytes to the server |
//! | recording | row durable, decided anew: refused | ended | denial `[request.outcome]` |
//! | recording | row lost | ended or open | as `on_failure` says |
//! | waiting, recording | deadline | ended | 06 `[request.denied, request.outcome]` |
//! | open | its reply | ended | reply with the client's id `[request.permitted, .outcome]` |
//! | open | no reply follows it, its last byte has left | ended | – `[request.outcome]` |
//! | open | deadline, its last byte has not left | ended | 06; the server is reset |
//! | open | `reply_timeout` | ended | as `server_silent` says; the server is reset |
//! | open | server connection lost | ended | 0x0B |
//!
//! *Order.* Requests to one server leave in the order in which they came, and a request waits
//! for every earlier one to the same server that waits. Replies go to the client as they
//! come, refusals at once: transaction ids tell them apart. Only where a client reuses an id that is
//! still open would order be all it has; there the later request waits for the earlier one's end.
//!
//! *Deciding twice.* Limits compare with the last value forwarded, and another client's write may be
//! forwarded while this one's row is on its way to the disk. So the decision that counts is
//! the one made in the moment of forwarding; the earlier one only saves the disk the row.

mod cleared;
mod endings;
mod queue;
mod replies;
mod turn;

use crate::context::{Action, Context, Leg};
use crate::facts::{self, Asked, Facts};
use crate::framing::Inbox;
use crate::front::{Front, Refused};
use crate::leg::{LegState, Link};
use crate::outbuffer::OutBuffer;
use crate::outcome::Reading;
use crate::refusal::Refusal;
use event::Sequence;
use queue::{Queue, Standing, Waiting};
use turn::Turn;
use wire::{Adu, TransactionId, parse_adu, parse_request};

/// The requests and server connections of one session.
pub(crate) struct Framed {
    inbox: Inbox,
    queue: Queue,
    legs: Vec<LegState>,
    reading: Reading,
    /// The connection made at open is not answered yet: its refusal is the client's refusal.
    is_opening: bool,
}

// === impl Framed ===

impl Framed {
    pub(crate) fn new(front: &mut Front, server: LegState) -> Self {
        let mut legs: Vec<_> = front.terms().servers.iter().map(|_| LegState::default()).collect();
        if let Some(first) = legs.first_mut() {
            *first = server;
        }
        let mut framed = Self {
            inbox: Inbox::default(),
            queue: Queue::default(),
            legs,
            reading: Reading::default(),
            is_opening: false,
        };
        framed.open_direct(front);
        framed
    }

    /// A client the policy knows gets its only server at once, so that it sees an absent one.
    pub(crate) fn open_direct(&mut self, front: &mut Front) {
        let is_closed = self.legs.first().is_some_and(|leg| leg.link == Link::Closed);
        if front.terms().is_direct() && front.view.names_client() && is_closed {
            self.is_opening = true;
            self.connect(front, Leg(0));
        }
    }

    pub(crate) fn client_received(&mut self, front: &mut Front, ctx: &mut Context<'_>, bytes: &[u8]) {
        let stream = self.inbox.join(bytes);
        let mut rest: &[u8] = &stream;
        while !front.is_ending() {
            match parse_adu(rest, front.pdu_limit()) {
                Ok(Some(adu)) => {
                    rest = rest.get(adu.len_bytes()..).unwrap_or_default();
                    self.arrive(front, ctx, &adu);
                }
                Ok(None) => break,
                Err(error) => return front.refuse_stream(ctx, error),
            }
        }
        self.inbox.keep(rest);
    }

    fn arrive(&mut self, front: &mut Front, ctx: &mut Context<'_>, adu: &Adu<'_>) {
        front.last_request_ns = ctx.now.monotonic_ns;
        let asked = front.asked(adu, ctx);
        if let Some(why) = front.leaving.clone() {
            return refuse_unheard(front, ctx, &asked, (Refusal::leaving(&why), None));
        }
        if self.queue.holds_up(self.queue.len(), asked.leg, asked.transaction_id) || self.has_open(asked.transaction_id)
        {
            return self.enqueue(front, ctx, &asked);
        }
        match self.turn(front, ctx, &asked, Standing::New) {
            Turn::Done => {}
            Turn::Wait => self.enqueue(front, ctx, &asked),
            Turn::Record(row) => {
                self.queue.push(Waiting::of(&asked, true, Standing::Recording(row)));
            }
        }
    }

    fn enqueue(&mut self, front: &mut Front, ctx: &mut Context<'_>, asked: &Asked<'_>) {
        if self.is_queue_full(front) {
            return refuse_unheard(front, ctx, asked, (Refusal::flooded(), None));
        }
        if self.is_budget_spent(front) {
            ctx.recorder.open_requests_spent();
        }
        self.queue.push(Waiting::of(asked, changes_state(asked.pdu), Standing::New));
    }

    fn is_queue_full(&self, front: &Front) -> bool {
        let budget = front.terms().budgets.queued_requests;
        self.queue.without_turn() >= usize::try_from(budget).unwrap_or(usize::MAX)
    }

    /// Give each waiting request its turn that may have it.
    fn pump(&mut self, front: &mut Front, ctx: &mut Context<'_>) {
        let mut from = 0;
        while let Some(at) = self.queue.next_turn(from).filter(|_| !front.is_ending()) {
            from = self.take_turn(front, ctx, at);
        }
    }

    /// Where to look for the next turn: here again, or after a request that goes on waiting.
    fn take_turn(&mut self, front: &mut Front, ctx: &mut Context<'_>, at: usize) -> usize {
        let Some(mut entry) = self.queue.remove(at) else { return at.saturating_add(1) };
        let asked = entry.asked(front);
        let (leg, standing) = (asked.leg, entry.standing);
        let turn = match self.has_open(entry.transaction_id) {
            true => Turn::Wait,
            false => self.turn(front, ctx, &asked, standing),
        };
        match turn {
            Turn::Done => return at,
            Turn::Wait => {}
            Turn::Record(row) => entry.standing = Standing::Recording(row),
        }
        entry.leg = leg;
        self.queue.insert(at, entry);
        at.saturating_add(1)
    }

    fn connect(&mut self, front: &mut Front, leg: Leg) {
        let Some(state) = self.legs.get_mut(leg.index()) else { return };
        if state.link == Link::Closed {
            state.link = Link::Connecting;
            front.actions.push(Action::Connect(leg));
        }
    }

    fn has_open(&self, client_id: TransactionId) -> bool {
        let mut open = self.legs.iter().flat_map(|leg| &leg.open);
        open.any(|open| open.facts.transaction_id == client_id)
    }

    pub(crate) fn open_requests(&self) -> usize {
        self.legs.iter().map(|leg| leg.open.len()).sum()
    }

    pub(crate) fn queued_requests(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is owed to anybody.
    pub(crate) fn is_quiet(&self) -> bool {
        self.queue.is_empty() && self.legs.iter().all(|leg| leg.open.is_empty())
    }

    /// Whether the client has begun a request that has not ended.
    pub(crate) fn is_in_mid_frame(&self) -> bool {
        !self.inbox.is_empty()
    }

    pub(crate) fn wants_client(&self, front: &Front) -> bool {
        let is_free = self.queue.is_empty() || !self.is_queue_full(front);
        is_free && !self.legs.iter().any(|leg| leg.out.is_full())
    }

    pub(crate) fn is_connected(&self, leg: Leg) -> bool {
        self.legs.get(leg.index()).is_some_and(|state| state.link == Link::Open)
    }

    pub(crate) fn server_out(&mut self, leg: Leg) -> Option<&mut OutBuffer> {
        self.legs.get_mut(leg.index()).map(|state| &mut state.out)
    }

    /// Its only connection and the client's unused bytes, for an engine that frames nothing.
    pub(crate) fn take_server(&mut self) -> Option<(LegState, Vec<u8>)> {
        let server = self.legs.first_mut().filter(|leg| !leg.has_strays() && leg.inbox.is_empty())?;
        Some((core::mem::take(server), self.inbox.take()))
    }
}

/// Refuse a request for what the session is, not for what it asks.
fn refuse_unheard(
    front: &mut Front,
    ctx: &mut Context<'_>,
    asked: &Asked<'_>,
    (refusal, first): (Refusal, Option<Sequence>),
) {
    let answer = refusal.answer;
    let facts = record_unheard(front, ctx, asked, (refusal, first));
    front.answer(&facts, answer);
}

/// Record a request that ends without its turn.
fn record_unheard(
    front: &Front,
    ctx: &mut Context<'_>,
    asked: &Asked<'_>,
    (refusal, first): (Refusal, Option<Sequence>),
) -> Facts {
    let parsed = parse_request(asked.pdu, true);
    let (facts, values, is_opaque) = match &parsed {
        Ok(request) => (Facts::of(asked, request), facts::written(request), facts::is_opaque(request)),
        Err(_) => (Facts::unparsed(asked), None, true),
    };
    let pdu = is_opaque.then_some(asked.pdu);
    front.record_refusal(ctx, Refused { facts: &facts, refusal, values, pdu, first });
    facts
}

fn changes_state(pdu: &[u8]) -> bool {
    parse_request(pdu, true).is_ok_and(|request| request.can_change_state())
}
