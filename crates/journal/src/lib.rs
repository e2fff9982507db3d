//! The record: append-only, chained, signed, and able to survive a crash at any moment.
//!
//! ```text
//!  data loop ── append ──► queue ──► writer ──► live segment (.arrows) ──► keeper ──► sealed (.parquet)
//!            ◄─ commits ──┘   ▲        ▲ sync                               │ retention
//!                             └ watchdog: the sync took too long, or hangs: another writer
//! ```
//!
//! Kept true here, and tested:
//! * nobody is told that a row is durable before it is;
//! * the data loop never waits for the disk;
//! * whatever is altered, removed, reordered, doubled or cut is found by [`verify`], which needs no
//!   more than the first public key, and says what it cannot see.

mod adopt;
mod backlog;
mod calendar;
mod certificate;
mod chain;
mod closed;
mod commit;
mod decode;
mod encode;
mod error;
mod fenced;
mod flight;
mod frames;
mod gap;
mod hex;
mod journal;
mod keeper;
mod keys;
mod names;
mod opening;
mod options;
mod own;
mod progress;
mod queue;
mod read;
mod recover;
mod renew;
mod retention;
mod row;
mod schema;
mod seal;
mod sealed;
mod seat;
mod segment;
mod shared;
mod spelled;
mod state;
mod storage;
mod tenure;
mod verify;
mod wall;
mod watchdog;
mod writer;

#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod seal_tests;
#[cfg(test)]
mod tamper_tests;

pub use error::{JournalError, Unrecorded};
pub use journal::{Journal, open};
pub use opening::Opening;
pub use options::Options;
pub use queue::Commit;
pub use read::{read, read_on};
pub use state::{Checkpoint, State};
pub use storage::{AppendFile, Entry, FileSystem, Lock, ReadFile, Storage, ensure_directory};
pub use verify::{
    Finding, KnownCheckpoint, LastCheckpoint, Severity, Verification, VerifyOptions, verify, verify_export,
    verify_export_json, verify_json, verify_on,
};
pub use wall::WallClock;
