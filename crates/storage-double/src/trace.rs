//! What was asked of the disk, in order.

use std::path::PathBuf;

/// What was asked, or answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file was made.
    Created,
    /// Bytes were added to a file, which now holds `end` bytes.
    Appended {
        /// Its length afterwards.
        end: usize,
    },
    /// A sync of a file began.
    SyncBegun,
    /// A sync of a file returned well: its first `end` bytes are durable.
    SyncReturned {
        /// How many bytes.
        end: usize,
    },
    /// A sync of a file or directory failed.
    SyncFailed,
    /// A sync of a directory returned well.
    DirectorySynced,
    /// A file got another name.
    Renamed {
        /// Its new name.
        to: PathBuf,
    },
    /// A file was removed.
    Removed,
    /// The power went out.
    PowerLost,
}

/// One operation and its place among all others, and among whatever else draws from the same clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Rises with each step.
    pub order: u64,
    /// The file or directory, under the name it had then.
    pub path: PathBuf,
    /// What happened.
    pub operation: Operation,
}
