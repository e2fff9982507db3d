//! Checks of what stands in the plant: point maps, servers, units.

use super::{Findings, Flaw};
use crate::document::{Document, Framing, Limits, Line, Point, PointType, Serial, Server, Table};

/// Writes a minute that are remembered for a point: 80 KiB of times; no plant writes a setpoint a hundred times a second.
const PER_MINUTE_MAX: u32 = 6000;

pub(super) fn check(document: &Document, findings: &mut Findings) {
    findings.check_unique(named("point_maps", document.point_maps.iter().map(|map| &map.name)));
    for (index, map) in document.point_maps.iter().enumerate() {
        let place = format!("point_maps[{index}].points");
        findings.check_unique(named(&place, map.points.iter().map(|point| &point.name)));
        for (index, point) in map.points.iter().enumerate() {
            check_point(point, &format!("{place}[{index}]"), findings);
        }
    }
    findings.check_unique(named("servers", document.servers.iter().map(|server| &server.name)));
    findings.check_unique(ports(document));
    for (index, server) in document.servers.iter().enumerate() {
        check_server(document, server, &format!("servers[{index}]"), findings);
    }
}

/// Every serial port: two who hear one would each have half.
fn ports(document: &Document) -> impl Iterator<Item = (String, &String)> {
    let of_lines = document.servers.iter().enumerate().filter_map(|(index, server)| {
        let serial = server.line.as_ref()?.serial.as_ref()?;
        Some((format!("servers[{index}].line.serial.port"), &serial.port))
    });
    let of_clients = document.conduits.iter().enumerate().flat_map(|(index, conduit)| {
        let buses = conduit.listeners.iter().enumerate();
        buses.filter_map(move |(at, listener)| {
            let bus = listener.bus.as_ref()?;
            Some((format!("conduits[{index}].listeners[{at}].bus.serial.port"), &bus.serial.port))
        })
    });
    of_lines.chain(of_clients)
}

fn named<'a>(place: &str, names: impl Iterator<Item = &'a String>) -> impl Iterator<Item = (String, &'a String)> {
    names.enumerate().map(move |(index, name)| (format!("{place}[{index}].name"), name))
}

fn check_point(point: &Point, place: &str, findings: &mut Findings) {
    check_location(point, (point.table, point.address), place, findings);
    for (index, alias) in point.aliases.iter().enumerate() {
        check_location(point, *alias, &format!("{place}.aliases[{index}]"), findings);
    }
    let is_scale = point.scale.is_finite() && point.scale != 0.0;
    findings.check(is_scale, &format!("{place}.scale"), || Flaw::Number(point.scale));
    findings.check(point.offset.is_finite(), &format!("{place}.offset"), || Flaw::Number(point.offset));
    if let Some(limits) = &point.limits {
        check_limits(limits, &format!("{place}.limits"), findings);
    }
}

fn check_location(point: &Point, (table, first): (Table, u16), place: &str, findings: &mut Findings) {
    let is_bits = wire::Table::from(table).is_bits();
    findings.check(is_bits == (point.point_type == PointType::Bit), place, || Flaw::TypeOfTable);
    findings.check(first.checked_add(point.point_type.width() - 1).is_some(), place, || Flaw::PastEnd);
}

/// Limits of a point, or of a rule.
pub(super) fn check_limits(limits: &Limits, place: &str, findings: &mut Findings) {
    if let Some((low, high)) = limits.range {
        let place = format!("{place}.range");
        for bound in [low, high] {
            findings.check(bound.is_finite(), &place, || Flaw::Number(bound));
        }
        findings.check(low <= high, &place, || Flaw::Inverted);
    }
    for (index, value) in limits.allowed.iter().flatten().enumerate() {
        findings.check(value.is_finite(), &format!("{place}.allowed[{index}]"), || Flaw::Number(*value));
    }
    check_distance(limits.max_step, &format!("{place}.max_step"), findings);
    let change = limits.max_change.as_ref();
    check_distance(change.map(|change| change.by), &format!("{place}.max_change.by"), findings);
    let has_window = change.is_none_or(|change| change.in_ms > 0);
    findings.check(has_window, &format!("{place}.max_change.in_ms"), || Flaw::Number(0.0));
    let per_minute = limits.per_minute.unwrap_or(0);
    let place = format!("{place}.per_minute");
    findings.check(per_minute <= PER_MINUTE_MAX, &place, || Flaw::TooMany(PER_MINUTE_MAX as usize));
}

fn check_distance(distance: Option<f64>, place: &str, findings: &mut Findings) {
    if let Some(distance) = distance {
        findings.check(distance.is_finite() && distance >= 0.0, place, || Flaw::Number(distance));
    }
}

fn check_line(line: &Line, place: &str, findings: &mut Findings) {
    let share = line.client_share;
    findings.check((1..=100).contains(&share), &format!("{place}.client_share"), || Flaw::Number(share.into()));
    findings.check(line.pipeline > 0, &format!("{place}.pipeline"), || Flaw::Number(0.0));
    for (index, (_, _, first, last)) in line.side_effects.iter().enumerate() {
        findings.check(first <= last, &format!("{place}.side_effects[{index}]"), || Flaw::PastEnd);
    }
    if let Some(serial) = &line.serial {
        check_serial(serial, &format!("{place}.serial"), findings);
        findings.check(line.framing == Framing::Rtu, &format!("{place}.framing"), || Flaw::Number(0.0));
    }
}

pub(super) fn check_serial(serial: &Serial, place: &str, findings: &mut Findings) {
    let (data_bits, stop_bits) = (serial.data_bits, serial.stop_bits);
    findings.check(serial.baud > 0, &format!("{place}.baud"), || Flaw::Number(0.0));
    findings.check(matches!(data_bits, 7 | 8), &format!("{place}.data_bits"), || Flaw::Number(data_bits.into()));
    findings.check(matches!(stop_bits, 1 | 2), &format!("{place}.stop_bits"), || Flaw::Number(stop_bits.into()));
}

fn check_server(document: &Document, server: &Server, place: &str, findings: &mut Findings) {
    let has_port = server.address.is_some() == (server.port != 0);
    findings.check(has_port, &format!("{place}.port"), || Flaw::Number(server.port.into()));
    let serial = server.line.as_ref().and_then(|line| line.serial.as_ref());
    let has_one_end = server.address.is_some() != serial.is_some();
    findings.check(has_one_end, &format!("{place}.address"), || Flaw::Number(0.0));
    if let Some(line) = &server.line {
        check_line(line, &format!("{place}.line"), findings);
    }
    findings.check(server.reply_timeout_ms != 0, &format!("{place}.reply_timeout_ms"), || Flaw::Number(0.0));
    let units = server.units.iter().enumerate();
    findings.check_unique(units.clone().map(|(index, unit)| (format!("{place}.units[{index}].asset"), &unit.asset)));
    let ids = units.clone().flat_map(|(index, unit)| {
        unit.unit_ids.iter().map(move |id| (format!("{place}.units[{index}].unit_ids"), *id))
    });
    findings.check_unique(ids);
    for (index, unit) in units {
        let place = format!("{place}.units[{index}]");
        let map = unit.point_map.unwrap_or(0);
        let is_map = unit.point_map.is_none() || map < document.point_maps.len();
        findings.check(is_map, &format!("{place}.point_map"), || Flaw::Index(map));
        let names_broadcast = server.gateway && unit.unit_ids.contains(&0);
        findings.check(!names_broadcast, &format!("{place}.unit_ids"), || Flaw::BroadcastUnit);
    }
}
