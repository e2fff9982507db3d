//! What the model knows of a point: all that ever happened to it, gone through from the start.

use crate::number::number;
use policy::document::Point;
use wire::{Request, Span, parse_request};

/// All that ever happened, in order.
#[derive(Default)]
pub(crate) struct History(pub(crate) Vec<(u64, usize, What)>);

pub(crate) enum What {
    /// Asked at a moment of its own; what was written since may not show.
    Read(u64, Span, Vec<u16>),
    Write(Vec<u8>),
    Failed(Span),
}

/// What the model knows of one point.
#[derive(Default)]
pub(crate) struct Knowledge {
    pub(crate) last: Option<(Vec<u16>, u64)>,
    pub(crate) samples: Vec<(u64, f64)>,
    pub(crate) writes: Vec<u64>,
}

/// Where a point stands: its own address and its aliases', by address: of a read in which they differ the last one counts.
pub(crate) fn places(point: &Point) -> Vec<(wire::Table, u16)> {
    let all = std::iter::once((point.table, point.address)).chain(point.aliases.iter().copied());
    let mut places: Vec<(wire::Table, u16)> = all.map(|(table, first)| (table.into(), first)).collect();
    places.sort_by_key(|(_, first)| *first);
    places
}

pub(crate) fn addresses(span: Span) -> std::ops::RangeInclusive<u16> {
    span.range.first()..=span.range.last()
}

/// The registers a place holds after a write; `None` where they cannot be told.
pub(crate) fn after(
    request: &Request<'_>,
    (table, first): (wire::Table, u16),
    width: u16,
    old: Option<&[u16]>,
) -> Option<Vec<u16>> {
    let target = request.writes().unwrap();
    let values: Vec<u16> = request.written_values().collect();
    let one = |index: u16| {
        let address = first + index;
        if target.table != table || !addresses(target).contains(&address) {
            return old.map(|old| old[usize::from(index)]);
        }
        if let Request::MaskWriteRegister { and_mask, or_mask, .. } = request {
            let current = if *and_mask == 0 { Some(0) } else { old.map(|old| old[usize::from(index)]) };
            return current.map(|current| (current & and_mask) | (or_mask & !and_mask));
        }
        Some(values[usize::from(address - target.range.first())])
    };
    (0..width).map(one).collect()
}

pub(crate) fn touches(span: Span, (table, first): (wire::Table, u16), width: u16) -> bool {
    span.table == table && addresses(span).any(|address| (first..first + width).contains(&address))
}

impl Knowledge {
    pub(crate) fn of(point: &Point, unit: usize, history: &History) -> Self {
        let mut known = Self::default();
        let width = point.point_type.width();
        for (at, _, what) in history.0.iter().filter(|(_, happened_to, _)| *happened_to == unit) {
            match what {
                What::Read(asked, span, values) => known.read(point, *span, values, (*asked, *at)),
                What::Write(pdu) => known.write(point, &parse_request(pdu, false).unwrap(), *at),
                What::Failed(span) => {
                    if places(point).into_iter().any(|place| touches(*span, place, width)) {
                        known.last = None;
                    }
                }
            }
        }
        known
    }

    fn read(&mut self, point: &Point, span: Span, values: &[u16], (asked, at): (u64, u64)) {
        let is_old = self.writes.iter().any(|written| *written >= asked);
        let width = point.point_type.width();
        for place in places(point).into_iter().filter(|place| touches(span, *place, width)) {
            let seen = |address: u16| {
                addresses(span).contains(&address).then(|| values[usize::from(address - span.range.first())])
            };
            let registers: Vec<_> = (place.1..place.1 + width).map(seen).collect();
            if let Some(whole) = registers.iter().copied().collect::<Option<Vec<u16>>>() {
                self.samples.push((at, number(point, &whole)));
                if !is_old {
                    self.last = Some((whole, at));
                }
                continue;
            }
            let differs = |(old, _): &(Vec<u16>, u64)| {
                old.iter().zip(&registers).any(|(old, new)| new.is_some_and(|new| new != *old))
            };
            if !is_old && self.last.as_ref().is_some_and(differs) {
                self.last = None;
            }
        }
    }

    fn write(&mut self, point: &Point, request: &Request<'_>, at: u64) {
        let width = point.point_type.width();
        let target = request.writes().unwrap();
        let mut is_touched = false;
        for place in places(point).into_iter().filter(|place| touches(target, *place, width)) {
            is_touched = true;
            let old = self.last.clone();
            let alone = after(request, place, width, None);
            let since = if alone.is_some() { at } else { old.as_ref().map_or(at, |(_, since)| *since) };
            let registers = after(request, place, width, old.as_ref().map(|(old, _)| old.as_slice()));
            if let Some(registers) = &registers {
                self.samples.push((at, number(point, registers)));
            }
            self.last = registers.map(|registers| (registers, since));
        }
        if is_touched {
            self.writes.push(at);
        }
    }
}
