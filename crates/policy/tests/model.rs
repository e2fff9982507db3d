//! Invariant tested: a verdict is what a slow and obvious model says, address by address and rule by rule.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a model is a test, outside `#[test]`")]

mod harness;

use harness::{SECOND, document, span};
use policy::document::{Document, Limits, Point, PointType, Rule, RuleKind, Table};
use policy::{Moment, Plant, Policy, Principal, Verdict, View};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use wire::{FunctionSelector, Request, Span, UnitId, build, parse_request};

// === the model ===

/// All that ever happened, in order.
#[derive(Default)]
struct History(Vec<(u64, usize, What)>);

enum What {
    Read(Span, Vec<u16>),
    Write(Vec<u8>),
    Failed(Span),
}

/// What the model knows of one point.
#[derive(Default)]
struct Knowledge {
    last: Option<(Vec<u16>, u64)>,
    samples: Vec<(u64, f64)>,
    writes: Vec<u64>,
}

struct Model<'a> {
    document: &'a Document,
    history: &'a History,
    now: Moment,
}

/// Where a point stands: its own address and its aliases'.
fn places(point: &Point) -> Vec<(wire::Table, u16)> {
    let all = std::iter::once((point.table, point.address)).chain(point.aliases.iter().copied());
    all.map(|(table, first)| (table.into(), first)).collect()
}

fn addresses(span: Span) -> std::ops::RangeInclusive<u16> {
    span.range.first()..=span.range.last()
}

/// Big-endian only: orders have tests of their own.
fn number(point: &Point, registers: &[u16]) -> f64 {
    let raw = registers.iter().fold(0_u32, |bits, register| bits << 16 | u32::from(*register));
    let raw = if point.point_type == PointType::Bit { raw & 1 } else { raw };
    f64::from(raw) * point.scale + point.offset
}

/// The registers a place holds after a write; `None` where they cannot be told.
fn after(
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

fn touches(span: Span, (table, first): (wire::Table, u16), width: u16) -> bool {
    span.table == table && addresses(span).any(|address| (first..first + width).contains(&address))
}

impl Knowledge {
    fn of(point: &Point, unit: usize, history: &History) -> Self {
        let mut known = Self::default();
        let width = point.point_type.width();
        for (at, _, what) in history.0.iter().filter(|(_, happened_to, _)| *happened_to == unit) {
            match what {
                What::Read(span, values) => known.read(point, *span, values, *at),
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

    fn read(&mut self, point: &Point, span: Span, values: &[u16], at: u64) {
        let width = point.point_type.width();
        for place in places(point).into_iter().filter(|place| touches(span, *place, width)) {
            let seen = |address: u16| {
                addresses(span).contains(&address).then(|| values[usize::from(address - span.range.first())])
            };
            let registers: Vec<_> = (place.1..place.1 + width).map(seen).collect();
            if let Some(whole) = registers.iter().copied().collect::<Option<Vec<u16>>>() {
                self.samples.push((at, number(point, &whole)));
                self.last = Some((whole, at));
                continue;
            }
            let differs = |(old, _): &(Vec<u16>, u64)| {
                old.iter().zip(&registers).any(|(old, new)| new.is_some_and(|new| new != *old))
            };
            if self.last.as_ref().is_some_and(differs) {
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

impl Model<'_> {
    /// `None`: denied. Otherwise whether the request is essential.
    fn decide(&self, request: &Request<'_>, who: &Principal, server: usize, unit_id: u8) -> Option<bool> {
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

// === what is tried ===

const FUNCTIONS: [&str; 12] =
    ["read", "write", "3", "6", "16", "22", "23", "24", "diagnostics", "8/4", "identify.server_id", "umas"];
const CLIENTS: [&str; 5] = ["10.0.0.0/24", "10.0.0.5/32", "0.0.0.0/0", "fd00::/8", "10.0.0.4/31"];
const ADDRESSES: [&str; 4] = ["10.0.0.5", "10.0.0.9", "::ffff:10.0.0.4", "fd00::1"];
const TABLES: [Table; 3] = [Table::Coil, Table::InputRegister, Table::HoldingRegister];
const POINTS: [&str; 4] = ["a", "b", "c", "d"];

fn maybe<T: std::fmt::Debug + Clone + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![2 => Just(None), 1 => strategy.prop_map(Some)]
}

fn some_of<T: std::fmt::Debug + Clone + 'static>(all: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    let most = all.len().min(3);
    prop::sample::subsequence(all.to_vec(), 0..=most)
}

fn any_limits() -> impl Strategy<Value = Value> {
    let range = maybe((0..4_u8, 2..9_u8).prop_filter("ordered", |(low, high)| low <= high));
    let allowed = maybe(prop::collection::vec(0..6_u8, 0..4));
    let change = maybe((0..4_u8, prop::sample::select(vec![5_000_u32, 40_000, 100_000])));
    (range, allowed, maybe(0..4_u8), change, maybe(0..3_u8), maybe(prop::sample::select(vec![0_u32, 20_000, 90_000])))
        .prop_map(|(range, allowed, max_step, change, per_minute, max_age_ms)| {
            let change = change.map(|(by, in_ms)| json!({"by": by, "in_ms": in_ms}));
            json!({"range": range, "allowed": allowed, "max_step": max_step, "max_change": change,
                   "per_minute": per_minute, "max_age_ms": max_age_ms})
        })
}

fn any_points() -> impl Strategy<Value = Value> {
    let one = || (maybe(any_limits()), any::<bool>());
    [one(), one(), one(), one()].prop_map(|[a, b, c, d]| {
        json!([
            {"name": "a", "table": "holding_register", "address": 1, "type": "uint16", "limits": a.0, "partial": a.1},
            {"name": "b", "table": "holding_register", "address": 3, "type": "uint32", "limits": b.0, "partial": b.1,
             "aliases": [["holding_register", 6], ["input_register", 2]]},
            {"name": "c", "table": "coil", "address": 2, "type": "bit", "limits": c.0, "partial": c.1},
            {"name": "d", "table": "holding_register", "address": 9, "type": "uint16", "offset": 1.0,
             "limits": d.0, "partial": d.1, "aliases": [["holding_register", 4]]},
        ])
    })
}

fn any_rule() -> impl Strategy<Value = Value> {
    let functions = prop::sample::subsequence(FUNCTIONS.to_vec(), 1..4);
    let range = (prop::sample::select(TABLES.to_vec()), 0..10_u16, 0..6_u16);
    let range = range.prop_map(|(table, first, more)| json!([wire::Table::from(table).name(), first, first + more]));
    let target = (0..2_usize, any::<bool>());
    let target = target.prop_map(|(server, all)| match (server, all) {
        (_, true) => json!({"server": server}),
        (0, false) => json!({"server": 0, "unit_ids": [1]}),
        (_, false) => json!({"server": 1, "unit_ids": [11]}),
    });
    let window = (some_of(&[0_u8, 1, 6]), 0..24_u32, 1..24_u32).prop_filter("days", |(days, ..)| !days.is_empty());
    let window = window.prop_map(
        |(days, from, length)| json!({"days": days, "from_s": from * 3600, "to_s": (from + length) % 24 * 3600}),
    );
    let who = (maybe(some_of(&CLIENTS)), maybe(some_of(&["operator", "engineer"])));
    let what = (functions, maybe(prop::collection::vec(range, 0..3)), maybe(some_of(&POINTS)));
    let place = (maybe(prop::collection::vec(target, 0..3)), maybe(some_of(&[0_u8, 1, 11, 12])));
    let how = (prop::bool::weighted(0.85), any::<bool>(), maybe((0..4_usize, any_limits())));
    (who, what, place, how, maybe(prop::collection::vec(window, 0..3))).prop_map(|(who, what, place, how, when)| {
        let (is_permit, essential, limits) = how;
        let limits = limits.filter(|_| is_permit).map(|(point, limits)| json!({POINTS[point]: limits}));
        json!({"kind": if is_permit { "permit" } else { "never" }, "essential": essential && is_permit,
               "clients": who.0, "roles": who.1, "functions": what.0, "ranges": what.1, "points": what.2,
               "targets": place.0, "unit_ids": place.1, "when": when, "limits": limits.unwrap_or(json!({}))})
    })
}

fn any_pdu() -> impl Strategy<Value = Vec<u8>> {
    let registers = prop::collection::vec(0..6_u16, 1..5);
    let coils = prop::collection::vec(any::<bool>(), 1..4);
    let mask = prop::sample::select(vec![0_u16, 0xFFFE, 0xFFFF, 0x0003]);
    prop_oneof![
        (prop::sample::select(TABLES.to_vec()), 0..10_u16, 1..6_u16).prop_map(|(t, f, q)| build::read(t.into(), f, q)),
        (0..10_u16, 0..6_u16).prop_map(|(address, value)| build::write_single_register(address, value)),
        (0..10_u16, registers.clone()).prop_map(|(first, values)| build::write_registers(first, &values)),
        (0..4_u16, any::<bool>()).prop_map(|(address, on)| build::write_single_coil(address, on)),
        (0..4_u16, coils).prop_map(|(first, coils)| build::write_coils(first, &coils)),
        (0..10_u16, mask, 0..4_u16).prop_map(|(address, and, or)| build::mask_write_register(address, and, or)),
        (0..9_u16, 0..9_u16, registers).prop_map(|(r, w, values)| build::read_write_registers(r, 2, w, &values)),
        prop::sample::select(vec![vec![17], vec![24, 0, 3], vec![90, 0, 4], vec![7]]),
        prop::sample::select(vec![1, 4]).prop_map(|sub| build::diagnostics(sub, 0)),
    ]
}

/// One step of a talk: what is seen of the plant, then what a client asks.
#[derive(Clone, Debug)]
struct Step {
    wait_s: u64,
    synchronised: bool,
    read: Option<(Table, u16, Vec<u16>)>,
    client: usize,
    role: Option<&'static str>,
    unit: u8,
    pdu: Vec<u8>,
    fails: bool,
}

fn any_step() -> impl Strategy<Value = Step> {
    let read = (prop::sample::select(TABLES.to_vec()), 0..10_u16, prop::collection::vec(0..6_u16, 1..6));
    let unit = prop::sample::select(vec![1_u8, 255, 11, 12, 0]);
    let role = maybe(prop::sample::select(vec!["operator", "engineer"]));
    let world = (prop::sample::select(vec![0_u64, 1, 15, 45, 7200]), prop::bool::weighted(0.9), maybe(read));
    (world, (0..4_usize, role), unit, any_pdu(), prop::bool::weighted(0.1)).prop_map(
        |(world, who, unit, pdu, fails)| {
            let (wait_s, synchronised, read) = world;
            Step { wait_s, synchronised, read, client: who.0, role: who.1, unit, pdu, fails }
        },
    )
}

/// The policy beside its model.
struct Pair {
    policy: Policy,
    plant: Plant,
    history: History,
    now: Moment,
}

impl Pair {
    fn step(&mut self, step: &Step) {
        self.now.monotonic_ns += step.wait_s * SECOND;
        self.now.utc_ns += i64::try_from(step.wait_s * SECOND).unwrap();
        self.now.synchronised = step.synchronised;
        let who = Principal { address: ADDRESSES[step.client].parse().unwrap(), role: step.role.map(Into::into) };
        let view = self.policy.view(0, 1, &who);
        self.see(&view, step);
        let request = parse_request(&step.pdu, false).unwrap();
        let target = view.target(UnitId(step.unit)).unwrap();
        let verdict = view.decide(&request, target, UnitId(step.unit), &self.plant, self.now);
        let model = Model { document: self.policy.document(), history: &self.history, now: self.now };
        let expected = model.decide(&request, &who, target.server(), step.unit);
        let actual = match &verdict {
            Verdict::Permit(permit) => Some(permit.is_essential()),
            Verdict::Deny(_) => None,
        };
        assert_eq!(actual, expected, "{step:?} {verdict:?}");
        if actual.is_some() && request.writes().is_some() {
            self.plant.value_forwarded(target, &request, self.now);
            let units = units(step.unit);
            self.history
                .0
                .extend(units.iter().map(|unit| (self.now.monotonic_ns, *unit, What::Write(step.pdu.clone()))));
            if step.fails {
                self.plant.forget_written(target, &request);
                let failed = |unit: &usize| (self.now.monotonic_ns, *unit, What::Failed(request.writes().unwrap()));
                self.history.0.extend(units.iter().map(failed));
            }
        }
    }

    fn see(&mut self, view: &Arc<View>, step: &Step) {
        let Some((table, first, values)) = step.read.as_ref().filter(|_| step.unit != 0) else { return };
        let values: Vec<u16> =
            values.iter().map(|value| if *table == Table::Coil { value % 2 } else { *value }).collect();
        let span = span((*table).into(), *first, u16::try_from(values.len()).unwrap());
        self.plant.observe_read(view.target(UnitId(step.unit)).unwrap(), span, &values, self.now);
        self.history.0.push((self.now.monotonic_ns, units(step.unit)[0], What::Read(span, values)));
    }
}

fn units(unit_id: u8) -> &'static [usize] {
    match unit_id {
        0 => &[1, 2],
        11 => &[1],
        12 => &[2],
        _ => &[0],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_verdict_is_the_models(
        points in any_points(),
        rules in prop::collection::vec(any_rule(), 0..9),
        steps in prop::collection::vec(any_step(), 1..12),
    ) {
        talk(points, &rules, &steps);
    }

    #[test]
    fn every_limit_remembers_what_the_model_does(
        points in any_points(),
        limits in maybe((0..4_usize, any_limits())),
        steps in prop::collection::vec(any_step(), 20..60),
    ) {
        let limits = limits.map_or(json!({}), |(point, limits)| json!({POINTS[point]: limits}));
        let rules = [json!({"kind": "permit", "functions": ["read", "write"], "limits": limits})];
        let busy = |step: Step| Step { unit: 1, wait_s: step.wait_s % 7200, client: 0, ..step };
        talk(points, &rules, &steps.into_iter().map(busy).collect::<Vec<_>>());
    }
}

fn talk(points: Value, rules: &[Value], steps: &[Step]) {
    let named = |(index, rule): (usize, &Value)| {
        let mut rule = rule.clone();
        rule["name"] = json!(format!("rule-{index}"));
        rule
    };
    let rules: Vec<Value> = rules.iter().enumerate().map(named).collect();
    let policy = Policy::parse(document(points, json!(rules)).to_string().as_bytes()).unwrap();
    let utc_ns = harness::MONDAY_NOON_S * 1_000_000_000;
    let now = Moment { monotonic_ns: 1_000_000 * SECOND, utc_ns, synchronised: true };
    let mut pair = Pair { plant: Plant::new(&policy), policy, history: History::default(), now };
    for step in steps {
        pair.step(step);
    }
}
