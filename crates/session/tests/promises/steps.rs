//! From bytes to what happens: so that a fuzzer, a property test and a kept input all say the same.

use super::site::Variant;

/// One thing that may happen.
#[derive(Clone, Debug)]
pub enum Step {
    /// A request; its last bytes may come later.
    Ask {
        id: u8,
        unit: u8,
        kind: u8,
        late_bytes: u8,
    },
    ClientBytes(Vec<u8>),
    /// A server answers one of its requests, rightly or not.
    Reply {
        leg: u8,
        pick: u8,
        how: u8,
    },
    ServerBytes(u8, Vec<u8>),
    Sync,
    JournalFails,
    JournalReturns,
    Time {
        ms: u64,
    },
    /// Time in which no timer is served; then servers take all there is, and whatever comes next comes before
    /// the timers.
    Stall {
        ms: u64,
    },
    Connect {
        leg: u8,
        is_refused: bool,
    },
    ServerFinishes(u8),
    ClientFinishes,
    Reload(Variant),
    Detach,
    Drain,
    /// A socket takes no more than this at a time; 255: all there is.
    ServerTakes(u8),
    ClientTakes(u8),
    /// Many requests in one piece.
    Flood {
        unit: u8,
        kind: u8,
        requests: u8,
    },
}

/// Bytes, taken from the front; zeros at the end.
pub struct Feed<'a>(pub &'a [u8]);

impl Feed<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte() % 40).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken.to_vec()
    }

    pub fn step(&mut self) -> Option<Step> {
        if self.0.is_empty() {
            return None;
        }
        let word = self.byte();
        Some(match word % 32 {
            0..=8 => self.ask(word),
            9..=14 => Step::Reply { leg: word >> 7, pick: self.byte(), how: self.byte() },
            15..=17 => Step::Sync,
            18 => Step::JournalFails,
            19 => Step::JournalReturns,
            20 | 21 => Step::Time { ms: u64::from(self.byte()) * 5 },
            22 | 23 => Step::Connect { leg: word >> 7, is_refused: word & 0x60 == 0x60 },
            24 => Step::ServerFinishes(word >> 7),
            25 => Step::ClientBytes(self.bytes()),
            26 => Step::ServerBytes(word >> 7, self.bytes()),
            27 => Step::Reload(Variant::of(self.byte())),
            28 => Step::ServerTakes(self.byte()),
            29 => Step::ClientTakes(self.byte()),
            30 => Step::Flood { unit: 1 + (word >> 7), kind: self.byte(), requests: flood(self.byte()) },
            _ => self.ending(),
        })
    }

    fn ask(&mut self, word: u8) -> Step {
        let (id, kind) = (word >> 5, self.byte());
        let unit = match kind >> 5 {
            0..=2 => 1,
            3..=5 => 2,
            6 => 0,
            _ => 9,
        };
        Step::Ask { id, unit, kind: kind & 0x1F, late_bytes: if id == 7 { self.byte() % 12 } else { 0 } }
    }

    fn ending(&mut self) -> Step {
        match self.byte() % 8 {
            0 => Step::ClientFinishes,
            1 => Step::Detach,
            2 => Step::Drain,
            7 => Step::Stall { ms: u64::from(self.byte()) * 5 },
            rest => Step::Connect { leg: rest % 2, is_refused: false },
        }
    }
}

/// A few more than any budget; seldom as many as fill a buffer.
fn flood(byte: u8) -> u8 {
    if byte >= 0xF0 { byte } else { byte % 16 }
}
