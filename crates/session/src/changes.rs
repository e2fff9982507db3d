//! Which values read are worth a row: those that differ from the last row's.
//!
//! Kept true here:
//! * each value read stands in the journal at least once a segment;
//! * the memory for it is bounded; what does not fit is recorded each time.

use crate::facts::Facts;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Different reads remembered. An HMI polls tens of blocks; at 250 bytes each this is 64 KiB.
const MOST_READS: usize = 256;

/// The last reply recorded for each read of a session.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    segment: u64,
    recorded: HashMap<Key, Box<[u8]>, RandomState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    leg: u8,
    unit: u8,
    function_code: u8,
    address: u16,
    quantity: u16,
}

// === impl Changes ===

impl Changes {
    /// Whether this reply must be recorded; remembers that it is.
    pub(crate) fn is_news(&mut self, facts: &Facts, reply: &[u8], segment: u64) -> bool {
        if segment != self.segment {
            self.recorded.clear();
            self.segment = segment;
        }
        let Some(key) = Key::of(facts) else { return true };
        if let Some(last) = self.recorded.get_mut(&key) {
            return replace(last, reply);
        }
        if self.recorded.len() < MOST_READS {
            self.recorded.insert(key, reply.into());
        }
        true
    }
}

fn replace(last: &mut Box<[u8]>, reply: &[u8]) -> bool {
    if **last == *reply {
        return false;
    }
    match last.len() == reply.len() {
        true => last.copy_from_slice(reply),
        false => *last = reply.into(),
    }
    true
}

// === impl Key ===

impl Key {
    fn of(facts: &Facts) -> Option<Self> {
        Some(Self {
            leg: facts.leg?.0,
            unit: facts.unit.0,
            function_code: facts.function_code,
            address: facts.address?,
            quantity: facts.quantity?,
        })
    }
}
