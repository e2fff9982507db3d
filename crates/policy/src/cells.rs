//! One unit's rules, cut at every address where they change: few rules are left to try at each.
//!
//! Kept true here: a rule is left out only where another one permits, or forbids, whatever
//! it would, so that thousands of rules on one address cost no more than the few that differ.

use crate::document::{Limits, Table};
use crate::function::{ADDRESSED, Part, addressed_part};
use crate::points::{Place, PointIndex};
use crate::rules::CompiledRule;
use crate::stretches::Stretches;
use crate::verdict::Permit;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use wire::FunctionSelector;

/// The rules that are left to try somewhere.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Cell {
    /// `never` rules, as indices.
    pub(crate) nevers: Vec<usize>,
    /// What the first of the permits gives where it hangs on nothing: the usual case, answered from here alone.
    pub(crate) at_once: Option<Permit>,
    /// Permits, essential ones first.
    pub(crate) permits: Vec<Candidate>,
    /// Where points stand that a write here touches.
    pub(crate) places: Vec<Place>,
}

/// A permit, and the limits it puts on each of its cell's places.
#[derive(Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) rule: usize,
    /// What it gives where it holds; at hand here, so that a request that hangs on no limit touches no rule.
    pub(crate) permit: Permit,
    pub(crate) limits: Vec<Arc<Limits>>,
}

/// The rules of one addressed function.
#[derive(Debug)]
pub(crate) struct AddressTable {
    pub(crate) cells: Stretches<u32, Cell>,
    /// Whether any permit names the function at all.
    pub(crate) is_permitted: bool,
    /// Whether any `never` names an address of it.
    pub(crate) has_nevers: bool,
}

/// The rules of one unit for one kind of client.
#[derive(Debug)]
pub(crate) struct UnitRules {
    pub(crate) points: Arc<PointIndex>,
    /// One for each of [`ADDRESSED`]; functions that the same rules name share theirs.
    addressed: Vec<Arc<AddressTable>>,
    /// One for each different word: the grammar knows few, however many rules use them.
    plain: Vec<(FunctionSelector, Cell)>,
}

/// All rules of the conduit, and those that match client and unit.
#[derive(Clone, Copy)]
pub(crate) struct Matching<'a> {
    pub(crate) all: &'a [CompiledRule],
    pub(crate) matching: &'a [usize],
}

// === impl UnitRules ===

impl UnitRules {
    pub(crate) fn new(rules: Matching<'_>, points: &Arc<PointIndex>) -> Self {
        let mut built: HashMap<(Table, bool, Vec<usize>), Arc<AddressTable>> = HashMap::new();
        let addressed = ADDRESSED.map(|(code, is_write)| {
            let (table, named) = (table_of(code), rules.naming((code, is_write)));
            let key = (table, is_write, named);
            if let Some(table) = built.get(&key) {
                return Arc::clone(table);
            }
            let new = Arc::new(AddressTable::new(rules, points, &key));
            built.insert(key, Arc::clone(&new));
            new
        });
        Self { points: Arc::clone(points), addressed: addressed.into(), plain: plain(rules) }
    }

    pub(crate) fn addressed(&self, part: &Part) -> Option<&AddressTable> {
        self.addressed.get(part.table_index()?).map(Arc::as_ref)
    }

    /// The cells of a part without addresses, one for each word that covers its function.
    pub(crate) fn plain(&self, part: &Part) -> impl Iterator<Item = &Cell> {
        self.plain.iter().filter(move |(selector, _)| selector.covers(&part.function)).map(|(_, cell)| cell)
    }
}

fn plain(rules: Matching<'_>) -> Vec<(FunctionSelector, Cell)> {
    let mut by_selector: HashMap<FunctionSelector, Vec<usize>> = HashMap::new();
    for (index, rule) in rules.iter() {
        for selector in &rule.functions {
            by_selector.entry(*selector).or_default().push(index);
        }
    }
    let mut shared = Shared::default();
    let cell = |(selector, named): (_, Vec<usize>)| (selector, shared.cell(rules, &named, Vec::new(), None));
    let mut cells: Vec<_> = by_selector.into_iter().map(cell).collect();
    // The same denial for the same request in every run.
    cells.sort_by_key(|(_, cell)| cell.first_rule());
    cells
}

impl Matching<'_> {
    fn iter(&self) -> impl Iterator<Item = (usize, &CompiledRule)> {
        self.matching.iter().filter_map(|index| Some((*index, self.all.get(*index)?)))
    }

    fn has_no_schedule(&self, rule: usize) -> bool {
        self.all.get(rule).is_some_and(|rule| rule.when_id.is_none())
    }

    /// The rules that name an addressed function.
    fn naming(&self, function: (u8, bool)) -> Vec<usize> {
        let part = addressed_part(function);
        let named = |rule: &CompiledRule| part.is_some_and(|part| rule.matches_function(&part));
        self.iter().filter(|(_, rule)| named(rule)).map(|(index, _)| index).collect()
    }
}

// === impl Cell ===

impl Cell {
    fn first_rule(&self) -> usize {
        let permits = self.permits.iter().map(|candidate| candidate.rule);
        self.nevers.iter().copied().chain(permits).min().unwrap_or(usize::MAX)
    }
}

// === impl AddressTable ===

/// What covers a stretch of addresses: rules below, places of points above.
enum Cover {
    Rule(usize),
    Place(Place),
}

impl AddressTable {
    fn new(rules: Matching<'_>, points: &PointIndex, (table, is_write, named): &(Table, bool, Vec<usize>)) -> Self {
        let mut covers = Vec::new();
        for (index, rule) in named.iter().filter_map(|index| Some((*index, rules.all.get(*index)?))) {
            match rule.addresses(*table, points) {
                None => covers.push((0, u16::MAX, Cover::Rule(index))),
                Some(ranges) => {
                    covers.extend(ranges.into_iter().map(|(first, last)| (first, last, Cover::Rule(index))));
                }
            }
        }
        let permits = |cover: &(u16, u16, Cover)| match cover.2 {
            Cover::Rule(index) => rules.all.get(index).is_some_and(CompiledRule::is_permit),
            Cover::Place(_) => false,
        };
        let is_permitted = covers.iter().any(permits);
        if *is_write && is_permitted {
            let places = points.places().iter().filter(|place| place.table == (*table).into());
            covers.extend(places.map(|place| (place.first, place.last, Cover::Place(*place))));
        }
        let cells = cut(rules, points, &covers);
        let has_nevers = cells.cells().iter().any(|cell| !cell.nevers.is_empty());
        Self { cells, is_permitted, has_nevers }
    }
}

fn cut(rules: Matching<'_>, points: &PointIndex, covers: &[(u16, u16, Cover)]) -> Stretches<u32, Cell> {
    let mut shared = Shared::default();
    let bounds = covers.iter().enumerate();
    let bounds = bounds.map(|(id, (first, last, _))| (u32::from(*first), Some(u32::from(*last) + 1), id));
    Stretches::sweep(bounds.collect(), |active| {
        // Covers stand in the order of rules, so that a rule's own follow each other.
        let mut named: Vec<usize> = Vec::new();
        let mut places = Vec::new();
        for (_, _, cover) in active.iter().filter_map(|id| covers.get(*id)) {
            match cover {
                Cover::Rule(index) if named.last() == Some(index) => {}
                Cover::Rule(index) => named.push(*index),
                Cover::Place(place) => places.push(*place),
            }
        }
        shared.cell(rules, &named, places, Some(points))
    })
}

fn table_of(code: u8) -> Table {
    match code {
        1 | 5 | 15 => Table::Coil,
        2 => Table::DiscreteInput,
        4 => Table::InputRegister,
        _ => Table::HoldingRegister,
    }
}

/// Limits merged once for each point and each different set of a rule's own limits.
#[derive(Default)]
struct Shared(HashMap<(usize, Option<usize>), Arc<Limits>>);

impl Shared {
    fn cell(&mut self, rules: Matching<'_>, named: &[usize], places: Vec<Place>, points: Option<&PointIndex>) -> Cell {
        let rule = |index: &usize| rules.all.get(*index).map(|rule| (*index, rule));
        let nevers = named.iter().filter_map(rule).filter(|(_, rule)| !rule.is_permit());
        let mut cell = Cell { nevers: decisive(nevers), places, ..Cell::default() };
        let permits = |essential| {
            let fits = move |rule: &CompiledRule| rule.is_permit() && rule.source.essential == essential;
            named.iter().filter_map(rule).filter(move |(_, rule)| fits(rule))
        };
        let mut seen = HashSet::new();
        for (index, rule) in permits(true).chain(permits(false)) {
            let limits = self.limits(rule, &cell.places, points);
            if !seen.insert((rule.source.essential, rule.when_id, limits.iter().map(Arc::as_ptr).collect::<Vec<_>>())) {
                continue;
            }
            let is_unconditional = rule.when_id.is_none() && cell.places.is_empty();
            let permit = Permit::new(rule.name.clone(), rule.source.essential);
            cell.permits.push(Candidate { rule: index, permit, limits });
            if is_unconditional {
                break;
            }
        }
        let is_free = |first: &&Candidate| first.limits.is_empty() && rules.has_no_schedule(first.rule);
        let first = cell.permits.first().filter(is_free);
        cell.at_once = first.map(|first| first.permit.clone());
        cell
    }

    fn limits(&mut self, rule: &CompiledRule, places: &[Place], points: Option<&PointIndex>) -> Vec<Arc<Limits>> {
        let point = |place: &Place| points.and_then(|points| points.points.get(place.point)).map(|p| (place.point, p));
        let specs = places.iter().filter_map(point);
        let limits = specs.map(|(index, spec)| {
            let own = rule.source.limits.contains_key(&*spec.name).then_some(rule.limits_id).flatten();
            Arc::clone(self.0.entry((index, own)).or_insert_with(|| Arc::new(rule.limits_of(spec))))
        });
        limits.collect()
    }
}

/// One `never` without `when` says all that the others could.
fn decisive<'a>(nevers: impl Iterator<Item = (usize, &'a CompiledRule)>) -> Vec<usize> {
    let mut decisive = Vec::new();
    let mut seen = HashSet::new();
    for (index, rule) in nevers {
        if rule.when_id.is_none() {
            return vec![index];
        }
        if seen.insert(rule.when_id) {
            decisive.push(index);
        }
    }
    decisive
}
