//! The client's end of a session: what is decided about its requests, and what it is told.
//!
//! Kept true here:
//! * a refusal is recorded before it is answered;
//! * after the first reason to end, nothing more is decided.

use crate::config::{SessionConfig, Terms};
use crate::context::{Action, Context, Leg};
use crate::facts::{Asked, Facts};
use crate::outbuffer::OutBuffer;
use crate::refusal::Refusal;
use crate::rows::{Rows, Ruling, follow};
use event::{Event, Kind, Outcome, Sequence};
use policy::document::Answer;
use policy::{Target, View};
use std::sync::Arc;
use wire::{Adu, Anomaly, ExceptionCode, FrameError, PduLimit, TransactionId, UnitId, append_adu};

/// How a session leaves its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Finish,
    Reset,
}

/// The client's end.
pub(crate) struct Front {
    pub(crate) config: Arc<SessionConfig>,
    pub(crate) view: Arc<View>,
    pub(crate) rows: Rows,
    pub(crate) out: OutBuffer,
    pub(crate) actions: Vec<Action>,
    pub(crate) last_request_ns: u64,
    /// The client sends nothing more; what it asked is still answered.
    pub(crate) client_finished: bool,
    /// Why no more requests are taken, while open ones end.
    pub(crate) leaving: Option<Arc<str>>,
    /// The listener's servers are others now, so nothing new can be routed.
    pub(crate) is_detached: bool,
    is_client_told: bool,
    ending: Option<(Manner, Arc<str>)>,
}

// === impl Front ===

impl Front {
    pub(crate) fn new(config: Arc<SessionConfig>, view: Arc<View>, now_ns: u64) -> Self {
        Self {
            rows: Rows::new(Arc::clone(&config)),
            config,
            view,
            out: OutBuffer::default(),
            actions: Vec::new(),
            last_request_ns: now_ns,
            client_finished: false,
            leaving: None,
            is_detached: false,
            is_client_told: false,
            ending: None,
        }
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.config.terms
    }

    /// The session ends after this event; the first reason stands.
    pub(crate) fn end(&mut self, manner: Manner, reason: &str) {
        if self.ending.is_none() {
            self.ending = Some((manner, reason.into()));
        }
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    pub(crate) fn ending(&self) -> Option<(Manner, Arc<str>)> {
        self.ending.clone()
    }

    pub(crate) fn pdu_limit(&self) -> PduLimit {
        PduLimit { umas_bytes: self.terms().umas_pdu_bytes }
    }

    /// Where a unit id leads, for the policy and as one of the listener's servers.
    pub(crate) fn route(&self, unit: UnitId) -> (Option<Target>, Option<Leg>) {
        let Some(target) = self.view.target(unit).filter(|_| !self.is_detached) else {
            return (None, None);
        };
        (Some(target), u8::try_from(target.leg()).ok().map(Leg))
    }

    pub(crate) fn asked<'a>(&self, adu: &Adu<'a>, ctx: &Context<'_>) -> Asked<'a> {
        let (target, leg) = self.route(adu.unit_id);
        Asked { transaction_id: adu.transaction_id, unit: adu.unit_id, pdu: adu.pdu, arrived: ctx.now, target, leg }
    }

    /// Go on under another policy. Where the servers moved, what is open ends at the old ones.
    pub(crate) fn adopt(&mut self, config: Arc<SessionConfig>, view: Arc<View>) {
        let was_named = self.view.names_client();
        self.view = view;
        if !config.terms.has_servers_of(self.terms()) {
            return self.detach("policy_changed");
        }
        self.rows = Rows::new(Arc::clone(&config));
        self.config = config;
        if was_named && !self.view.names_client() && !self.terms().observes() {
            self.leave("policy_changed");
        }
    }

    /// Nothing new can be routed from here.
    pub(crate) fn detach(&mut self, reason: &str) {
        self.is_detached = true;
        self.leave(reason);
    }

    /// Take no more requests; the first reason stands.
    pub(crate) fn leave(&mut self, reason: &str) {
        if self.leaving.is_none() {
            self.leaving = Some(reason.into());
        }
    }

    /// End the stream to the client, once.
    pub(crate) fn finish_client(&mut self) {
        if !self.is_client_told {
            self.actions.push(Action::FinishClient);
        }
        self.is_client_told = true;
    }

    /// A write that brought no reply: its value is unknown until it is read.
    pub(crate) fn forget(&self, ctx: &mut Context<'_>, facts: &Facts) {
        if let (Some(target), Some(span)) = (facts.target, facts.writes) {
            ctx.plant.forget_span(target, span);
        }
    }

    pub(crate) fn ruling(&self, verdict: Outcome, rule: Option<Arc<str>>, reason: Option<Arc<str>>) -> Ruling {
        Ruling { verdict, policy: Arc::clone(&self.terms().policy), rule, reason }
    }

    /// Record a refusal, then tell the client as the refusal says.
    pub(crate) fn refuse(&mut self, ctx: &mut Context<'_>, refused: Refused<'_>) {
        let (facts, answer) = (refused.facts, self.audible(refused.facts, refused.refusal.answer));
        self.record_refusal(ctx, refused);
        self.answer(facts, answer);
    }

    pub(crate) fn record_refusal(&self, ctx: &mut Context<'_>, refused: Refused<'_>) {
        let Refused { facts, refusal, values, pdu, first } = refused;
        let ruling = self.ruling(Outcome::Deny, refusal.rule, Some(refusal.reason));
        let mut row = self.rows.request(refusal.kind, facts.arrived, facts, &ruling);
        row.values = values;
        row.pdu = pdu.map(Into::into);
        row.exception_code = exception_of(self.audible(facts, refusal.answer));
        if first.is_some() {
            follow(&mut row, first);
            row.time = ctx.now.utc_ns;
            ctx.recorder.record_end(&row);
            return;
        }
        ctx.recorder.record(&row);
    }

    /// A frame that is no request: recorded with its bytes, refused as the conduit refuses.
    pub(crate) fn refuse_malformed(
        &mut self,
        ctx: &mut Context<'_>,
        asked: &Asked<'_>,
        anomaly: Anomaly,
        code: ExceptionCode,
    ) {
        let mut row = self.rows.malformed(kind_of(anomaly), asked, anomaly.name());
        let answer = self.audible(&Facts::unparsed(asked), self.answer_to_malformed(code));
        row.exception_code = exception_of(answer);
        ctx.recorder.record(&row);
        self.answer(&Facts::unparsed(asked), answer);
    }

    /// The error's own exception, unless the operator wrote that refusals are silent or reset. Where
    /// nothing is refused, an exception is what the server itself would have said.
    fn answer_to_malformed(&self, code: ExceptionCode) -> Answer {
        match self.terms().denial {
            denial @ (Answer::Silence | Answer::Reset) if !self.terms().observes() => denial,
            _ => Answer::Exception(code.0),
        }
    }

    /// A stream that is not Modbus: nothing after this byte has a meaning, so the session ends.
    pub(crate) fn refuse_stream(&mut self, ctx: &mut Context<'_>, error: FrameError) {
        let (kind, reason) = frame_trouble(error);
        let mut row = self.rows.session(kind, ctx.now);
        row.verdict = Some(Outcome::Deny);
        row.reason = Some(reason.as_str().into());
        ctx.recorder.record(&row);
        self.end(Manner::Reset, kind.name());
    }

    /// What is said of it. On a bus, where all hear all, a broadcast has no answer, and a unit that is not
    /// declared here may be somebody else, who answers for itself (V1.02 §2.1, §2.4.1).
    fn audible(&self, facts: &Facts, answer: Answer) -> Answer {
        let is_ours = facts.target.is_some() && facts.unit != UnitId(0);
        if self.terms().is_on_bus && !is_ours { Answer::Silence } else { answer }
    }

    pub(crate) fn answer(&mut self, facts: &Facts, answer: Answer) {
        match self.audible(facts, answer) {
            Answer::Exception(code) => self.except(facts, ExceptionCode(code)),
            Answer::Silence => {}
            // A bus has no connection: silence is all that there is.
            Answer::Reset if self.terms().is_on_bus => {}
            Answer::Reset => self.end(Manner::Reset, "denied"),
        }
    }

    pub(crate) fn except(&mut self, facts: &Facts, code: ExceptionCode) {
        let pdu = [facts.function_code | 0x80, code.0];
        self.reply(facts.transaction_id, facts.unit, &pdu);
    }

    pub(crate) fn reply(&mut self, transaction_id: TransactionId, unit: UnitId, pdu: &[u8]) {
        append_adu(self.out.tail(), transaction_id, unit, pdu);
    }

    /// A row about the session as a whole.
    pub(crate) fn record(&self, ctx: &mut Context<'_>, kind: Kind, reason: Option<Arc<str>>) {
        let row = Event { reason, ..self.rows.session(kind, ctx.now) };
        ctx.recorder.record(&row);
    }
}

/// A request about to be refused, and what its row shows.
pub(crate) struct Refused<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) refusal: Refusal,
    pub(crate) values: Option<Arc<[u16]>>,
    pub(crate) pdu: Option<&'a [u8]>,
    /// Its first row, when it was permitted before.
    pub(crate) first: Option<Sequence>,
}

/// The kind and the words for a broken header.
pub(crate) fn frame_trouble(error: FrameError) -> (Kind, String) {
    match error {
        FrameError::ProtocolId(found) => (Kind::ModbusInvalidProtocolId, format!("invalid_protocol_id: {found}")),
        FrameError::Length(found) => (Kind::ModbusInvalidLength, format!("invalid_length: {found} in the header")),
    }
}

/// The kind of event for what is wrong with a PDU.
pub(crate) fn kind_of(anomaly: Anomaly) -> Kind {
    let name = format!("modbus.{}", anomaly.name());
    name.parse().unwrap_or(Kind::ModbusInvalidValue)
}

fn exception_of(answer: Answer) -> Option<u8> {
    match answer {
        Answer::Exception(code) => Some(code),
        Answer::Silence | Answer::Reset => None,
    }
}
