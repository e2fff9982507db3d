//! One shared line with its near end, and the legs of sessions that lead to it.
//!
//! ```text
//! Down ──time──► Opening ──there──► Up ──failed, reset──► Opening …
//!   ▲                │ refused,      │ under TLS, before the server ever spoke
//!   │                │ too late      │
//!   └────────────────┴───────────────┘ (the pause grows)
//! ```
//!
//! A line under TLS is opening until its handshake is done.

use super::LineId;
use super::end::{End, Secured, Way};
use crate::leg_socket::{CONNECT_NS, HANDSHAKE_NS, Judge};
use crate::timers::Key;
use crate::tls::{Credential, Reason, Refusal, ServerGate, When};
use crate::token::token_of_line;
use event::Kind;
use line::{Action, ClientId, Failure, Line, LineConfig, Offer, Statistics};
use mio::Registry;
use mio::event::Event;
use policy::Moment;
use session::Leg;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use wire::{TransactionId, append_adu};

const LEAST_PAUSE_NS: u64 = 250_000_000;
const MOST_PAUSE_NS: u64 = 10_000_000_000;

/// A session's leg that leads to a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) key: Key,
    pub(crate) leg: Leg,
    /// Whose it is, as far as fairness goes.
    pub(crate) party: IpAddr,
}

/// How a line stood when a leg came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// It can be used.
    Up,
    /// It will be told.
    Opening,
    /// It cannot be had.
    Down,
    /// As many share it as may.
    Full,
}

/// What somebody must hear of.
#[derive(Debug)]
pub(crate) enum Told {
    /// Take the first whole ADU from a session's buffer.
    Take(Member, ClientId),
    /// The reply to a session's request, as its own server would send it.
    Reply(Member, Vec<u8>),
    /// A session's request has no reply.
    Failed(Member, TransactionId, Option<&'static str>),
    /// The line that a session waits for is there.
    Connected(Member),
    /// The line cannot be had.
    Gone(Member, bool),
    /// For the record: it is there, or is not.
    Note(bool, String),
    /// For the record: of the server's certificate.
    Server(Kind, Arc<str>, Option<IpAddr>, String),
}

enum Link {
    Down { again_ns: u64 },
    Opening { end: End, until_ns: u64, is_securing: bool, is_due: bool },
    Up(End),
}

pub(crate) struct SharedLine {
    id: LineId,
    name: Arc<str>,
    way: Way,
    line: Line,
    link: Link,
    members: BTreeMap<ClientId, (Member, bool)>,
    /// How many may share it.
    most: usize,
    told: VecDeque<Told>,
    pause_ns: u64,
    /// Whether its failure has been told, so that each is told once.
    is_failing: bool,
    is_retired: bool,
    /// What TLS is spoken by, where it is to be spoken; and who is there.
    gate: Option<Arc<ServerGate>>,
    credential: Option<Arc<Credential>>,
    /// The server spoke on this connection.
    has_spoken: bool,
}

impl SharedLine {
    pub(crate) fn new(id: LineId, name: &Arc<str>, (way, config, most): (Way, LineConfig, usize)) -> Self {
        Self {
            id,
            name: Arc::clone(name),
            way,
            line: Line::new(config),
            link: Link::Down { again_ns: 0 },
            members: BTreeMap::new(),
            most,
            told: VecDeque::new(),
            pause_ns: LEAST_PAUSE_NS,
            is_failing: false,
            is_retired: false,
            gate: None,
            credential: None,
            has_spoken: false,
        }
    }

    /// What TLS is spoken by from now on; what is open goes on.
    pub(crate) fn secure_by(&mut self, gate: Option<&Arc<ServerGate>>) {
        self.gate = gate.map(Arc::clone);
    }

    /// Who is there under TLS.
    pub(crate) fn server(&self) -> Option<(&Arc<ServerGate>, &Arc<Credential>)> {
        self.gate.as_ref().zip(self.credential.as_ref()).filter(|_| self.is_up())
    }

    /// A responder said something: a handshake that waits for that may go on.
    pub(crate) fn stir_settled(&mut self) {
        if let Link::Opening { end, .. } = &mut self.link {
            end.stir_settled();
        }
    }

    /// Open anew where something stands against the server that is there.
    pub(crate) fn judge(&mut self, judge: &mut Judge<'_>, now_ns: u64) {
        let Some((gate, credential)) = self.gate.as_ref().zip(self.credential.as_ref()) else { return };
        if !self.is_up() {
            return;
        }
        if let Some(refusal) = judge(gate, credential) {
            self.mistrusted(&refusal, now_ns);
        }
    }

    /// Another policy says this of it. A port that is to be set anew is opened anew.
    pub(crate) fn adopt(&mut self, name: &Arc<str>, (way, config, most): (Way, LineConfig, usize), now_ns: u64) {
        // Who shares it already stays.
        (self.name, self.most) = (Arc::clone(name), most);
        self.line.configure(config);
        if self.way != way {
            self.way = way;
            self.drop_end(now_ns);
        }
    }

    /// Whether this is its place, however it is set.
    pub(crate) fn leads_to(&self, way: &Way) -> bool {
        let is_place = match (&self.way, way) {
            (Way::Serial(own), Way::Serial(other)) => own.port == other.port,
            (own, other) => own == other,
        };
        is_place && !self.is_retired
    }

    /// No policy names it any more: what is open is finished, nobody comes to it.
    pub(crate) fn retire(&mut self, now_ns: u64) {
        self.is_retired = true;
        if self.members.is_empty() {
            self.drop_end(now_ns);
        }
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.is_retired
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_retired && self.members.is_empty() && self.told.is_empty()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it leads, for people.
    pub(crate) fn leads(&self) -> String {
        match &self.way {
            Way::Serial(serial) => serial.port.clone(),
            Way::Tcp { to, .. } => to.to_string(),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    pub(crate) fn statistics(&self) -> &Statistics {
        self.line.statistics()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.line.waiting()
    }

    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn join(&mut self, member: Member) -> (ClientId, Joined) {
        let joined = match self.link {
            _ if self.members.len() >= self.most => Joined::Full,
            Link::Up(_) => Joined::Up,
            Link::Opening { .. } if !self.is_failing => Joined::Opening,
            Link::Down { .. } if !self.is_failing => Joined::Opening,
            Link::Opening { .. } | Link::Down { .. } => Joined::Down,
        };
        let client = self.line.join(member.party);
        if matches!(joined, Joined::Down | Joined::Full) {
            self.line.leave(client, 0);
        } else {
            self.members.insert(client, (member, joined == Joined::Up));
        }
        (client, joined)
    }

    pub(crate) fn leave(&mut self, client: ClientId, now_ns: u64) {
        self.members.remove(&client);
        self.line.leave(client, now_ns);
        if self.is_retired && self.members.is_empty() {
            self.drop_end(now_ns);
        }
    }

    pub(crate) fn forget(&mut self, key: Key, now_ns: u64) {
        let theirs = self.members.iter().filter(|(_, (member, _))| member.key == key);
        for client in theirs.map(|(client, _)| *client).collect::<Vec<_>>() {
            self.leave(client, now_ns);
        }
    }

    pub(crate) fn offer(&mut self, client: ClientId, offer: Offer, now_ns: u64) {
        self.line.offer(client, offer, now_ns);
    }

    pub(crate) fn taken(&mut self, client: ClientId, now_ns: u64) {
        self.line.taken(client, now_ns);
    }

    pub(crate) fn withdraw(&mut self, client: ClientId) {
        self.line.withdraw(client);
    }

    pub(crate) fn ready(&mut self, event: &Event) {
        if let Link::Opening { end, .. } | Link::Up(end) = &mut self.link {
            end.ready(event);
        }
    }

    /// When it wants to be looked at, monotonic nanoseconds.
    pub(crate) fn next_deadline(&self, now_ns: u64) -> Option<u64> {
        match &self.link {
            _ if !self.told.is_empty() => Some(now_ns),
            Link::Down { .. } if self.is_retired => None,
            Link::Down { again_ns } => Some(*again_ns),
            Link::Opening { is_due: true, .. } => Some(now_ns),
            Link::Opening { until_ns, .. } => Some(*until_ns),
            Link::Up(end) if end.is_spent() => Some(now_ns),
            Link::Up(_) => self.line.next_deadline(now_ns),
        }
    }

    /// Read, write and open; then what somebody must hear of, one at a time.
    pub(crate) fn work(
        &mut self,
        (registry, dials): (&Registry, &mut usize),
        now: Moment,
        scratch: &mut [u8],
    ) -> Option<Told> {
        let now_ns = now.monotonic_ns;
        self.open(registry, now_ns);
        self.progress(When::of(now), dials, now_ns);
        self.receive(now_ns, scratch);
        if self.line.next_deadline(now_ns).is_some_and(|at| at <= now_ns) {
            self.line.deadline_reached(now_ns);
        }
        if let Some(told) = self.told.pop_front() {
            return Some(told);
        }
        while let Some(action) = self.line.next(now_ns) {
            if let Some(told) = self.act(action, registry, now_ns) {
                return Some(told);
            }
        }
        self.told.pop_front()
    }

    fn act(&mut self, action: Action, registry: &Registry, now_ns: u64) -> Option<Told> {
        match action {
            Action::Take(client) => match self.members.get(&client) {
                Some((member, _)) => return Some(Told::Take(*member, client)),
                None => self.line.withdraw(client),
            },
            Action::Send(frame) => self.send(&frame, now_ns),
            Action::Deliver { client, transaction_id, unit_id, pdu } => {
                let (member, _) = self.members.get(&client)?;
                let mut adu = Vec::new();
                append_adu(&mut adu, transaction_id, unit_id, &pdu);
                return Some(Told::Reply(*member, adu));
            }
            Action::Fail { client, transaction_id, failure } => {
                let (member, _) = self.members.get(&client)?;
                return Some(Told::Failed(*member, transaction_id, reason_of(failure)));
            }
            Action::Reconnect => {
                self.drop_end(now_ns);
                self.open(registry, now_ns);
            }
        }
        None
    }

    fn send(&mut self, frame: &[u8], now_ns: u64) {
        let Link::Up(end) = &mut self.link else { return };
        if let Err(error) = end.send(frame) {
            self.failed(&error, now_ns);
        }
    }

    fn receive(&mut self, now_ns: u64, scratch: &mut [u8]) {
        let Link::Up(end) = &mut self.link else { return };
        if let Err(error) = end.flush() {
            return self.failed(&error, now_ns);
        }
        while let Link::Up(end) = &mut self.link {
            match end.receive(scratch) {
                None => return,
                Some(Ok(count)) => {
                    self.heard();
                    self.line.received(scratch.get(..count).unwrap_or_default(), now_ns);
                }
                Some(Err(error)) => return self.failed(&error, now_ns),
            }
        }
    }

    fn open(&mut self, registry: &Registry, now_ns: u64) {
        if let Link::Down { again_ns } = self.link
            && again_ns <= now_ns
            && !self.is_retired
        {
            match End::open(&self.way, registry, token_of_line(self.id.0)) {
                Ok(end) => {
                    let until_ns = now_ns.saturating_add(CONNECT_NS);
                    self.link = Link::Opening { end, until_ns, is_securing: false, is_due: false };
                }
                Err(error) => self.unavailable(&error, now_ns),
            }
        }
    }

    /// Whether what was begun has come to something.
    fn progress(&mut self, when: When, dials: &mut usize, now_ns: u64) {
        let Link::Opening { end, until_ns, is_securing, .. } = &mut self.link else { return };
        if *is_securing {
            return self.secure(when, dials, now_ns);
        }
        match end.opened() {
            Some(Ok(())) if self.way.is_secured() => {
                (*until_ns, *is_securing) = (now_ns.saturating_add(HANDSHAKE_NS), true);
                self.secure(when, dials, now_ns);
            }
            Some(Ok(())) => self.opened(now_ns),
            Some(Err(error)) => self.unavailable(&error, now_ns),
            None if *until_ns <= now_ns => self.unavailable(&io::ErrorKind::TimedOut.into(), now_ns),
            None => {}
        }
    }

    fn secure(&mut self, when: When, dials: &mut usize, now_ns: u64) {
        let Link::Opening { end, until_ns, is_due, .. } = &mut self.link else { return };
        let is_late = *until_ns <= now_ns;
        *is_due = false;
        // Where TLS is asked for no byte leaves without it.
        let Some(gate) = &self.gate else { return self.unavailable(&io::ErrorKind::NotFound.into(), now_ns) };
        match end.secure(gate, when, dials) {
            Secured::Waiting if is_late => {
                let late = end.late();
                self.mistrusted(&late, now_ns);
            }
            Secured::Waiting => {}
            Secured::Later => *is_due = true,
            Secured::Refused(refusal) => self.mistrusted(&refusal, now_ns),
            Secured::Done(credential, complaints) => {
                if gate.is_new(&credential) {
                    self.note_server(Kind::TlsServerKnown, credential.whom.to_string());
                }
                for complaint in complaints {
                    self.note_server(Kind::TlsTolerated, format!("{complaint}: {}", credential.whom));
                }
                (self.credential, self.has_spoken) = (Some(credential), false);
                self.opened(now_ns);
            }
        }
    }

    /// The server is none that may be used: whoever waits is told, and it is tried again later.
    fn mistrusted(&mut self, refusal: &Refusal, now_ns: u64) {
        self.note_server(Kind::TlsServerRefused, refusal.told());
        self.unavailable(&io::Error::other(refusal.reason.word()), now_ns);
    }

    fn note_server(&mut self, kind: Kind, what: String) {
        let address = match &self.way {
            Way::Tcp { to, .. } => Some(to.ip()),
            Way::Serial(_) => None,
        };
        self.told.push_back(Told::Server(kind, Arc::clone(&self.name), address, what));
    }

    /// Something came: under TLS 1.3 only that says that the server takes the guard's certificate.
    fn heard(&mut self) {
        if !std::mem::replace(&mut self.has_spoken, true) && self.credential.is_some() {
            self.pause_ns = LEAST_PAUSE_NS;
        }
    }

    fn opened(&mut self, now_ns: u64) {
        match std::mem::replace(&mut self.link, Link::Down { again_ns: now_ns }) {
            Link::Opening { end, .. } => self.link = Link::Up(end),
            other => return self.link = other,
        }
        self.line.opened(now_ns);
        if self.credential.is_none() {
            self.pause_ns = LEAST_PAUSE_NS;
        }
        if std::mem::take(&mut self.is_failing) || self.line.statistics().requests == 0 {
            self.told.push_back(Told::Note(true, format!("line_opened: {} at {}", self.name, self.leads())));
        }
        for (member, is_connected) in self.members.values_mut() {
            if !std::mem::replace(is_connected, true) {
                self.told.push_back(Told::Connected(*member));
            }
        }
    }

    /// It was there and is no more: it is opened again at once.
    fn failed(&mut self, error: &io::Error, now_ns: u64) {
        if self.credential.is_some() && !self.has_spoken {
            let words = match &self.link {
                Link::Up(end) if error.kind() == io::ErrorKind::InvalidData => end.words().map(str::to_owned),
                _ => None,
            };
            return match words {
                Some(words) => self.mistrusted(&Refusal::new(Reason::ServerAlert, words), now_ns),
                None => self.unavailable(error, now_ns),
            };
        }
        self.drop_end(now_ns);
        self.note_failure(error);
    }

    /// It cannot be had: whoever waits for it is told, and it is tried again later.
    fn unavailable(&mut self, error: &io::Error, now_ns: u64) {
        self.drop_end(now_ns);
        self.link = Link::Down { again_ns: now_ns.saturating_add(self.pause_ns) };
        self.pause_ns = self.pause_ns.saturating_mul(2).min(MOST_PAUSE_NS);
        self.note_failure(error);
        for (client, (member, is_connected)) in std::mem::take(&mut self.members) {
            self.line.leave(client, now_ns);
            self.told.push_back(Told::Gone(member, is_connected));
        }
    }

    fn note_failure(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_failing, true) {
            let what = format!("line_lost: {} at {}: {error}", self.name, self.leads());
            self.told.push_back(Told::Note(false, what));
        }
    }

    fn drop_end(&mut self, now_ns: u64) {
        self.credential = None;
        match std::mem::replace(&mut self.link, Link::Down { again_ns: now_ns }) {
            Link::Opening { end, .. } | Link::Up(end) => end.reset(),
            Link::Down { .. } => {}
        }
        self.line.lost(now_ns);
    }
}

/// A unit that is silent, or whose reply is damaged, has not answered in time.
const fn reason_of(failure: Failure) -> Option<&'static str> {
    match failure {
        Failure::Silent => None,
        Failure::Garbled => Some("server_garbled"),
        Failure::Lost => Some("line_lost"),
    }
}
