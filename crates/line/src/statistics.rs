//! What a line has done, in numbers.

use std::collections::BTreeMap;

/// Over how long the load is taken.
const SPAN_NS: u64 = 10_000_000_000;

/// Counts since the line was made, and its load now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Requests put on the line, repeated ones among them.
    pub requests: u64,
    /// Replies that were somebody's.
    pub replies: u64,
    /// Reads answered from the window.
    pub shared: u64,
    /// Reads put on the line again.
    pub retries: u64,
    /// Replies whose check was wrong.
    pub crc_errors: u64,
    /// Frames that answered nothing: late, doubled, of another unit or function.
    pub strays: u64,
    /// Bytes that were no frame's.
    pub noise_bytes: u64,
    /// Own requests that were heard, where that is configured.
    pub echoes: u64,
    /// Requests without a reply in time, by unit id.
    pub time_outs: BTreeMap<u8, u64>,
    /// How often the line was lost.
    pub losses: u64,
    /// Requests whose sessions gave up waiting for their turn.
    pub given_up: u64,
    /// The longest that a request waited for its turn. Nanoseconds.
    pub longest_wait_ns: u64,
    busy: Busy,
}

/// Time in use, of this span and the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Busy {
    since_ns: u64,
    now_ns: u64,
    before_ns: u64,
}

// === impl Statistics ===

impl Statistics {
    /// The part of its time that the line was in use, percent, over the last ten to twenty seconds.
    #[must_use]
    pub fn load_percent(&self, now_ns: u64) -> u64 {
        let mut busy = self.busy;
        busy.turn(now_ns);
        let of_before_ns = if busy.since_ns == 0 { 0 } else { SPAN_NS };
        let all_ns = now_ns.saturating_sub(busy.since_ns).saturating_add(of_before_ns).max(1);
        (busy.now_ns.saturating_add(busy.before_ns).saturating_mul(100) / all_ns).min(100)
    }

    pub(crate) fn used(&mut self, cost_ns: u64, now_ns: u64) {
        self.busy.turn(now_ns);
        self.busy.now_ns = self.busy.now_ns.saturating_add(cost_ns);
    }

    pub(crate) fn timed_out(&mut self, unit_id: u8) {
        *self.time_outs.entry(unit_id).or_default() += 1;
    }
}

// === impl Busy ===

impl Busy {
    fn turn(&mut self, now_ns: u64) {
        let spans = now_ns.saturating_sub(self.since_ns) / SPAN_NS;
        if spans == 0 {
            return;
        }
        self.before_ns = if spans == 1 { self.now_ns } else { 0 };
        self.now_ns = 0;
        self.since_ns = self.since_ns.saturating_add(spans.saturating_mul(SPAN_NS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_that_of_the_last_seconds_and_fades() {
        let mut statistics = Statistics::default();
        for second in 0..10_u64 {
            statistics.used(500_000_000, second * 1_000_000_000);
        }

        let loads = [10_000_000_000, 20_000_000_000, 40_000_000_000].map(|at| statistics.load_percent(at));
        assert_eq!(loads, [50, 0, 0]);
    }
}
