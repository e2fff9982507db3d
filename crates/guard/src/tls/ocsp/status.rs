//! What responders said, in numbers, and which certificates are known not to be good.

use super::question::Heard;
use super::register::{Entry, Ocsp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// Certificates that are named one by one; all are counted.
const MOST_NAMED: usize = 100;

/// How often each kind of reply came.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    pub(super) fn add(&mut self, heard: &Heard) {
        let word = match heard {
            Heard::Good(_) => "good",
            Heard::Revoked(_) => "revoked",
            Heard::Failed(reason, _) => reason.word(),
        };
        *self.0.entry(word).or_default() += 1;
    }
}

impl Ocsp {
    /// How often each kind of reply came, by its word.
    pub(crate) fn replies(&self) -> BTreeMap<&'static str, u64> {
        self.lock().counts.0.clone()
    }

    /// How many certificates are known to be what.
    pub(crate) fn standings(&self) -> BTreeMap<&'static str, u64> {
        let (register, now) = (self.lock(), Instant::now());
        let mut found = BTreeMap::from(["good", "revoked", "unanswered"].map(|word| (word, 0)));
        for entry in register.entries.values() {
            *found.entry(entry.word(now)).or_default() += 1;
        }
        found
    }

    pub(crate) fn spell(&self) -> Value {
        let (standings, replies) = (self.standings(), self.replies());
        let (register, now) = (self.lock(), Instant::now());
        let not_good = register.entries.values().filter(|entry| !entry.is_good(now));
        let mut named: Vec<Value> = not_good.map(|entry| entry.spell(now)).collect();
        named.sort_by_key(Value::to_string);
        named.truncate(MOST_NAMED);
        json!({"certificates": standings, "replies": replies, "not_good": named})
    }
}

impl Entry {
    fn word(&self, now: Instant) -> &'static str {
        match self {
            Self { revoked: Some(_), .. } => "revoked",
            _ if self.is_good(now) => "good",
            _ => "unanswered",
        }
    }

    fn spell(&self, now: Instant) -> Value {
        let why = self.failure.as_ref().map(|failure| failure.reason.word());
        json!({"whom": &*self.credential.whom, "standing": self.word(now), "why": why, "is_asked": self.is_asked})
    }
}
