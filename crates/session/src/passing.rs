//! A conversation that is only observed: bytes pass both ways as they come, a copy is read.
//!
//! Kept true here:
//! * what the reader makes of the copy never changes, delays or drops a byte;
//! * a stream the reader cannot follow is given up once, recorded once, and passes on;
//! * what the reader remembers is bounded.

use crate::context::{Action, Begun, Context, Leg};
use crate::facts::{Asked, Facts};
use crate::framing::Inbox;
use crate::front::{Front, Manner, frame_trouble, kind_of};
use crate::judge::{first_row, judge};
use crate::leg::{LegState, Link, Open};
use crate::outbuffer::OutBuffer;
use crate::outcome::{End, Reading, record_end, record_server};
use event::Kind;
use std::collections::VecDeque;
use wire::{Adu, Expectation, FrameError, ReplyTolerance, Request, TransactionId, UnitId};
use wire::{parse_adu, parse_request, parse_response};

/// Requests remembered for their replies. Far over any budget of a client that behaves.
const MOST_OPEN: usize = 256;

/// The one server there is to observe.
const SERVER: Leg = Leg(0);

/// Bytes on their way, and the reader beside them.
pub(crate) struct Passing {
    server: LegState,
    requests: Inbox,
    reading: Reading,
    /// The reader follows both streams.
    is_reading: bool,
    /// Frames that are no request went to the server all the same; it may answer them.
    unread: VecDeque<(TransactionId, UnitId)>,
    /// A reply may still come for which nobody waits here.
    has_strays: bool,
    server_finished: bool,
    is_server_told: bool,
}

// === impl Passing ===

impl Passing {
    pub(crate) fn new(front: &mut Front, server: LegState) -> Self {
        let mut passing = Self {
            server,
            requests: Inbox::default(),
            reading: Reading::default(),
            is_reading: true,
            unread: VecDeque::new(),
            has_strays: false,
            server_finished: false,
            is_server_told: false,
        };
        if passing.server.link == Link::Closed {
            passing.server.link = Link::Connecting;
            front.actions.push(Action::Connect(SERVER));
        }
        passing
    }

    pub(crate) fn client_received(&mut self, front: &mut Front, ctx: &mut Context<'_>, bytes: &[u8]) {
        self.server.out.append(bytes);
        if !self.is_reading {
            front.last_request_ns = ctx.now.monotonic_ns;
            return;
        }
        let stream = self.requests.join(bytes);
        let mut rest: &[u8] = &stream;
        loop {
            match parse_adu(rest, front.pdu_limit()) {
                Ok(Some(adu)) => {
                    rest = rest.get(adu.len_bytes()..).unwrap_or_default();
                    self.observe(front, ctx, &adu);
                }
                Ok(None) => break,
                Err(error) => return self.give_up(front, ctx, error),
            }
        }
        self.requests.keep(rest);
    }

    fn observe(&mut self, front: &mut Front, ctx: &mut Context<'_>, adu: &Adu<'_>) {
        front.last_request_ns = ctx.now.monotonic_ns;
        let asked = Asked { leg: Some(SERVER), ..front.asked(adu, ctx) };
        match parse_request(asked.pdu, true) {
            Ok(request) => self.observe_request(front, ctx, &asked, &request),
            Err(error) => {
                let anomaly = error.anomaly();
                let row = front.rows.malformed(kind_of(anomaly), &asked, anomaly.name());
                ctx.recorder.record(&row);
                if self.unread.len() >= MOST_OPEN {
                    self.unread.pop_front();
                }
                self.unread.push_back((asked.transaction_id, asked.unit));
            }
        }
    }

    fn observe_request(&mut self, front: &mut Front, ctx: &mut Context<'_>, asked: &Asked<'_>, request: &Request<'_>) {
        let facts = Facts::of(asked, request);
        let ruling = judge(front, ctx, asked, request).ruling(front);
        let kind = Kind::RequestObserved;
        let sequence = facts.changes_state.then(|| {
            let row = first_row(front, ctx, kind, (asked, request, &facts, &ruling));
            let first = ctx.recorder.record(&row);
            let writes = facts.target.zip(facts.writes);
            ctx.recorder.begun(Begun { row: &row, first, instead_of: None, writes });
            first
        });
        if let Some(target) = facts.target {
            ctx.plant.value_forwarded(target, request, ctx.now);
        }
        let patience_ns = front.terms().servers.first().map(|server| server.reply_timeout_ns);
        let sent_ns = ctx.now.monotonic_ns;
        self.remember(
            front,
            ctx,
            Open {
                own_id: asked.transaction_id,
                expectation: Expectation::of(request),
                silent_ns: sent_ns.saturating_add(patience_ns.unwrap_or_default()),
                leave_by: None,
                is_leaving: false,
                kind,
                sequence,
                sent_ns,
                facts,
                ruling,
            },
        );
    }

    fn remember(&mut self, front: &mut Front, ctx: &mut Context<'_>, open: Open) {
        if !open.awaits_reply() {
            return record_end(front, ctx, &open, End::of("no_reply"));
        }
        if self.server.open.len() >= MOST_OPEN {
            self.forget_oldest(front, ctx, "unpaired");
        }
        self.server.open.push_back(open);
    }

    fn forget_oldest(&mut self, front: &mut Front, ctx: &mut Context<'_>, reason: &'static str) {
        self.has_strays = true;
        if let Some(open) = self.server.open.pop_front() {
            front.forget(ctx, &open.facts);
            record_end(front, ctx, &open, End::of(reason));
        }
    }

    pub(crate) fn server_received(&mut self, front: &mut Front, ctx: &mut Context<'_>, bytes: &[u8]) {
        front.out.append(bytes);
        if !self.is_reading {
            return;
        }
        let stream = self.server.inbox.join(bytes);
        let mut rest: &[u8] = &stream;
        loop {
            match parse_adu(rest, front.pdu_limit()) {
                Ok(Some(adu)) => {
                    rest = rest.get(adu.len_bytes()..).unwrap_or_default();
                    self.observe_reply(front, ctx, &adu);
                }
                Ok(None) => break,
                Err(error) => return self.give_up(front, ctx, error),
            }
        }
        self.server.inbox.keep(rest);
    }

    fn observe_reply(&mut self, front: &mut Front, ctx: &mut Context<'_>, adu: &Adu<'_>) {
        let answers = |open: &Open| open.facts.transaction_id == adu.transaction_id && open.facts.unit == adu.unit_id;
        let position = self.server.open.iter().position(answers);
        let Some(open) = position.and_then(|at| self.server.open.remove(at)) else {
            if self.answers_unread(adu) {
                return;
            }
            let kind = Kind::ResponseUnsolicited;
            return record_server(front, ctx, kind, (SERVER, Some(adu), "unsolicited"));
        };
        match parse_response(&open.expectation, adu.pdu, ReplyTolerance::default()) {
            Ok(response) => self.reading.conclude(front, ctx, &open, (adu.pdu, &response)),
            Err(error) => {
                let anomaly = error.anomaly();
                record_server(front, ctx, kind_of(anomaly), (SERVER, Some(adu), anomaly.name()));
                front.forget(ctx, &open.facts);
                record_end(front, ctx, &open, End::of("server_mismatch"));
            }
        }
    }

    fn answers_unread(&mut self, adu: &Adu<'_>) -> bool {
        let position = self.unread.iter().position(|sent| *sent == (adu.transaction_id, adu.unit_id));
        position.and_then(|at| self.unread.remove(at)).is_some()
    }

    /// The copy makes no sense any more; the bytes go on.
    fn give_up(&mut self, front: &mut Front, ctx: &mut Context<'_>, error: FrameError) {
        let (kind, reason) = frame_trouble(error);
        let reason = format!("{reason}; bytes pass on unread");
        record_server(front, ctx, kind, (SERVER, None, &reason));
        self.is_reading = false;
        self.requests = Inbox::default();
        self.server.inbox = Inbox::default();
        while !self.server.open.is_empty() {
            self.forget_oldest(front, ctx, "unread");
        }
    }

    pub(crate) fn client_finished(&mut self, front: &mut Front) {
        match self.server_finished {
            true => front.end(Manner::Finish, "client_closed"),
            false => self.finish_server(front),
        }
    }

    /// End the stream to the server, once.
    fn finish_server(&mut self, front: &mut Front) {
        if !core::mem::replace(&mut self.is_server_told, true) {
            front.actions.push(Action::FinishServer(SERVER));
        }
    }

    pub(crate) fn server_refused(&mut self, front: &mut Front) {
        self.server.link = Link::Closed;
        front.end(Manner::Reset, "server_refused");
    }

    pub(crate) fn server_connected(&mut self) {
        self.server.link = Link::Open;
    }

    pub(crate) fn server_finished(&mut self, front: &mut Front) {
        self.server_finished = true;
        match front.client_finished {
            true => front.end(Manner::Finish, "server_closed"),
            false => front.finish_client(),
        }
    }

    /// A silent server is the client's affair; only the memory of its requests ends here.
    pub(crate) fn deadline_reached(&mut self, front: &mut Front, ctx: &mut Context<'_>) {
        let now_ns = ctx.now.monotonic_ns;
        while self.server.open.front().is_some_and(|open| open.silent_ns <= now_ns) {
            self.forget_oldest(front, ctx, "server_silent");
        }
    }

    /// The session ends. Bytes on their way still arrive, unless the client's end was a reset.
    pub(crate) fn abandon(&mut self, front: &mut Front, ctx: &mut Context<'_>, manner: Manner) {
        while !self.server.open.is_empty() {
            self.forget_oldest(front, ctx, "session_closed");
        }
        match (self.server.link, manner) {
            (Link::Open, Manner::Finish) => self.finish_server(front),
            (Link::Open | Link::Connecting, _) => front.actions.push(Action::ResetServer(SERVER)),
            (Link::Closed | Link::Refused, _) => {}
        }
        self.server.link = Link::Closed;
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.server.next_deadline()
    }

    pub(crate) fn server_out(&mut self, leg: Leg) -> Option<&mut OutBuffer> {
        (leg == SERVER).then_some(&mut self.server.out)
    }

    pub(crate) fn wants_client(&self) -> bool {
        !self.server.out.is_full()
    }

    pub(crate) fn is_connected(&self, leg: Leg) -> bool {
        leg == SERVER && self.server.link == Link::Open && !self.server_finished
    }

    pub(crate) fn open_requests(&self) -> usize {
        self.server.open.len()
    }

    /// Whether the client has begun a request that has not ended.
    pub(crate) fn is_in_mid_frame(&self) -> bool {
        !self.requests.is_empty()
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.server.open.is_empty()
    }

    /// Its connection, for an engine that frames: only where neither stream holds anything unknown.
    pub(crate) fn take_server(&mut self) -> Option<LegState> {
        let is_known = self.is_reading && !self.has_strays && !self.server_finished;
        let is_between = self.requests.is_empty() && self.server.inbox.is_empty();
        (is_known && is_between).then(|| core::mem::take(&mut self.server))
    }
}
