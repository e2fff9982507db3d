//! What a run counted: latencies in a histogram, and every request that did not end well.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::io::{Error, Result};

/// Three digits: a figure is off by at most a thousandth.
const DIGITS: u8 = 3;
/// One minute; what takes longer is counted as that.
const LONGEST_NS: u64 = 60_000_000_000;

pub(crate) struct Tally {
    latencies: Histogram<u64>,
    /// Sent in all, warm-up included.
    pub(crate) sent: u64,
    /// Answered in all, warm-up included.
    pub(crate) answered: u64,
    /// Answered with an exception.
    pub(crate) exceptions: u64,
    /// Answers that fit no request.
    pub(crate) strays: u64,
    /// Connections that ended while they were needed.
    pub(crate) broken: u64,
}

/// What the runner reads; latencies in microseconds.
#[derive(Serialize)]
pub(crate) struct Report {
    requests: u64,
    seconds: f64,
    throughput: f64,
    sent: u64,
    lost: u64,
    exceptions: u64,
    strays: u64,
    broken: u64,
    mean_us: f64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
}

impl Tally {
    pub(crate) fn new() -> Result<Self> {
        let latencies = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).map_err(Error::other)?;
        Ok(Self { latencies, sent: 0, answered: 0, exceptions: 0, strays: 0, broken: 0 })
    }

    /// An answer inside the measured time.
    pub(crate) fn measure(&mut self, latency_ns: u64) {
        self.latencies.saturating_record(latency_ns);
    }

    pub(crate) fn report(&self, measured_ns: u64) -> Report {
        let at = |quantile: f64| micros(self.latencies.value_at_quantile(quantile));
        let seconds = micros(measured_ns) / 1e6;
        let requests = self.latencies.len();
        Report {
            requests,
            seconds,
            throughput: float(requests) / seconds,
            sent: self.sent,
            lost: self.sent.saturating_sub(self.answered),
            exceptions: self.exceptions,
            strays: self.strays,
            broken: self.broken,
            mean_us: self.latencies.mean() / 1e3,
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: micros(self.latencies.max()),
        }
    }
}

fn micros(ns: u64) -> f64 {
    float(ns) / 1e3
}

fn float(count: u64) -> f64 {
    // Exact far beyond any count of a run.
    count as f64
}
