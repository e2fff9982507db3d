//! The line itself: what is open on it, when it is free, and what its owner is to do.
//!
//! # Theory
//!
//! | state | event | next | what happens |
//! |---|---|---|---|
//! | offered | same read within the window | ended | `Take`, `Deliver` |
//! | offered | line free, unit not held, its turn | taking | `Take` |
//! | taking | `withdraw`: the session had it no more | – | – |
//! | taking | `taken`, no reply follows | ended | `Send`; nothing else during the turnaround |
//! | taking | `taken` | open | `Send` |
//! | open | its reply | ended | `Deliver` |
//! | open | frame of another unit, function or length | open | counted |
//! | open | no reply in time, or a damaged one; a read with retries left | again | its unit is held |
//! | again | line free, unit not held | open | `Send` |
//! | open | no reply in time, or a damaged one | ended | `Fail`; its unit is held; a TCP connection is renewed |
//! | open, again | line lost | ended | `Fail` |
//! | open | its client leaves | open, nobody's | the reply is dropped |

use crate::config::{Framing, LineConfig};
use crate::job::{Failure, Job};
use crate::party::Parties;
use crate::seats::{ClientId, Offer, Seats};
use crate::statistics::Statistics;
use crate::window::{Window, is_same, is_shareable};
use core::net::IpAddr;
use std::collections::VecDeque;
use wire::{ReplyTolerance, Response, TransactionId, UnitId, parse_response};

/// What the owner of a line is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take a client's first whole ADU out of its buffer, then say `taken`; or `withdraw` where it may not leave.
    Take(ClientId),
    /// Put these bytes on the line.
    Send(Vec<u8>),
    /// Give a client the reply to its request.
    Deliver {
        /// Whose reply it is.
        client: ClientId,
        /// The session's own id.
        transaction_id: TransactionId,
        /// The unit that was asked.
        unit_id: UnitId,
        /// Function code and data.
        pdu: Vec<u8>,
    },
    /// Tell a client that its request got no reply.
    Fail {
        /// Whose request it was.
        client: ClientId,
        /// The session's own id.
        transaction_id: TransactionId,
        /// Why.
        failure: Failure,
    },
    /// Reset the connection, say `lost`, and open it again.
    Reconnect,
}

/// One line and its clients.
#[derive(Debug)]
pub struct Line {
    pub(crate) config: LineConfig,
    pub(crate) seats: Seats,
    pub(crate) parties: Parties,
    pub(crate) window: Window,
    pub(crate) statistics: Statistics,
    pub(crate) open: Vec<Job>,
    pub(crate) again: Option<Job>,
    /// Units that are left alone until then.
    pub(crate) holds: Vec<(UnitId, u64)>,
    /// Nothing is sent before.
    pub(crate) free_ns: u64,
    pub(crate) heard: Vec<u8>,
    /// When what was heard is looked at as a whole.
    pub(crate) quiet_ns: u64,
    /// What is still to be heard of what was sent.
    pub(crate) echo: Vec<u8>,
    pub(crate) is_up: bool,
    pub(crate) actions: VecDeque<Action>,
    /// Whom the owner was told to take from, and the reply that is there already.
    taking: Option<(ClientId, Option<Vec<u8>>)>,
    opened_ns: u64,
    pub(crate) last_id: u16,
    /// Whether this connection has echoed an id: then a late reply can be told apart.
    pub(crate) echoes_ids: bool,
}

// === impl Line ===

impl Line {
    /// A line that is not open yet.
    #[must_use]
    pub fn new(config: LineConfig) -> Self {
        Self {
            config,
            seats: Seats::default(),
            parties: Parties::default(),
            window: Window::default(),
            statistics: Statistics::default(),
            open: Vec::new(),
            again: None,
            holds: Vec::new(),
            free_ns: 0,
            heard: Vec::new(),
            quiet_ns: u64::MAX,
            echo: Vec::new(),
            is_up: false,
            actions: VecDeque::new(),
            taking: None,
            opened_ns: 0,
            last_id: 0,
            echoes_ids: false,
        }
    }

    /// What the operator says of it now; what is open is not touched.
    pub fn configure(&mut self, config: LineConfig) {
        self.window.clear();
        self.config = config;
    }

    /// A session leads here; `party` is whose it is, as far as fairness goes.
    pub fn join(&mut self, party: IpAddr) -> ClientId {
        self.seats.join(party)
    }

    /// A session leads here no more: what it has open is answered to nobody.
    pub fn leave(&mut self, client: ClientId, now_ns: u64) {
        self.statistics.given_up += u64::from(self.seats.take(client).is_some());
        self.seats.leave(client);
        self.taking = self.taking.take().filter(|(taking, _)| *taking != client);
        for job in self.open.iter_mut().filter(|job| job.client == Some(client)) {
            job.client = None;
        }
        self.again = self.again.take().filter(|job| job.client != Some(client));
        let seats = &self.seats;
        self.parties.forget(now_ns, |party| seats.has_party(party));
    }

    /// The first whole ADU of a client's buffer; until it is taken, others are not looked at.
    pub fn offer(&mut self, client: ClientId, offer: Offer, now_ns: u64) {
        let before: Vec<IpAddr> = self.seats.waiting().map(|(seat, _)| seat.party).collect();
        if !self.seats.offer(client, offer, now_ns) {
            return;
        }
        let awake = self.seats.waiting().map(|(seat, _)| seat.party).find(|party| !before.contains(party));
        awake.into_iter().for_each(|party| self.parties.awake(party));
    }

    /// The line is there.
    pub fn opened(&mut self, now_ns: u64) {
        self.is_up = true;
        self.opened_ns = now_ns;
        self.free_ns = now_ns.saturating_add(self.config.pace.gap_ns);
    }

    /// The line is gone; what is open on it has no reply.
    pub fn lost(&mut self, now_ns: u64) {
        if core::mem::take(&mut self.is_up) {
            self.statistics.losses += 1;
        }
        self.window.clear();
        self.heard.clear();
        self.echo.clear();
        self.holds.clear();
        self.taking = None;
        self.echoes_ids = false;
        let again = self.again.take();
        for job in core::mem::take(&mut self.open).into_iter().chain(again) {
            self.fail(&job, Failure::Lost, now_ns);
        }
    }

    /// The owner has taken what it was told to take.
    pub fn taken(&mut self, client: ClientId, now_ns: u64) {
        let Some((_, reply)) = self.taking.take().filter(|(taking, _)| *taking == client) else { return };
        let Some((party, waiting)) = self.seats.take(client) else { return };
        let waited_ns = now_ns.saturating_sub(waiting.since_ns);
        self.statistics.longest_wait_ns = self.statistics.longest_wait_ns.max(waited_ns);
        let (transaction_id, unit_id) = (waiting.offer.transaction_id, waiting.offer.unit_id);
        if let Some(pdu) = reply {
            self.statistics.shared += 1;
            return self.actions.push_back(Action::Deliver { client, transaction_id, unit_id, pdu });
        }
        self.parties.serve(party, waiting.class == crate::job::Class::Change);
        match Job::of(client, party, waiting.offer) {
            Some(job) => self.send(job, now_ns),
            None => self.actions.push_back(Action::Fail { client, transaction_id, failure: Failure::Lost }),
        }
    }

    /// What was to be taken is not to leave any more.
    pub fn withdraw(&mut self, client: ClientId) {
        self.taking = self.taking.take().filter(|(taking, _)| *taking != client);
        self.statistics.given_up += u64::from(self.seats.take(client).is_some());
    }

    /// The moment that [`Self::next_deadline`] named has come.
    pub fn deadline_reached(&mut self, now_ns: u64) {
        self.holds.retain(|(_, until_ns)| *until_ns > now_ns);
        if !self.heard.is_empty() && now_ns >= self.quiet_ns {
            self.fell_silent(now_ns);
        }
        while let Some(at) = self.open.iter().position(|job| job.silent_ns <= now_ns) {
            let job = self.open.remove(at);
            self.statistics.timed_out(job.unit_id.0);
            let is_unsure = self.config.framing == Framing::Mbap && (job.changes_state() || !self.echoes_ids);
            self.without_reply(job, Failure::Silent, now_ns);
            if is_unsure {
                self.give_connection_up();
            }
        }
    }

    /// What the owner is to do now; to be asked until there is nothing.
    pub fn next(&mut self, now_ns: u64) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        if !self.is_up || self.taking.is_some() {
            return None;
        }
        if self.is_over_lifetime(now_ns) {
            self.is_up = false;
            return Some(Action::Reconnect);
        }
        if let Some(job) = self.take_again(now_ns) {
            self.statistics.retries += 1;
            self.send(job, now_ns);
            return self.actions.pop_front();
        }
        let (client, reply) = self.pick(now_ns)?;
        self.taking = Some((client, reply));
        Some(Action::Take(client))
    }

    /// When [`Self::deadline_reached`] and [`Self::next`] want to be called, monotonic nanoseconds.
    #[must_use]
    pub fn next_deadline(&self, now_ns: u64) -> Option<u64> {
        if !self.is_up {
            return None;
        }
        let silent = self.open.iter().map(|job| job.silent_ns).min();
        let quiet = (!self.heard.is_empty()).then_some(self.quiet_ns);
        let again = self.again.as_ref().map(|job| self.free_for(job.unit_id));
        let lifetime = (self.config.lifetime_ns > 0 && self.open.is_empty() && self.again.is_none())
            .then(|| self.opened_ns.saturating_add(self.config.lifetime_ns));
        let sends = self.next_pick_ns(now_ns);
        [silent, quiet, again, lifetime, sends].into_iter().flatten().min()
    }

    /// Whether requests can go out.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// What it has done.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Who has joined.
    pub fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.seats.clients()
    }

    /// Requests that wait for the line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.seats.waiting().count()
    }

    /// Requests without a reply yet.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        self.open.len()
    }

    /// The reply to an open request is there.
    pub(crate) fn answer(&mut self, at: usize, pdu: &[u8], now_ns: u64) {
        let job = self.open.remove(at);
        self.statistics.replies += 1;
        self.charge(&job, now_ns.saturating_add(self.config.pace.gap_ns));
        let is_reading = matches!(
            parse_response(&job.expectation, pdu, ReplyTolerance::default()),
            Ok(Response::Bits(_) | Response::Registers(_))
        );
        if is_reading && !job.is_stale && is_shareable(job.unit_id, job.class, &self.config) {
            self.window.keep((job.unit_id, &job.pdu), pdu, now_ns);
        }
        let (transaction_id, unit_id) = (job.transaction_id, job.unit_id);
        if let Some(client) = job.client {
            self.actions.push_back(Action::Deliver { client, transaction_id, unit_id, pdu: pdu.to_vec() });
        }
    }

    /// No reply came, or a damaged one: again, where that is allowed.
    pub(crate) fn without_reply(&mut self, mut job: Job, failure: Failure, now_ns: u64) {
        self.forget_heard();
        self.hold(job.unit_id, now_ns.saturating_add(self.config.drain_ns));
        let is_repeatable = !job.changes_state() && job.client.is_some() && job.retries < self.config.read_retries;
        if is_repeatable && self.again.is_none() {
            self.charge(&job, now_ns);
            job.retries += 1;
            self.again = Some(job);
            return;
        }
        self.fail(&job, failure, now_ns);
    }

    fn fail(&mut self, job: &Job, failure: Failure, now_ns: u64) {
        self.charge(job, now_ns);
        if let Some(client) = job.client {
            self.actions.push_back(Action::Fail { client, transaction_id: job.transaction_id, failure });
        }
    }

    /// Only RTU's replies cannot be told from late ones.
    fn hold(&mut self, unit_id: UnitId, until_ns: u64) {
        if self.config.framing == Framing::Rtu {
            self.holds.push((unit_id, until_ns));
        }
    }

    /// Its next words could be taken for another request's answer.
    pub(crate) fn give_connection_up(&mut self) {
        if core::mem::take(&mut self.is_up) {
            self.statistics.losses += 1;
            self.actions.push_back(Action::Reconnect);
        }
    }

    pub(crate) fn charge(&mut self, job: &Job, until_ns: u64) {
        let cost_ns = until_ns.saturating_sub(job.sent_ns);
        self.parties.charge(job.party, cost_ns, self.config.client_share, until_ns);
        self.statistics.used(cost_ns, until_ns);
    }

    pub(crate) fn forget_heard(&mut self) {
        self.statistics.noise_bytes += u64::try_from(self.heard.len()).unwrap_or_default();
        self.heard.clear();
        self.echo.clear();
    }

    fn is_over_lifetime(&self, now_ns: u64) -> bool {
        let is_old = now_ns.saturating_sub(self.opened_ns) >= self.config.lifetime_ns;
        self.config.lifetime_ns > 0 && is_old && self.open.is_empty() && self.again.is_none()
    }

    fn take_again(&mut self, now_ns: u64) -> Option<Job> {
        let is_due = |job: &Job| self.free_for(job.unit_id) <= now_ns && self.open.len() < self.config.most_open();
        if self.again.as_ref().is_some_and(is_due) { self.again.take() } else { None }
    }

    /// When a unit may be asked.
    pub(crate) fn free_for(&self, unit_id: UnitId) -> u64 {
        let holds = self.holds.iter().filter(|(held, _)| is_same(*held, unit_id, &self.config));
        holds.map(|(_, until_ns)| *until_ns).fold(self.free_ns, u64::max)
    }
}
