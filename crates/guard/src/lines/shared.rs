//! One shared line with its near end, and the legs of sessions that lead to it.
//!
//! ```text
//! Down ──time──► Opening ──there──► Up ──failed, reset──► Opening …
//!   ▲                │ refused, too late
//!   └────────────────┘ (the pause grows)
//! ```

use super::LineId;
use super::end::{End, Way};
use crate::timers::Key;
use crate::token::token_of_line;
use line::{Action, ClientId, Failure, Line, LineConfig, Offer, Statistics};
use mio::Registry;
use mio::event::Event;
use session::Leg;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use wire::{TransactionId, append_adu};

const LEAST_PAUSE_NS: u64 = 250_000_000;
const MOST_PAUSE_NS: u64 = 10_000_000_000;
/// As for a session's own connection.
const CONNECT_NS: u64 = 3_000_000_000;

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
}

enum Link {
    Down { again_ns: u64 },
    Opening { end: End, until_ns: u64 },
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
            Link::Opening { until_ns, .. } => Some(*until_ns),
            Link::Up(_) => self.line.next_deadline(now_ns),
        }
    }

    /// Read, write and open; then what somebody must hear of, one at a time.
    pub(crate) fn work(&mut self, registry: &Registry, now_ns: u64, scratch: &mut [u8]) -> Option<Told> {
        self.open(registry, now_ns);
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
        while let Some(received) = end.receive(scratch) {
            match received {
                Ok(count) => self.line.received(scratch.get(..count).unwrap_or_default(), now_ns),
                Err(error) => return self.failed(&error, now_ns),
            }
        }
    }

    fn open(&mut self, registry: &Registry, now_ns: u64) {
        if let Link::Down { again_ns } = self.link
            && again_ns <= now_ns
            && !self.is_retired
        {
            match End::open(&self.way, registry, token_of_line(self.id.0)) {
                Ok(end) => self.link = Link::Opening { end, until_ns: now_ns.saturating_add(CONNECT_NS) },
                Err(error) => return self.unavailable(&error, now_ns),
            }
        }
        let Link::Opening { end, until_ns } = &self.link else { return };
        match end.opened() {
            Some(Ok(())) => self.opened(now_ns),
            Some(Err(error)) => self.unavailable(&error, now_ns),
            None if *until_ns <= now_ns => self.unavailable(&io::ErrorKind::TimedOut.into(), now_ns),
            None => {}
        }
    }

    fn opened(&mut self, now_ns: u64) {
        match std::mem::replace(&mut self.link, Link::Down { again_ns: now_ns }) {
            Link::Opening { end, .. } => self.link = Link::Up(end),
            other => return self.link = other,
        }
        self.line.opened(now_ns);
        self.pause_ns = LEAST_PAUSE_NS;
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
