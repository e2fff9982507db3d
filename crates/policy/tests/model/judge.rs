//! The model: slow and obvious, address by address and rule by rule.

use crate::hits::hit;
use crate::known::{History, Knowledge, addresses, places};
use crate::limited::{Touch, limits};
use crate::week::is_its_time;
use policy::document::{Document, Point, Rule, RuleKind, Target};
use policy::{Moment, Principal};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use wire::{FunctionPart, FunctionSelector, FunctionSet, Request, Table};

pub(crate) struct Model<'a> {
    pub(crate) document: &'a Document,
    pub(crate) history: &'a History,
    pub(crate) now: Moment,
}

/// What may be said of a request that passes: whether it is essential, and the rules that let some of it through.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    pub(crate) is_essential: bool,
    pub(crate) rules: BTreeSet<String>,
}

/// What may be said of one that does not: words, each with the rule that it is about.
pub(crate) type Refusal = BTreeSet<(&'static str, Option<String>)>;

type Decision = Result<Passage, Refusal>;

/// One thing a request does at one address, or without any.
struct Deed<'a> {
    part: FunctionPart,
    place: Option<(Table, u16)>,
    written: Option<&'a Request<'a>>,
}

// === impl Model ===

impl Model<'_> {
    /// Unit ids of direct servers are ordinary, 0 too; else 0 is all that stands behind the one gateway.
    pub(crate) fn decide(&self, request: &Request<'_>, who: &Principal, unit_id: u8) -> Decision {
        let units = |server: usize| self.document.servers[server].units.iter().enumerate();
        for server in 0..self.document.servers.len() {
            if let Some((unit, _)) = units(server).find(|(_, unit)| unit.unit_ids.contains(&unit_id)) {
                return self.decide_unit(request, who, (server, unit), |rule| names_unit(rule, server, unit_id));
            }
        }
        let gateway = self.document.servers.iter().position(|server| server.gateway).filter(|_| unit_id == 0);
        let Some(server) = gateway else { return Err([("unit_undeclared", None)].into()) };
        if request.reads().is_some() || request.writes().is_none() {
            return Err([("broadcast", None)].into());
        }
        let ids: Vec<u8> = units(server).flat_map(|(_, unit)| unit.unit_ids.clone()).chain([0]).collect();
        let names = |rule: &Rule| match rule.kind {
            RuleKind::Never => ids.iter().any(|id| names_unit(rule, server, *id)),
            RuleKind::Permit => {
                rule.unit_ids.as_ref().is_some_and(|ids| ids.contains(&0)) && names_all(rule, server, &ids)
            }
        };
        let each = units(server).map(|(unit, _)| self.decide_unit(request, who, (server, unit), names));
        each.reduce(both).unwrap().map_err(|mut refusal| {
            // A rule for unit id 0 that does not name the function is none for it.
            refusal.insert(("broadcast", None));
            refusal
        })
    }

    fn decide_unit(
        &self,
        request: &Request<'_>,
        who: &Principal,
        unit: (usize, usize),
        names: impl Fn(&Rule) -> bool,
    ) -> Decision {
        let rules = self.document.conduits[0].rules.iter();
        let rules: Vec<&Rule> = rules.filter(|rule| names(rule) && names_client(rule, who)).collect();
        let named = |deed: &Deed<'_>| {
            let is_named = |rule: &&&Rule| names_function(rule, &deed.part) && self.names_place(rule, unit, deed.place);
            rules.iter().filter(is_named).copied().collect::<Vec<_>>()
        };
        let deeds = deeds(request);
        let nevers = deeds.iter().flat_map(&named).filter(|rule| rule.kind == RuleKind::Never);
        let nevers = nevers.filter(|rule| is_its_time(rule, self.offsets(), self.now) != Some(false));
        let nevers: Refusal = nevers.map(|rule| ("never", Some(rule.name.clone()))).collect();
        if !nevers.is_empty() {
            return Err(nevers);
        }
        let each = deeds.iter().map(|deed| self.decide_deed(deed, &named(deed), unit));
        let whole = each.reduce(both).unwrap();
        if let Ok(passage) = &whole {
            hit("several rules together", passage.rules.len() > 1 && !self.one_is_enough(&rules, &deeds, unit));
        }
        whole
    }

    /// For the count of what was reached: one rule alone permits each deed.
    fn one_is_enough(&self, rules: &[&Rule], deeds: &[Deed<'_>], unit: (usize, usize)) -> bool {
        let permits = |rule: &Rule, deed: &Deed<'_>| {
            names_function(rule, &deed.part)
                && self.names_place(rule, unit, deed.place)
                && self.decide_deed(deed, &[rule], unit).is_ok()
        };
        rules.iter().any(|rule| deeds.iter().all(|deed| permits(rule, deed)))
    }

    fn decide_deed(&self, deed: &Deed<'_>, rules: &[&Rule], unit: (usize, usize)) -> Decision {
        let mut passage = Passage::default();
        let mut refusal = Refusal::new();
        for rule in rules.iter().filter(|rule| rule.kind == RuleKind::Permit) {
            let broken = match is_its_time(rule, self.offsets(), self.now) {
                Some(true) => self.broken_limits(rule, unit, deed),
                Some(false) => [("when", None)].into(),
                None => [("clock_invalid", None)].into(),
            };
            if broken.is_empty() {
                passage.is_essential |= rule.essential;
                passage.rules.insert(rule.name.clone());
                hit("its hours", rule.when.is_some());
                hit("own limits let it pass", rule.limits.values().any(|own| own.range.is_some()));
            }
            refusal.extend(broken);
        }
        if !passage.rules.is_empty() {
            return Ok(passage);
        }
        if refusal.is_empty() {
            refusal.insert(("no_rule", None));
        }
        Err(refusal)
    }

    fn offsets(&self) -> &[(i64, i32)] {
        &self.document.utc_offsets
    }

    fn map(&self, (server, unit): (usize, usize)) -> &[Point] {
        let map = self.document.servers[server].units[unit].point_map;
        map.map_or(&[], |map| &self.document.point_maps[map].points)
    }

    fn names_place(&self, rule: &Rule, unit: (usize, usize), place: Option<(Table, u16)>) -> bool {
        let Some((table, address)) = place.filter(|_| rule.ranges.is_some() || rule.points.is_some()) else {
            return true;
        };
        let mut ranges = rule.ranges.iter().flatten();
        let in_range = ranges.any(|(t, first, last)| Table::from(*t) == table && (*first..=*last).contains(&address));
        let named = self.map(unit).iter().filter(|point| rule.points.iter().flatten().any(|name| *name == point.name));
        let mut in_points = named.filter(|point| stands_at(point, (table, address)).next().is_some());
        in_range || in_points.next().is_some()
    }

    fn broken_limits(&self, rule: &Rule, unit: (usize, usize), deed: &Deed<'_>) -> Refusal {
        let (Some(place), Some(request)) = (deed.place, deed.written) else { return Refusal::new() };
        let mut refusal = Refusal::new();
        for point in self.map(unit) {
            let limits = limits(point.limits.as_ref(), rule.limits.get(&point.name));
            for place in stands_at(point, place) {
                let known = &Knowledge::of(point, slot(unit), self.history);
                let touch = Touch { point, place, request, known, now: self.now };
                refusal.extend(touch.broken(&limits).into_iter().map(|word| (word, Some(rule.name.clone()))));
                hit("alias", place.1 != point.address);
            }
        }
        refusal
    }
}

fn deeds<'a>(request: &'a Request<'a>) -> Vec<Deed<'a>> {
    let one = |part: FunctionPart| {
        let is_write = part.set == FunctionSet::Write;
        let span = if is_write { request.writes() } else { request.reads() };
        let places = match span {
            Some(span) => addresses(span).map(|address| Some((span.table, address))).collect(),
            None => vec![None],
        };
        places.into_iter().map(move |place| Deed { part, place, written: is_write.then_some(request) })
    };
    request.parts().flat_map(one).collect()
}

/// All of it must pass; what may be said of a refusal is whatever may be said of any part.
fn both(one: Decision, other: Decision) -> Decision {
    match (one, other) {
        (Ok(mut one), Ok(other)) => {
            one.is_essential &= other.is_essential;
            one.rules.extend(other.rules);
            Ok(one)
        }
        (Err(mut one), Err(other)) => {
            one.extend(other);
            Err(one)
        }
        (Err(refusal), Ok(_)) | (Ok(_), Err(refusal)) => Err(refusal),
    }
}

/// The places of a point that an address is part of.
fn stands_at(point: &Point, (table, address): (Table, u16)) -> impl Iterator<Item = (Table, u16)> {
    let width = point.point_type.width();
    places(point).into_iter().filter(move |(t, first)| *t == table && (*first..first + width).contains(&address))
}

fn names_function(rule: &Rule, part: &FunctionPart) -> bool {
    rule.functions.iter().any(|word| selector(word).covers(part))
}

thread_local! {
    /// The few words there are, read once: the model asks for them at each address.
    static SELECTORS: RefCell<HashMap<String, FunctionSelector>> = RefCell::default();
}

fn selector(word: &str) -> FunctionSelector {
    SELECTORS.with_borrow_mut(|known| {
        if let Some(selector) = known.get(word) {
            return *selector;
        }
        let selector = FunctionSelector::parse(word).unwrap();
        known.insert(word.into(), selector);
        selector
    })
}

fn names_unit(rule: &Rule, server: usize, id: u8) -> bool {
    let listed = |ids: &Option<Vec<u8>>| ids.as_ref().is_none_or(|ids| ids.contains(&id));
    let target =
        |targets: &Vec<Target>| targets.iter().any(|target| target.server == server && listed(&target.unit_ids));
    listed(&rule.unit_ids) && rule.targets.as_ref().is_none_or(target)
}

fn names_all(rule: &Rule, server: usize, ids: &[u8]) -> bool {
    let declared = |listed: &Vec<u8>| listed.contains(&0) || ids.iter().all(|id| *id == 0 || listed.contains(id));
    let target = |targets: &Vec<Target>| {
        targets.iter().any(|target| target.server == server && target.unit_ids.as_ref().is_none_or(declared))
    };
    rule.targets.as_ref().is_none_or(target)
}

pub(crate) fn names_client(rule: &Rule, who: &Principal) -> bool {
    let client = rule.clients.as_ref().is_none_or(|clients| clients.iter().any(|cidr| in_cidr(cidr, who.address)));
    let role = rule.roles.as_ref().is_none_or(|roles| roles.iter().any(|role| who.role.as_deref() == Some(role)));
    hit("client and role", client && role && rule.clients.is_some() && rule.roles.is_some());
    hit("client without its role", client && !role && rule.clients.is_some());
    client && role
}

/// Units counted through all servers: ahu, flow-1, flow-2.
fn slot((server, unit): (usize, usize)) -> usize {
    server + unit
}

fn in_cidr(cidr: &str, client: IpAddr) -> bool {
    let (network, length) = cidr.split_once('/').unwrap();
    let bits = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (network, client) = (bits(network.parse().unwrap()), bits(client));
    let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    network.len() == client.len() && (0..length.parse().unwrap()).all(|at| bit(&network, at) == bit(&client, at))
}
