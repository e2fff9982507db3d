//! The chain of keys: each new one signed by the last, so that the first public key proves them all.
//!
//! It lies in the journal's directory as `keys.json` and needs no protection there: whoever alters it
//! can only break the proof, not forge one.

use crate::hex;
use crate::names::KEYS;
use crate::storage::{Storage, read_whole, write_whole};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// Keeps this signature from being taken for one of a row.
const SIGNED_KEY: &[u8] = b"modwarden journal key 1\0";

/// One key, and the word of the key before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Certificate {
    /// Lower-case hex.
    pub(crate) public_key: String,
    /// Signed rows from this sequence on carry this key.
    pub(crate) from_sequence: u64,
    /// By the key before; `None` for the first, and where the key before was lost.
    pub(crate) signature: Option<String>,
}

impl Certificate {
    pub(crate) fn first(public_key: [u8; 32], from_sequence: u64) -> Self {
        Self { public_key: hex::render(&public_key), from_sequence, signature: None }
    }

    pub(crate) fn signed_by(last: &SigningKey, public_key: [u8; 32], from_sequence: u64) -> Self {
        let message = message(&last.verifying_key().to_bytes(), &public_key, from_sequence);
        let signature = Some(hex::render(&last.sign(&message).to_bytes()));
        Self { signature, ..Self::first(public_key, from_sequence) }
    }

    /// Whether `last` has signed this key.
    pub(crate) fn follows(&self, last: &Self) -> bool {
        self.check(last).is_some()
    }

    pub(crate) fn key(&self) -> Option<[u8; 32]> {
        hex::parse(&self.public_key)
    }

    fn check(&self, last: &Self) -> Option<()> {
        let last = last.key()?;
        let signature = Signature::from_bytes(&hex::parse(self.signature.as_deref()?)?);
        let message = message(&last, &self.key()?, self.from_sequence);
        VerifyingKey::from_bytes(&last).ok()?.verify_strict(&message, &signature).ok()
    }
}

/// `NotFound` where there is no list, another error where it cannot be read.
pub(crate) fn load(storage: &dyn Storage, directory: &Path) -> io::Result<Vec<Certificate>> {
    Ok(serde_json::from_slice(&read_whole(storage, &directory.join(KEYS))?)?)
}

pub(crate) fn save(storage: &dyn Storage, directory: &Path, chain: &[Certificate]) -> io::Result<()> {
    write_whole(storage, &directory.join(KEYS), &serde_json::to_vec_pretty(chain)?)
}

fn message(last: &[u8; 32], next: &[u8; 32], from_sequence: u64) -> Vec<u8> {
    [SIGNED_KEY, last, next, &from_sequence.to_be_bytes()].concat()
}
