//! The document: what Python hands over, one immutable policy for one guard, as JSON.
//!
//! Kept true here: unknown fields are errors, so that an older core never runs a
//! newer document without the part it does not understand.

mod tls;
mod transparent;

pub use tls::{Expired, OneSided, ServerTls, StaleCrl, Suite, Tls, TlsVersion};
pub use transparent::{ClientAddress, Transparent};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// A named list of points.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointMap {
    /// Its name in the site file.
    pub name: String,
    /// The points of the map.
    pub points: Vec<Point>,
}

/// The four tables of the data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Read-write bits.
    Coil,
    /// Read-only bits.
    DiscreteInput,
    /// Read-only registers.
    InputRegister,
    /// Read-write registers.
    HoldingRegister,
}

impl From<Table> for wire::Table {
    fn from(table: Table) -> Self {
        match table {
            Table::Coil => Self::Coil,
            Table::DiscreteInput => Self::DiscreteInput,
            Table::InputRegister => Self::InputRegister,
            Table::HoldingRegister => Self::HoldingRegister,
        }
    }
}

/// How a point's registers become a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PointType {
    /// One coil or discrete input.
    Bit,
    /// One register, two's complement.
    Int16,
    /// One register.
    Uint16,
    /// Two registers, two's complement.
    Int32,
    /// Two registers.
    Uint32,
    /// Four registers, two's complement.
    Int64,
    /// Four registers.
    Uint64,
    /// Two registers, IEEE 754.
    Float32,
    /// Four registers, IEEE 754.
    Float64,
}

/// Big or little end first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Most significant first.
    #[default]
    Big,
    /// Least significant first.
    Little,
}

/// A named, typed value of a server. `value = raw * scale + offset`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its name within the map.
    pub name: String,
    /// Table it lives in.
    pub table: Table,
    /// First address.
    pub address: u16,
    /// Its type; says how many registers.
    #[serde(rename = "type")]
    pub point_type: PointType,
    /// Order of registers.
    #[serde(default)]
    pub word_order: Order,
    /// Order of bytes within a register.
    #[serde(default)]
    pub byte_order: Order,
    /// Multiplier.
    #[serde(default = "one")]
    pub scale: f64,
    /// Added after scaling.
    #[serde(default)]
    pub offset: f64,
    /// Other first addresses that show the same value. A request that writes a limited point at two of
    /// its addresses must give it one whole value there, or is refused as a `contradiction`.
    #[serde(default)]
    pub aliases: Vec<(Table, u16)>,
    /// Whether a write may cover only part of it.
    #[serde(default)]
    pub partial: bool,
    /// Limits on writes; `None`: the value is not guarded.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Text for reasons and explanations.
    #[serde(default)]
    pub engineering_unit: Option<String>,
}

/// Limits on writes to a point, in engineering units. In a rule, each key given replaces the point's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Smallest and largest value, inclusive.
    #[serde(default)]
    pub range: Option<(f64, f64)>,
    /// The only values.
    #[serde(default)]
    pub allowed: Option<Vec<f64>>,
    /// Largest difference from the last known value.
    #[serde(default)]
    pub max_step: Option<f64>,
    /// Largest difference from any value known within a window.
    #[serde(default)]
    pub max_change: Option<MaxChange>,
    /// Most forwarded writes in any 60 s, all clients together.
    #[serde(default)]
    pub per_minute: Option<u32>,
    /// Age after which a known value counts as unknown for `max_step`. Milliseconds.
    #[serde(default)]
    pub max_age_ms: Option<u64>,
}

/// A bound on how far a value may move within a time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxChange {
    /// Largest difference, engineering units.
    pub by: f64,
    /// The window. Milliseconds.
    pub in_ms: u64,
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

/// A line to a server, or to the units behind it, that all sessions share.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The serial port; `None`: a TCP connection to the server's address.
    #[serde(default)]
    pub serial: Option<Serial>,
    /// How frames stand on it.
    pub framing: Framing,
    /// Requests that may be open at once; 1 with RTU.
    pub pipeline: u32,
    /// Between two requests. Milliseconds; a serial line has its own silences.
    pub pause_ms: u64,
    /// How long a connection is kept; 0: as long as it lasts. Milliseconds.
    pub lifetime_ms: u64,
    /// How long units need for a broadcast. Milliseconds.
    pub turnaround_ms: u64,
    /// How long a read answers the same read again; 0: never. Milliseconds.
    pub window_ms: u64,
    /// How often a read without a reply is repeated.
    pub read_retries: u32,
    /// Whether what is sent is heard.
    pub echo: bool,
    /// The part of the line's time that one client may have, percent.
    pub client_share: u32,
    /// Sessions that may share it at once; 0: as many as come.
    #[serde(default)]
    pub clients: u32,
    /// `[unit_id, table, first, last]`: reads that have an effect, and are never answered from a window.
    #[serde(default)]
    pub side_effects: Vec<(u8, Table, u16, u16)>,
}

/// How frames stand on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// RTU, on a serial port or over TCP.
    Rtu,
    /// MBAP.
    Mbap,
}

/// A serial port, as its line needs it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serial {
    /// Its device file.
    pub port: String,
    /// Its speed.
    pub baud: u32,
    /// 7 or 8.
    pub data_bits: u8,
    /// Its parity.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    /// No parity bit.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
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

/// Whether a rule permits or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// What it names may pass.
    Permit,
    /// What it names never passes.
    Never,
}

/// One rule. `None` means "any"; an empty list means "nothing".
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in the site file, unique within the conduit.
    pub name: String,
    /// Permit or never.
    pub kind: RuleKind,
    /// Function sets (`read`, `diagnostics.restart`, `umas`) and single codes (`3`, `8/4`, `43/14`, `90/65`), decimal.
    pub functions: Vec<String>,
    /// CIDR prefixes, IPv4 or IPv6.
    #[serde(default)]
    pub clients: Option<Vec<String>>,
    /// Roles of which the client must carry one.
    #[serde(default)]
    pub roles: Option<Vec<String>>,
    /// Servers, or single units of them.
    #[serde(default)]
    pub targets: Option<Vec<Target>>,
    /// Unit ids the request must carry.
    #[serde(default)]
    pub unit_ids: Option<Vec<u8>>,
    /// `[table, first, last]`, inclusive. Ranges and points add up; with neither, all addresses.
    #[serde(default)]
    pub ranges: Option<Vec<(Table, u16, u16)>>,
    /// Point names, resolved in each unit's map.
    #[serde(default)]
    pub points: Option<Vec<String>>,
    /// Per point name: limits that replace the point's own, key by key.
    #[serde(default)]
    pub limits: BTreeMap<String, Limits>,
    /// Local times in which the rule holds; any of them.
    #[serde(default)]
    pub when: Option<Vec<Window>>,
    /// Passes while the journal fails.
    #[serde(default)]
    pub essential: bool,
    /// How a refusal by this rule looks.
    #[serde(default)]
    pub denial: Option<Answer>,
}

/// A server by index, or some units of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Index into `servers`.
    pub server: usize,
    /// Only these units; `None`: all declared ones.
    #[serde(default)]
    pub unit_ids: Option<Vec<u8>>,
}

/// A weekly window in local time. `to_s` before `from_s` runs past midnight into the next day.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// 0 = Monday … 6 = Sunday.
    pub days: Vec<u8>,
    /// Seconds after local midnight, inclusive.
    pub from_s: u32,
    /// Seconds after local midnight, exclusive.
    pub to_s: u32,
}

fn one() -> f64 {
    1.0
}

fn pdu_max() -> u16 {
    253
}
