//! Value limits: what a write would make of a point, held against what the operator permits.

use crate::document::Limits;
use crate::moment::{MS, Moment};
use crate::past::{Known, Past};
use crate::points::{Place, PointIndex, PointSpec};
use crate::reason::{Reason, Write};
use crate::value::WIDTH_MAX;
use std::collections::HashMap;
use wire::{Request, Span};

/// A known value older than this does not count, unless the point says otherwise.
const MAX_AGE_MS: u64 = 60_000;

/// What a request writes, register by register.
#[derive(Debug)]
pub(crate) struct Written {
    span: Span,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Values(Vec<u16>),
    Mask { and: u16, or: u16 },
}

/// What a write does to one register.
#[derive(Clone, Copy, Debug)]
enum Effect {
    Set(u16),
    Mask { and: u16, or: u16 },
    Keep,
}

// === impl Written ===

impl Written {
    pub(crate) fn of(request: &Request<'_>) -> Option<Self> {
        let span = request.writes()?;
        let content = match request {
            Request::MaskWriteRegister { and_mask, or_mask, .. } => Content::Mask { and: *and_mask, or: *or_mask },
            _ => Content::Values(request.written_values().collect()),
        };
        Some(Self { span, content })
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// The values, where the request names them.
    pub(crate) fn values(&self) -> Option<&[u16]> {
        match &self.content {
            Content::Values(values) => Some(values),
            Content::Mask { .. } => None,
        }
    }

    /// The registers that a place would hold, as far as they can be told.
    pub(crate) fn registers_after(&self, place: &Place, known: Option<&Known>) -> Option<[u16; WIDTH_MAX]> {
        let mut registers = [0; WIDTH_MAX];
        let addresses = place.first..=place.last;
        for ((register, address), index) in registers.iter_mut().zip(addresses).zip(0..) {
            let before = known.and_then(|known| known.registers.get::<usize>(index)).copied();
            *register = match self.effect(place, address) {
                Effect::Set(value) => value,
                Effect::Mask { and: 0, or } => or,
                Effect::Mask { and, or } => (before? & and) | (or & !and),
                Effect::Keep => before?,
            };
        }
        Some(registers)
    }

    /// The points that it writes at two of their addresses, other than with one whole value at each.
    ///
    /// Each value alone might be within its limits, and their order or their mixture not.
    pub(crate) fn contradicted(&self, points: &PointIndex) -> Vec<usize> {
        let mut values = HashMap::new();
        let mut contradicted = Vec::new();
        let is_aliased = |place: &&Place| points.points.get(place.point).is_some_and(|point| point.is_aliased);
        for place in points.touching(self.span).filter(is_aliased) {
            let value = self.registers_after(place, None);
            match values.insert(place.point, value) {
                Some(other) if value.is_none() || value != other => contradicted.push(place.point),
                _ => {}
            }
        }
        contradicted
    }

    fn covers(&self, place: &Place) -> bool {
        let range = self.span.range;
        self.span.table == place.table && range.first() <= place.first && place.last <= range.last()
    }

    fn effect(&self, place: &Place, address: u16) -> Effect {
        let index = (self.span.table == place.table).then(|| address.checked_sub(self.span.range.first()));
        match (index.flatten(), &self.content) {
            (Some(index), Content::Values(values)) => {
                values.get(usize::from(index)).map_or(Effect::Keep, |value| Effect::Set(*value))
            }
            (Some(0), Content::Mask { and, or }) => Effect::Mask { and: *and, or: *or },
            _ => Effect::Keep,
        }
    }
}

/// Hold a write to one place against the limits in force for it.
///
/// # Errors
///
/// The first limit that it breaks.
pub(crate) fn check_place(
    (place, point): (&Place, &PointSpec),
    limits: &Limits,
    (written, contradicted): (&Written, &[usize]),
    past: Option<&Past>,
    now: Moment,
) -> Result<(), Reason> {
    if !written.covers(place) && !point.partial {
        return Err(Reason::Partial(point.name.clone()));
    }
    if *limits != Limits::default() && contradicted.contains(&place.point) {
        return Err(Reason::Contradiction(point.name.clone()));
    }
    let check = Check { point, limits, past, now };
    let registers = match written.registers_after(place, None) {
        Some(registers) => registers,
        None if *limits == Limits::default() => return Ok(()),
        None => {
            let known = check.fresh()?;
            written.registers_after(place, Some(known)).ok_or_else(|| check.unknown())?
        }
    };
    check.value(point.codec.decode(&registers))
}

/// One value against one point's limits.
struct Check<'a> {
    point: &'a PointSpec,
    limits: &'a Limits,
    past: Option<&'a Past>,
    now: Moment,
}

// === impl Check ===

impl Check<'_> {
    fn value(&self, value: f64) -> Result<(), Reason> {
        if !value.is_finite() {
            return Err(Reason::NotFinite(self.point.name.clone()));
        }
        self.range(value)?;
        self.allowed(value)?;
        self.max_step(value)?;
        self.max_change(value)?;
        self.per_minute()
    }

    fn range(&self, value: f64) -> Result<(), Reason> {
        let noise = self.point.codec.noise(value);
        match self.limits.range {
            Some((low, high)) if value < low - noise || value > high + noise => {
                Err(Reason::Range { write: self.write(value), low, high })
            }
            _ => Ok(()),
        }
    }

    fn allowed(&self, value: f64) -> Result<(), Reason> {
        let noise = self.point.codec.noise(value);
        match &self.limits.allowed {
            Some(allowed) if !allowed.iter().any(|one| (one - value).abs() <= noise) => {
                Err(Reason::Allowed(self.write(value)))
            }
            _ => Ok(()),
        }
    }

    fn max_step(&self, value: f64) -> Result<(), Reason> {
        let Some(limit) = self.limits.max_step else {
            return Ok(());
        };
        let known = self.fresh()?.value;
        if !known.is_finite() {
            return Err(self.unknown());
        }
        if self.exceeds(value, known, limit) {
            return Err(Reason::MaxStep { write: self.write(value), known, limit });
        }
        Ok(())
    }

    fn max_change(&self, value: f64) -> Result<(), Reason> {
        let Some(change) = &self.limits.max_change else {
            return Ok(());
        };
        let (limit, in_ms) = (change.by, change.in_ms);
        let since = self.now.monotonic_ns.saturating_sub(in_ms.saturating_mul(MS));
        let Some((low, high)) = self.past.and_then(|past| past.extremes_since(since)) else {
            return Err(Reason::ChangeUnknown { point: self.point.name.clone(), in_ms });
        };
        let known = if (value - low).abs() > (value - high).abs() { low } else { high };
        if self.exceeds(value, known, limit) {
            return Err(Reason::MaxChange { write: self.write(value), known, limit, in_ms });
        }
        Ok(())
    }

    fn per_minute(&self) -> Result<(), Reason> {
        let Some(limit) = self.limits.per_minute else {
            return Ok(());
        };
        let writes = self.past.map_or(0, |past| past.writes_last_minute(self.now));
        if u32::try_from(writes).is_ok_and(|writes| writes < limit) {
            return Ok(());
        }
        Err(Reason::PerMinute { point: self.point.name.clone(), limit })
    }

    fn exceeds(&self, value: f64, known: f64, limit: f64) -> bool {
        let codec = &self.point.codec;
        (value - known).abs() > limit + codec.noise(value) + codec.noise(known)
    }

    /// The last known value, if it is not too old.
    fn fresh(&self) -> Result<&Known, Reason> {
        let known = self.past.and_then(Past::last).ok_or_else(|| self.unknown())?;
        let age_ms = self.now.monotonic_ns.saturating_sub(known.monotonic_ns) / MS;
        let max_age_ms = self.limits.max_age_ms.unwrap_or(MAX_AGE_MS);
        if age_ms > max_age_ms {
            return Err(Reason::ValueStale { point: self.point.name.clone(), age_ms, max_age_ms });
        }
        Ok(known)
    }

    fn unknown(&self) -> Reason {
        Reason::ValueUnknown(self.point.name.clone())
    }

    fn write(&self, value: f64) -> Write {
        let PointSpec { name, engineering_unit, .. } = self.point;
        Write { point: name.clone(), value, engineering_unit: engineering_unit.clone() }
    }
}
