//! The points of a map, found by address: what a write can touch, under every address that shows it.

use crate::document::{Document, Limits, Point, PointMap, Rule};
use crate::value::Codec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::{Span, Table};

/// A map's points and where they stand.
#[derive(Debug, Default)]
pub(crate) struct PointIndex {
    pub(crate) points: Vec<PointSpec>,
    /// Sorted by table and address: each point at its own address and at its aliases'.
    places: Vec<Place>,
}

/// What the guard must know of a point.
#[derive(Debug)]
pub(crate) struct PointSpec {
    pub(crate) name: Arc<str>,
    pub(crate) engineering_unit: Option<Arc<str>>,
    pub(crate) codec: Codec,
    pub(crate) width: u16,
    pub(crate) partial: bool,
    /// Whether it stands under more than one address.
    pub(crate) is_aliased: bool,
    pub(crate) limits: Option<Limits>,
    /// What must be remembered of it; `None` where nothing limits it.
    pub(crate) memory: Option<MemoryNeed>,
}

/// How much of a point's past its limits, and those of all rules, look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryNeed {
    pub(crate) change_ms: u64,
    pub(crate) per_minute: u32,
}

/// A point at one of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) table: Table,
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) point: usize,
}

// === impl PointIndex ===

impl PointIndex {
    pub(crate) fn all(document: &Document) -> Vec<Arc<Self>> {
        let needs = overrides(document.conduits.iter().flat_map(|conduit| &conduit.rules));
        document.point_maps.iter().map(|map| Arc::new(Self::new(map, &needs))).collect()
    }

    fn new(map: &PointMap, overrides: &BTreeMap<&str, MemoryNeed>) -> Self {
        let points = map.points.iter().map(|point| PointSpec::new(point, overrides));
        let places: BTreeSet<Place> =
            map.points.iter().enumerate().flat_map(|(index, point)| places_of(index, point)).collect();
        Self { points: points.collect(), places: places.into_iter().collect() }
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The places that share an address with the span. O(log) of the map.
    pub(crate) fn touching(&self, span: Span) -> impl Iterator<Item = &Place> {
        // A place reaches at most 3 addresses beyond its first.
        let from = (span.table, span.range.first().saturating_sub(3));
        let from = self.places.partition_point(|place| (place.table, place.first) < from);
        let rest = self.places.get(from..).unwrap_or_default().iter();
        rest.take_while(move |place| (place.table, place.first) <= (span.table, span.range.last()))
            .filter(move |place| place.last >= span.range.first())
    }
}

fn places_of(index: usize, point: &Point) -> impl Iterator<Item = Place> {
    let width = point.point_type.width();
    let own = std::iter::once((point.table, point.address));
    own.chain(point.aliases.iter().copied()).map(move |(table, first)| Place {
        table: table.into(),
        first,
        last: first.saturating_add(width - 1),
        point: index,
    })
}

/// What the rules' own limits ask to be remembered, by point name.
fn overrides<'a>(rules: impl Iterator<Item = &'a Rule>) -> BTreeMap<&'a str, MemoryNeed> {
    let mut needs = BTreeMap::new();
    for (name, limits) in rules.flat_map(|rule| &rule.limits) {
        let need: &mut MemoryNeed = needs.entry(name.as_str()).or_default();
        *need = need.and(MemoryNeed::of(limits));
    }
    needs
}

// === impl PointSpec ===

impl PointSpec {
    fn new(point: &Point, overrides: &BTreeMap<&str, MemoryNeed>) -> Self {
        let own = point.limits.as_ref().map(MemoryNeed::of);
        let memory = match (own, overrides.get(point.name.as_str())) {
            (Some(own), Some(other)) => Some(own.and(*other)),
            (own, other) => own.or(other.copied()),
        };
        Self {
            name: point.name.as_str().into(),
            engineering_unit: point.engineering_unit.as_deref().map(Into::into),
            codec: Codec::of(point),
            width: point.point_type.width(),
            partial: point.partial,
            is_aliased: !point.aliases.is_empty(),
            limits: point.limits.clone(),
            memory,
        }
    }

    /// The point's limits under a rule: each key the rule gives replaces the point's.
    pub(crate) fn limits_under(&self, rule: Option<&Limits>) -> Limits {
        let own = self.limits.clone().unwrap_or_default();
        let Some(rule) = rule else {
            return own;
        };
        Limits {
            range: rule.range.or(own.range),
            allowed: rule.allowed.clone().or(own.allowed),
            max_step: rule.max_step.or(own.max_step),
            max_change: rule.max_change.clone().or(own.max_change),
            per_minute: rule.per_minute.or(own.per_minute),
            max_age_ms: rule.max_age_ms.or(own.max_age_ms),
        }
    }
}

// === impl MemoryNeed ===

impl MemoryNeed {
    fn of(limits: &Limits) -> Self {
        Self {
            change_ms: limits.max_change.as_ref().map_or(0, |change| change.in_ms),
            per_minute: limits.per_minute.unwrap_or(0),
        }
    }

    fn and(self, other: Self) -> Self {
        Self { change_ms: self.change_ms.max(other.change_ms), per_minute: self.per_minute.max(other.per_minute) }
    }
}
