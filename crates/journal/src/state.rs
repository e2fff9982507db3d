//! What a journal says of itself.

use serde::Serialize;

/// A signed digest; kept elsewhere, it proves all rows up to it later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// The row that carries it.
    pub sequence: u64,
    /// Lower-case hex.
    pub digest: String,
}

/// How a journal fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// Whether rows can become durable now.
    pub up: bool,
    /// The first sequence of the live segment.
    pub segment: u64,
    /// The number that the next row gets; 0 until the directory was read and numbers are known.
    pub next_sequence: u64,
    /// All rows up to this one are on disk, or counted in a `journal.gap`.
    pub durable_sequence: u64,
    /// Rows that wait in memory.
    pub queued_rows: u64,
    /// Rows that could not be recorded and are not yet told in a `journal.gap`.
    pub unrecorded_rows: u64,
    /// Rows that found no room in memory since the start.
    pub rows_without_room: u64,
    /// How often the disk has failed since the start.
    pub failures: u64,
    /// What the last failure was.
    pub last_failure: Option<String>,
    /// What a person should know beside that: what sealing and retention fail of, damaged files, and what a
    /// late opening found; empty when all is well.
    pub last_alarm: Option<String>,
    /// How long the last commit took to become durable.
    pub last_commit_us: u64,
    /// Free bytes of the disk, when last looked at.
    pub free_bytes: Option<u64>,
    /// The last signed digest that is durable.
    pub checkpoint: Checkpoint,
    /// The key in use, lower-case hex.
    pub public_key: String,
}

/// The part of [`State`] that others write.
pub(crate) type Status = State;
