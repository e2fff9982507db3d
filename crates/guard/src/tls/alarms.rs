//! Tells in time that a certificate, root or revocation list will not hold any more: those of the guard's own files,
//! and the certificates that its servers showed.
//!
//! Kept true here: each is told of once at 90, 30 and 7 days and at its end, at a start again; a threshold above half
//! the life of what it is about tells nothing, or a list that is made anew each month would always be told of.

use super::credential::{Credential, name};
use super::day::{days_between, told, unix_s};
use super::material::Material;
use super::revocation::List;
use openssl::x509::X509Ref;
use policy::document::Tls;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const THRESHOLDS_DAYS: [i64; 4] = [90, 30, 7, 0];

/// Something that has an end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Item {
    /// `certificate`, `chain`, `root`, `crl`, `server_certificate` or `server_chain`.
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) file: String,
    from_s: i64,
    until_s: i64,
}

/// What was told already.
#[derive(Default)]
pub(crate) struct Alarms(HashMap<(String, Item), i64>);

impl Item {
    pub(super) fn all_of(tls: &Tls, material: &Material) -> Vec<Self> {
        let own = material.chain.iter().enumerate().filter_map(|(index, certificate)| {
            let what = if index == 0 { "certificate" } else { "chain" };
            Self::of_certificate(what, &tls.certificate, certificate)
        });
        let roots = material.roots.iter().filter_map(|(file, root)| Self::of_certificate("root", file, root));
        let lists = Self::of_lists(&material.lists).into_iter().chain(material.list_items.iter().cloned());
        own.chain(roots).chain(lists).collect()
    }

    pub(super) fn of_lists(lists: &[(PathBuf, List)]) -> Vec<Self> {
        let items = lists.iter().filter_map(|(file, list)| {
            let until_s = list.next_update_s?;
            Some(Self::new(("crl", list.issuer()), file, (list.this_update_s, until_s)))
        });
        items.collect()
    }

    /// What a server showed, but for the root: that is told of with the file it stands in.
    pub(super) fn of_server(server: &str, credential: &Credential) -> Vec<Self> {
        let shown = PathBuf::from(format!("shown by {server}"));
        let [below @ .., _root] = credential.chain.as_slice() else { return Vec::new() };
        let items = below.iter().enumerate().filter_map(|(index, certificate)| {
            let what = if index == 0 { "server_certificate" } else { "server_chain" };
            Self::of_certificate(what, &shown, certificate)
        });
        items.collect()
    }

    fn of_certificate(what: &'static str, file: &Path, certificate: &X509Ref) -> Option<Self> {
        let life = (unix_s(certificate.not_before())?, unix_s(certificate.not_after())?);
        Some(Self::new((what, name(certificate.subject_name())), file, life))
    }

    fn new((what, name): (&'static str, String), file: &Path, (from_s, until_s): (i64, i64)) -> Self {
        Self { what, name, file: file.display().to_string(), from_s, until_s }
    }

    /// Whole days that are left; below zero once it has ended.
    pub(crate) fn days(&self, now_s: i64) -> i64 {
        days_between(now_s, self.until_s)
    }

    /// The narrowest threshold that it is within.
    fn threshold(&self, now_s: i64) -> Option<i64> {
        let life = days_between(self.from_s, self.until_s);
        let left = self.days(now_s);
        let is_within = |threshold: &i64| match threshold {
            0 => left < 0,
            days => left < *days && 2 * *days <= life,
        };
        THRESHOLDS_DAYS.into_iter().rev().find(is_within)
    }

    fn told(&self, now_s: i64) -> String {
        let Self { what, name, file, until_s, .. } = self;
        let until = told(*until_s);
        match self.days(now_s).cmp(&0) {
            Ordering::Less => format!("expired: {what} {name} since {until} ({file})"),
            _ => format!("expires: {what} {name} in {} days, {until} ({file})", self.days(now_s)),
        }
    }
}

impl Alarms {
    /// What is to be told of a conduit's items now.
    pub(crate) fn due(&mut self, conduit: &str, items: &[Item], now_s: i64) -> Vec<String> {
        let mut due = Vec::new();
        for item in items {
            let Some(threshold) = item.threshold(now_s) else { continue };
            let told = self.0.insert((conduit.to_owned(), item.clone()), threshold);
            if told != Some(threshold) {
                due.push(item.told(now_s));
            }
        }
        due
    }

    /// Forget what is in force no more.
    pub(crate) fn keep<'a>(&mut self, items: impl Iterator<Item = (&'a str, &'a Item)>) {
        let kept: Vec<(&str, &Item)> = items.collect();
        self.0.retain(|(conduit, item), _| kept.contains(&(conduit.as_str(), item)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: i64 = 86_400;

    fn item(life_days: i64) -> Item {
        Item::new(("certificate", "CN=gate-1".to_owned()), Path::new("/own.pem"), (0, life_days * DAY_S))
    }

    fn told_on(days: impl IntoIterator<Item = i64>, item: &Item) -> Vec<i64> {
        let mut alarms = Alarms::default();
        let is_told = |day: &i64| !alarms.due("hvac", std::slice::from_ref(item), day * DAY_S + 1).is_empty();
        days.into_iter().filter(is_told).collect()
    }

    #[test]
    fn what_expires_is_told_of_once_at_each_threshold() {
        assert_eq!(told_on(0..=380, &item(365)), [275, 335, 358, 365]);
    }

    #[test]
    fn a_list_that_lives_for_thirty_days_is_told_of_in_its_last_week_only() {
        assert_eq!(told_on(0..=40, &item(30)), [23, 30]);
    }

    #[test]
    fn a_start_within_a_threshold_tells_at_once() {
        assert_eq!(told_on(360..=364, &item(365)), [360]);
    }
}
