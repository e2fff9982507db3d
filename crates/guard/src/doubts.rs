//! What stands against open sessions once a reload has brought other files.
//!
//! Kept true here: each certificate is judged once, for a client has many sessions with one; where the files are as
//! before, none is.

use crate::tls::{Credential, Gate, Identity, Keyring, Reason, When};
use std::collections::HashMap;
use std::sync::Arc;

/// Why the client of an open session could not come in now, as far as TLS goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    Certificate(Reason),
    /// It speaks TLS where none is spoken now, or the other way round.
    Manner,
}

pub(crate) struct Doubts {
    before: Keyring,
    when: When,
    /// By address in memory: all of them outlive this.
    known: HashMap<(*const Gate, *const Credential), Option<Doubt>>,
}

impl Doubts {
    pub(crate) fn new(before: Keyring, when: When) -> Self {
        Self { before, when, known: HashMap::new() }
    }

    /// About a client that came in at one conduit of the policy before, and would at one of this policy, by its gate.
    pub(crate) fn about(&mut self, identity: &Identity, was_at: usize, now: Option<&Arc<Gate>>) -> Option<Doubt> {
        let (credential, gate) = match (identity, now) {
            (Identity::Address, None) => return None,
            (Identity::Certificate(credential), Some(gate)) => (credential, gate),
            _ => return Some(Doubt::Manner),
        };
        if self.before.gate(was_at).is_some_and(|before| Arc::ptr_eq(before, gate)) {
            return None;
        }
        let place = (Arc::as_ptr(gate), Arc::as_ptr(credential));
        let judge = || gate.still_believes(credential, self.when).err().map(|why| Doubt::Certificate(why.reason));
        *self.known.entry(place).or_insert_with(judge)
    }
}
