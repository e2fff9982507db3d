//! What the guard says of itself: status and sessions as JSON, metrics for Prometheus.

use crate::conversation::Conversation;
use crate::counters::{ConduitCounters, Counters, LATENCY_BOUNDS_US};
use crate::data_loop::DataLoop;
use crate::limits::JOURNAL_QUEUE;
use crate::lines::LINE_FAMILIES;
use crate::listeners::Place;
use crate::seat::Seat;
use crate::stations::{ClientPort, PORT_FAMILIES};
use crate::tls::{Item, When};
use policy::document::{Conduit, OnJournalFailure, Rule, RuleKind, Verdicts};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

impl DataLoop {
    pub(crate) fn status(&self) -> Vec<u8> {
        let document = self.policy.document();
        let sessions = self.sessions_by_place();
        let conduits = (0..).zip(&document.conduits).map(|(index, conduit)| self.conduit(index, conduit, &sessions));
        let conduits: Vec<Value> = conduits.collect();
        let status = json!({
            "site": document.site,
            "guard": document.guard,
            "policy": self.policy.digest(),
            "uptime_s": (self.now.monotonic_ns - self.started.monotonic_ns) / 1_000_000_000,
            "clock": if self.now.synchronised { "synchronised" } else { "unsynchronised" },
            "sessions": self.conversations.len(),
            "descriptors": {"limit": self.descriptors.limit, "needed": self.descriptors.needed},
            "journal": self.journal_state(),
            "conduits": conduits,
            "lines": self.lines.spell(self.now.monotonic_ns),
            "client_ports": self.stations.spell(self.now.monotonic_ns),
            "certificates": self.certificates(),
            "ocsp": self.keyring.asks().then(|| self.keyring.ocsp().spell()),
            "handshakes": self.handshakes.len(),
            "events": self.ledger.counters.events(),
            "limits": self.limits(),
            "syslog": {"sent": self.ledger.counters.syslog_sent, "lost": self.ledger.counters.syslog_lost},
        });
        status.to_string().into_bytes()
    }

    fn limits(&self) -> BTreeMap<&'static str, u64> {
        let mut met = self.ledger.counters.limits.met();
        if let Some(rows) = self.rows_without_room().filter(|rows| *rows > 0) {
            met.insert(JOURNAL_QUEUE, rows);
        }
        met
    }

    fn rows_without_room(&self) -> Option<u64> {
        Some(self.ledger.journal()?.state().rows_without_room)
    }

    fn sessions_by_place(&self) -> HashMap<Place, usize> {
        let mut sessions = HashMap::new();
        for (_, found) in &self.conversations {
            *sessions.entry(found.place).or_default() += 1;
        }
        sessions
    }

    fn conduit(&self, index: usize, conduit: &Conduit, sessions: &HashMap<Place, usize>) -> Value {
        let listeners: Vec<Value> = (0..)
            .zip(&conduit.listeners)
            .map(|(listener, at)| {
                let place = Place { conduit: index, listener };
                let sessions = sessions.get(&place).copied().unwrap_or_default();
                let servers = at.servers.iter().filter_map(|server| self.policy.document().servers.get(*server));
                let names: Vec<&str> = servers.map(|server| server.name.as_str()).collect();
                let serial = at.bus.as_ref().map(|bus| bus.serial.port.as_str());
                let address = serial.is_none().then_some((at.address, at.port));
                json!({"address": address.map(|(address, _)| address), "port": address.map(|(_, port)| port),
                       "serial": serial, "servers": names, "sessions": sessions})
            })
            .collect();
        json!({
            "name": conduit.name,
            "verdicts": if conduit.verdicts == Verdicts::Observe { "observe" } else { "enforce" },
            "tls": conduit.tls.is_some(),
            "essential_rules": essential_rules(conduit).map(|rule| rule.name.as_str()).collect::<Vec<_>>(),
            "on_journal_failure": conduit.on_journal_failure,
            "listeners": listeners,
            "requests": self.ledger.counters.conduits().get(conduit.name.as_str()),
        })
    }

    /// All that has an end among the files of conduits with TLS, the first to end first.
    fn certificates(&self) -> Vec<Value> {
        let now_s = When::of(self.now).unix_s;
        let mut found = self.items();
        found.sort_by_key(|(_, _, item)| item.days(now_s));
        let told = found.into_iter().map(|(of, whose, item)| {
            let days = item.days(now_s);
            json!({of: &*whose, "what": item.what, "name": item.name, "file": item.file, "days": days})
        });
        told.collect()
    }

    /// All that has an end, with `conduit` or `server` and its name.
    fn items(&self) -> Vec<(&'static str, Arc<str>, Item)> {
        let mut items = Vec::new();
        for (conduit, gate) in self.keyring.gates() {
            items.extend(gate.items.iter().map(|item| ("conduit", Arc::clone(conduit), item.clone())));
        }
        for (server, gate) in self.keyring.servers() {
            items.extend(gate.items().into_iter().map(|item| ("server", Arc::clone(server), item)));
        }
        items
    }

    fn journal_state(&self) -> Value {
        match self.ledger.journal() {
            Some(journal) => serde_json::to_value(journal.state()).unwrap_or_default(),
            None => json!({"state": "none"}),
        }
    }

    pub(crate) fn sessions(&self) -> Vec<Seat> {
        self.conversations.iter().map(|(_, found)| self.seat(found)).collect()
    }

    fn seat(&self, found: &Conversation) -> Seat {
        let port = self.stations.at(found.local).map(ClientPort::leads);
        Seat::of(found, port, self.now.monotonic_ns)
    }

    fn certificate_days(&self, text: &mut Exposition) {
        let (family, now_s) = ("modwarden_tls_certificate_days", When::of(self.now).unix_s);
        text.family(family, "gauge", "Days until a certificate, root or revocation list ends; below zero since then.");
        for (of, whose, item) in self.items() {
            let (what, name, file) = (item.what, &item.name, &item.file);
            let labels = format!("{of}={whose:?},what={what:?},name={name:?},file={file:?}");
            // Writing into a String cannot fail.
            let _ = writeln!(text.0, "{family}{{{labels}}} {}", item.days(now_s));
        }
    }

    fn status_answers(&self, text: &mut Exposition) {
        if !self.keyring.asks() {
            return;
        }
        let ocsp = self.keyring.ocsp();
        let family = "modwarden_ocsp_replies_total";
        text.family(family, "counter", "Questions to responders of revocation status, by what came of them.");
        for (reply, count) in ocsp.replies() {
            text.sample(family, &format!("reply={reply:?}"), count);
        }
        let family = "modwarden_ocsp_certificates";
        text.family(family, "gauge", "Peers' certificates that responders are asked about, by what is known of them.");
        for (standing, count) in ocsp.standings() {
            text.sample(family, &format!("standing={standing:?}"), count);
        }
    }

    pub(crate) fn metrics(&self) -> Vec<u8> {
        let mut text = Exposition::default();
        text.family("modwarden_sessions", "gauge", "Open sessions.");
        text.sample("modwarden_sessions", "", self.conversations.len() as u64);
        text.family("modwarden_journal_up", "gauge", "1 while requests can be recorded.");
        text.sample("modwarden_journal_up", "", u64::from(session::Recorder::journal_is_up(&self.ledger)));
        text.family("modwarden_conduit_observes", "gauge", "1 while a conduit records verdicts but enforces none.");
        let conduits = &self.policy.document().conduits;
        for conduit in conduits {
            let labels = format!("conduit={:?}", conduit.name);
            text.sample("modwarden_conduit_observes", &labels, u64::from(conduit.verdicts == Verdicts::Observe));
        }
        text.family("modwarden_conduit_essential_rules", "gauge", "Rules that pass while the journal fails.");
        for conduit in conduits {
            let essential = essential_rules(conduit).count();
            text.sample("modwarden_conduit_essential_rules", &format!("conduit={:?}", conduit.name), essential as u64);
        }
        text.family(
            "modwarden_conduit_permits_unrecorded",
            "gauge",
            "1 where everything permitted passes while the journal fails.",
        );
        for conduit in conduits {
            let permits = conduit.on_journal_failure == OnJournalFailure::Permit;
            text.sample(
                "modwarden_conduit_permits_unrecorded",
                &format!("conduit={:?}", conduit.name),
                u64::from(permits),
            );
        }
        text.family("modwarden_limits_total", "counter", "Budgets and limits that were met.");
        let rows = self.rows_without_room().unwrap_or_default();
        for (limit, count) in self.ledger.counters.limits.all().chain([(JOURNAL_QUEUE, rows)]) {
            text.sample("modwarden_limits_total", &format!("limit={limit:?}"), count);
        }
        for family in LINE_FAMILIES {
            text.family(family.name, family.kind, family.help);
            for (labels, value) in self.lines.samples(family.name, self.now.monotonic_ns) {
                text.sample(family.name, &labels, value);
            }
        }
        for family in PORT_FAMILIES {
            text.family(family.name, family.kind, family.help);
            for (labels, value) in self.stations.samples(family.name, self.now.monotonic_ns) {
                text.sample(family.name, &labels, value);
            }
        }
        self.certificate_days(&mut text);
        self.status_answers(&mut text);
        text.counters(&self.ledger.counters);
        text.0.into_bytes()
    }
}

/// Rules that still let requests pass while the journal fails: a `never` lets nothing pass.
fn essential_rules(conduit: &Conduit) -> impl Iterator<Item = &Rule> {
    conduit.rules.iter().filter(|rule| rule.essential && rule.kind == RuleKind::Permit)
}

/// Prometheus text format 0.0.4.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: u64) {
        let _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }

    fn counters(&mut self, counters: &Counters) {
        self.family("modwarden_events_total", "counter", "Events by kind.");
        for (kind, count) in counters.events() {
            self.sample("modwarden_events_total", &format!("kind={kind:?}"), count);
        }
        self.family("modwarden_syslog_total", "counter", "Records sent to syslog while the journal failed.");
        self.sample("modwarden_syslog_total", "result=\"sent\"", counters.syslog_sent);
        self.sample("modwarden_syslog_total", "result=\"lost\"", counters.syslog_lost);
        self.requests(counters);
        self.denials(counters);
        self.family("modwarden_latency_seconds", "histogram", "Last byte to the server until its reply was complete.");
        for (conduit, of) in counters.conduits() {
            self.latency(conduit, of);
        }
    }

    fn requests(&mut self, counters: &Counters) {
        self.family("modwarden_requests_total", "counter", "Requests by verdict.");
        for (conduit, of) in counters.conduits() {
            let verdicts = [
                ("permit", of.permitted),
                ("deny", of.denied),
                ("observe", of.observed),
                ("would_deny", of.would_deny),
            ];
            for (verdict, count) in verdicts {
                self.sample("modwarden_requests_total", &format!("conduit={conduit:?},verdict=\"{verdict}\""), count);
            }
        }
    }

    fn denials(&mut self, counters: &Counters) {
        self.family(
            "modwarden_denials_total",
            "counter",
            "Refused requests, or those an observing conduit would refuse, by reason.",
        );
        for (conduit, of) in counters.conduits() {
            for (reason, count) in &of.reasons {
                self.sample("modwarden_denials_total", &format!("conduit={conduit:?},reason={reason:?}"), *count);
            }
        }
    }

    fn latency(&mut self, conduit: &str, of: &ConduitCounters) {
        for (bound_us, count) in LATENCY_BOUNDS_US.iter().zip(of.latency_us.buckets) {
            let bound = f64::from(*bound_us) / 1e6;
            self.sample("modwarden_latency_seconds_bucket", &format!("conduit={conduit:?},le=\"{bound}\""), count);
        }
        self.sample(
            "modwarden_latency_seconds_bucket",
            &format!("conduit={conduit:?},le=\"+Inf\""),
            of.latency_us.count,
        );
        self.sample("modwarden_latency_seconds_count", &format!("conduit={conduit:?}"), of.latency_us.count);
        let seconds = format!(
            "{:.6}",
            f64::from(u32::try_from(of.latency_us.sum / 1_000_000).unwrap_or(u32::MAX))
                + f64::from(u32::try_from(of.latency_us.sum % 1_000_000).unwrap_or_default()) / 1e6
        );
        let _ = writeln!(self.0, "modwarden_latency_seconds_sum{{conduit={conduit:?}}} {seconds}");
    }
}
