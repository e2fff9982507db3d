//! What is remembered of one limited point: its last value, how far it went, when it was written.
//!
//! Kept true here: memory is bounded whatever clients do, and where the bound is met the
//! past is remembered as wider than it was, so that a limit becomes stricter, never laxer.

use crate::moment::{MS, Moment};
use crate::points::MemoryNeed;
use crate::value::WIDTH_MAX;
use std::collections::VecDeque;

const MINUTE_NS: u64 = 60_000 * MS;

/// Turning points kept for `max_change`: a value that moves steadily for an hour at one read a second needs 3,600.
const EXTREMES_MAX: usize = 4096;

/// A value, as last read or written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) registers: [u16; WIDTH_MAX],
    pub(crate) value: f64,
    pub(crate) monotonic_ns: u64,
}

/// One point's past.
#[derive(Debug, Default)]
pub(crate) struct Past {
    last: Option<Known>,
    written_ns: Option<u64>,
    highest: Extremes,
    lowest: Extremes,
    writes: VecDeque<u64>,
}

/// Sliding extreme of a window: values that no later value exceeds, oldest first.
#[derive(Debug, Default)]
struct Extremes(VecDeque<(u64, f64)>);

// === impl Past ===

impl Past {
    pub(crate) fn last(&self) -> Option<&Known> {
        self.last.as_ref()
    }

    /// Learn a value that holds now, though what it was made of may be older.
    pub(crate) fn learn(&mut self, known: Known, now: Moment, need: MemoryNeed) {
        self.last = Some(known);
        self.learn_extreme(known.value, now, need);
    }

    /// Learn a value that held not long ago, though it need not be the last.
    pub(crate) fn learn_extreme(&mut self, value: f64, now: Moment, need: MemoryNeed) {
        if need.change_ms == 0 || !value.is_finite() {
            return;
        }
        let oldest = now.monotonic_ns.saturating_sub(need.change_ms.saturating_mul(MS));
        self.highest.push(now.monotonic_ns, value, oldest);
        self.lowest.push(now.monotonic_ns, -value, oldest);
    }

    /// Note that the value is written now, whatever it becomes.
    pub(crate) fn note_write(&mut self, at_ns: u64) {
        self.written_ns = Some(at_ns);
    }

    /// Whether a read sent then may show the value before its last write. In doubt, it may.
    pub(crate) fn is_newer_than(&self, sent_ns: u64) -> bool {
        self.written_ns.is_some_and(|written_ns| written_ns >= sent_ns)
    }

    pub(crate) fn forget_last(&mut self) {
        self.last = None;
    }

    /// Lowest and highest value known since; `None` if none was.
    pub(crate) fn extremes_since(&self, monotonic_ns: u64) -> Option<(f64, f64)> {
        Some((-self.lowest.since(monotonic_ns)?, self.highest.since(monotonic_ns)?))
    }

    pub(crate) fn count_write(&mut self, now: Moment, need: MemoryNeed) {
        let most = usize::try_from(need.per_minute).unwrap_or(usize::MAX);
        if most == 0 {
            return;
        }
        while self.writes.len() >= most {
            self.writes.pop_front();
        }
        self.writes.push_back(now.monotonic_ns);
    }

    /// Writes in the 60 s before now; exact up to the greatest `per_minute` of any rule.
    pub(crate) fn writes_last_minute(&self, now: Moment) -> usize {
        let recent = |written: &&u64| now.monotonic_ns.saturating_sub(**written) < MINUTE_NS;
        self.writes.iter().rev().take_while(recent).count()
    }
}

// === impl Extremes ===

impl Extremes {
    fn push(&mut self, at: u64, value: f64, oldest: u64) {
        while self.0.front().is_some_and(|(known_at, _)| *known_at < oldest) {
            self.0.pop_front();
        }
        while self.0.back().is_some_and(|(_, earlier)| *earlier <= value) {
            self.0.pop_back();
        }
        self.0.push_back((at, value));
        if self.0.len() > EXTREMES_MAX {
            self.widen();
        }
    }

    /// Merge the two oldest: the farther value, at the later time.
    fn widen(&mut self) {
        if let (Some((_, value)), Some(next)) = (self.0.pop_front(), self.0.front_mut()) {
            next.1 = value;
        }
    }

    fn since(&self, monotonic_ns: u64) -> Option<f64> {
        let from = self.0.partition_point(|(at, _)| *at < monotonic_ns);
        self.0.get(from).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: MemoryNeed = MemoryNeed { change_ms: 1000, per_minute: 3 };

    fn learn(past: &mut Past, at_ms: u64, value: f64, need: MemoryNeed) {
        let now = Moment { monotonic_ns: at_ms * MS, ..Moment::default() };
        past.learn(Known { registers: [0; WIDTH_MAX], value, monotonic_ns: now.monotonic_ns }, now, need);
    }

    fn at(seconds: u64) -> Moment {
        Moment { monotonic_ns: seconds * 1000 * MS, ..Moment::default() }
    }

    #[test]
    fn nothing_known_has_no_extremes() {
        let mut past = Past::default();
        assert_eq!(past.extremes_since(0), None);

        learn(&mut past, 10, f64::NAN, NEED);
        assert_eq!(past.extremes_since(0), None);

        learn(&mut past, 10, 4.0, NEED);
        assert_eq!(past.extremes_since(11 * MS), None);
    }

    #[test]
    fn extremes_are_those_of_the_window() {
        let mut past = Past::default();
        for (at_ms, value) in [(0, 30.0), (100, 5.0), (200, 20.0), (300, 10.0), (400, 12.0)] {
            learn(&mut past, at_ms, value, NEED);
        }

        assert_eq!(past.extremes_since(0), Some((5.0, 30.0)));
        assert_eq!(past.extremes_since(100 * MS), Some((5.0, 20.0)));
        assert_eq!(past.extremes_since(250 * MS), Some((10.0, 12.0)));
    }

    #[test]
    fn a_full_memory_remembers_the_past_as_wider() {
        let mut past = Past::default();
        let need = MemoryNeed { change_ms: 10_000_000, per_minute: 0 };
        for step in 0..10_000_u32 {
            learn(&mut past, u64::from(step), -f64::from(step), need);
        }

        assert_eq!(past.highest.0.len(), EXTREMES_MAX);
        assert_eq!(past.extremes_since(0), Some((-9999.0, 0.0)));
    }

    #[test]
    fn writes_count_for_a_minute() {
        let mut past = Past::default();
        for second in [0, 1, 2, 3] {
            past.count_write(at(second), NEED);
        }

        assert_eq!(past.writes_last_minute(at(60)), 3);
        assert_eq!(past.writes_last_minute(at(61)), 2);
        assert_eq!(past.writes_last_minute(at(63)), 0);
    }
}
