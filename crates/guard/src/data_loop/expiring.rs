//! What time does to certificates: those of open sessions, those of servers, and the guard's own.

use super::DataLoop;
use crate::accept;
use crate::leg_socket::Judge;
use crate::timers::Key;
use crate::tls::{Alarms, Keyring, Reason, Refusal, When};
use event::{Event, Kind};
use policy::document::Expired;
use session::Recorder as _;
use std::collections::HashMap;
use std::sync::Arc;

/// How often the guard's own files are looked at for their end.
const LOOK_S: i64 = 60;

pub(crate) struct Expiring {
    alarms: Alarms,
    next_look_s: i64,
    /// When the first certificate of an open session may end. Seconds since 1970.
    first_end_s: i64,
}

impl Default for Expiring {
    fn default() -> Self {
        Self { alarms: Alarms::default(), next_look_s: i64::MIN, first_end_s: i64::MAX }
    }
}

impl Expiring {
    /// A session's certificate ends then.
    pub(super) fn expect(&mut self, until_s: i64) {
        self.first_end_s = self.first_end_s.min(until_s);
    }
}

impl DataLoop {
    /// Record which files came into force, and look at their end.
    pub(crate) fn adopt_keyring(&mut self, before: &Keyring) {
        let fresh: Vec<_> =
            self.keyring.fresh(before).map(|(conduit, gate)| (Arc::clone(conduit), Arc::clone(gate))).collect();
        for (conduit, gate) in fresh {
            let items = gate.items.iter().map(|item| format!("{} {}", item.what, item.name));
            let reason = format!("in_force: {}", items.collect::<Vec<_>>().join("; "));
            self.note_of_conduit(&conduit, Kind::TlsReloaded, reason);
        }
        for (server, gate) in self.keyring.fresh_servers(before) {
            let items = gate.own_items().iter().map(|item| format!("{} {}", item.what, item.name));
            let reason = format!("in_force: {}; expects {}", items.collect::<Vec<_>>().join("; "), gate.name);
            self.note_of_server(&server, Kind::TlsReloaded, reason);
        }
        self.look_at_own();
        self.keyring.ocsp().look_soon();
    }

    /// Cut each connection whose server is not believed any more under the files in force.
    pub(crate) fn judge_servers(&mut self) {
        let (keyring, when) = (self.keyring.clone(), When::of(self.now));
        let mut known = HashMap::new();
        self.cut_servers(&mut |gate, credential| {
            let place = (Arc::as_ptr(gate), Arc::as_ptr(credential));
            let judge = || {
                // The gate of a connection may be one of before; what counts is the one of its server now.
                keyring.server(&gate.server).unwrap_or(gate).still_believes(credential, when).err()
            };
            known.entry(place).or_insert_with(judge).clone()
        });
    }

    pub(super) fn cut_servers(&mut self, judge: &mut Judge<'_>) {
        self.lines.judge(judge, self.now.monotonic_ns);
        for key in self.keys() {
            self.with(key, |conversation, turn| {
                conversation.judge_servers(judge, turn);
                conversation.pump(turn)
            });
        }
    }

    /// Once a second.
    pub(super) fn look_after_certificates(&mut self) {
        let now_s = When::of(self.now).unix_s;
        // A clock that was set back must not put this off.
        if now_s >= self.expiring.next_look_s || now_s < self.expiring.next_look_s - LOOK_S {
            self.look_at_own();
        }
        if now_s > self.expiring.first_end_s {
            self.look_at_sessions(now_s);
        }
        self.look_at_servers(now_s);
    }

    /// Certificates that servers showed and that have ended since: each is told of once.
    fn look_at_servers(&mut self, now_s: i64) {
        let gates = self.keyring.servers().map(|(server, gate)| (Arc::clone(server), Arc::clone(gate)));
        let mut ended = Vec::new();
        for (server, gate) in gates.collect::<Vec<_>>() {
            for credential in gate.take_expired(now_s) {
                match gate.expired {
                    Expired::Close => ended.push(credential),
                    Expired::Warn => {
                        let reason = format!("expired: {}", credential.whom);
                        self.note_of_server(&server, Kind::TlsTolerated, reason);
                    }
                }
            }
        }
        if !ended.is_empty() {
            self.cut_servers(&mut |_, credential| {
                let is_ended = ended.iter().any(|one| Arc::ptr_eq(one, credential));
                is_ended.then(|| Refusal::new(Reason::Expired, &*credential.whom))
            });
        }
    }

    fn look_at_own(&mut self) {
        let now_s = When::of(self.now).unix_s;
        self.expiring.next_look_s = now_s.saturating_add(LOOK_S);
        let gates: Vec<_> =
            self.keyring.gates().map(|(conduit, gate)| (Arc::clone(conduit), gate.items.clone())).collect();
        let servers: Vec<_> = self.keyring.servers().map(|(server, gate)| (Arc::clone(server), gate.items())).collect();
        for (conduit, items) in &gates {
            for told in self.expiring.alarms.due(&of_conduit(conduit), items, now_s) {
                self.note_of_conduit(conduit, Kind::TlsExpiring, told);
            }
        }
        for (server, items) in &servers {
            for told in self.expiring.alarms.due(&of_server(server), items, now_s) {
                self.note_of_server(server, Kind::TlsExpiring, told);
            }
        }
        let of_conduits = gates.iter().map(|(conduit, items)| (of_conduit(conduit), items));
        let of_servers = servers.iter().map(|(server, items)| (of_server(server), items));
        let all: Vec<_> = of_conduits.chain(of_servers).collect();
        let kept = all.iter().flat_map(|(whose, items)| items.iter().map(move |item| (whose.as_str(), item)));
        self.expiring.alarms.keep(kept);
    }

    fn look_at_sessions(&mut self, now_s: i64) {
        self.expiring.first_end_s = i64::MAX;
        for key in self.keys() {
            let Some(conversation) = self.conversations.get_mut(key.place) else { continue };
            let Some(credential) = conversation.identity.credential() else { continue };
            if now_s <= credential.until_s {
                self.expiring.first_end_s = self.expiring.first_end_s.min(credential.until_s);
            } else if !std::mem::replace(&mut conversation.is_expiry_told, true) {
                self.expired(key);
            }
        }
    }

    fn expired(&mut self, key: Key) {
        let Some(conversation) = self.conversations.get(key.place) else { return };
        let gate = self.keyring.gate(conversation.place.conduit);
        let closes = gate.is_some_and(|gate| gate.expired == Expired::Close);
        let config = Arc::clone(conversation.session.config());
        let whom = config.client.certificate.as_deref().unwrap_or_default();
        let reason = Some(Arc::from(format!("expired: {whom}")));
        let session = Some(config.client.id);
        let row = Event { reason, session, ..accept::of_client(&config, Kind::TlsTolerated, self.ledger.own()) };
        if closes {
            return self.cut(key, Reason::Expired);
        }
        self.ledger.record(&row);
    }

    pub(super) fn note_of_server(&mut self, server: &Arc<str>, kind: Kind, reason: String) {
        let (server, reason) = (Some(Arc::clone(server)), Some(Arc::from(reason)));
        let row = Event { kind, server, reason, ..self.ledger.own() };
        self.ledger.record(&row);
    }

    pub(super) fn note_of_conduit(&mut self, conduit: &Arc<str>, kind: Kind, reason: String) {
        let (conduit, reason) = (Some(Arc::clone(conduit)), Some(Arc::from(reason)));
        let row = Event { kind, conduit, reason, ..self.ledger.own() };
        self.ledger.record(&row);
    }
}

/// Whose alarms these are: a conduit and a server may have the same name.
fn of_conduit(name: &str) -> String {
    format!("conduit {name}")
}

fn of_server(name: &str) -> String {
    format!("server {name}")
}
