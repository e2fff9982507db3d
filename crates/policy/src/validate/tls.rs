//! Checks of what conduits and servers say of TLS: only the words; the files are read by the guard.

use super::{Findings, Flaw};
use crate::document::{Document, Framing, Ocsp, Server, ServerTls, Suite, Tls, TlsVersion};
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::Path;

/// RFC 6066 §4 knows no other fragment lengths.
const LENGTHS: [u16; 4] = [512, 1024, 2048, 4096];
/// A client's handshake ends within 10 s, and with it whoever waits in it for a responder.
const TIMEOUTS_MS: RangeInclusive<u32> = 100..=10_000;
/// No question in every turn of the loop, and no revocation that is not seen for days.
const AGES_MS: RangeInclusive<u32> = 1_000..=86_400_000;

pub(super) fn check(document: &Document, findings: &mut Findings) {
    for (index, conduit) in document.conduits.iter().enumerate() {
        if let Some(tls) = &conduit.tls {
            check_tls(tls, &format!("conduits[{index}].tls"), findings);
        }
    }
    for (index, server) in document.servers.iter().enumerate() {
        if let Some(tls) = &server.tls {
            check_towards(tls, server, &format!("servers[{index}].tls"), findings);
        }
    }
}

fn check_towards(tls: &ServerTls, server: &Server, place: &str, findings: &mut Findings) {
    check_tls(&tls.tls, &format!("{place}.tls"), findings);
    // Without a name each certificate of the same authority could stand for this server.
    findings.check(!tls.name.is_empty(), &format!("{place}.name"), || Flaw::Empty);
    let is_text = tls.name.is_ascii() && !tls.name.contains(|one: char| one.is_ascii_control() || one == ' ');
    findings.check(is_text, &format!("{place}.name"), || Flaw::Unknown(tls.name.clone()));
    if let Some(bytes) = tls.max_fragment {
        let place = format!("{place}.max_fragment");
        findings.check(LENGTHS.contains(&bytes), &place, || Flaw::Number(f64::from(bytes)));
    }
    // A serial port carries no TLS, and RTU over TCP has none.
    let can_be = server.address.is_some() && server.line.as_ref().is_none_or(|line| line.framing == Framing::Mbap);
    findings.check(can_be, place, || Flaw::Unknown("TLS on a bus".to_owned()));
}

fn check_tls(tls: &Tls, place: &str, findings: &mut Findings) {
    check_file(&tls.certificate, &format!("{place}.certificate"), findings);
    check_file(&tls.key, &format!("{place}.key"), findings);
    for (list, name) in [(&tls.trust, "trust"), (&tls.crls, "crls")] {
        for (index, file) in list.iter().enumerate() {
            check_file(file, &format!("{place}.{name}[{index}]"), findings);
        }
    }
    // Without a root every client would be a stranger, which an empty file can only say by mistake.
    findings.check(!tls.trust.is_empty(), &format!("{place}.trust"), || Flaw::Empty);
    if let Some(ocsp) = &tls.ocsp {
        check_ocsp(ocsp, &format!("{place}.ocsp"), findings);
    }
    check_versions(tls, place, findings);
    check_suites(tls, place, findings);
}

fn check_ocsp(ocsp: &Ocsp, place: &str, findings: &mut Findings) {
    let numbers = [("timeout_ms", ocsp.timeout_ms, TIMEOUTS_MS), ("max_age_ms", ocsp.max_age_ms, AGES_MS)];
    for (name, number, range) in numbers {
        let flaw = || Flaw::Number(f64::from(number));
        findings.check(range.contains(&number), &format!("{place}.{name}"), flaw);
    }
}

/// A relative path would mean another file in another working directory.
fn check_file(file: &Path, place: &str, findings: &mut Findings) {
    findings.check(file.is_absolute(), place, || Flaw::Unknown(file.display().to_string()));
}

fn check_versions(tls: &Tls, place: &str, findings: &mut Findings) {
    let place = format!("{place}.versions");
    findings.check(!tls.versions.is_empty(), &place, || Flaw::Empty);
    let distinct: HashSet<TlsVersion> = tls.versions.iter().copied().collect();
    findings.check(distinct.len() == tls.versions.len(), &place, || Flaw::Duplicate("a version".to_owned()));
}

fn check_suites(tls: &Tls, place: &str, findings: &mut Findings) {
    let place = format!("{place}.suites");
    let mut seen = HashSet::new();
    for suite in &tls.suites {
        findings.check(seen.insert(*suite), &place, || Flaw::Duplicate(suite.name().to_owned()));
        let is_spoken = tls.versions.contains(&suite.version());
        findings.check(is_spoken, &place, || Flaw::Unknown(suite.name().to_owned()));
    }
    let has_suite = |version: &TlsVersion| tls.suites.iter().copied().map(Suite::version).any(|of| of == *version);
    findings.check(tls.versions.iter().all(has_suite), &place, || Flaw::Empty);
}
