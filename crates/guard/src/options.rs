//! What the host tells the guard beside the policy: where the record goes.

use serde::Deserialize;
use std::path::PathBuf;

/// Options of one guard, from JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The journal; `None` records nothing, for measurements only.
    #[serde(default)]
    pub journal: Option<JournalOptions>,
    /// Second sink for essential traffic while the journal fails.
    #[serde(default)]
    pub syslog: Option<SyslogOptions>,
    /// Conduits that fail open, and how long they were without a guard before this start.
    #[serde(default)]
    pub away: Vec<Away>,
}

/// A time in which a conduit had no guard and let packets pass.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Away {
    /// The conduit's name.
    pub conduit: String,
    /// What is known of that time, for a person.
    pub told: String,
}

/// Where and how the journal is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalOptions {
    /// The journal's directory.
    pub directory: PathBuf,
    /// Where its signing keys are; outside `directory`.
    pub key_directory: PathBuf,
    /// Sealed segments older than this go. Milliseconds.
    #[serde(default)]
    pub keep_age_ms: Option<u64>,
    /// The oldest sealed segments go while the directory is larger than this. Bytes.
    #[serde(default)]
    pub keep_bytes: Option<u64>,
    /// A row waits at most this long before it is written. Milliseconds.
    #[serde(default = "commit_interval_ms")]
    pub commit_interval_ms: u64,
    /// A sync slower than this counts as failed. Milliseconds.
    #[serde(default = "sync_deadline_ms")]
    pub sync_deadline_ms: u64,
    /// A segment is sealed at this size. Bytes.
    #[serde(default = "segment_bytes")]
    pub segment_bytes: u64,
    /// A segment is sealed at this age. Milliseconds.
    #[serde(default = "segment_age_ms")]
    pub segment_age_ms: u64,
}

/// Where syslog listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogOptions {
    /// `host:port` for UDP, or the path of a Unix datagram socket.
    pub address: String,
}

fn commit_interval_ms() -> u64 {
    200
}

fn sync_deadline_ms() -> u64 {
    200
}

fn segment_bytes() -> u64 {
    256 << 20
}

fn segment_age_ms() -> u64 {
    3_600_000
}
