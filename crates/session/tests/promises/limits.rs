//! The two limited registers, as far as their writes and reads went through: what the decision in the moment of
//! forwarding has to know.

use super::scene::Scene;
use super::site::{COUNTED, MOST_A_MINUTE, STEP, STEPPED};
use std::collections::HashMap;
use wire::Request;

const MINUTE_NS: u64 = 60_000_000_000;

#[derive(Default)]
pub struct Limited {
    /// Unit and time of each write of the one.
    counted: Vec<(u8, u64)>,
    /// Of each unit the value of the other, and when it was last written.
    known: HashMap<u8, (Option<u16>, u64)>,
    /// A time of observing: what was learned then is not known here.
    has_observed: bool,
}

// === impl Limited ===

impl Limited {
    pub fn forward(&mut self, unit: u8, request: &Request<'_>, scene: Scene) {
        self.has_observed |= !scene.enforces();
        let now_ns = scene.now.monotonic_ns;
        match request.writes().map(|span| span.range.first()) {
            Some(COUNTED) => self.count(unit, scene),
            Some(STEPPED) => {
                let value = request.written_values().next();
                let known = self.known.get(&unit).and_then(|(known, _)| *known);
                let is_near = known.zip(value).is_some_and(|(known, value)| known.abs_diff(value) <= STEP);
                assert!(is_near || self.is_unsure(scene), "written {value:?}, farther from {known:?} than one step");
                self.known.insert(unit, (value, now_ns));
            }
            _ => {}
        }
    }

    fn count(&mut self, unit: u8, scene: Scene) {
        let now_ns = scene.now.monotonic_ns;
        let is_recent = |(other, at): &&(u8, u64)| *other == unit && now_ns - at < MINUTE_NS;
        let before = self.counted.iter().filter(is_recent).count();
        assert!(!scene.enforces() || before < MOST_A_MINUTE, "written more often than the limit says");
        self.counted.push((unit, now_ns));
    }

    /// A right reply came to a request sent at that time.
    pub fn learn(&mut self, unit: u8, request: &Request<'_>, (reply, sent_ns): (&[u8], u64)) {
        if request.writes().is_some_and(|span| span.range.first() == STEPPED) && reply.first() != Some(&6) {
            self.forget(unit, request);
        }
        let (_, written_ns) = self.known.get(&unit).copied().unwrap_or_default();
        let is_its = request.reads().is_some_and(|span| span.range.first() == STEPPED) && reply.len() == 4;
        if is_its && sent_ns > written_ns {
            self.known.insert(unit, (Some(u16::from_be_bytes([reply[2], reply[3]])), written_ns));
        }
    }

    /// A write ended without a right reply: nobody knows what it did.
    pub fn forget(&mut self, unit: u8, request: &Request<'_>) {
        if request.writes().is_some_and(|span| span.range.first() == STEPPED) {
            self.known.entry(unit).or_default().0 = None;
        }
    }

    fn is_unsure(&self, scene: Scene) -> bool {
        self.has_observed || !scene.enforces() || scene.choices.is_tolerant
    }
}
