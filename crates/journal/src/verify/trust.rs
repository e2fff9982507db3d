//! Which key may sign which rows: all of it follows from the first public key.

use super::report::{Place, Verification};
use crate::certificate::Certificate;
use crate::chain::is_signed_by_its_key;
use crate::hex;
use crate::names::KEYS;
use crate::row::Proof;

/// Keys proved so far, each with the first sequence it may sign.
pub(super) struct Trust {
    keys: Vec<(u64, [u8; 32])>,
}

impl Trust {
    /// Walk the chain of keys from the first one.
    pub(super) fn build(given: Option<[u8; 32]>, chain: Option<&[Certificate]>, report: &mut Verification) -> Self {
        // A list whose first entry is no key is no list.
        let chain = chain.filter(|chain| chain.first().and_then(Certificate::key).is_some()).unwrap_or_default();
        let stated = chain.first().and_then(Certificate::key);
        if chain.is_empty() {
            report.notice(Place::file(KEYS), "the list of keys is missing or unreadable", "only the first key counts");
        }
        if given.is_some() && stated.is_some() && given != stated {
            report.error(
                Place::file(KEYS),
                "the journal's first key is not the one given",
                "either the journal was written anew with another key, or another journal's key was given",
            );
        }
        let Some(first) = given.or(stated) else { return Self { keys: Vec::new() } };
        report.public_key = Some(hex::render(&first));
        let mut trust = Self { keys: vec![(0, first)] };
        if given.is_none() || given == stated {
            trust.walk(chain, report);
        }
        trust
    }

    /// With no list and no key given, the first key met is all there is to go by.
    pub(super) fn meet(&mut self, proof: &Proof, report: &mut Verification) {
        if self.keys.is_empty() {
            self.keys.push((0, proof.public_key));
            report.public_key = Some(hex::render(&proof.public_key));
        }
    }

    /// Whether the row with this sequence carries the signature of the key that was to sign it.
    pub(super) fn holds(&self, sequence: u64, proof: &Proof) -> bool {
        let key = self.keys.iter().rev().find(|(from, _)| *from <= sequence).map(|(_, key)| *key);
        key == Some(proof.public_key) && is_signed_by_its_key(proof)
    }

    fn walk(&mut self, chain: &[Certificate], report: &mut Verification) {
        for pair in chain.windows(2) {
            let [last, next] = pair else { continue };
            if !next.follows(last) {
                return report.error(
                    Place::file(KEYS).rows_from(next.from_sequence),
                    format!("the key {} is not signed by the key before it", next.public_key),
                    "rows from there on prove nothing; a lost key file has the same effect, and is said at that start",
                );
            }
            self.keys.extend(next.key().map(|key| (next.from_sequence, key)));
        }
    }
}
