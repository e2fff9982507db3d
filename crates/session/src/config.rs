//! What a session is told when it opens: the conduit's terms, its servers, and who the client is.

use event::SessionId;
use policy::Policy;
use policy::document::{
    Answer, Budgets, Conduit, Line, OnJournalFailure, RecordReadValues, Server, ServerSilent, Tolerance, Verdicts,
};
use std::net::IpAddr;
use std::sync::Arc;
use wire::{TransactionId, UnitId};

/// One session's terms and its client.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// What all sessions of the listener share.
    pub terms: Arc<Terms>,
    /// Who is at the other end.
    pub client: Client,
}

/// Who the client is, as far as the guard can tell.
#[derive(Clone, Debug)]
pub struct Client {
    /// The session's number, unique within one run of the guard.
    pub id: SessionId,
    /// The client's asset name, when the site file knows its address.
    pub name: Option<Arc<str>>,
    /// Where it connected from; `None` on a serial port.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: Option<u16>,
    /// How it was identified: `address`, `certificate`, `port` (a serial one), `tunnel`, `user`.
    pub identity: Arc<str>,
    /// The role its certificate carries.
    pub role: Option<Arc<str>>,
    /// Subject and serial number of its certificate, for the row that opens the session.
    pub certificate: Option<Arc<str>>,
}

/// What the policy document says about a listener's conduit and servers.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The asset the guard runs on.
    pub guard: Arc<str>,
    /// Digest of the policy in force.
    pub policy: Arc<str>,
    /// The conduit's name.
    pub conduit: Arc<str>,
    /// Whether the client asks on a bus: there is no connection to end, and who was not asked is silent.
    pub is_on_bus: bool,
    /// Enforce or observe.
    pub verdicts: Verdicts,
    /// How a refusal of what cannot be routed looks; `decide` gives it for all else.
    pub denial: Answer,
    /// What a client sees when its server is silent.
    pub server_silent: ServerSilent,
    /// Idle sessions end after this.
    pub idle_timeout_ns: u64,
    /// A request that can change state and is not forwarded by then is refused.
    pub deadline_ns: u64,
    /// The operator's choice for a failing journal.
    pub on_journal_failure: OnJournalFailure,
    /// Which read values are recorded.
    pub record_read_values: RecordReadValues,
    /// What the client can make the guard spend.
    pub budgets: Budgets,
    /// The longest UMAS PDU any of the servers may be sent.
    pub umas_pdu_bytes: u16,
    /// The listener's servers; a `Leg` is an index into them.
    pub servers: Vec<ServerTerms>,
}

/// One server of a listener.
#[derive(Clone, Debug)]
pub struct ServerTerms {
    /// Index into the document's servers.
    pub index: usize,
    /// Its asset's name.
    pub name: Arc<str>,
    /// The units that are assets of their own, behind a gateway; ascending.
    pub units: Vec<(UnitId, Arc<str>)>,
    /// Where it listens; `None` behind a serial port.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// Whom its certificate must name, where only TLS leads there.
    pub expects: Option<Arc<str>>,
    /// How long a reply may take.
    pub reply_timeout_ns: u64,
    /// Whether one line leads there for all sessions, and how a session may use it.
    pub shared: Option<Shared>,
    /// The largest UMAS PDU.
    pub umas_pdu_bytes: u16,
    /// Which broken rules are put up with.
    pub tolerate: Tolerances,
}

/// What a line that all sessions share means for one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Its own requests that may be in the line's hands at once.
    pub most_open: usize,
    /// How often the line may ask before it gives up.
    pub attempts: u64,
    /// The serial port, where it is one.
    pub port: Option<Arc<str>>,
}

/// The named tolerances of a server, as questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerances {
    /// Replies do not echo the transaction id.
    pub wrong_transaction_id: bool,
    /// Replies do not echo the unit id.
    pub wrong_unit_id: bool,
    /// The MBAP length does not fit the PDU.
    pub wrong_length: bool,
    /// Bytes follow a complete reply.
    pub trailing_bytes: bool,
    /// Requests over the specification's quantity limits.
    pub over_quantity: bool,
}

// === impl SessionConfig ===

impl SessionConfig {
    /// The client's own transaction id; RTU has none.
    pub(crate) fn id_of(&self, id: TransactionId) -> Option<u16> {
        (!self.terms.is_on_bus).then_some(id.0)
    }
}

// === impl Terms ===

impl Terms {
    /// The terms of one listener; `None` when the document has no such listener.
    #[must_use]
    pub fn of(policy: &Policy, conduit: usize, listener: usize) -> Option<Self> {
        let document = policy.document();
        let conduit = document.conduits.get(conduit)?;
        let listener = conduit.listeners.get(listener)?;
        let server = |&index: &usize| {
            let terms = ServerTerms::of(index, document.servers.get(index)?);
            // A client that was diverted goes on to the very address it asked for; a line has its own.
            let is_diverted = conduit.transparent.is_some() && terms.shared.is_none();
            Some(if is_diverted { ServerTerms { address: Some(listener.address), ..terms } } else { terms })
        };
        let servers = listener.servers.iter().map(server).collect::<Option<Vec<_>>>()?;
        let (guard, digest) = (document.guard.as_str().into(), policy.digest().into());
        let is_on_bus = listener.bus.is_some();
        Some(Self { is_on_bus, ..Self::assemble(guard, digest, conduit, servers) })
    }

    fn assemble(guard: Arc<str>, policy: Arc<str>, conduit: &Conduit, servers: Vec<ServerTerms>) -> Self {
        Self {
            guard,
            policy,
            conduit: conduit.name.as_str().into(),
            is_on_bus: false,
            verdicts: conduit.verdicts,
            denial: conduit.denial,
            server_silent: conduit.server_silent,
            idle_timeout_ns: nanoseconds(conduit.idle_timeout_ms),
            deadline_ns: nanoseconds(conduit.deadline_ms),
            on_journal_failure: conduit.on_journal_failure,
            record_read_values: conduit.record_read_values,
            budgets: conduit.budgets.clone(),
            umas_pdu_bytes: servers.iter().map(|server| server.umas_pdu_bytes).max().unwrap_or_default(),
            servers,
        }
    }

    /// Whether there is one server, so that a session is one client's and one server's, and ends with either.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.servers.len() == 1 && !self.is_on_bus
    }

    /// Whether bytes pass as they come: observing needs no frames when there is nothing to route.
    pub(crate) fn passes_bytes(&self) -> bool {
        self.observes() && self.is_direct() && self.servers.iter().all(|server| server.shared.is_none())
    }

    pub(crate) fn observes(&self) -> bool {
        self.verdicts == Verdicts::Observe
    }

    /// Whether each leg still leads to the same endpoint.
    pub(crate) fn has_servers_of(&self, other: &Self) -> bool {
        let is_same = |(one, other): (&ServerTerms, &ServerTerms)| one.leads_as(other);
        self.servers.len() == other.servers.len() && self.servers.iter().zip(&other.servers).all(is_same)
    }
}

// === impl ServerTerms ===

impl ServerTerms {
    fn of(index: usize, server: &Server) -> Self {
        Self {
            index,
            name: server.name.as_str().into(),
            units: units_of(server),
            address: server.address,
            port: server.port,
            expects: server.tls.as_ref().map(|tls| tls.name.as_str().into()),
            reply_timeout_ns: nanoseconds(server.reply_timeout_ms),
            shared: server.line.as_ref().map(Shared::of),
            umas_pdu_bytes: server.umas_pdu_bytes,
            tolerate: Tolerances::of(&server.tolerate),
        }
    }
}

impl ServerTerms {
    /// The asset that answers under a unit id: the unit's own, else the endpoint's.
    #[must_use]
    pub fn asset(&self, unit: UnitId) -> &Arc<str> {
        let found = self.units.binary_search_by_key(&unit, |(unit, _)| *unit);
        found.ok().and_then(|at| self.units.get(at)).map_or(&self.name, |(_, name)| name)
    }
}

impl ServerTerms {
    /// Whether both are one endpoint, reached in the same way.
    fn leads_as(&self, other: &Self) -> bool {
        let port_of = |terms: &Self| terms.shared.as_ref().map(|shared| shared.port.clone());
        let at = |terms: &Self| (terms.address, terms.port, terms.expects.clone());
        (at(self), port_of(self)) == (at(other), port_of(other))
    }
}

// === impl Shared ===

impl Shared {
    fn of(line: &Line) -> Self {
        Self {
            most_open: usize::try_from(line.pipeline).unwrap_or(1).max(1),
            attempts: u64::from(line.read_retries).saturating_add(1),
            port: line.serial.as_ref().map(|serial| serial.port.as_str().into()),
        }
    }
}

fn units_of(server: &Server) -> Vec<(UnitId, Arc<str>)> {
    let named = server.units.iter().filter(|unit| unit.asset != server.name);
    let mut units: Vec<_> = named
        .flat_map(|unit| {
            let name: Arc<str> = unit.asset.as_str().into();
            unit.unit_ids.iter().map(move |id| (UnitId(*id), Arc::clone(&name)))
        })
        .collect();
    units.sort_by_key(|(unit, _)| *unit);
    units
}

// === impl Tolerances ===

impl Tolerances {
    fn of(named: &[Tolerance]) -> Self {
        let has = |tolerance| named.contains(&tolerance);
        Self {
            wrong_transaction_id: has(Tolerance::WrongTransactionId),
            wrong_unit_id: has(Tolerance::WrongUnitId),
            wrong_length: has(Tolerance::WrongLength),
            trailing_bytes: has(Tolerance::TrailingBytes),
            over_quantity: has(Tolerance::OverQuantity),
        }
    }
}

fn nanoseconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn policy(transparent: &Value) -> Policy {
        let document = json!({
            "format": 1, "site": "s", "guard": "g", "utc_offsets": [], "assets": [], "point_maps": [],
            "servers": [{"name": "plc", "address": "10.0.0.1", "port": 502, "gateway": false, "reply_timeout_ms": 1,
                "units": [{"asset": "plc", "unit_ids": [1]}]}],
            "conduits": [{
                "name": "c", "verdicts": "enforce", "denial": "silence", "server_silent": "close",
                "idle_timeout_ms": 1, "deadline_ms": 1, "on_journal_failure": "permit", "record_read_values": "all",
                "budgets": {"sessions": 1, "sessions_per_client": 1, "open_requests": 1, "queued_requests": 0,
                    "denial_rows_per_second": 0},
                "transparent": transparent, "rules": [],
                "listeners": [{"address": "fd00::1", "port": 502, "servers": [0]}]}],
        });
        Policy::parse(document.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_diverted_client_goes_on_to_the_address_it_asked_for_and_a_proxy_s_to_the_server_s_first() {
        let address = |transparent: Value| Terms::of(&policy(&transparent), 0, 0).unwrap().servers[0].address.unwrap();

        assert_eq!(address(json!({"port": 15502, "client_address": "keep"})).to_string(), "fd00::1");
        assert_eq!(address(Value::Null).to_string(), "10.0.0.1");
    }
}
