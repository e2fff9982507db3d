//! Takes every event once: counts it, then hands it to the journal, or sums it up when its source overdoes it.

use crate::begun::{OpenWrite, OpenWrites};
use crate::budget::{Class, RefusalBudget};
use crate::counters::Counters;
use crate::limits::Limit;
use crate::syslog::Syslog;
use event::{Event, Kind, Sequence, SessionId};
use journal::Journal;
use policy::Moment;
use policy::document::Document;
use session::{Begun, Recorder, Unrecorded};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Where no journal is kept: rows are counted only. For measurements.
const NO_JOURNAL: u64 = 0;

pub(crate) struct Ledger {
    pub(crate) now: Moment,
    pub(crate) counters: Counters,
    journal: Option<Journal>,
    syslog: Option<Syslog>,
    guard: Arc<str>,
    policy: Arc<str>,
    rows_per_second: HashMap<Arc<str>, u32>,
    refusals: RefusalBudget,
    unwritten: u64,
    instant: VecDeque<Sequence>,
    ahead: Vec<Sequence>,
    open: OpenWrites,
}

impl Ledger {
    pub(crate) fn new(journal: Option<Journal>, syslog: Option<Syslog>, now: Moment) -> Self {
        Self {
            now,
            counters: Counters::default(),
            journal,
            syslog,
            guard: Arc::from(""),
            policy: Arc::from(""),
            rows_per_second: HashMap::new(),
            refusals: RefusalBudget::default(),
            unwritten: NO_JOURNAL,
            instant: VecDeque::new(),
            ahead: Vec::new(),
            open: OpenWrites::default(),
        }
    }

    /// Take the budgets and names of a policy.
    pub(crate) fn adopt(&mut self, document: &Document, digest: &str) {
        self.guard = Arc::from(document.guard.as_str());
        self.policy = Arc::from(digest);
        let budget = |conduit: &policy::document::Conduit| {
            (Arc::from(conduit.name.as_str()), conduit.budgets.denial_rows_per_second)
        };
        self.rows_per_second = document.conduits.iter().map(budget).collect();
    }

    /// An event of the guard itself.
    pub(crate) fn note(&mut self, kind: Kind, reason: &str) {
        let event = Event { kind, reason: Some(Arc::from(reason)), ..self.own() };
        self.record(&event);
    }

    /// Rows of sources that overdid it, once a second.
    pub(crate) fn sum_up(&mut self) {
        for excess in self.refusals.take_excess(self.now.monotonic_ns) {
            let since = jiff::Timestamp::from_nanosecond(excess.first_utc_ns.into()).unwrap_or_default();
            let reason = format!("rows_over_budget: {} since {since:.3}", excess.count);
            let event = Event {
                kind: excess.class.summary(),
                client_address: Some(excess.source),
                reason: Some(Arc::from(reason)),
                count: Some(excess.count),
                ..self.own()
            };
            self.write(&event);
        }
    }

    /// Which rows that somebody waits for are durable now, and which never will be.
    pub(crate) fn take_commits(&mut self) -> Vec<(Sequence, bool)> {
        let mut commits: Vec<_> = self.instant.drain(..).map(|sequence| (sequence, true)).collect();
        if let Some(journal) = &self.journal {
            let taken = journal.take_commits();
            commits.extend(taken.into_iter().map(|commit| (commit.sequence, commit.durable)));
        }
        commits
    }

    /// Rows recorded ahead since the last call: somebody waits for their commit.
    pub(crate) fn take_ahead(&mut self) -> std::vec::Drain<'_, Sequence> {
        self.ahead.drain(..)
    }

    /// Requests of a session that have a first row and no end, for a session that will write none.
    pub(crate) fn take_open(&mut self, session: SessionId) -> Vec<OpenWrite> {
        self.open.take(session)
    }

    /// Whether commits can be taken already, though nothing wakes the loop for them.
    pub(crate) fn has_commits(&self) -> bool {
        !self.instant.is_empty()
    }

    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    pub(crate) fn into_journal(self) -> Option<Journal> {
        self.journal
    }

    /// An event with what all of this guard's have in common.
    pub(crate) fn own(&self) -> Event {
        Event {
            time: self.now.utc_ns,
            clock: if self.now.synchronised { event::Clock::Synchronised } else { event::Clock::Unsynchronised },
            guard: Some(Arc::clone(&self.guard)),
            policy: Some(Arc::clone(&self.policy)),
            ..Event::default()
        }
    }

    fn is_over_budget(&mut self, event: &Event) -> bool {
        let Some(class) = class_of(event) else { return false };
        // Clients on serial ports have no address, and share one budget: a bus brings few requests a second.
        let source = event.client_address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        let per_second = match &event.conduit {
            Some(conduit) => self.rows_per_second.get(conduit).copied().unwrap_or(u32::MAX),
            // Whoever knocks where no conduit leads, has what the most generous one grants.
            None if event.kind == Kind::SessionRefused => self.rows_per_second.values().copied().max().unwrap_or(0),
            None => return false,
        };
        let is_over = !self.refusals.permits((source, class), per_second, self.now);
        if is_over {
            self.counters.limit(class.limit());
        }
        is_over
    }

    fn write(&mut self, event: &Event) -> Sequence {
        self.write_as(event, Journal::append)
    }

    fn write_as<'a>(&mut self, event: &'a Event, append: impl FnOnce(&Journal, &'a Event) -> Sequence) -> Sequence {
        let Some(journal) = &self.journal else {
            return self.number();
        };
        if let (Some(syslog), false) = (&mut self.syslog, journal.is_up())
            && passes(event.kind)
        {
            self.counters.syslog(syslog.send(event, self.now.monotonic_ns));
        }
        append(journal, event)
    }

    fn number(&mut self) -> Sequence {
        self.unwritten += 1;
        Sequence(self.unwritten)
    }
}

impl Recorder for Ledger {
    fn record(&mut self, event: &Event) -> Sequence {
        self.counters.count(event);
        match event.kind {
            Kind::RequestOutcome => self.open.end(event),
            Kind::SessionClosed => drop(event.session.map(|session| self.open.take(session))),
            _ => {}
        }
        if self.is_over_budget(event) {
            return Sequence::default();
        }
        self.write(event)
    }

    fn record_end(&mut self, event: &Event) -> Sequence {
        self.counters.count(event);
        self.open.end(event);
        self.write_as(event, Journal::append_end)
    }

    fn record_ahead(&mut self, event: &Event) -> Result<Sequence, Unrecorded> {
        self.counters.count(event);
        let Some(journal) = &self.journal else {
            let sequence = self.number();
            self.instant.push_back(sequence);
            self.ahead.push(sequence);
            return Ok(sequence);
        };
        let sequence = journal.append_ahead(event).map_err(|why| match why {
            journal::Unrecorded::Down => Unrecorded::Down,
            journal::Unrecorded::Full => Unrecorded::Full,
        })?;
        self.ahead.push(sequence);
        Ok(sequence)
    }

    fn begun(&mut self, request: Begun<'_>) {
        self.open.begin(request);
    }

    fn journal_is_up(&self) -> bool {
        self.journal.as_ref().is_none_or(Journal::is_up)
    }

    fn open_requests_spent(&mut self) {
        self.counters.limit(Limit::OpenRequests);
    }

    fn segment(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::segment)
    }
}

/// Which budget a kind of row is held to; `None`: each is written.
fn class_of(event: &Event) -> Option<Class> {
    match event.kind {
        // Churn fills a journal as well as garbage does, but must not cost a client its refusals' rows.
        Kind::SessionOpened | Kind::SessionClosed | Kind::TlsTolerated => Some(Class::Session),
        Kind::ResponseUnsolicited | Kind::ModbusTolerated | Kind::TlsServerRefused => Some(Class::Response),
        Kind::RequestDenied | Kind::SessionRefused | Kind::TlsRefused => Some(Class::Refusal),
        Kind::ModbusInvalidFunctionCode
        | Kind::ModbusInvalidLength
        | Kind::ModbusInvalidValue
        | Kind::ModbusInvalidProtocolId
        | Kind::ModbusInvalidExceptionCode
        | Kind::ModbusValueMismatch
        // What a server sends amiss has no verdict, and is not its client's refusal.
        | Kind::ModbusFlooded => Some(if event.verdict.is_some() { Class::Refusal } else { Class::Response }),
        _ => None,
    }
}

/// Whether a row tells of something that reached a server: only that is worth the second sink.
fn passes(kind: Kind) -> bool {
    matches!(kind, Kind::RequestPermitted | Kind::RequestObserved | Kind::RequestOutcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knocks_where_no_conduit_leads_have_a_budget_of_rows_too() {
        let now = Moment { monotonic_ns: 1, utc_ns: 1, synchronised: true };
        let mut ledger = Ledger::new(None, None, now);
        ledger.rows_per_second = HashMap::from([(Arc::from("a"), 2), (Arc::from("b"), 5)]);
        let (peer, destination) = ("10.0.0.5:4000".parse().unwrap(), "10.0.0.9:502".parse().unwrap());
        for _ in 0..9 {
            let row = crate::accept::undeclared(peer, destination, ledger.own());
            ledger.record(&row);
        }

        assert_eq!(ledger.unwritten, 5);
        assert_eq!(ledger.counters.limits.met().get("denial_rows_per_second"), Some(&4));
    }
}
