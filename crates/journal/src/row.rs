//! A row as it stands on disk: the event, and the proof that signed rows carry.

use event::{Event, Kind};

/// SHA-256 over a row and the digest before it.
pub(crate) type Digest = [u8; 32];

/// The journal's own columns of a signed row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The chain's digest with this row.
    pub(crate) digest: Digest,
    pub(crate) signature: [u8; 64],
    pub(crate) public_key: [u8; 32],
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) event: Event,
    pub(crate) proof: Option<Proof>,
    /// On the last row of a commit, while it is live.
    pub(crate) commit: Option<Seam>,
}

/// Two digests by which a reader knows a commit whole: the chain's before its first row, and one over the
/// chain's after its last row and all proofs between. No proof: whoever can write can make one.
pub(crate) type Seam = [u8; 64];

/// The last row of a stretch of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) sequence: u64,
    pub(crate) digest: Digest,
}

/// The first bytes of a live file, and their BLAKE3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) digest: Digest,
}

/// The journal signs each row of its own, and no other.
pub(crate) fn is_signed(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::JournalCheckpoint
            | Kind::JournalSegmentOpened
            | Kind::JournalSealed
            | Kind::JournalGap
            | Kind::JournalRecovered
            | Kind::JournalRetired
            | Kind::JournalKeyChanged
    )
}
