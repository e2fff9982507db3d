//! A conversation as a test writes it: what the client, the server and the journal do, and what follows.

pub(super) use super::site::*;
use crate::{Action, Client, Context, Leg, Recorder, Session, SessionConfig, Terms, Unrecorded};
use event::{Event, Kind, Sequence, SessionId};
use policy::{Moment, Plant, Policy, Principal};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use wire::{PduLimit, parse_adu};

pub(super) const MS: u64 = 1_000_000;
const UNIT: u8 = 1;

/// A journal in memory.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) events: VecDeque<Event>,
    /// Rows that wait to become durable.
    pub(super) ahead: VecDeque<Sequence>,
    pub(super) is_down: bool,
    /// It looks up, but takes no rows ahead.
    pub(super) refuses_ahead: Option<Unrecorded>,
    /// The journal could not be opened yet: rows get no numbers.
    pub(super) has_no_numbers: bool,
    pub(super) segment: u64,
    /// Rows recorded as the ends of recorded requests.
    pub(super) ends: Vec<Sequence>,
    last: u64,
}

impl Recorder for Notes {
    fn record(&mut self, event: &Event) -> Sequence {
        let mut event = event.clone();
        self.last += 1;
        event.sequence = Sequence(if self.has_no_numbers { 0 } else { self.last });
        let sequence = event.sequence;
        self.events.push_back(event);
        sequence
    }

    fn record_end(&mut self, event: &Event) -> Sequence {
        let row = self.record(event);
        self.ends.push(row);
        row
    }

    fn record_ahead(&mut self, event: &Event) -> Result<Sequence, Unrecorded> {
        if let Some(why) = self.is_down.then_some(Unrecorded::Down).or(self.refuses_ahead) {
            return Err(why);
        }
        let row = self.record(event);
        self.ahead.push_back(row);
        Ok(row)
    }

    fn journal_is_up(&self) -> bool {
        !self.is_down
    }

    fn segment(&self) -> u64 {
        self.segment
    }
}

/// A session with everything around it.
pub(super) struct Talk {
    pub(super) session: Session,
    pub(super) plant: Plant,
    pub(super) notes: Notes,
    pub(super) now: Moment,
    pub(super) actions: VecDeque<Action>,
    /// The server's socket takes no bytes.
    pub(super) server_is_stuffed: bool,
    to_client: Vec<u8>,
    to_server: Vec<Vec<u8>>,
    client: Client,
    policy: Policy,
}

// === impl Talk ===

impl Talk {
    /// A session that is open, its direct server connected, and nothing said yet.
    pub(super) fn under(document: Value) -> Self {
        let mut talk = Self::opening(document);
        if talk.actions.contains(&Action::Connect(Leg(0))) {
            talk.expect_action(Action::Connect(Leg(0)));
            talk.server_connects(0);
        }
        talk
    }

    /// A session at its first moment.
    pub(super) fn opening(document: Value) -> Self {
        Self::opening_from(document, [127, 0, 0, 5].into())
    }

    pub(super) fn opening_from(document: Value, address: IpAddr) -> Self {
        let policy = parse(&document);
        let client = Client {
            id: SessionId(7),
            name: Some("hmi-1".into()),
            address: Some(address),
            port: Some(40_000),
            identity: "address".into(),
            role: None,
            certificate: None,
        };
        let (mut plant, mut notes) = (Plant::new(&policy), Notes::default());
        let now = Moment { monotonic_ns: 1_000 * MS, utc_ns: 1_700_000_000_000_000_000, synchronised: true };
        let mut ctx = Context { now, plant: &mut plant, recorder: &mut notes };
        let config = config(&policy, &client);
        let view = policy.view(0, 0, &principal(&client));
        let session = Session::open(config, view, &mut ctx);
        let servers = policy.document().servers.len();
        let mut talk = Self {
            session,
            plant,
            notes,
            now,
            actions: VecDeque::new(),
            server_is_stuffed: false,
            to_client: Vec::new(),
            to_server: vec![Vec::new(); servers],
            client,
            policy,
        };
        talk.collect();
        talk.expect_event(Kind::SessionOpened);
        talk
    }

    pub(super) fn client_sends(&mut self, id: u16, pdu: &[u8]) {
        self.client_sends_bytes(&adu(id, UNIT, pdu));
    }

    pub(super) fn client_sends_bytes(&mut self, bytes: &[u8]) {
        self.happen(|session, ctx| session.client_received(bytes, ctx));
    }

    pub(super) fn client_finishes(&mut self) {
        self.happen(|session, ctx| session.client_finished(ctx));
    }

    pub(super) fn server_connects(&mut self, leg: u8) {
        self.happen(|session, ctx| session.server_connected(Leg(leg), ctx));
    }

    pub(super) fn server_refuses(&mut self, leg: u8) {
        self.happen(|session, ctx| session.server_refused(Leg(leg), ctx));
    }

    pub(super) fn server_sends(&mut self, id: u16, pdu: &[u8]) {
        self.server_sends_bytes(0, &adu(id, UNIT, pdu));
    }

    pub(super) fn server_sends_bytes(&mut self, leg: u8, bytes: &[u8]) {
        self.happen(|session, ctx| session.server_received(Leg(leg), bytes, ctx));
    }

    pub(super) fn server_finishes(&mut self, leg: u8) {
        self.happen(|session, ctx| session.server_finished(Leg(leg), ctx));
    }

    /// The oldest row that waits becomes durable.
    pub(super) fn journal_syncs(&mut self) {
        let row = self.notes.ahead.pop_front().expect("a row waits");
        self.happen(|session, ctx| session.journal_durable(row, ctx));
    }

    /// The journal goes down, and the oldest row that waits with it.
    pub(super) fn journal_fails(&mut self) {
        self.notes.is_down = true;
        let row = self.notes.ahead.pop_front().expect("a row waits");
        self.happen(|session, ctx| session.journal_failed(row, ctx));
    }

    pub(super) fn time_passes(&mut self, milliseconds: u64) {
        self.time_is_lost(milliseconds);
        self.fire_timer();
        let next = self.session.next_deadline();

        assert!(next.is_none_or(|at| at > self.now.monotonic_ns), "a timer that fires for ever");
    }

    /// Time passes and no timer is served: a long turn, a machine that was stopped.
    pub(super) fn time_is_lost(&mut self, milliseconds: u64) {
        self.now.monotonic_ns += milliseconds * MS;
        self.now.utc_ns += i64::try_from(milliseconds * MS).expect("a short time");
    }

    pub(super) fn policy_becomes(&mut self, document: &Value) {
        let policy = parse(document);
        let fresh = Plant::new(&policy);
        let plant = std::mem::replace(&mut self.plant, fresh);
        self.plant = plant.rebind(&self.policy, &policy);
        let (config, view) = (config(&policy, &self.client), policy.view(0, 0, &principal(&self.client)));
        self.policy = policy;
        self.happen(|session, ctx| session.policy_changed(config, view, ctx));
    }

    /// What a unit is to the plant.
    pub(super) fn target(&self, unit: u8) -> policy::Target {
        let view = self.policy.view(0, 0, &principal(&self.client));
        view.target(wire::UnitId(unit)).expect("a declared unit")
    }

    pub(super) fn drains(&mut self) {
        self.happen(|session, ctx| session.drain(ctx));
    }

    pub(super) fn loses_its_listener(&mut self) {
        self.happen(|session, ctx| session.detach("policy_changed", ctx));
    }

    pub(super) fn closes(&mut self, reason: &str) {
        self.happen(|session, ctx| session.close(reason, ctx));
    }

    /// The server's socket takes bytes again, and all that wait.
    pub(super) fn server_takes_bytes(&mut self) {
        self.server_is_stuffed = false;
        self.tell(|session, ctx| {
            let _ = session.refuse_unsent(Leg(0), ctx);
        });
        self.fire_timer();
    }

    pub(super) fn happen(&mut self, event: impl FnOnce(&mut Session, &mut Context<'_>)) {
        self.tell(event);
        self.fire_timer();
    }

    /// As the guard's timers do: a moment that has come already is told at once.
    fn fire_timer(&mut self) {
        if self.session.next_deadline().is_some_and(|at| at <= self.now.monotonic_ns) {
            self.tell(Session::deadline_reached);
        }
    }

    fn tell(&mut self, event: impl FnOnce(&mut Session, &mut Context<'_>)) {
        let (plant, recorder) = (&mut self.plant, &mut self.notes);
        let mut ctx = Context { now: self.now, plant, recorder };
        event(&mut self.session, &mut ctx);
        self.collect();
    }

    fn collect(&mut self) {
        self.actions.extend(self.session.take_actions());
        flush(self.session.client_out(), &mut self.to_client);
        for (leg, bytes) in (0..).zip(&mut self.to_server).filter(|_| !self.server_is_stuffed) {
            flush(self.session.server_out(Leg(leg)), bytes);
        }
    }

    /// The next request to the direct server; gives the guard's transaction id.
    #[track_caller]
    pub(super) fn expect_to_server(&mut self, expected: &[u8]) -> u16 {
        self.expect_to_leg(0, UNIT, expected)
    }

    #[track_caller]
    pub(super) fn expect_to_leg(&mut self, leg: usize, unit: u8, expected: &[u8]) -> u16 {
        let (id, found_unit, pdu) = take_adu(&mut self.to_server[leg]).expect("a request to the server");

        assert_eq!((found_unit, &*pdu), (unit, expected), "to the server");
        id
    }

    #[track_caller]
    pub(super) fn expect_to_client(&mut self, id: u16, expected: &[u8]) {
        let (found, _, pdu) = take_adu(&mut self.to_client).expect("a reply to the client");

        assert_eq!((found, &*pdu), (id, expected), "to the client");
    }

    /// The next event.
    #[track_caller]
    pub(super) fn expect_event(&mut self, kind: Kind) -> Event {
        let event = self.notes.events.pop_front().expect("an event");

        assert_eq!(event.kind, kind, "{event:?}");
        event
    }

    #[track_caller]
    pub(super) fn expect_action(&mut self, action: Action) {
        assert_eq!(self.actions.pop_front(), Some(action), "action");
    }

    #[track_caller]
    pub(super) fn expect_nothing_more(&self) {
        assert_eq!(self.to_client, Vec::<u8>::new(), "to the client");
        assert!(self.to_server.iter().all(Vec::is_empty), "to a server: {:?}", self.to_server);
        assert_eq!(self.notes.events, [], "events");
        assert_eq!(self.actions, [], "actions");
    }

    /// All bytes of a direction, as they came.
    pub(super) fn take_to_server(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_server[0])
    }

    pub(super) fn take_to_client(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_client)
    }

    pub(super) fn next_to_client(&mut self) -> Option<(u16, u8, Vec<u8>)> {
        take_adu(&mut self.to_client)
    }
}

fn parse(document: &Value) -> Policy {
    Policy::parse(document.to_string().as_bytes()).expect("a policy that compiles")
}

fn config(policy: &Policy, client: &Client) -> Arc<SessionConfig> {
    let terms = Arc::new(Terms::of(policy, 0, 0).expect("the listener"));
    Arc::new(SessionConfig { terms, client: client.clone() })
}

fn principal(client: &Client) -> Principal {
    Principal { address: client.address.unwrap(), role: client.role.clone() }
}

fn flush(from: &mut crate::OutBuffer, to: &mut Vec<u8>) {
    to.extend_from_slice(from.pending());
    let written = from.len();
    from.consume(written);
}

fn take_adu(bytes: &mut Vec<u8>) -> Option<(u16, u8, Vec<u8>)> {
    let adu = parse_adu(bytes, PduLimit::default())
        .expect("whole frames")
        .map(|adu| (adu.len_bytes(), (adu.transaction_id.0, adu.unit_id.0, adu.pdu.to_vec())));
    let (used, taken) = adu?;
    bytes.drain(..used);
    Some(taken)
}
