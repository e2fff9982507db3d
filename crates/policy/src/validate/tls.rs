//! Checks of what a conduit says of TLS: only its words; its files are read by the guard.

use super::{Findings, Flaw};
use crate::document::{Document, Suite, Tls, TlsVersion};
use std::collections::HashSet;
use std::path::Path;

pub(super) fn check(document: &Document, findings: &mut Findings) {
    for (index, conduit) in document.conduits.iter().enumerate() {
        if let Some(tls) = &conduit.tls {
            check_tls(tls, &format!("conduits[{index}].tls"), findings);
        }
    }
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
    check_versions(tls, place, findings);
    check_suites(tls, place, findings);
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
