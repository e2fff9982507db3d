//! The plant as last seen: raw values, and the past of every limited point.
//!
//! Kept true here:
//! * a forwarded write counts as the value at once; an exception or a time-out makes it
//!   unknown until it is read;
//! * a reply to a read sent before a write never replaces what the write made of the value;
//! * writes and values are counted per unit and point, whichever client, unit id or alias they came by;
//! * a reload keeps what is known, by the names of servers, units and points.

use crate::guarding::Written;
use crate::moment::Moment;
use crate::pages::{Pages, UnitSlot};
use crate::past::{Known, Past};
use crate::points::{Place, PointIndex};
use crate::policy::{Compiled, Policy};
use crate::target::Target;
use crate::value::{Codec, WIDTH_MAX};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use wire::{Request, Span};

/// Last-known values and write counters, shared by all sessions of a guard.
///
/// Bounded: about 6 MB of raw values, and for each limited point of each unit at most
/// 128 KiB where `max_change` follows it and 80 KiB where `per_minute` does.
#[derive(Debug)]
pub struct Plant {
    compiled: Arc<Compiled>,
    pages: Pages,
    units: Vec<UnitPast>,
    /// Where units of the policy before stand now, for replies that cross a reload.
    before: Option<(u64, HashMap<UnitSlot, UnitSlot>)>,
}

#[derive(Debug)]
struct UnitPast {
    points: Arc<PointIndex>,
    pasts: HashMap<usize, Past>,
}

// === impl Plant ===

impl Plant {
    /// A plant of which nothing is known yet.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        let compiled = Arc::clone(policy.compiled());
        let units = compiled.units().map(|unit| UnitPast::new(&unit.points)).collect();
        Self { compiled, pages: Pages::default(), units, before: None }
    }

    /// The same plant under a new policy: what is known stays known where names stay.
    #[must_use]
    pub fn rebind(self, old: &Policy, new: &Policy) -> Self {
        let numbers = renumbering(old.compiled(), new.compiled());
        let mut rebound = Self::new(new);
        for (from, unit) in self.units.into_iter().enumerate() {
            if let Some(heir) = numbers.get(&from).and_then(|to| rebound.units.get_mut(*to)) {
                heir.inherit(unit);
            }
        }
        rebound.pages = self.pages.renumbered(&numbers);
        rebound.before = Some((old.compiled().generation, numbers));
        rebound
    }

    /// Learn values read from a server; says whether any differs from the last known, or was not known.
    /// Values that are not one for each address (a FIFO queue's) are not learned, nor are those of
    /// addresses and points written at or after `sent_ns`, when the read was forwarded: its reply may be older.
    pub fn observe_read(&mut self, target: Target, span: Span, values: &[u16], (sent_ns, now): (u64, Moment)) -> bool {
        let is_whole = values.len() == usize::from(span.range.quantity());
        let Some(slot) = self.slot(target).filter(|_| is_whole) else {
            return true;
        };
        if let Some(unit) = self.units.get_mut(slot) {
            unit.observe_read(span, values, (sent_ns, now));
        }
        self.pages.learn_read((slot, span), values, (sent_ns, now.utc_ns))
    }

    /// Learn and count a write. Call it when the decision to forward is taken, before any
    /// wait for the journal, so that a second write is decided against the first; and
    /// [`Plant::forget_written`] when the write was not sent after all.
    pub fn value_forwarded(&mut self, target: Target, request: &Request<'_>, now: Moment) {
        let Some(written) = Written::of(request) else {
            return;
        };
        for slot in self.slots(target) {
            if let Some(unit) = self.units.get_mut(slot) {
                unit.write_forwarded(&written, now);
            }
            self.learn_written(slot, &written, now);
        }
    }

    /// A forwarded write may leave as late as `by_ns`: until then, what is read may still be older than it.
    pub fn write_leaves_by(&mut self, target: Target, span: Span, by_ns: u64) {
        for slot in self.slots(target) {
            if let Some(unit) = self.units.get_mut(slot) {
                unit.note_write(span, by_ns);
            }
            self.pages.note_write(slot, span, by_ns);
        }
    }

    /// An exception, a time-out or a lost connection: what was written is unknown until it is read.
    pub fn forget_written(&mut self, target: Target, request: &Request<'_>) {
        if let Some(span) = request.writes() {
            self.forget_span(target, span);
        }
    }

    /// As [`Plant::forget_written`], where the request itself is no longer at hand.
    pub fn forget_span(&mut self, target: Target, span: Span) {
        for slot in self.slots(target) {
            if let Some(unit) = self.units.get_mut(slot) {
                unit.forget(span);
            }
            self.pages.forget(slot, span);
        }
    }

    /// Last known raw values of a span and the UTC time of the oldest; `None` unless all are known.
    #[must_use]
    pub fn known(&self, target: Target, span: Span) -> Option<(Vec<u16>, i64)> {
        if target.is_broadcast() {
            return None;
        }
        self.pages.known(self.slot(target)?, span)
    }

    pub(crate) fn past(&self, target: Target, point: usize) -> Option<&Past> {
        if target.generation() != self.compiled.generation {
            return None;
        }
        self.units.get(self.slot(target)?)?.pasts.get(&point)
    }

    fn learn_written(&mut self, slot: UnitSlot, written: &Written, now: Moment) {
        let span = written.span();
        self.pages.note_write(slot, span, now.monotonic_ns);
        if let Some(values) = written.values() {
            self.pages.learn(slot, span, values, now.utc_ns);
            return;
        }
        let whole = Place { table: span.table, first: span.range.first(), last: span.range.last(), point: usize::MAX };
        let before = self.pages.known(slot, span).and_then(|(values, _)| values.first().copied());
        let before = before.map(|value| raw_known(&[value], now));
        match written.registers_after(&whole, before.as_ref()) {
            Some([value, ..]) => {
                self.pages.learn(slot, span, &[value], now.utc_ns);
            }
            None => self.pages.forget(slot, span),
        }
    }

    /// Where a target's unit stands; `None` for targets of a policy long gone.
    fn slot(&self, target: Target) -> Option<UnitSlot> {
        let slot = target.unit_slot()?;
        if target.generation() == self.compiled.generation {
            return Some(slot);
        }
        let (generation, numbers) = self.before.as_ref()?;
        (target.generation() == *generation).then(|| numbers.get(&slot).copied())?
    }

    /// The one unit, or for a broadcast all units behind the gateway.
    fn slots(&self, target: Target) -> Vec<UnitSlot> {
        if !target.is_broadcast() {
            return self.slot(target).into_iter().collect();
        }
        if target.generation() != self.compiled.generation {
            return Vec::new();
        }
        self.compiled.unit_slots(target.server()).collect()
    }
}

fn renumbering(old: &Compiled, new: &Compiled) -> HashMap<UnitSlot, UnitSlot> {
    let names = new.units().enumerate().map(|(slot, unit)| ((&unit.server, &unit.asset), slot));
    let names: HashMap<_, _> = names.collect();
    let heir =
        |(slot, unit): (UnitSlot, &crate::policy::UnitSpec)| Some((slot, *names.get(&(&unit.server, &unit.asset))?));
    old.units().enumerate().filter_map(heir).collect()
}

fn raw_known(values: &[u16], now: Moment) -> Known {
    let mut registers = [0; WIDTH_MAX];
    registers.iter_mut().zip(values).for_each(|(register, value)| *register = *value);
    Known { registers, value: f64::NAN, monotonic_ns: now.monotonic_ns }
}

// === impl UnitPast ===

impl UnitPast {
    fn new(points: &Arc<PointIndex>) -> Self {
        let limited = points.points.iter().enumerate().filter(|(_, point)| point.memory.is_some());
        Self { points: Arc::clone(points), pasts: limited.map(|(index, _)| (index, Past::default())).collect() }
    }

    /// Take over the past of points that kept their name and encoding.
    fn inherit(&mut self, mut before: Self) {
        let names = before.points.points.iter().zip(0..).map(|(point, index)| (&*point.name, (point.codec, index)));
        let names: HashMap<&str, (Codec, usize)> = names.collect();
        for (index, past) in &mut self.pasts {
            let Some(point) = self.points.points.get(*index) else {
                continue;
            };
            let heir = names.get(&*point.name).filter(|(codec, _)| *codec == point.codec);
            if let Some(kept) = heir.and_then(|(_, old)| before.pasts.remove(old)) {
                *past = kept;
            }
        }
    }

    /// Where a server shows one point differently at two of its addresses, the higher address counts.
    fn observe_read(&mut self, span: Span, values: &[u16], (sent_ns, now): (u64, Moment)) {
        for place in self.points.touching(span) {
            let (Some(past), Some(point)) = (self.pasts.get_mut(&place.point), self.points.points.get(place.point))
            else {
                continue;
            };
            let offset = place.first.checked_sub(span.range.first()).map(usize::from);
            let seen = offset.and_then(|from| values.get(from..from + usize::from(point.width)));
            match (seen, point.memory) {
                (Some(seen), Some(need)) if past.is_newer_than(sent_ns) => {
                    past.learn_extreme(point.codec.decode(seen), now, need);
                }
                (Some(seen), Some(need)) => {
                    let known = Known { value: point.codec.decode(seen), ..raw_known(seen, now) };
                    past.learn(known, now, need);
                }
                _ if past.is_newer_than(sent_ns) || agrees(past, place, span, values) => {}
                _ => past.forget_last(),
            }
        }
    }

    fn write_forwarded(&mut self, written: &Written, now: Moment) {
        let mut counted = HashSet::new();
        for place in self.points.touching(written.span()) {
            let (Some(past), Some(point)) = (self.pasts.get_mut(&place.point), self.points.points.get(place.point))
            else {
                continue;
            };
            let Some(need) = point.memory else {
                continue;
            };
            match written.registers_after(place, past.last()) {
                Some(registers) => {
                    let value = point.codec.decode(&registers);
                    let monotonic_ns = known_since(written, place, past, now);
                    past.learn(Known { registers, value, monotonic_ns }, now, need);
                }
                None => past.forget_last(),
            }
            past.note_write(now.monotonic_ns);
            if counted.insert(place.point) {
                past.count_write(now, need);
            }
        }
    }

    fn note_write(&mut self, span: Span, by_ns: u64) {
        for place in self.points.touching(span) {
            if let Some(past) = self.pasts.get_mut(&place.point) {
                past.note_write(by_ns);
            }
        }
    }

    fn forget(&mut self, span: Span) {
        for place in self.points.touching(span) {
            if let Some(past) = self.pasts.get_mut(&place.point) {
                past.forget_last();
            }
        }
    }
}

/// A value made partly of what was known before is no younger than that.
fn known_since(written: &Written, place: &Place, past: &Past, now: Moment) -> u64 {
    match (written.registers_after(place, None), past.last()) {
        (None, Some(before)) => before.monotonic_ns,
        _ => now.monotonic_ns,
    }
}

/// Whether a read of part of a place shows what is already known of it.
fn agrees(past: &Past, place: &Place, span: Span, values: &[u16]) -> bool {
    let Some(known) = past.last() else {
        return true;
    };
    (place.first..=place.last).zip(known.registers).all(|(address, register)| {
        let offset = address.checked_sub(span.range.first()).map(usize::from);
        offset.and_then(|offset| values.get(offset)).is_none_or(|value| *value == register)
    })
}
