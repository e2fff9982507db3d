//! Checks of conduits: listeners, budgets, rules.

use super::plant::{check_limits, check_serial};
use super::{Findings, Flaw};
use crate::document::{Conduit, Document, Listener, Rule, RuleKind, Target, Window, is_of_port};
use crate::prefix::Prefix;
use std::net::SocketAddr;
use wire::FunctionSelector;

/// A session numbers its servers in one byte, and a count of them fits one too. No bus has more units.
const SERVERS_MAX: usize = 255;

pub(super) fn check(document: &Document, findings: &mut Findings) {
    let conduits = || document.conduits.iter().enumerate();
    findings.check_unique(conduits().map(|(index, conduit)| (format!("conduits[{index}].name"), &conduit.name)));
    let sockets = conduits().flat_map(|(index, conduit)| {
        conduit.listeners.iter().enumerate().map(move |(at, listener)| {
            let socket = SocketAddr::new(listener.address, listener.port);
            (format!("conduits[{index}].listeners[{at}]"), socket)
        })
    });
    findings.check_unique(sockets);
    for (index, conduit) in conduits() {
        check_conduit(document, conduit, &format!("conduits[{index}]"), findings);
    }
}

fn check_conduit(document: &Document, conduit: &Conduit, place: &str, findings: &mut Findings) {
    findings.check_answer(conduit.denial, &format!("{place}.denial"));
    let budgets = &conduit.budgets;
    let numbers = [
        ("idle_timeout_ms", conduit.idle_timeout_ms),
        ("deadline_ms", conduit.deadline_ms),
        ("budgets.sessions", budgets.sessions.into()),
        ("budgets.sessions_per_client", budgets.sessions_per_client.into()),
        ("budgets.open_requests", budgets.open_requests.into()),
    ];
    for (name, number) in numbers {
        findings.check(number != 0, &format!("{place}.{name}"), || Flaw::Number(0.0));
    }
    for (index, listener) in conduit.listeners.iter().enumerate() {
        let place = format!("{place}.listeners[{index}]");
        check_listener(document, listener, &place, findings);
        // A server's own address leads to that server and to no other.
        let is_single = conduit.transparent.is_none() || listener.servers.len() <= 1;
        findings.check(is_single, &format!("{place}.servers"), || Flaw::TooMany(1));
    }
    let has_port = conduit.transparent.is_none_or(|transparent| transparent.port != 0);
    findings.check(has_port, &format!("{place}.transparent.port"), || Flaw::Number(0.0));
    let rules = conduit.rules.iter().enumerate();
    findings.check_unique(rules.clone().map(|(index, rule)| (format!("{place}.rules[{index}].name"), &rule.name)));
    for (index, rule) in rules {
        check_rule(document, rule, &format!("{place}.rules[{index}]"), findings);
    }
}

fn check_listener(document: &Document, listener: &Listener, place: &str, findings: &mut Findings) {
    let is_bus = listener.bus.is_some();
    let has_fitting_address = is_of_port(listener.address) == is_bus && (!is_bus || listener.port == 0);
    findings.check(has_fitting_address, &format!("{place}.address"), || Flaw::Unknown(listener.address.to_string()));
    if let Some(bus) = &listener.bus {
        check_serial(&bus.serial, &format!("{place}.bus.serial"), findings);
    }
    let place = format!("{place}.servers");
    findings.check(!listener.servers.is_empty(), &place, || Flaw::Empty);
    findings.check(listener.servers.len() <= SERVERS_MAX, &place, || Flaw::TooMany(SERVERS_MAX));
    for index in &listener.servers {
        findings.check(*index < document.servers.len(), &place, || Flaw::Index(*index));
    }
    let servers = listener.servers.iter().filter_map(|index| document.servers.get(*index));
    let ids = servers.flat_map(|server| server.units.iter().flat_map(|unit| unit.unit_ids.iter().copied()));
    findings.check_unique(ids.map(|id| (place.clone(), id)));
}

fn check_rule(document: &Document, rule: &Rule, place: &str, findings: &mut Findings) {
    for (index, text) in rule.functions.iter().enumerate() {
        let is_function = FunctionSelector::parse(text).is_ok();
        findings.check(is_function, &format!("{place}.functions[{index}]"), || Flaw::Unknown(text.clone()));
    }
    for (index, text) in rule.clients.iter().flatten().enumerate() {
        let is_prefix = Prefix::parse(text).is_some();
        findings.check(is_prefix, &format!("{place}.clients[{index}]"), || Flaw::Unknown(text.clone()));
    }
    for (index, target) in rule.targets.iter().flatten().enumerate() {
        check_target(document, target, &format!("{place}.targets[{index}]"), findings);
    }
    for (index, (_, first, last)) in rule.ranges.iter().flatten().enumerate() {
        findings.check(first <= last, &format!("{place}.ranges[{index}]"), || Flaw::Inverted);
    }
    for (name, limits) in &rule.limits {
        check_limits(limits, &format!("{place}.limits.{name}"), findings);
    }
    for (index, window) in rule.when.iter().flatten().enumerate() {
        check_window(window, &format!("{place}.when[{index}]"), findings);
    }
    if let Some(answer) = rule.denial {
        findings.check_answer(answer, &format!("{place}.denial"));
    }
    let is_permit = rule.kind == RuleKind::Permit;
    findings.check(is_permit || rule.limits.is_empty(), &format!("{place}.limits"), || Flaw::NotOnNever);
    findings.check(is_permit || !rule.essential, &format!("{place}.essential"), || Flaw::NotOnNever);
}

fn check_target(document: &Document, target: &Target, place: &str, findings: &mut Findings) {
    let server = document.servers.get(target.server);
    findings.check(server.is_some(), &format!("{place}.server"), || Flaw::Index(target.server));
    let Some(server) = server else {
        return;
    };
    for id in target.unit_ids.iter().flatten() {
        let is_declared = server.units.iter().any(|unit| unit.unit_ids.contains(id));
        let is_known = is_declared || (server.gateway && *id == 0);
        findings.check(is_known, &format!("{place}.unit_ids"), || Flaw::Index(usize::from(*id)));
    }
}

fn check_window(window: &Window, place: &str, findings: &mut Findings) {
    findings.check(!window.days.is_empty(), &format!("{place}.days"), || Flaw::Empty);
    for day in &window.days {
        findings.check(*day <= 6, &format!("{place}.days"), || Flaw::Number(f64::from(*day)));
    }
    findings.check(window.from_s < 86_400, &format!("{place}.from_s"), || Flaw::Number(f64::from(window.from_s)));
    findings.check(window.to_s <= 86_400, &format!("{place}.to_s"), || Flaw::Number(f64::from(window.to_s)));
    findings.check(window.from_s != window.to_s, place, || Flaw::Empty);
}
