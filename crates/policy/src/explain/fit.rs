//! How one rule fits one request: operand by operand, with what was wanted and what was found.

use super::{FailedOperand, Inquiry, RuleFit, parts, units_of};
use crate::document::Table;
use crate::function::Part;
use crate::guarding::{Written, check_place};
use crate::points::PointIndex;
use crate::reason::Place as PlaceText;
use crate::rules::CompiledRule;
use crate::schedule::{Holds, wording};
use crate::target::Target;
use std::sync::Arc;
use wire::{Request, Span};

/// A request as rules are held against it.
pub(super) struct Fitting<'a> {
    inquiry: &'a Inquiry<'a>,
    parts: Vec<Part>,
    written: Option<Written>,
    units: Vec<(Target, Arc<PointIndex>)>,
}

// === impl Fitting ===

impl<'a> Fitting<'a> {
    pub(super) fn new(inquiry: &'a Inquiry<'a>, request: &Request<'_>) -> Self {
        let units = inquiry.target.map(|target| units_of(&inquiry.view, target)).unwrap_or_default();
        let points = |target: &Target| Some(Arc::clone(&inquiry.view.compiled.unit(target.unit_slot()?)?.points));
        let units = units.into_iter().filter_map(|target| Some((target, points(&target)?)));
        Self { inquiry, parts: parts(request), written: Written::of(request), units: units.collect() }
    }

    pub(super) fn fit(&self, rule: &CompiledRule) -> RuleFit {
        let mut failed: Vec<FailedOperand> =
            [self.client(rule), self.role(rule), self.server(rule)].into_iter().flatten().collect();
        let place = if rule.is_permit() { self.permits(rule) } else { self.forbids(rule) };
        failed.extend(place);
        failed.extend(self.when(rule));
        RuleFit { rule: rule.name.to_string(), kind: rule.source.kind, matched: failed.is_empty(), failed }
    }

    fn client(&self, rule: &CompiledRule) -> Option<FailedOperand> {
        let client = self.inquiry.question.client;
        let wanted = || rule.source.clients.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        (!rule.matches_client(client)).then(|| failed("client", wanted(), client.to_canonical().to_string()))
    }

    fn role(&self, rule: &CompiledRule) -> Option<FailedOperand> {
        let role = self.inquiry.question.role.as_deref();
        let wanted = || rule.source.roles.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        (!rule.matches_role(role)).then(|| failed("role", wanted(), role.unwrap_or("none").to_owned()))
    }

    fn server(&self, rule: &CompiledRule) -> Option<FailedOperand> {
        let index = self.inquiry.server;
        let servers = &self.inquiry.view.compiled.document.servers;
        let name = |index: usize| servers.get(index).map(|server| server.name.clone()).unwrap_or_default();
        if !rule.matches_server(index) {
            let mut wanted: Vec<_> = rule.source.targets.iter().flatten().map(|target| name(target.server)).collect();
            wanted.dedup();
            return Some(failed("server", wanted.join(", "), name(index)));
        }
        let here = servers.get(index)?;
        let matches = self.inquiry.target.is_some() && rule.matches_unit((index, here), self.inquiry.reach());
        let found = self.inquiry.unit.0.to_string();
        (!matches).then(|| failed("unit_id", self.unit_ids(rule, index), found))
    }

    fn unit_ids(&self, rule: &CompiledRule, server: usize) -> String {
        let targets = rule.source.targets.iter().flatten().filter(|target| target.server == server);
        let listed = rule.source.unit_ids.iter().chain(targets.filter_map(|target| target.unit_ids.as_ref()));
        let ids: Vec<_> = listed.flatten().map(ToString::to_string).collect();
        if ids.is_empty() { "a declared unit id".to_owned() } else { ids.join(", ") }
    }

    /// Function, address and value of a permit: it must name every part, at every address.
    fn permits(&self, rule: &CompiledRule) -> Vec<FailedOperand> {
        let mut failures = Vec::new();
        for part in &self.parts {
            if !rule.matches_function(&part.function) {
                failures.push(failed("function", rule.source.functions.join(", "), part.name().to_owned()));
                continue;
            }
            let span = part.span;
            failures.extend(span.and_then(|span| self.address(rule, |named| covers(named, span), span)));
            if part.is_write {
                failures.extend(self.values(rule));
            }
        }
        failures.dedup();
        failures
    }

    /// Function and address of a `never`: one part, at one address, is enough.
    fn forbids(&self, rule: &CompiledRule) -> Vec<FailedOperand> {
        let mut failures = Vec::new();
        for part in &self.parts {
            if !rule.matches_function(&part.function) {
                failures.push(failed("function", rule.source.functions.join(", "), part.name().to_owned()));
                continue;
            }
            let Some(span) = part.span else {
                return Vec::new();
            };
            match self.address(rule, |named| overlaps(named, span), span) {
                Some(failure) => failures.push(failure),
                None => return Vec::new(),
            }
        }
        failures
    }

    fn address(&self, rule: &CompiledRule, fits: impl Fn(&[(u16, u16)]) -> bool, span: Span) -> Option<FailedOperand> {
        let named = |points: &PointIndex| rule.addresses(document_table(span), points);
        let fits = |points: &PointIndex| named(points).is_none_or(|named| fits(&named));
        let any_or_all = if rule.is_permit() {
            self.units.iter().all(|(_, points)| fits(points))
        } else {
            self.units.iter().any(|(_, points)| fits(points))
        };
        (!any_or_all).then(|| failed("address", address_wording(rule), PlaceText(span).to_string()))
    }

    fn values(&self, rule: &CompiledRule) -> Vec<FailedOperand> {
        let Some(written) = &self.written else {
            return Vec::new();
        };
        let mut failures = Vec::new();
        for (target, points) in &self.units {
            let contradicted = written.contradicted(points);
            for place in points.touching(written.span()) {
                let Some(point) = points.points.get(place.point) else {
                    continue;
                };
                let past = self.inquiry.plant.past(*target, place.point);
                let limits = rule.limits_of(point);
                let checked = check_place((place, point), &limits, (written, &contradicted), past, self.inquiry.now);
                failures.extend(checked.err().map(|reason| {
                    let text = reason.to_string();
                    let found = text.split_once(": ").map_or(text.as_str(), |(_, found)| found);
                    failed("value", reason.wanted(), found.to_owned())
                }));
            }
        }
        failures
    }

    fn when(&self, rule: &CompiledRule) -> Option<FailedOperand> {
        let windows = rule.source.when.as_ref()?;
        let found = match self.inquiry.view.compiled.time_zone.holds(windows, self.inquiry.now) {
            Holds::Yes => return None,
            Holds::NoClock if !rule.is_permit() => return None,
            Holds::No(local) => local.to_string(),
            Holds::NoClock => "no valid clock".to_owned(),
        };
        Some(failed("when", wording(windows), found))
    }
}

fn failed(operand: &'static str, wanted: String, found: String) -> FailedOperand {
    FailedOperand { operand, wanted, found }
}

fn overlaps(named: &[(u16, u16)], span: Span) -> bool {
    named.iter().any(|(first, last)| *first <= span.range.last() && span.range.first() <= *last)
}

/// Whether the named ranges together hold every address of the span.
fn covers(named: &[(u16, u16)], span: Span) -> bool {
    (span.range.first()..=span.range.last())
        .all(|address| named.iter().any(|(first, last)| (*first..=*last).contains(&address)))
}

fn document_table(span: Span) -> Table {
    match span.table {
        wire::Table::Coil => Table::Coil,
        wire::Table::DiscreteInput => Table::DiscreteInput,
        wire::Table::InputRegister => Table::InputRegister,
        wire::Table::HoldingRegister => Table::HoldingRegister,
    }
}

fn address_wording(rule: &CompiledRule) -> String {
    let range = |(table, first, last): &(Table, u16, u16)| {
        let table = wire::Table::from(*table).name();
        if first == last { format!("{table} {first}") } else { format!("{table} {first}-{last}") }
    };
    let ranges = rule.source.ranges.iter().flatten().map(range);
    let words: Vec<_> = ranges.chain(rule.source.points.iter().flatten().cloned()).collect();
    if words.is_empty() { "no address".to_owned() } else { words.join(", ") }
}
