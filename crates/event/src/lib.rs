//! The event: the one record of what happened, shared by guard, capture, journal and query.
//!
//! Kept true here:
//! * one struct holds every field of the contract; a field that does not apply is `None`;
//! * field ids and kind names are stable: the journal's chain is computed over them;
//! * no I/O, no clock, no dependency on how events are stored.

mod canonical;
mod field;
mod kind;

pub use canonical::{SpelledFields, advance_number, append_canonical, append_numbered};
pub use field::Field;
pub use kind::{Kind, UnknownKind};

use std::net::IpAddr;
use std::sync::Arc;

/// A number the journal gives each row, in order, never used twice in a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// A session of one client with the guard, unique within one run of the guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Whether the guard's wall clock was known to be right when the event was stamped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The kernel reports a synchronised clock.
    Synchronised,
    /// The kernel reports no synchronisation, or cannot tell.
    #[default]
    Unsynchronised,
}

/// What the policy said of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A rule permits it.
    Permit,
    /// Nothing permits it, or a `never` rule names it.
    Deny,
}

impl Outcome {
    /// The word that stands in the journal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
        }
    }
}

/// One row of the record. Times are UTC nanoseconds, latencies microseconds, addresses 0-based.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Set by the journal when the row is appended.
    pub sequence: Sequence,
    /// Request: its last byte in; outcome: reply complete. UTC nanoseconds.
    pub time: i64,
    /// Whether `time` can be trusted.
    pub clock: Clock,
    /// What happened.
    pub kind: Kind,
    /// The asset the guard runs on.
    pub guard: Option<Arc<str>>,
    /// The conduit's name.
    pub conduit: Option<Arc<str>>,
    /// The session within this run of the guard.
    pub session: Option<SessionId>,
    /// The client's asset name, when the site file knows its address.
    pub client: Option<Arc<str>>,
    /// Where the client connected from.
    pub client_address: Option<IpAddr>,
    /// Its port.
    pub client_port: Option<u16>,
    /// How the client was identified: `address`, `certificate`, `tunnel`, `user`.
    pub identity: Option<Arc<str>>,
    /// The role its certificate carries.
    pub role: Option<Arc<str>>,
    /// The server's asset name.
    pub server: Option<Arc<str>>,
    /// The server's address.
    pub server_address: Option<IpAddr>,
    /// MBAP unit id.
    pub unit_id: Option<u8>,
    /// The client's own transaction id.
    pub transaction_id: Option<u16>,
    /// Function code of the request.
    pub function_code: Option<u8>,
    /// Sub-function, MEI type or UMAS function.
    pub sub_function: Option<u16>,
    /// First address read, or written where nothing is read.
    pub address: Option<u16>,
    /// Quantity at `address`.
    pub quantity: Option<u16>,
    /// First address written, for code 23.
    pub write_address: Option<u16>,
    /// Quantity written, for code 23.
    pub write_quantity: Option<u16>,
    /// Raw values written; bits as 0 and 1; code 22 as and-mask, or-mask.
    pub values: Option<Arc<[u16]>>,
    /// Raw values read; bits as 0 and 1.
    pub response_values: Option<Arc<[u16]>>,
    /// The last known raw values of the written range; absent unless all are known.
    pub previous_values: Option<Arc<[u16]>>,
    /// When the oldest of `previous_values` was known. UTC nanoseconds.
    pub previous_time: Option<i64>,
    /// What the policy said.
    pub verdict: Option<Outcome>,
    /// The rule that decided.
    pub rule: Option<Arc<str>>,
    /// Digest of the policy that decided, lower-case hex.
    pub policy: Option<Arc<str>>,
    /// The grant under which a request was permitted.
    pub grant: Option<Arc<str>>,
    /// Why: one machine-readable word, then operands (`max_step: supply_temperature 25 …`).
    pub reason: Option<Arc<str>>,
    /// Exception code answered or received.
    pub exception_code: Option<u8>,
    /// Last byte to the server until the reply was complete.
    pub latency_us: Option<u32>,
    /// Outcome rows: the sequence of their request's row.
    pub request_sequence: Option<Sequence>,
    /// Raw PDU, for what could not be parsed and for opaque codes.
    pub pdu: Option<Arc<[u8]>>,
    /// Summary rows: how many events this row stands for.
    pub count: Option<u64>,
}
