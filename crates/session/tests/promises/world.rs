//! The world around one session: its client, its servers, the journal and the clock, each as a fuzzer wills.

use super::ledger::Ledger;
use super::site::{Choices, Variant};
use super::steps::Step;
use event::{Event, Sequence, SessionId};
use policy::{Moment, Plant, Policy, Principal, View};
use session::{Action, Client, Context, JournalDown, Leg, Recorder, Session, SessionConfig, Terms};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use wire::{Table, TransactionId, UnitId, append_adu, build};

const MS: u64 = 1_000_000;

/// The journal, in memory.
#[derive(Default)]
pub struct Notes {
    pub events: Vec<Event>,
    /// Rows that wait to become durable.
    pub ahead: VecDeque<Sequence>,
    pub is_down: bool,
}

/// One server's end of a connection.
#[derive(Default)]
struct Server {
    is_asked_for: bool,
    is_connected: bool,
    /// What the session's buffer held when it was last looked at.
    waiting: Vec<u8>,
}

pub struct World {
    session: Session,
    plant: Plant,
    pub notes: Notes,
    pub now: Moment,
    pub choices: Choices,
    pub variant: Variant,
    pub ledger: Ledger,
    policy: Rc<Policy>,
    servers: Vec<Server>,
    /// Sent by the client and not yet read by the session.
    unread: Vec<u8>,
    to_client: Vec<u8>,
    server_takes: usize,
    client_takes: usize,
    next_word: u16,
}

impl Recorder for Notes {
    fn record(&mut self, event: &Event) -> Sequence {
        let mut event = event.clone();
        event.sequence = Sequence(self.events.len() as u64 + 1);
        let sequence = event.sequence;
        self.events.push(event);
        sequence
    }

    fn record_ahead(&mut self, event: &Event) -> Result<Sequence, JournalDown> {
        if self.is_down {
            return Err(JournalDown);
        }
        let row = self.record(event);
        self.ahead.push_back(row);
        Ok(row)
    }

    fn journal_is_up(&self) -> bool {
        !self.is_down
    }

    fn segment(&self) -> u64 {
        0
    }
}

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
            ledger: Ledger::default(),
            policy,
            servers,
            unread: Vec::new(),
            to_client: Vec::new(),
            server_takes: usize::MAX,
            client_takes: usize::MAX,
            next_word: 0,
        };
        world.look();
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
            Step::Connect { leg, is_refused } => self.connect(leg, is_refused),
            Step::ServerFinishes(leg) => self.server_finishes(leg),
            Step::ClientFinishes => self.happen(|session, ctx| session.client_finished(ctx)),
            Step::Reload(variant) => self.reload(variant),
            Step::Detach => self.happen(|session, ctx| session.detach("policy_changed", ctx)),
            Step::Drain => self.happen(|session, ctx| session.drain(ctx)),
            Step::ServerTakes(bytes) => self.server_takes = takes(bytes),
            Step::ClientTakes(bytes) => self.client_takes = takes(bytes),
            Step::Flood { unit, kind, requests } => self.flood(unit, kind, requests),
        }
        self.pass_on();
    }

    /// The end: all rows are written.
    pub fn end(&mut self) {
        self.happen(|session, ctx| session.close("test_ends", ctx));
        assert!(self.session.is_closed());
        let rows = self.notes.events.len();
        self.happen(|session, ctx| session.client_received(&[0, 0, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1], ctx));
        self.happen(Session::deadline_reached);
        assert_eq!(self.notes.events.len(), rows, "a closed session goes on");
        assert_eq!(self.session.next_deadline(), None);
        self.ledger.settle(&self.notes.events);
    }

    fn ask(&mut self, (id, unit, kind): (u8, u8, u8), late_bytes: usize) {
        let mut bytes = Vec::new();
        let pdu = self.pdu(kind);
        append_adu(&mut bytes, TransactionId(id.into()), UnitId(unit), &pdu);
        self.client_sends(&bytes, late_bytes);
    }

    /// A request whose address or value names it.
    fn pdu(&mut self, kind: u8) -> Vec<u8> {
        let word = self.next_word % 1000;
        self.next_word = (self.next_word + 1) % 1000;
        match kind {
            0..=6 => build::read(Table::HoldingRegister, word, 1),
            7..=12 => build::write_single_register(1000 + word, word),
            13 | 14 => build::write_registers(1000 + word.min(990), &[word, word]),
            15 => build::write_single_register(3000 + word, word),
            16 => build::read(Table::HoldingRegister, 3000 + word, 1),
            17 => build::read(Table::Coil, word, 9),
            18 => build::diagnostics(4, 0),
            19 => build::diagnostics(1, 0),
            20 => [&[0x41][..], &word.to_be_bytes()].concat(),
            21 => build::read(Table::HoldingRegister, word, 0),
            22 => build::read(Table::HoldingRegister, word, 126),
            23 => build::read_write_registers(word, 1, 1000 + word, &[word]),
            24 => vec![0x83, 1],
            25 => build::mask_write_register(1000 + word, 0, word),
            26 => build::umas(0, 0x10, &word.to_be_bytes()),
            27 => build::read(Table::HoldingRegister, 800, 125),
            _ => build::write_single_register(1000 + word, word),
        }
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
        self.ledger.client_sent(&bytes, self.now.monotonic_ns);
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
        self.ledger.server_sent(leg, bytes);
        self.happen(|session, ctx| session.server_received(Leg(leg), bytes, ctx));
        self.ledger.forget_undelivered();
    }

    fn sync(&mut self) {
        let Some(row) = self.notes.ahead.pop_front() else { return };
        self.ledger.durable.insert(row);
        self.happen(|session, ctx| session.journal_durable(row, ctx));
    }

    fn journal_fails(&mut self) {
        self.notes.is_down = true;
        let Some(row) = self.notes.ahead.pop_front() else { return };
        self.ledger.lost.insert(row);
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
        let changes_engine = !self.choices.is_routed && self.observes() != (variant == Variant::Observing);
        // Whose engine moves the bytes cannot be told from outside while one hands over to the other.
        self.ledger.is_mixed |= changes_engine;
        (self.policy, self.variant) = (policy, variant);
        let (config, view) = terms(&self.policy);
        self.ledger.is_moved |= !is_same(&config, self.session.config());
        self.happen(|session, ctx| session.policy_changed(config, view, ctx));
    }

    pub fn observes(&self) -> bool {
        self.variant == Variant::Observing
    }

    /// One server, observed: bytes pass as they come.
    pub fn passes_bytes(&self) -> bool {
        self.observes() && !self.choices.is_routed
    }

    /// Time, as an owner's timers see it: none of the session's moments is passed over.
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
        self.fire_timer();
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
        let (plant, recorder) = (&mut self.plant, &mut self.notes);
        event(&mut self.session, &mut Context { now: self.now, plant, recorder });
        self.look();
    }

    /// Look at all that came out, and hold it against the promises.
    fn look(&mut self) {
        self.ledger.check_budgets(&self.session);
        self.ledger.check_buffers(&mut self.session, self.choices.legs());
        for leg in 0..self.choices.legs() {
            self.look_at_leg(leg);
        }
        let pending = self.session.client_out().pending().to_vec();
        let new = pending.strip_prefix(&*self.to_client).expect("what waits for the client only grows").to_vec();
        self.to_client = pending;
        let (now_ns, is_tolerant) = (self.now.monotonic_ns, self.choices.is_tolerant);
        match self.passes_bytes() && !self.ledger.is_mixed {
            true => self.ledger.passed_to_client(&new),
            false => self.ledger.client_gets(&new, now_ns, is_tolerant),
        }
        for action in self.session.take_actions() {
            self.act(action);
        }
        self.flush();
    }

    fn look_at_leg(&mut self, leg: u8) {
        let pending = self.session.server_out(Leg(leg)).pending().to_vec();
        let server = &mut self.servers[usize::from(leg)];
        // A connection that is lost takes its bytes with it.
        let new = pending.strip_prefix(&*server.waiting).unwrap_or(&pending).to_vec();
        server.waiting = pending;
        match self.passes_bytes() && !self.ledger.is_mixed {
            true => self.ledger.passed_to_server(&new),
            false => Ledger::to_server(self, leg, &new),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect(Leg(leg)) => {
                let server = &mut self.servers[usize::from(leg)];
                assert!(!server.is_asked_for && !server.is_connected, "connected twice");
                server.is_asked_for = true;
            }
            Action::ResetServer(Leg(leg)) | Action::FinishServer(Leg(leg)) => {
                let passes_bytes = self.passes_bytes();
                let server = &mut self.servers[usize::from(leg)];
                let is_reset = matches!(action, Action::ResetServer(_));
                server.is_asked_for = false;
                // The other half of an observed stream goes on.
                server.is_connected &= !is_reset && passes_bytes;
                if is_reset {
                    self.ledger.connected(leg);
                }
            }
            Action::FinishClient => self.ledger.finishes += 1,
            Action::ResetClient => self.ledger.resets += 1,
        }
    }

    /// Sockets take what they take.
    fn flush(&mut self) {
        for leg in 0..self.choices.legs() {
            let server = &mut self.servers[usize::from(leg)];
            if !server.is_connected {
                continue;
            }
            let out = self.session.server_out(Leg(leg));
            let taken = out.len().min(self.server_takes);
            out.consume(taken);
            server.waiting.drain(..taken);
            self.ledger.left(leg, taken, self.now.monotonic_ns);
        }
        let out = self.session.client_out();
        let taken = out.len().min(self.client_takes);
        out.consume(taken);
        self.to_client.drain(..taken);
    }

    /// Buffers that have room again let more in.
    fn pass_on(&mut self) {
        self.flush();
        self.fire_timer();
        self.deliver_unread();
    }
}

fn takes(bytes: u8) -> usize {
    if bytes == 255 { usize::MAX } else { usize::from(bytes) }
}

fn terms(policy: &Policy) -> (Arc<SessionConfig>, Arc<View>) {
    let address = std::net::IpAddr::from([127, 0, 0, 5]);
    let client = Client { id: SessionId(7), name: None, address, port: 40_000, identity: "address".into(), role: None };
    let terms = Arc::new(Terms::of(policy, 0, 0).unwrap());
    (Arc::new(SessionConfig { terms, client }), policy.view(0, 0, &Principal { address, role: None }))
}

fn is_same(new: &SessionConfig, old: &SessionConfig) -> bool {
    let ports = |config: &SessionConfig| config.terms.servers.iter().map(|server| server.port).collect::<Vec<_>>();
    ports(new) == ports(old)
}
