//! The world around one session: its client, its servers, the journal and the clock, each as a fuzzer wills.

use super::ledger::Ledger;
use super::notes::Notes;
use super::replies::request;
use super::scene::Scene;
use super::site::{Choices, Variant};
use super::steps::Step;
use event::SessionId;
use policy::{Moment, Plant, Policy, Principal, View};
use session::{Client, Context, Leg, Session, SessionConfig, Terms};
use std::rc::Rc;
use std::sync::Arc;
use wire::{TransactionId, UnitId, append_adu};

const MS: u64 = 1_000_000;

/// One server's end of a connection.
#[derive(Default)]
pub struct Server {
    pub is_asked_for: bool,
    pub is_connected: bool,
    /// What the session's buffer held when it was last looked at.
    pub waiting: Vec<u8>,
}

pub struct World {
    pub session: Session,
    pub plant: Plant,
    pub notes: Notes,
    pub now: Moment,
    pub choices: Choices,
    pub variant: Variant,
    pub observes: bool,
    pub ledger: Ledger,
    pub policy: Rc<Policy>,
    pub servers: Vec<Server>,
    /// Sent by the client and not yet read by the session.
    pub unread: Vec<u8>,
    pub to_client: Vec<u8>,
    pub server_takes: usize,
    pub client_takes: usize,
    pub next_word: u16,
    /// Bytes pass as they come. A change of mode waits until nothing is under way.
    pub engine_passes: bool,
    pub last_heard_ns: u64,
    /// Moments have come of which the session was not told yet.
    timers_are_late: bool,
}

// === impl World ===

impl World {
    pub fn open(choices: Choices, variant: Variant) -> Self {
        let policy = choices.policy(variant);
        let now = Moment { monotonic_ns: 1_000 * MS, utc_ns: 1_700_000_000_000_000_000, synchronised: true };
        let (mut plant, mut notes) = (Plant::new(&policy), Notes::default());
        let (config, view) = terms(&policy);
        let mut ctx = Context { now, plant: &mut plant, recorder: &mut notes };
        let session = Session::open(config, view, &mut ctx);
        let servers = (0..choices.legs()).map(|_| Server::default()).collect();
        let mut world = Self {
            session,
            plant,
            notes,
            now,
            choices,
            variant,
            observes: variant == Variant::Observing,
            ledger: Ledger::default(),
            policy,
            servers,
            unread: Vec::new(),
            to_client: Vec::new(),
            server_takes: usize::MAX,
            client_takes: usize::MAX,
            next_word: 0,
            engine_passes: false,
            last_heard_ns: now.monotonic_ns,
            timers_are_late: false,
        };
        world.engine_passes = world.shall_pass();
        world.look(world.scene());
        world
    }

    pub fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Ask { id, unit, kind, late_bytes } => self.ask((id, unit, kind), late_bytes.into()),
            Step::ClientBytes(bytes) => self.client_sends(&bytes, 0),
            Step::Reply { leg, pick, how } => self.reply(leg, pick, how),
            Step::ServerBytes(leg, bytes) => self.server_sends(leg, &bytes),
            Step::Sync => self.sync(),
            Step::JournalFails => self.journal_fails(),
            Step::JournalReturns => self.notes.is_down = false,
            Step::Time { ms } => self.time_passes(ms * MS),
            Step::Stall { ms } => return self.stall(ms * MS),
            Step::Connect { leg, is_refused } => self.connect(leg, is_refused),
            Step::ServerFinishes(leg) => self.server_finishes(leg),
            Step::ClientFinishes => self.happen(|session, ctx| session.client_finished(ctx)),
            Step::Reload(variant) => self.reload(variant),
            Step::Detach => self.detach(),
            Step::Drain => self.drain(),
            Step::ServerTakes(bytes) => self.server_takes = takes(bytes),
            Step::ClientTakes(bytes) => self.client_takes = takes(bytes),
            Step::Flood { unit, kind, requests } => self.flood(unit, kind, requests),
        }
        self.timers_are_late = false;
        self.pass_on();
    }

    /// The end: all rows are written.
    pub fn end(&mut self) {
        self.happen(|session, ctx| session.close("test_ends", ctx));
        assert!(self.session.is_closed());
        assert!(self.notes.begun.is_empty(), "begun and not ended: {:?}", self.notes.begun);
        let rows = self.notes.events.len();
        self.happen(|session, ctx| session.client_received(&[0, 0, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1], ctx));
        self.happen(Session::deadline_reached);
        assert_eq!(self.notes.events.len(), rows, "a closed session goes on");
        assert_eq!(self.session.next_deadline(), None);
        let (finishes, resets) = (self.ledger.finishes, self.ledger.resets);
        assert!(finishes <= 1 && resets <= 1 && finishes + resets >= 1, "how the client's end came");
        self.ledger.book.settle(self.ledger.was_cut_short);
    }

    fn ask(&mut self, (id, unit, kind): (u8, u8, u8), late_bytes: usize) {
        let mut bytes = Vec::new();
        let pdu = self.pdu(kind);
        append_adu(&mut bytes, TransactionId(id.into()), UnitId(unit), &pdu);
        self.client_sends(&bytes, late_bytes);
    }

    fn pdu(&mut self, kind: u8) -> Vec<u8> {
        let word = self.next_word % 1000;
        self.next_word = (self.next_word + 1) % 1000;
        request(kind, word)
    }

    fn flood(&mut self, unit: u8, kind: u8, requests: u8) {
        let mut bytes = Vec::new();
        for id in 0..requests {
            let pdu = self.pdu(kind % 32);
            append_adu(&mut bytes, TransactionId(id.into()), UnitId(unit), &pdu);
        }
        self.client_sends(&bytes, 0);
    }

    /// All but the last bytes reach the guard now; those come with whatever comes next.
    fn client_sends(&mut self, bytes: &[u8], late_bytes: usize) {
        self.unread.extend_from_slice(bytes);
        let late = self.unread.split_off(self.unread.len().saturating_sub(late_bytes));
        self.deliver_unread();
        self.unread.extend_from_slice(&late);
    }

    /// What the session wants to read of what was sent.
    fn deliver_unread(&mut self) {
        if self.unread.is_empty() || !self.session.wants_client() {
            return;
        }
        let bytes = std::mem::take(&mut self.unread);
        let is_first = !self.session.is_closed();
        self.last_heard_ns = self.now.monotonic_ns;
        self.ledger.client_sent(&bytes, self.scene());
        self.happen(|session, ctx| session.client_received(&bytes, ctx));
        self.ledger.was_cut_short |= is_first && self.session.is_closed();
    }

    fn reply(&mut self, leg: u8, pick: u8, how: u8) {
        let Some(bytes) = self.ledger.made_reply(leg, pick, how) else { return };
        self.server_sends(leg, &bytes);
    }

    fn server_sends(&mut self, leg: u8, bytes: &[u8]) {
        let is_there = self.servers.get(usize::from(leg)).is_some_and(|server| server.is_connected);
        if !is_there || !self.session.wants_server(Leg(leg)) {
            return;
        }
        self.ledger.server_sent(leg, bytes, self.scene());
        self.happen(|session, ctx| session.server_received(Leg(leg), bytes, ctx));
    }

    fn sync(&mut self) {
        let Some(row) = self.notes.ahead.pop_front() else { return };
        self.ledger.book.durable.insert(row);
        self.happen(|session, ctx| session.journal_durable(row, ctx));
    }

    fn journal_fails(&mut self) {
        self.notes.is_down = true;
        let Some(row) = self.notes.ahead.pop_front() else { return };
        self.ledger.book.lost.insert(row);
        self.happen(|session, ctx| session.journal_failed(row, ctx));
    }

    fn connect(&mut self, leg: u8, is_refused: bool) {
        let Some(server) = self.servers.get_mut(usize::from(leg)).filter(|server| server.is_asked_for) else { return };
        (server.is_asked_for, server.is_connected) = (false, !is_refused);
        self.ledger.connected(leg);
        match is_refused {
            true => self.happen(|session, ctx| session.server_refused(Leg(leg), ctx)),
            false => self.happen(|session, ctx| session.server_connected(Leg(leg), ctx)),
        }
    }

    fn server_finishes(&mut self, leg: u8) {
        let is_there = self.servers.get(usize::from(leg)).is_some_and(|server| server.is_connected);
        if is_there && self.session.wants_server(Leg(leg)) {
            self.happen(|session, ctx| session.server_finished(Leg(leg), ctx));
        }
    }

    fn reload(&mut self, variant: Variant) {
        let policy = self.choices.policy(variant);
        let plant = std::mem::replace(&mut self.plant, Plant::new(&policy));
        self.plant = plant.rebind(&self.policy, &policy);
        (self.policy, self.variant) = (policy, variant);
        let (config, view) = terms(&self.policy);
        match is_same(&config, self.session.config()) {
            true => self.observes = variant == Variant::Observing,
            false => self.ledger.is_detached = true,
        }
        self.happen(|session, ctx| session.policy_changed(config, view, ctx));
    }

    fn detach(&mut self) {
        self.ledger.is_detached = true;
        self.happen(|session, ctx| session.detach("policy_changed", ctx));
    }

    fn drain(&mut self) {
        self.happen(|session, ctx| session.drain(ctx));
        assert!(!self.session.wants_client(), "a drained session takes requests");
    }

    /// One server, observed: bytes pass as they come.
    pub fn shall_pass(&self) -> bool {
        self.variant == Variant::Observing && !self.choices.is_routed
    }

    pub fn scene(&self) -> Scene {
        let (now, choices, variant, observes) = (self.now, self.choices, self.variant, self.observes);
        let (passes_bytes, journal_is_down) = (self.engine_passes, self.notes.is_down);
        let timers_are_late = self.timers_are_late;
        Scene { now, choices, variant, observes, passes_bytes, journal_is_down, timers_are_late }
    }

    /// A turn of the owner's takes long, or its machine was stopped: when it looks again, servers take bytes before
    /// any timer is served.
    fn stall(&mut self, ns: u64) {
        self.be_at(self.now.monotonic_ns + ns);
        self.timers_are_late = true;
        self.server_takes = usize::MAX;
        self.flush();
    }

    /// Time, as an owner's timers see it when they are in time: none of the session's moments is passed over.
    fn time_passes(&mut self, ns: u64) {
        let target = self.now.monotonic_ns + ns;
        for _ in 0..1_000 {
            match self.session.next_deadline().filter(|at| *at <= target) {
                None => return self.be_at(target),
                Some(at) => {
                    self.be_at(at.max(self.now.monotonic_ns));
                    self.fire_timer();
                }
            }
        }
        panic!("timers without an end");
    }

    fn be_at(&mut self, monotonic_ns: u64) {
        self.now.utc_ns += i64::try_from(monotonic_ns - self.now.monotonic_ns).unwrap();
        self.now.monotonic_ns = monotonic_ns;
    }

    fn happen(&mut self, event: impl FnOnce(&mut Session, &mut Context<'_>)) {
        self.tell(event);
        if !self.timers_are_late {
            self.fire_timer();
        }
    }

    fn fire_timer(&mut self) {
        for _ in 0..8 {
            if self.session.next_deadline().is_none_or(|at| at > self.now.monotonic_ns) {
                return;
            }
            self.tell(Session::deadline_reached);
        }
        panic!("a timer that fires for ever");
    }

    fn tell(&mut self, event: impl FnOnce(&mut Session, &mut Context<'_>)) {
        let scene = self.scene();
        self.ask_session(event);
        self.look(scene);
    }

    pub fn ask_session<T>(&mut self, question: impl FnOnce(&mut Session, &mut Context<'_>) -> T) -> T {
        let (plant, recorder) = (&mut self.plant, &mut self.notes);
        question(&mut self.session, &mut Context { now: self.now, plant, recorder })
    }

    /// Buffers that have room again let more in.
    fn pass_on(&mut self) {
        self.flush();
        self.fire_timer();
        self.check_times();
        self.deliver_unread();
    }
}

fn takes(bytes: u8) -> usize {
    if bytes == 255 { usize::MAX } else { usize::from(bytes) }
}

fn terms(policy: &Policy) -> (Arc<SessionConfig>, Arc<View>) {
    let address = std::net::IpAddr::from([127, 0, 0, 5]);
    let client = Client {
        id: SessionId(7),
        name: None,
        address: Some(address),
        port: Some(40_000),
        identity: "address".into(),
        role: None,
        certificate: None,
    };
    let terms = Arc::new(Terms::of(policy, 0, 0).unwrap());
    (Arc::new(SessionConfig { terms, client }), policy.view(0, 0, &Principal { address, role: None }))
}

fn is_same(new: &SessionConfig, old: &SessionConfig) -> bool {
    let ports = |config: &SessionConfig| config.terms.servers.iter().map(|server| server.port).collect::<Vec<_>>();
    ports(new) == ports(old)
}
