//! The chain of digests, and what is signed of it.
//!
//! Kept true here: a digest depends on every row before it and on nothing else. The first row of a
//! directory follows a digest of zeros.

use crate::row::{Digest, Link, Proof, Row, Seam};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use event::{Event, Sequence};
use openssl::sha::Sha256;

/// Keeps a signature of the journal from being taken for one of anything else.
const SIGNED_ROW: &[u8] = b"modwarden journal row 1\0";

/// Follows the rows and knows the digest so far.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    last: Link,
    spelling: Vec<u8>,
}

impl Chain {
    pub(crate) fn after(last: Link) -> Self {
        Self { last, spelling: Vec::with_capacity(512) }
    }

    pub(crate) fn last(&self) -> Link {
        self.last
    }

    /// The digest with this row.
    pub(crate) fn follow(&mut self, event: &Event) -> Digest {
        let mut spelling = std::mem::take(&mut self.spelling);
        spelling.clear();
        event::append_canonical(event, &mut spelling);
        self.follow_spelled(event.sequence, &spelling);
        self.spelling = spelling;
        self.last.digest
    }

    /// As [`Chain::follow`], for a row that is spelled already.
    pub(crate) fn follow_spelled(&mut self, sequence: Sequence, row: &[u8]) {
        let mut hash = Sha256::new();
        hash.update(&self.last.digest);
        hash.update(row);
        self.last = Link { sequence: sequence.0, digest: hash.finish() };
    }
}

/// What the last of a commit's rows carries; `before` and `end` are the chain's.
pub(crate) fn seam<'a>(before: Digest, proofs: impl Iterator<Item = &'a Proof>, end: Digest) -> Seam {
    let mut hash = Sha256::new();
    hash.update(&end);
    for proof in proofs {
        hash.update(&proof.digest);
        hash.update(&proof.signature);
        hash.update(&proof.public_key);
    }
    let mut seam = [0; 64];
    let halves = before.into_iter().chain(hash.finish());
    seam.iter_mut().zip(halves).for_each(|(to, from)| *to = from);
    seam
}

/// Whether these are all the rows of one commit, as they were written: a power cut may leave a file its
/// length without all of its bytes.
pub(crate) fn is_whole(rows: &[Row]) -> bool {
    let Some(written) = rows.last().and_then(|row| row.commit) else { return false };
    let Some(before) = written.first_chunk().copied() else { return false };
    let mut chain = Chain::after(Link { sequence: 0, digest: before });
    for row in rows {
        chain.follow(&row.event);
    }
    seam(before, rows.iter().filter_map(|row| row.proof.as_ref()), chain.last().digest) == written
}

pub(crate) fn sign(digest: Digest, key: &SigningKey) -> Proof {
    let signature = key.sign(&message(&digest)).to_bytes();
    Proof { digest, signature, public_key: key.verifying_key().to_bytes() }
}

/// Whether the key in the proof has signed the digest in it; whose key that is, others must know.
pub(crate) fn is_signed_by_its_key(proof: &Proof) -> bool {
    VerifyingKey::from_bytes(&proof.public_key)
        .is_ok_and(|key| key.verify_strict(&message(&proof.digest), &Signature::from_bytes(&proof.signature)).is_ok())
}

fn message(digest: &Digest) -> Vec<u8> {
    [SIGNED_ROW, digest].concat()
}
