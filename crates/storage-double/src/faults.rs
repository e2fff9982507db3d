//! What a test has switched on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Faults {
    /// What each sync takes at least.
    pub(crate) sync_cost: Duration,
    /// Syncs of files that still succeed before one fails.
    pub(crate) good_syncs: Option<u64>,
    /// Every sync of a file fails.
    pub(crate) syncs_fail: bool,
    /// Syncs of files that still return before one breaks the thread that asked for it.
    pub(crate) syncs_before_panic: Option<u64>,
    /// Syncs of directories that still succeed before one fails.
    pub(crate) good_directory_syncs: Option<u64>,
    /// Syncs do not return.
    pub(crate) is_stalled: bool,
    /// Files whose bytes cannot be read.
    pub(crate) unreadable: BTreeSet<PathBuf>,
    /// Bytes that the disk holds at most.
    pub(crate) capacity: Option<u64>,
    /// Changes that still reach the disk before the power goes out.
    pub(crate) steps_left: Option<u64>,
}

/// Whether this is the one that was to fail; it fails once.
pub(crate) fn is_turn(good: &mut Option<u64>) -> bool {
    match good {
        Some(0) => good.take().is_some(),
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}
