//! What an operator may choose about a journal.

use crate::wall::WallClock;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a journal is kept. [`Options::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the record is; made where it does not exist.
    pub directory: PathBuf,
    /// Where the signing keys are; must lie outside `directory`.
    pub key_directory: PathBuf,
    /// The asset whose record this is; stands in the journal's own rows.
    pub guard: Arc<str>,
    /// Sealed segments whose last row is older than this go.
    pub keep_age_ms: Option<u64>,
    /// The oldest sealed segments go while the directory holds more than this.
    pub keep_bytes: Option<u64>,
    /// A start waits this long for the journal to come up, so that its first lines tell what opening found.
    pub start_patience_ms: u64,
    /// A row waits at most this long before it is written.
    pub commit_interval_ms: u64,
    /// A write and sync that takes longer has failed.
    pub sync_deadline_ms: u64,
    /// A thread that hangs in the disk this long is given up, and another one goes on in a new segment.
    pub hang_ms: u64,
    /// At least this often, under traffic, a digest is signed.
    pub checkpoint_interval_ms: u64,
    /// A live segment larger than this is sealed.
    pub segment_bytes: u64,
    /// A live segment older than this is sealed.
    pub segment_age_ms: u64,
    /// Rows that may wait in memory.
    pub queue_rows: usize,
    /// Of these, rows kept free for requests that wait for their record.
    pub queue_reserved_rows: usize,
    /// Bytes that waiting rows may take in memory.
    pub queue_bytes: usize,
    /// After a failure, the first try to open a new segment comes this much later; then twice that, and so on.
    pub retry_ms: u64,
    /// Tries come no further apart than this.
    pub retry_limit_ms: u64,
    /// What gives the time of day.
    pub clock: WallClock,
    /// How often retention and free space are looked at.
    pub housekeeping_ms: u64,
}

impl Options {
    /// The defaults for one directory.
    #[must_use]
    pub fn new(directory: &Path, key_directory: &Path, guard: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            key_directory: key_directory.to_owned(),
            guard: Arc::from(guard),
            keep_age_ms: None,
            keep_bytes: None,
            // A sound disk is faster. Reads need no journal, and must not wait for one that first has to read or copy
            // a long file.
            start_patience_ms: 300,
            commit_interval_ms: 200,
            sync_deadline_ms: 200,
            // Ten times the deadline: a disk that is merely slow keeps its thread, and its rows.
            hang_ms: 2_000,
            checkpoint_interval_ms: 1_000,
            segment_bytes: 256 << 20,
            segment_age_ms: 3_600_000,
            // 65,536 rows are 13 s of 5,000 requests a second; 48 MB keeps the guard within its memory.
            queue_rows: 65_536,
            queue_reserved_rows: 8_192,
            queue_bytes: 48 << 20,
            retry_ms: 100,
            retry_limit_ms: 2_000,
            clock: WallClock::default(),
            housekeeping_ms: 10_000,
        }
    }
}
