//! What happened, in numbers: one place counts, `top` and Prometheus read.

use crate::limits::{Limit, Met};
use event::{Event, Kind};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Upper bounds of the latency histogram, microseconds.
pub(crate) const LATENCY_BOUNDS_US: [u32; 10] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000];

/// Distinct reasons kept apart; more share `other`.
const MOST_REASONS: usize = 64;

#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    conduits: Vec<(Arc<str>, ConduitCounters)>,
    /// One for each kind.
    events: Events,
    pub(crate) limits: Met,
    pub(crate) syslog_sent: u64,
    pub(crate) syslog_lost: u64,
}

#[derive(Clone, Debug)]
struct Events([u64; Kind::ALL.len()]);

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ConduitCounters {
    pub(crate) permitted: u64,
    pub(crate) denied: u64,
    pub(crate) observed: u64,
    pub(crate) would_deny: u64,
    pub(crate) malformed: u64,
    pub(crate) unsolicited: u64,
    pub(crate) reasons: BTreeMap<Box<str>, u64>,
    pub(crate) latency_us: Latency,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Latency {
    pub(crate) buckets: [u64; LATENCY_BOUNDS_US.len()],
    pub(crate) count: u64,
    pub(crate) sum: u64,
}

impl Counters {
    pub(crate) fn count(&mut self, event: &Event) {
        if let Some(count) = self.events.0.get_mut(event.kind.index()) {
            *count += 1;
        }
        limit_of(event).into_iter().for_each(|limit| self.limit(limit));
        if let Some(name) = &event.conduit {
            self.conduit_mut(name).into_iter().for_each(|conduit| conduit.count(event));
        }
    }

    /// How often each kind that happened did, by name.
    pub(crate) fn events(&self) -> BTreeMap<&'static str, u64> {
        let counts = Kind::ALL.iter().map(|kind| kind.name()).zip(self.events.0);
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// The counters of each conduit that had an event, by name.
    pub(crate) fn conduits(&self) -> BTreeMap<&str, &ConduitCounters> {
        self.conduits.iter().map(|(name, counters)| (&**name, counters)).collect()
    }

    /// A plant has few conduits, and a session's rows share one name: to look at each is the fastest.
    fn conduit_mut(&mut self, name: &Arc<str>) -> Option<&mut ConduitCounters> {
        let found = self.conduits.iter().position(|(known, _)| Arc::ptr_eq(known, name));
        let found = found.or_else(|| self.conduits.iter().position(|(known, _)| known == name));
        let at = found.unwrap_or_else(|| {
            self.conduits.push((Arc::clone(name), ConduitCounters::default()));
            self.conduits.len() - 1
        });
        self.conduits.get_mut(at).map(|(_, counters)| counters)
    }

    /// A limit was met: which one.
    pub(crate) fn limit(&mut self, limit: Limit) {
        self.limits.add(limit);
    }

    pub(crate) fn syslog(&mut self, was_sent: bool) {
        let counter = if was_sent { &mut self.syslog_sent } else { &mut self.syslog_lost };
        *counter += 1;
    }
}

/// The limit whose meeting an event tells of.
fn limit_of(event: &Event) -> Option<Limit> {
    match (event.kind, event.reason.as_deref()) {
        (Kind::ModbusFlooded, _) => Some(Limit::QueuedRequests),
        (Kind::SessionClosed, Some("idle_timeout")) => Some(Limit::IdleTimeout),
        (Kind::SessionClosed, Some("slow_frame")) => Some(Limit::SlowFrame),
        (Kind::TlsRefused, Some("handshake_timeout")) => Some(Limit::HandshakeTimeout),
        _ => None,
    }
}

impl Default for Events {
    fn default() -> Self {
        Self([0; Kind::ALL.len()])
    }
}

impl ConduitCounters {
    fn count(&mut self, event: &Event) {
        match event.kind {
            Kind::RequestPermitted => self.permitted += 1,
            Kind::RequestDenied => {
                self.denied += 1;
                self.reason(event);
            }
            Kind::RequestObserved => {
                self.observed += 1;
                if event.verdict == Some(event::Outcome::Deny) {
                    self.would_deny += 1;
                    self.reason(event);
                }
            }
            Kind::ResponseUnsolicited => self.unsolicited += 1,
            Kind::ModbusInvalidFunctionCode
            | Kind::ModbusInvalidLength
            | Kind::ModbusInvalidValue
            | Kind::ModbusInvalidProtocolId
            | Kind::ModbusInvalidExceptionCode => self.malformed += 1,
            _ => {}
        }
        if let Some(latency_us) = event.latency_us {
            self.latency_us.observe(latency_us);
        }
    }

    fn reason(&mut self, event: &Event) {
        let text = event.reason.as_deref().unwrap_or("unknown");
        let word = text.split(':').next().unwrap_or(text);
        if let Some(count) = self.reasons.get_mut(word) {
            *count += 1;
        } else {
            let word = if self.reasons.len() < MOST_REASONS { word } else { "other" };
            *self.reasons.entry(word.into()).or_default() += 1;
        }
    }
}

impl Latency {
    fn observe(&mut self, latency_us: u32) {
        for (bucket, bound) in self.buckets.iter_mut().zip(LATENCY_BOUNDS_US) {
            *bucket += u64::from(latency_us <= bound);
        }
        self.count += 1;
        self.sum += u64::from(latency_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_by_their_word_and_bounded() {
        let mut counters = Counters::default();
        for number in 0..100 {
            let event = Event {
                kind: Kind::RequestDenied,
                conduit: Some(Arc::from("hvac")),
                reason: Some(Arc::from(format!("word{number}: operand"))),
                ..Event::default()
            };
            counters.count(&event);
        }

        let conduit = counters.conduits()["hvac"];
        assert_eq!(conduit.denied, 100);
        assert_eq!(conduit.reasons.len(), MOST_REASONS + 1);
        assert_eq!(conduit.reasons["other"], 36);
    }

    #[test]
    fn latency_buckets_are_cumulative() {
        let mut latency = Latency::default();
        latency.observe(100);
        latency.observe(3_000);

        assert_eq!(latency.buckets, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        assert_eq!((latency.count, latency.sum), (2, 3_100));
    }
}
