//! What an operator says of a line, and the times that follow from it.

use wire::{Span, UnitId};

const SECOND_NS: u64 = 1_000_000_000;
/// V1.02 §2.5.1.1: above 19,200 baud the silences are fixed.
const FIXED_ABOVE_BAUD: u32 = 19_200;
const FIXED_GAP_NS: u64 = 1_750_000;
/// USB adapters hand bytes over in portions, 16 ms apart as they come from the factory: a shorter pause inside a
/// frame says nothing.
const LEAST_SILENCE_NS: u64 = 20_000_000;
/// Device servers cut a frame into segments as they like.
const TCP_SILENCE_NS: u64 = 50_000_000;

/// How frames stand on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// RTU: no ids, one request at a time.
    Rtu,
    /// MBAP, over one TCP connection.
    Mbap,
}

/// How fast a line is, and how quiet it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// What one byte takes; 0 where that is not known.
    pub byte_ns: u64,
    /// Between the end of one frame and the next request.
    pub gap_ns: u64,
    /// A pause after which what was heard is looked at as a whole.
    pub silence_ns: u64,
}

/// Everything about one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineConfig {
    /// How frames stand on it.
    pub framing: Framing,
    /// Its speed and silences.
    pub pace: Pace,
    /// Requests that may be open at once; 1 where replies have no ids.
    pub pipeline: usize,
    /// How long a reply may take, from the request's last byte on.
    pub reply_timeout_ns: u64,
    /// How long units need for a broadcast, which nobody answers.
    pub turnaround_ns: u64,
    /// After a time-out, how long that unit is left alone: its late reply must not be taken for another.
    pub drain_ns: u64,
    /// How long a read answers the same read again; 0: never.
    pub window_ns: u64,
    /// How often a read without a reply is put on the line again.
    pub read_retries: u32,
    /// Whether what is sent is heard, as with some two-wire adapters.
    pub has_echo: bool,
    /// The part of its time that one client may have, percent; 100: no bound.
    pub client_share: u32,
    /// How long a connection is kept; 0: as long as it lasts.
    pub lifetime_ns: u64,
    /// Whether unit 0 is all units.
    pub has_broadcast: bool,
    /// Reads of these have an effect, and are never answered from a window.
    pub side_effects: Vec<(UnitId, Span)>,
    /// Ids that are one device: what is written under one changes what is read under the others.
    pub twins: Vec<Vec<UnitId>>,
}

// === impl Pace ===

impl Pace {
    /// A serial line: `bits` a byte, start, parity and stop bits among them.
    #[must_use]
    pub fn serial(baud: u32, bits: u32) -> Self {
        let byte_ns = u64::from(bits).saturating_mul(SECOND_NS) / u64::from(baud.max(1));
        let gap_ns = if baud > FIXED_ABOVE_BAUD { FIXED_GAP_NS } else { byte_ns.saturating_mul(7) / 2 };
        Self { byte_ns, gap_ns, silence_ns: gap_ns.max(LEAST_SILENCE_NS) }
    }

    /// A TCP connection, with a pause between requests.
    #[must_use]
    pub const fn tcp(pause_ns: u64) -> Self {
        Self { byte_ns: 0, gap_ns: pause_ns, silence_ns: TCP_SILENCE_NS }
    }

    /// What so many bytes take.
    #[must_use]
    pub fn bytes_ns(&self, bytes: usize) -> u64 {
        self.byte_ns.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

// === impl LineConfig ===

impl LineConfig {
    /// A line of this kind, with nothing said about it.
    #[must_use]
    pub const fn new(framing: Framing, pace: Pace) -> Self {
        Self {
            framing,
            pace,
            pipeline: 1,
            // V1.02 §2.4.1: a second to several; the turnaround 100 to 200 ms.
            reply_timeout_ns: 3 * SECOND_NS,
            turnaround_ns: 100_000_000,
            drain_ns: 100_000_000,
            window_ns: 0,
            read_retries: 0,
            has_echo: false,
            client_share: 100,
            lifetime_ns: 0,
            has_broadcast: matches!(framing, Framing::Rtu),
            side_effects: Vec::new(),
            twins: Vec::new(),
        }
    }

    /// Requests that may be open at once.
    pub(crate) fn most_open(&self) -> usize {
        match self.framing {
            Framing::Rtu => 1,
            Framing::Mbap => self.pipeline.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_are_three_and_a_half_bytes_up_to_19200_baud_and_fixed_above() {
        let gaps_us = [9_600, 19_200, 38_400, 115_200].map(|baud| Pace::serial(baud, 11).gap_ns / 1_000);

        assert_eq!(gaps_us, [4_010, 2_005, 1_750, 1_750]);
    }
}
