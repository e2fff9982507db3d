//! The parts of a run: warm-up, measured time, cool-down, and the wait for the last answers.

use crate::asker::{Asker, nanos};
use std::io::Result;
use std::ops::Range;

/// Longest wait for answers when nothing more is sent.
const DRAIN_S: f64 = 20.0;
/// Load goes on so long after the measured time, so that whoever reads counters at its end finds it under load.
const COOL_DOWN_S: f64 = 0.1;

/// Nanoseconds since the run began at which each part ends.
pub(crate) struct Phases {
    warm_up: u64,
    measured: u64,
    pub(crate) sending: u64,
    all: u64,
    announced: usize,
}

impl Phases {
    pub(crate) fn new(warm_up_s: f64, seconds: f64) -> Result<Self> {
        let warm_up = nanos(warm_up_s)?;
        let measured = warm_up + nanos(seconds)?;
        let sending = measured + nanos(COOL_DOWN_S)?;
        Ok(Self { warm_up, measured, sending, all: sending + nanos(DRAIN_S)?, announced: 0 })
    }

    pub(crate) fn window(&self) -> Range<u64> {
        self.warm_up..self.measured
    }

    pub(crate) fn measured_ns(&self) -> u64 {
        self.measured - self.warm_up
    }

    pub(crate) fn is_on(&self, now: u64, askers: &[Option<Asker>]) -> bool {
        let is_waiting = || askers.iter().flatten().any(|asker| !asker.open.is_empty());
        now < self.sending || (now < self.all && is_waiting())
    }

    /// Tell the runner when the measured time begins and ends.
    pub(crate) fn announce(&mut self, now: u64) -> Result<()> {
        let due = [self.warm_up, self.measured].iter().filter(|end| now >= **end).count();
        for line in ["begin", "end"].iter().take(due).skip(self.announced) {
            crate::say(line)?;
        }
        self.announced = due;
        Ok(())
    }
}
