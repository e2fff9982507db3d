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

/// A reply with ten registers, and no more memory for each than a longer one takes outside the table.
const SHORT_BYTES: usize = 22;

/// The last reply recorded for each read of a session.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    segment: u64,
    recorded: HashMap<Key, Last, RandomState>,
}

/// A short reply stands in the table itself: a look elsewhere would be one more miss of the cache.
#[derive(Debug)]
enum Last {
    Short(u8, [u8; SHORT_BYTES]),
    Long(Box<[u8]>),
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
            return last.becomes(reply);
        }
        if self.recorded.len() < MOST_READS {
            self.recorded.insert(key, Last::of(reply));
        }
        true
    }
}

// === impl Last ===

impl Last {
    fn of(reply: &[u8]) -> Self {
        let mut short = [0; SHORT_BYTES];
        match (short.get_mut(..reply.len()), u8::try_from(reply.len())) {
            (Some(bytes), Ok(length)) => {
                bytes.copy_from_slice(reply);
                Self::Short(length, short)
            }
            _ => Self::Long(reply.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }

    /// Take the place of what was there; whether it was another.
    fn becomes(&mut self, reply: &[u8]) -> bool {
        if self.bytes() == reply {
            return false;
        }
        match self {
            Self::Long(bytes) if bytes.len() == reply.len() => bytes.copy_from_slice(reply),
            _ => *self = Self::of(reply),
        }
        true
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_of_any_length_is_news_once() {
        for length in [1, SHORT_BYTES, SHORT_BYTES + 1, 253] {
            let (one, other) = (vec![7; length], vec![8; length]);
            let mut last = Last::of(&one);
            let told = [&one, &other, &other, &one].map(|reply| last.becomes(reply));

            assert_eq!(told, [false, true, false, true]);
        }
    }

    #[test]
    fn a_longer_reply_takes_the_place_of_a_shorter_one() {
        let mut last = Last::of(&[7; 3]);
        let told = [&[7; 90][..], &[7; 90], &[7; 3]].map(|reply| last.becomes(reply));

        assert_eq!(told, [true, false, true]);
    }
}
