//! Events of one session, each filled from what the session knows of its client and server.

use crate::config::{ServerTerms, SessionConfig};
use crate::context::Leg;
use crate::facts::{Asked, Facts};
use event::{Clock, Event, Kind, Outcome, Sequence};
use policy::Moment;
use std::sync::Arc;
use wire::{TransactionId, UnitId};

/// What the policy said, as rows tell it.
#[derive(Clone, Debug)]
pub(crate) struct Ruling {
    pub(crate) verdict: Outcome,
    /// Digest of the policy that decided: a reload may come before the row.
    pub(crate) policy: Arc<str>,
    pub(crate) rule: Option<Arc<str>>,
    pub(crate) reason: Option<Arc<str>>,
}

/// Makes events; the fields that never change within a session are filled once.
#[derive(Debug)]
pub(crate) struct Rows {
    pattern: Event,
    lent: Lent,
    config: Arc<SessionConfig>,
}

/// Texts that a session's rows share. To copy them for each row, and let go of them after it, would cost more than
/// the rest of the row.
#[derive(Debug, Default)]
struct Lent {
    guard: Option<Arc<str>>,
    conduit: Option<Arc<str>>,
    client: Option<Arc<str>>,
    identity: Option<Arc<str>>,
    role: Option<Arc<str>>,
    server: Option<Arc<str>>,
    policy: Option<Arc<str>>,
}

// === impl Rows ===

impl Rows {
    pub(crate) fn new(config: Arc<SessionConfig>) -> Self {
        let (terms, client) = (&config.terms, &config.client);
        let pattern = Event {
            guard: Some(Arc::clone(&terms.guard)),
            conduit: Some(Arc::clone(&terms.conduit)),
            policy: Some(Arc::clone(&terms.policy)),
            session: Some(client.id),
            client: client.name.clone(),
            client_address: client.address,
            client_port: client.port,
            identity: Some(Arc::clone(&client.identity)),
            role: client.role.clone(),
            ..Event::default()
        };
        let mut rows = Self { lent: Lent::default(), pattern, config };
        rows.take_back(rows.pattern.clone());
        rows
    }

    /// About the session as a whole.
    pub(crate) fn session(&self, kind: Kind, at: Moment) -> Event {
        Event { kind, time: at.utc_ns, clock: clock(at), ..self.pattern.clone() }
    }

    /// About a server, on its own account.
    pub(crate) fn server(&self, kind: Kind, at: Moment, leg: Leg) -> Event {
        let mut row = self.session(kind, at);
        self.name_server(&mut row, Some(leg), None);
        row
    }

    /// About a request.
    pub(crate) fn request(&self, kind: Kind, at: Moment, facts: &Facts, ruling: &Ruling) -> Event {
        let mut row = self.session(kind, at);
        self.name_server(&mut row, facts.leg, Some(facts.unit));
        row.unit_id = Some(facts.unit.0);
        row.transaction_id = self.id_of(facts.transaction_id);
        row.function_code = Some(facts.function_code);
        row.sub_function = facts.sub_function;
        (row.address, row.quantity) = (facts.address, facts.quantity);
        (row.write_address, row.write_quantity) = (facts.write_address, facts.write_quantity);
        row.verdict = Some(ruling.verdict);
        row.policy = Some(Arc::clone(&ruling.policy));
        row.rule.clone_from(&ruling.rule);
        row.reason.clone_from(&ruling.reason);
        row
    }

    /// As [`Self::request`], for the row that ends a request, which every request has. Texts that are the same in
    /// all of a session's rows are lent to it; [`Self::take_back`] wants them again.
    pub(crate) fn lend(&mut self, kind: Kind, at: Moment, facts: &Facts, ruling: &Ruling) -> Event {
        let server = facts.leg.and_then(|leg| self.config.terms.servers.get(leg.index()));
        let lent = &mut self.lent;
        Event {
            time: at.utc_ns,
            clock: clock(at),
            kind,
            guard: lent.guard.take(),
            conduit: lent.conduit.take(),
            session: Some(self.config.client.id),
            client: lent.client.take(),
            client_address: self.config.client.address,
            client_port: self.config.client.port,
            identity: lent.identity.take(),
            role: lent.role.take(),
            server: server.and_then(|server| same(lent.server.take(), server.asset(facts.unit))),
            server_address: server.and_then(|server| server.address),
            unit_id: Some(facts.unit.0),
            transaction_id: self.config.id_of(facts.transaction_id),
            function_code: Some(facts.function_code),
            sub_function: facts.sub_function,
            address: facts.address,
            quantity: facts.quantity,
            write_address: facts.write_address,
            write_quantity: facts.write_quantity,
            verdict: Some(ruling.verdict),
            rule: ruling.rule.clone(),
            policy: same(lent.policy.take(), &ruling.policy),
            reason: ruling.reason.clone(),
            ..Event::default()
        }
    }

    /// The row is recorded: what was lent to it is for the next one.
    pub(crate) fn take_back(&mut self, row: Event) {
        let Event { guard, conduit, client, identity, role, server, policy, .. } = row;
        self.lent = Lent { guard, conduit, client, identity, role, server, policy };
    }

    /// About bytes of the client that are a frame but no request.
    pub(crate) fn malformed(&self, kind: Kind, asked: &Asked<'_>, reason: &str) -> Event {
        let mut row = self.session(kind, asked.arrived);
        self.name_server(&mut row, asked.leg, Some(asked.unit));
        row.unit_id = Some(asked.unit.0);
        row.transaction_id = self.id_of(asked.transaction_id);
        row.function_code = asked.pdu.first().copied();
        row.verdict = Some(Outcome::Deny);
        row.reason = Some(reason.into());
        row.pdu = Some(asked.pdu.into());
        row
    }

    fn name_server(&self, row: &mut Event, leg: Option<Leg>, unit: Option<UnitId>) {
        let Some(server) = leg.and_then(|leg| self.terms_of(leg)) else { return };
        row.server = Some(Arc::clone(unit.map_or(&server.name, |unit| server.asset(unit))));
        row.server_address = server.address;
    }

    fn id_of(&self, id: TransactionId) -> Option<u16> {
        self.config.id_of(id)
    }

    fn terms_of(&self, leg: Leg) -> Option<&ServerTerms> {
        self.config.terms.servers.get(leg.index())
    }
}

fn clock(at: Moment) -> Clock {
    if at.synchronised { Clock::Synchronised } else { Clock::Unsynchronised }
}

/// The text of the row before, where it is the one that is wanted.
fn same(before: Option<Arc<str>>, wanted: &Arc<str>) -> Option<Arc<str>> {
    before.filter(|before| Arc::ptr_eq(before, wanted)).or_else(|| Some(Arc::clone(wanted)))
}

/// The end of a request whose first row was written before. A row that got no number, for the journal was
/// not open yet, is none to point at.
pub(crate) fn follow(row: &mut Event, first: Option<Sequence>) {
    row.kind = Kind::RequestOutcome;
    row.request_sequence = first.filter(|sequence| *sequence != Sequence::default());
}

/// Nanoseconds between two moments as whole microseconds, held at the field's limit.
pub(crate) fn latency_us(from_ns: u64, to_ns: u64) -> u32 {
    u32::try_from(to_ns.saturating_sub(from_ns) / 1_000).unwrap_or(u32::MAX)
}
