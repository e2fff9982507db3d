//! The document: what Python hands over, one immutable policy for one guard, as JSON.
//!
//! Kept true here: unknown fields are errors, so that an older core never runs a
//! newer document without the part it does not understand.

mod lines;
mod ocsp;
mod points;
mod rules;
mod tls;
mod transparent;

pub use lines::{Framing, Line, Parity, Serial};
pub use ocsp::{HttpAddress, NotHttp, Ocsp, Responder, WhenSilent};
pub use points::{Limits, MaxChange, Order, Point, PointMap, PointType, Table};
pub use rules::{Rule, RuleKind, Target, Window};
pub use tls::{Expired, OneSided, ServerTls, StaleCrl, Suite, Tls, TlsVersion};
pub use transparent::{ClientAddress, Transparent};

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Everything one guard enforces. Its JSON text's SHA-256 is the policy's digest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Always 1.
    pub format: u32,
    /// The site's name.
    pub site: String,
    /// The asset the guard runs on.
    pub guard: String,
    /// `[from_unix_s, offset_s]`, ascending: the site's time zone as steps; first entry covers all before.
    pub utc_offsets: Vec<(i64, i32)>,
    /// Names for addresses, so that events can say who; exact addresses only.
    pub assets: Vec<Asset>,
    /// Maps of points; units refer to them by index.
    pub point_maps: Vec<PointMap>,
    /// Servers; conduits and rules refer to them by index.
    pub servers: Vec<Server>,
    /// Conduits this guard enforces.
    pub conduits: Vec<Conduit>,
}

/// A named asset and its addresses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Its name in the site file.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// A Modbus TCP endpoint, and the units behind it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its asset's name.
    pub name: String,
    /// Where it listens; `None` behind a serial port of the guard's own host.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Its port; 0 without an address.
    #[serde(default)]
    pub port: u16,
    /// The line that all sessions share; `None`: each session has a connection of its own.
    #[serde(default)]
    pub line: Option<Line>,
    /// TLS towards it; `None`: Modbus in the clear.
    #[serde(default)]
    pub tls: Option<ServerTls>,
    /// Whether serial units stand behind it: then unit id 0 is broadcast.
    pub gateway: bool,
    /// Declared units; all others are denied.
    pub units: Vec<Unit>,
    /// Named tolerances: `wrong_transaction_id`, `wrong_unit_id`, `wrong_length`, `trailing_bytes`, `over_quantity`.
    #[serde(default)]
    pub tolerate: Vec<Tolerance>,
    /// How long a reply may take. Milliseconds.
    pub reply_timeout_ms: u64,
    /// Largest UMAS PDU towards this server, bytes; 253 unless a rule permits UMAS.
    #[serde(default = "pdu_max")]
    pub umas_pdu_bytes: u16,
}

/// A device that breaks a rule of the specification, and is put up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// Replies do not echo the transaction id.
    WrongTransactionId,
    /// Replies do not echo the unit id.
    WrongUnitId,
    /// The MBAP length does not fit the PDU.
    WrongLength,
    /// Bytes follow a complete reply.
    TrailingBytes,
    /// Requests over the specification's quantity limits.
    OverQuantity,
}

/// Unit ids of a server that are one asset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// The asset's name.
    pub asset: String,
    /// The unit ids clients use for it.
    pub unit_ids: Vec<u8>,
    /// Index into `point_maps`.
    #[serde(default)]
    pub point_map: Option<usize>,
}

/// Whether a conduit enforces its verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdicts {
    /// What is not permitted is refused.
    Enforce,
    /// Everything is forwarded; records say what would be refused.
    Observe,
}

/// What a refused request looks like to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// A Modbus exception with this code.
    Exception(u8),
    /// No answer.
    Silence,
    /// The client's connection is reset.
    Reset,
}

/// What a client sees when its server does not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerSilent {
    /// Exception 0x0B.
    Exception,
    /// Nothing.
    Silence,
    /// Its connection is closed.
    Close,
}

/// What happens to requests that need a record while the journal fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnJournalFailure {
    /// Reads pass, state-changing requests are refused (06).
    DenyWrites,
    /// All requests are refused (06), essential ones apart.
    DenyAll,
    /// Everything permitted passes.
    Permit,
}

/// Which values read are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordReadValues {
    /// Each reply's.
    All,
    /// Only when they differ from the last, and once a segment.
    Changes,
    /// Never.
    None,
}

/// The only path between zones, and its rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conduit {
    /// Its name.
    pub name: String,
    /// Enforce or observe.
    pub verdicts: Verdicts,
    /// How a refusal looks unless a rule says otherwise.
    pub denial: Answer,
    /// What a client sees when its server is silent.
    pub server_silent: ServerSilent,
    /// Idle sessions end after this. Milliseconds; counts requests.
    pub idle_timeout_ms: u64,
    /// A write not forwarded by then is refused. Milliseconds.
    pub deadline_ms: u64,
    /// The operator's choice for a failing journal.
    pub on_journal_failure: OnJournalFailure,
    /// Which read values are recorded.
    pub record_read_values: RecordReadValues,
    /// What one client can make the guard spend.
    pub budgets: Budgets,
    /// TLS towards clients, on all of its sockets; `None`: Modbus in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Transparent insertion; `None`: clients connect to the guard's own sockets.
    #[serde(default)]
    pub transparent: Option<Transparent>,
    /// Sockets of this conduit; where insertion is transparent, those of its servers.
    pub listeners: Vec<Listener>,
    /// Permits and nevers; a set, order means nothing.
    pub rules: Vec<Rule>,
}

/// Named budgets of a conduit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Sessions of the conduit at once.
    pub sessions: u32,
    /// Sessions of one client address at once.
    pub sessions_per_client: u32,
    /// Requests of one session waiting for the server's reply.
    pub open_requests: u32,
    /// Requests of one session waiting behind those; more are answered 06.
    pub queued_requests: u32,
    /// Denied or malformed requests of one source recorded row by row each second; more are counted.
    pub denial_rows_per_second: u32,
}

/// A socket clients connect to, or a serial port with one client behind it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Local address; of a serial port the one that stands for its client.
    pub address: IpAddr,
    /// Local port; 0 where the client is on a serial port.
    pub port: u16,
    /// The serial port; `None`: a socket.
    #[serde(default)]
    pub bus: Option<ClientBus>,
    /// Indices into `servers`: one, or several told apart by unit id.
    pub servers: Vec<usize>,
}

/// A bus on which a client asks, and the guard answers in the place of the units.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientBus {
    /// Its port.
    pub serial: Serial,
    /// Whether what is sent is heard.
    pub echo: bool,
}

/// Whether an address stands for the client at a serial port. RFC 6666: nothing comes from `100::/64`.
#[must_use]
pub fn is_of_port(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.segments().starts_with(&[0x100, 0, 0, 0]))
}

fn pdu_max() -> u16 {
    253
}
