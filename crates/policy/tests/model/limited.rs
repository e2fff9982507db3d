//! Limits of a rule on what a write makes of a point; all that it breaks, not the first alone.

use crate::harness::SECOND;
use crate::known::{Knowledge, addresses, after, places, touches};
use crate::number::{noise, number};
use policy::Moment;
use policy::document::{Limits, Point};
use wire::Request;

/// A place of a point, a write that touches it, and what is known before.
pub(crate) struct Touch<'a> {
    pub(crate) point: &'a Point,
    pub(crate) place: (wire::Table, u16),
    pub(crate) request: &'a Request<'a>,
    pub(crate) known: &'a Knowledge,
    pub(crate) now: Moment,
}

/// The limits a rule puts on a point: its own, key by key, over the point's.
pub(crate) fn limits(point: Option<&Limits>, rule: Option<&Limits>) -> Limits {
    let point = point.cloned().unwrap_or_default();
    let rule = rule.cloned().unwrap_or_default();
    Limits {
        range: rule.range.or(point.range),
        allowed: rule.allowed.or(point.allowed),
        max_step: rule.max_step.or(point.max_step),
        max_change: rule.max_change.or(point.max_change),
        per_minute: rule.per_minute.or(point.per_minute),
        max_age_ms: rule.max_age_ms.or(point.max_age_ms),
    }
}

// === impl Touch ===

impl Touch<'_> {
    pub(crate) fn broken(&self, limits: &Limits) -> Vec<&'static str> {
        let width = self.point.point_type.width();
        let written = self.request.writes().unwrap();
        let is_whole = (self.place.1..self.place.1 + width).all(|address| addresses(written).contains(&address));
        let is_guarded = *limits != Limits::default();
        let mut broken = Vec::new();
        if !is_whole && !self.point.partial {
            broken.push("partial");
        }
        if is_guarded && self.is_contradicted() {
            broken.push("contradiction");
        }
        match after(self.request, self.place, width, None) {
            Some(registers) => broken.extend(self.broken_by(number(self.point, &registers), limits)),
            None if is_guarded => broken.extend(self.broken_by_some(limits)),
            None => {}
        }
        broken
    }

    /// The request gives the point more than one value, at its several addresses.
    fn is_contradicted(&self) -> bool {
        let width = self.point.point_type.width();
        let touched = places(self.point).into_iter();
        let mut touched = touched.filter(|place| touches(self.request.writes().unwrap(), *place, width));
        let first = touched.next().and_then(|place| after(self.request, place, width, None));
        touched.map(|place| after(self.request, place, width, None)).any(|next| next.is_none() || next != first)
    }

    /// A write that says only part of the value: the rest is what is known.
    fn broken_by_some(&self, limits: &Limits) -> Vec<&'static str> {
        let (old, word) = match self.fresh(limits) {
            Ok(old) => (old, "value_unknown"),
            Err(word) => return vec![word],
        };
        let registers = after(self.request, self.place, self.point.point_type.width(), Some(old));
        registers.map_or(vec![word], |registers| self.broken_by(number(self.point, &registers), limits))
    }

    fn broken_by(&self, value: f64, limits: &Limits) -> Vec<&'static str> {
        let off = noise(self.point, value);
        let is_in = |(low, high): (f64, f64)| low - off <= value && value <= high + off;
        let is_one = |allowed: &Vec<f64>| allowed.iter().any(|one| (one - value).abs() <= off);
        let most = limits.per_minute.map(|most| most as usize);
        let recent = self.known.writes.iter().filter(|at| self.now.monotonic_ns - **at < 60 * SECOND).count();
        let rules = [
            (!value.is_finite(), "not_finite"),
            (!limits.range.is_none_or(is_in), "range"),
            (!limits.allowed.as_ref().is_none_or(is_one), "allowed"),
            (most.is_some_and(|most| recent >= most), "per_minute"),
        ];
        let broken = rules.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, word)| word);
        broken.chain(self.step(value, limits)).chain(self.change(value, limits)).collect()
    }

    fn step(&self, value: f64, limits: &Limits) -> Option<&'static str> {
        let by = limits.max_step?;
        let old = match self.fresh(limits) {
            Ok(old) => number(self.point, old),
            Err(word) => return Some(word),
        };
        if !old.is_finite() {
            return Some("value_unknown");
        }
        (!self.is_near(value, old, by)).then_some("max_step")
    }

    fn change(&self, value: f64, limits: &Limits) -> Option<&'static str> {
        let change = limits.max_change.as_ref()?;
        let samples = self.known.samples.iter().filter(|(at, _)| self.age_ms(*at) <= change.in_ms);
        let mut samples = samples.map(|(_, sample)| *sample).filter(|sample| sample.is_finite()).peekable();
        if samples.peek().is_none() {
            return Some("change_unknown");
        }
        (!samples.all(|sample| self.is_near(value, sample, change.by))).then_some("max_change")
    }

    fn is_near(&self, value: f64, other: f64, by: f64) -> bool {
        (value - other).abs() <= by + noise(self.point, value) + noise(self.point, other)
    }

    fn age_ms(&self, at_ns: u64) -> u64 {
        (self.now.monotonic_ns - at_ns) / 1_000_000
    }

    fn fresh(&self, limits: &Limits) -> Result<&[u16], &'static str> {
        let (old, at) = self.known.last.as_ref().ok_or("value_unknown")?;
        let is_old = self.age_ms(*at) > limits.max_age_ms.unwrap_or(60_000);
        if is_old { Err("value_stale") } else { Ok(old) }
    }
}
