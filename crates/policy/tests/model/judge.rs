//! The model: slow and obvious, address by address and rule by rule.

use crate::harness::SECOND;
use crate::known::{History, Knowledge, addresses, after, number, places, touches};
use policy::document::{Document, Limits, Point, Rule, RuleKind};
use policy::{Moment, Principal};
use std::net::IpAddr;
use wire::{FunctionSelector, Request};

pub(crate) struct Model<'a> {
    pub(crate) document: &'a Document,
    pub(crate) history: &'a History,
    pub(crate) now: Moment,
}

impl Model<'_> {
    /// `None`: denied. Otherwise whether the request is essential.
    pub(crate) fn decide(&self, request: &Request<'_>, who: &Principal, server: usize, unit_id: u8) -> Option<bool> {
        let gateway = &self.document.servers[server];
        let units = || gateway.units.iter().enumerate();
        if let Some((unit, _)) = units().find(|(_, unit)| unit.unit_ids.contains(&unit_id)) {
            return self.decide_unit(request, who, (server, unit), |rule| self.names_unit(rule, server, unit_id));
        }
        if request.reads().is_some() || request.writes().is_none() {
            return None;
        }
        let ids: Vec<u8> = units().flat_map(|(_, unit)| unit.unit_ids.clone()).chain([0]).collect();
        let names = |rule: &Rule| match rule.kind {
            RuleKind::Never => ids.iter().any(|id| self.names_unit(rule, server, *id)),
            RuleKind::Permit => {
                rule.unit_ids.as_ref().is_some_and(|ids| ids.contains(&0)) && self.names_all(rule, server, &ids)
            }
        };
        let each = units().map(|(unit, _)| self.decide_unit(request, who, (server, unit), names));
        each.reduce(|a, b| Some(a? && b?)).flatten()
    }

    fn names_unit(&self, rule: &Rule, server: usize, id: u8) -> bool {
        let listed = |ids: &Option<Vec<u8>>| ids.as_ref().is_none_or(|ids| ids.contains(&id));
        let target = |targets: &Vec<policy::document::Target>| {
            targets.iter().any(|target| target.server == server && listed(&target.unit_ids))
        };
        listed(&rule.unit_ids) && rule.targets.as_ref().is_none_or(target)
    }

    fn names_all(&self, rule: &Rule, server: usize, ids: &[u8]) -> bool {
        let declared = |listed: &Vec<u8>| listed.contains(&0) || ids.iter().all(|id| *id == 0 || listed.contains(id));
        let target = |targets: &Vec<policy::document::Target>| {
            targets.iter().any(|target| target.server == server && target.unit_ids.as_ref().is_none_or(declared))
        };
        rule.targets.as_ref().is_none_or(target)
    }

    fn decide_unit(
        &self,
        request: &Request<'_>,
        who: &Principal,
        (server, unit): (usize, usize),
        names: impl Fn(&Rule) -> bool,
    ) -> Option<bool> {
        let rules = self.document.conduits[0].rules.iter();
        let rules: Vec<&Rule> = rules.filter(|rule| names(rule) && self.names_client(rule, who)).collect();
        let mut essential = true;
        for part in request.parts() {
            let is_write = part.set == wire::FunctionSet::Write;
            let span = if is_write { request.writes() } else { request.reads() };
            let functions =
                |rule: &&&Rule| rule.functions.iter().any(|word| FunctionSelector::parse(word).unwrap().covers(&part));
            let rules: Vec<&Rule> = rules.iter().filter(functions).copied().collect();
            let places: Vec<Option<(wire::Table, u16)>> = match span {
                Some(span) => addresses(span).map(|address| Some((span.table, address))).collect(),
                None => vec![None],
            };
            for place in places {
                let here = |rule: &&&Rule| place.is_none_or(|place| self.names_address(rule, (server, unit), place));
                let here: Vec<&Rule> = rules.iter().filter(here).copied().collect();
                if here.iter().any(|rule| rule.kind == RuleKind::Never && self.holds(rule, true)) {
                    return None;
                }
                let written = is_write.then_some(request);
                let passes = |rule: &&&Rule| {
                    rule.kind == RuleKind::Permit
                        && self.holds(rule, false)
                        && self.is_within_limits(rule, (server, unit), place, written)
                };
                let passing: Vec<&Rule> = here.iter().filter(passes).copied().collect();
                if passing.is_empty() {
                    return None;
                }
                essential &= passing.iter().any(|rule| rule.essential);
            }
        }
        Some(essential)
    }

    fn names_client(&self, rule: &Rule, who: &Principal) -> bool {
        let client = rule.clients.as_ref().is_none_or(|clients| clients.iter().any(|cidr| in_cidr(cidr, who.address)));
        let role = rule.roles.as_ref().is_none_or(|roles| roles.iter().any(|role| who.role.as_deref() == Some(role)));
        client && role
    }

    fn map(&self, (server, unit): (usize, usize)) -> &[Point] {
        let map = self.document.servers[server].units[unit].point_map;
        map.map_or(&[], |map| &self.document.point_maps[map].points)
    }

    fn names_address(&self, rule: &Rule, unit: (usize, usize), (table, address): (wire::Table, u16)) -> bool {
        if rule.ranges.is_none() && rule.points.is_none() {
            return true;
        }
        let mut ranges = rule.ranges.iter().flatten();
        let in_range =
            ranges.any(|(t, first, last)| wire::Table::from(*t) == table && (*first..=*last).contains(&address));
        let named = self.map(unit).iter().filter(|point| rule.points.iter().flatten().any(|name| *name == point.name));
        let mut places =
            named.flat_map(|point| places(point).into_iter().map(|place| (place, point.point_type.width())));
        in_range || places.any(|((t, first), width)| t == table && (first..first + width).contains(&address))
    }

    /// Hours are whole in these documents, the zone is UTC.
    fn holds(&self, rule: &Rule, without_clock: bool) -> bool {
        let Some(windows) = &rule.when else { return true };
        if !self.now.synchronised {
            return without_clock;
        }
        let seconds = self.now.utc_ns / 1_000_000_000;
        let hour_of_week = (seconds / 3600 + 72) % 168;
        windows.iter().any(|window| {
            let (from, to) = (i64::from(window.from_s) / 3600, i64::from(window.to_s) / 3600);
            let length = if to > from { to - from } else { to + 24 - from };
            window.days.iter().any(|day| {
                let begin = i64::from(*day) * 24 + from;
                (hour_of_week - begin).rem_euclid(168) < length
            })
        })
    }

    fn is_within_limits(
        &self,
        rule: &Rule,
        unit: (usize, usize),
        at: Option<(wire::Table, u16)>,
        written: Option<&Request<'_>>,
    ) -> bool {
        let (Some((table, address)), Some(request)) = (at, written) else { return true };
        self.map(unit).iter().all(|point| {
            let width = point.point_type.width();
            let here = places(point).into_iter();
            let mut here = here.filter(|(t, first)| *t == table && (*first..first + width).contains(&address));
            let limits = limits(point.limits.as_ref(), rule.limits.get(&point.name));
            here.all(|place| self.is_value_good(point, unit, place, (request, &limits)))
        })
    }

    fn is_value_good(
        &self,
        point: &Point,
        (server, unit): (usize, usize),
        place: (wire::Table, u16),
        (request, limits): (&Request<'_>, &Limits),
    ) -> bool {
        let width = point.point_type.width();
        let target = request.writes().unwrap();
        let is_whole = (place.1..place.1 + width).all(|address| addresses(target).contains(&address));
        if !is_whole && !point.partial {
            return false;
        }
        let mut touched = places(point).into_iter().filter(|place| touches(target, *place, width));
        let first = touched.next().and_then(|place| after(request, place, width, None));
        let mut more = touched.map(|place| after(request, place, width, None));
        if *limits != Limits::default() && more.any(|next| next.is_none() || next != first) {
            return false;
        }
        let known = Knowledge::of(point, slot(server, unit), self.history);
        let age_ms = |at: u64| (self.now.monotonic_ns - at) / 1_000_000;
        let fresh = known.last.as_ref().filter(|(_, at)| age_ms(*at) <= limits.max_age_ms.unwrap_or(60_000));
        let registers = match after(request, place, width, None) {
            Some(registers) => registers,
            None if *limits == Limits::default() => return true,
            None => match after(request, place, width, fresh.map(|(old, _)| old.as_slice())) {
                Some(registers) => registers,
                None => return false,
            },
        };
        let value = number(point, &registers);
        let is_near = |other: f64, by: f64| (value - other).abs() <= by + 1e-6;
        let in_window = |ms: u64| known.samples.iter().filter(move |(at, _)| age_ms(*at) <= ms);
        limits.range.is_none_or(|(low, high)| low <= value && value <= high)
            && limits.allowed.as_ref().is_none_or(|allowed| allowed.contains(&value))
            && limits.max_step.is_none_or(|by| fresh.is_some_and(|(old, _)| is_near(number(point, old), by)))
            && limits.max_change.as_ref().is_none_or(|change| {
                let mut samples = in_window(change.in_ms).peekable();
                samples.peek().is_some() && samples.all(|(_, sample)| is_near(*sample, change.by))
            })
            && limits.per_minute.is_none_or(|most| {
                known.writes.iter().filter(|at| self.now.monotonic_ns - **at < 60 * SECOND).count() < most as usize
            })
    }
}

/// Units counted through all servers: ahu, flow-1, flow-2.
fn slot(server: usize, unit: usize) -> usize {
    server + unit
}

fn limits(point: Option<&Limits>, rule: Option<&Limits>) -> Limits {
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
