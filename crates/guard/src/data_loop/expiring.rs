//! What time does to certificates: those of open sessions, and the guard's own.

use super::DataLoop;
use crate::accept;
use crate::timers::Key;
use crate::tls::{Alarms, Keyring, Reason, When};
use event::{Event, Kind};
use policy::document::Expired;
use session::Recorder as _;
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
        let items = self.keyring.gates().flat_map(|(conduit, gate)| gate.items.iter().map(|item| (&**conduit, item)));
        self.expiring.alarms.keep(items);
        self.look_at_own();
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
    }

    fn look_at_own(&mut self) {
        let now_s = When::of(self.now).unix_s;
        self.expiring.next_look_s = now_s.saturating_add(LOOK_S);
        let gates: Vec<_> =
            self.keyring.gates().map(|(conduit, gate)| (Arc::clone(conduit), Arc::clone(gate))).collect();
        for (conduit, gate) in gates {
            for told in self.expiring.alarms.due(&conduit, &gate.items, now_s) {
                self.note_of_conduit(&conduit, Kind::TlsExpiring, told);
            }
        }
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

    fn note_of_conduit(&mut self, conduit: &Arc<str>, kind: Kind, reason: String) {
        let (conduit, reason) = (Some(Arc::clone(conduit)), Some(Arc::from(reason)));
        let row = Event { kind, conduit, reason, ..self.ledger.own() };
        self.ledger.record(&row);
    }
}
