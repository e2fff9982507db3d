//! Reads the clocks: one monotonic, one of the wall, and notices when the wall clock steps.

use policy::Moment;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A difference between the two clocks' progress that is a step and not drift.
/// NTP slews at most 500 ppm, which over our one-second tick is 0.5 ms.
const STEP_NS: i64 = 250_000_000;

/// The guard's clocks. All timers run on the monotonic one.
pub(crate) struct Clock {
    origin: Instant,
    synchronised: bool,
    is_told: bool,
    offset_ns: Option<i64>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), synchronised: false, is_told: false, offset_ns: None }
    }

    /// The time now, on both clocks.
    pub(crate) fn now(&self) -> Moment {
        let monotonic = self.origin.elapsed().as_nanos();
        Moment {
            monotonic_ns: u64::try_from(monotonic).unwrap_or(u64::MAX),
            utc_ns: utc_ns(),
            synchronised: self.synchronised,
        }
    }

    /// Say whether the kernel reports a disciplined wall clock; whether that is news.
    pub(crate) fn set_synchronised(&mut self, synchronised: bool) -> bool {
        let was = std::mem::replace(&mut self.synchronised, synchronised);
        let is_first = !std::mem::replace(&mut self.is_told, true);
        is_first || was != synchronised
    }

    /// How far the wall clock stepped since the last call, if it did. Nanoseconds.
    pub(crate) fn step(&mut self, now: Moment) -> Option<i64> {
        let monotonic = i64::try_from(now.monotonic_ns).unwrap_or(i64::MAX);
        let offset = now.utc_ns.saturating_sub(monotonic);
        let before = self.offset_ns.replace(offset)?;
        let step = offset.saturating_sub(before);
        (step.saturating_abs() > STEP_NS).then_some(step)
    }
}

fn utc_ns() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(monotonic_ns: u64, utc_ns: i64) -> Moment {
        Moment { monotonic_ns, utc_ns, synchronised: true }
    }

    #[test]
    fn a_clock_that_steps_back_an_hour_is_noticed_once() {
        let mut clock = Clock::new();
        let hour = 3_600_000_000_000;
        assert_eq!(clock.step(at(0, 2 * hour)), None);
        assert_eq!(clock.step(at(1_000_000_000, hour + 1_000_000_000)), Some(-hour));
        assert_eq!(clock.step(at(2_000_000_000, hour + 2_000_000_000)), None);
    }

    #[test]
    fn a_clock_that_drifts_has_not_stepped() {
        let mut clock = Clock::new();
        assert_eq!(clock.step(at(0, 0)), None);
        assert_eq!(clock.step(at(1_000_000_000, 1_000_500_000)), None);
    }
}
