//! A conduit's rules, ready to be matched: prefixes and functions parsed, equal conditions numbered.

use crate::document::{Answer, Conduit, Limits, Rule, RuleKind, Server, Table};
use crate::points::{PointIndex, PointSpec};
use crate::prefix::{ClientClasses, Prefix};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use wire::{FunctionPart, FunctionSelector};

/// A conduit, compiled.
#[derive(Debug)]
pub(crate) struct ConduitRules {
    pub(crate) name: Arc<str>,
    pub(crate) denial: Answer,
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) classes: ClientClasses,
    /// Roles that any rule names, sorted.
    roles: Vec<String>,
}

/// A rule, compiled.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) name: Arc<str>,
    pub(crate) source: Rule,
    pub(crate) clients: Option<Vec<Prefix>>,
    pub(crate) functions: Vec<FunctionSelector>,
    /// Rules with equal `when` have equal numbers.
    pub(crate) when_id: Option<usize>,
    /// Rules with equal `limits` have equal numbers.
    pub(crate) limits_id: Option<usize>,
}

/// What a unit id reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Unit(u8),
    /// Every unit behind the gateway.
    Broadcast,
}

// === impl ConduitRules ===

impl ConduitRules {
    pub(crate) fn new(conduit: &Conduit) -> Self {
        let mut numbers = Numbers::default();
        let rules: Vec<_> = conduit.rules.iter().map(|rule| CompiledRule::new(rule, &mut numbers)).collect();
        let classes = ClientClasses::new(rules.iter().filter_map(|rule| rule.clients.as_ref()).flatten());
        let roles: BTreeSet<_> = conduit.rules.iter().filter_map(|rule| rule.roles.as_ref()).flatten().collect();
        Self {
            name: conduit.name.as_str().into(),
            denial: conduit.denial,
            classes,
            roles: roles.into_iter().cloned().collect(),
            rules,
        }
    }

    /// The number of a role that some rule names.
    pub(crate) fn role_number(&self, role: Option<&str>) -> Option<usize> {
        let role = role?;
        self.roles.binary_search_by(|known| known.as_str().cmp(role)).ok()
    }
}

/// Numbers for conditions, equal for equal ones.
#[derive(Debug, Default)]
struct Numbers(HashMap<String, usize>);

impl Numbers {
    fn of(&mut self, condition: &impl std::fmt::Debug) -> usize {
        let next = self.0.len();
        *self.0.entry(format!("{condition:?}")).or_insert(next)
    }
}

// === impl CompiledRule ===

impl CompiledRule {
    fn new(rule: &Rule, numbers: &mut Numbers) -> Self {
        let prefixes = |texts: &Vec<String>| texts.iter().filter_map(|text| Prefix::parse(text)).collect();
        Self {
            name: rule.name.as_str().into(),
            clients: rule.clients.as_ref().map(prefixes),
            functions: rule.functions.iter().filter_map(|text| FunctionSelector::parse(text).ok()).collect(),
            when_id: rule.when.as_ref().map(|when| numbers.of(when)),
            limits_id: (!rule.limits.is_empty()).then(|| numbers.of(&rule.limits)),
            source: rule.clone(),
        }
    }

    pub(crate) fn is_permit(&self) -> bool {
        self.source.kind == RuleKind::Permit
    }

    pub(crate) fn matches_function(&self, part: &FunctionPart) -> bool {
        self.functions.iter().any(|selector| selector.covers(part))
    }

    pub(crate) fn matches_client(&self, client: IpAddr) -> bool {
        self.clients.as_ref().is_none_or(|clients| clients.iter().any(|prefix| prefix.contains(client)))
    }

    pub(crate) fn matches_role(&self, role: Option<&str>) -> bool {
        let carries = |roles: &Vec<String>| role.is_some_and(|role| roles.iter().any(|one| one == role));
        self.source.roles.as_ref().is_none_or(carries)
    }

    pub(crate) fn matches_server(&self, server: usize) -> bool {
        self.source.targets.as_ref().is_none_or(|targets| targets.iter().any(|target| target.server == server))
    }

    pub(crate) fn matches_unit(&self, (index, server): (usize, &Server), reach: Reach) -> bool {
        match reach {
            Reach::Unit(unit_id) => self.names_unit(index, unit_id),
            Reach::Broadcast if self.is_permit() => self.names_broadcast(index, server),
            // What must never reach one unit must not reach it by broadcast.
            Reach::Broadcast => unit_ids(server).chain([0]).any(|unit_id| self.names_unit(index, unit_id)),
        }
    }

    fn names_unit(&self, server: usize, unit_id: u8) -> bool {
        let listed = |ids: &Option<Vec<u8>>| ids.as_ref().is_none_or(|ids| ids.contains(&unit_id));
        let targets = self.source.targets.as_ref();
        listed(&self.source.unit_ids)
            && targets
                .is_none_or(|targets| targets.iter().any(|target| target.server == server && listed(&target.unit_ids)))
    }

    /// A rule for some units of a gateway does not reach the others by broadcast.
    fn names_broadcast(&self, index: usize, server: &Server) -> bool {
        let all = |ids: &Vec<u8>| ids.contains(&0) || unit_ids(server).all(|unit_id| ids.contains(&unit_id));
        let targets = self.source.targets.as_ref();
        self.source.unit_ids.as_ref().is_some_and(|ids| ids.contains(&0))
            && targets.is_none_or(|targets| {
                let here = targets.iter().filter(|target| target.server == index);
                here.into_iter().any(|target| target.unit_ids.as_ref().is_none_or(all))
            })
    }

    /// The addresses it names in a table of a unit; `None`: all.
    pub(crate) fn addresses(&self, table: Table, points: &PointIndex) -> Option<Vec<(u16, u16)>> {
        if self.source.ranges.is_none() && self.source.points.is_none() {
            return None;
        }
        let ranges = self.source.ranges.iter().flatten().filter(|range| range.0 == table);
        let mut named: Vec<_> = ranges.map(|(_, first, last)| (*first, *last)).collect();
        if let Some(names) = &self.source.points {
            let places = points.places().iter().filter(|place| place.table == table.into());
            let meant = |point: usize| {
                points.points.get(point).is_some_and(|point| names.iter().any(|name| **name == *point.name))
            };
            named.extend(places.filter(|place| meant(place.point)).map(|place| (place.first, place.last)));
        }
        Some(named)
    }

    /// The limits in force for a point under this rule.
    pub(crate) fn limits_of(&self, point: &PointSpec) -> Limits {
        point.limits_under(self.source.limits.get(&*point.name))
    }
}

fn unit_ids(server: &Server) -> impl Iterator<Item = u8> {
    server.units.iter().flat_map(|unit| unit.unit_ids.iter().copied())
}
