//! A new policy under traffic: listeners first, then every open session is asked again.
//!
//! Kept true here: either all of the new policy is in force or none; no request is lost;
//! what was known of the plant's values stays known; a guard that drains opens nothing.

use crate::accept::Guest;
use crate::data_loop::DataLoop;
use crate::directory::Directory;
use crate::doubts::{Doubt, Doubts};
use crate::listeners::{Place, places};
use crate::timers::Key;
use crate::tls::{Keyring, Reason, When};
use event::{Kind, SessionId};
use policy::{Plant, Policy};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// A reload would open again what the drain has closed.
const DRAINING: &str = "draining: this guard takes no more connections and is about to stop; \
                        the next start reads the new policy";

impl DataLoop {
    /// Put a policy in force.
    ///
    /// # Errors
    /// Why a new listener cannot be opened, or that the guard is about to end; the old policy stays.
    pub(crate) fn reload(&mut self, policy: Arc<Policy>, keyring: Keyring) -> Result<(), String> {
        if !self.intake.is_open() {
            return Err(self.reject(DRAINING.to_owned()));
        }
        let prepared = match self.listeners.prepare(&policy) {
            Ok(prepared) => prepared,
            Err(what) => return Err(self.reject(what)),
        };
        let adopted = self.listeners.adopt(prepared, &policy, self.poll.registry());
        adopted.map_err(|error| format!("listener: {error}"))?;
        let plant = std::mem::replace(&mut self.plant, Plant::new(&policy));
        self.plant = plant.rebind(&self.policy, &policy);
        self.directory = Directory::of(&policy);
        self.lines.adopt(policy.document(), &keyring, self.now.monotonic_ns);
        self.stations.adopt(policy.document(), self.now.monotonic_ns);
        self.policy = policy;
        self.adopt_policy();
        let before = std::mem::replace(&mut self.keyring, keyring);
        self.adopt_keyring(&before);
        let places = places(self.policy.document());
        let mut doubts = Doubts::new(before, When::of(self.now));
        for key in self.keys() {
            self.ask_again(key, &places, &mut doubts);
        }
        self.judge_servers();
        Ok(())
    }

    fn reject(&mut self, reason: String) -> String {
        self.ledger.note(Kind::PolicyRejected, &reason);
        reason
    }

    /// Record the policy in force and keep its text.
    pub(crate) fn adopt_policy(&mut self) {
        let (policy, digest) = (Arc::clone(&self.policy), self.policy.digest().to_owned());
        self.ledger.adopt(policy.document(), &digest);
        if let Some(journal) = self.ledger.journal() {
            journal.keep_policy(&digest, policy.text());
        }
        self.ledger.note(Kind::PolicyReloaded, &format!("policy_in_force: {digest}"));
    }

    /// What is open is always finished: a session whose servers moved, or whose listener is gone,
    /// ends after that and takes nothing new.
    fn ask_again(&mut self, key: Key, places: &BTreeMap<SocketAddr, Place>, doubts: &mut Doubts) {
        let Some(conversation) = self.conversations.get(key.place) else { return };
        let (local, peer, identity) = (conversation.local, conversation.peer, conversation.identity.clone());
        let was_at = conversation.place;
        let place = places.get(&local).copied();
        let admission = place.and_then(|place| self.directory.admit(place, peer, SessionId(key.session), &identity));
        let (Some(place), Some(admission)) = (place, admission) else {
            return self.detach(key);
        };
        match doubts.about(&identity, was_at.conduit, self.keyring.gate(place.conduit)) {
            None => {}
            // Whoever is revoked is cut at once; whoever lacks what is asked for now ends what is open.
            Some(Doubt::Certificate(why)) => return self.cut(key, why),
            Some(Doubt::Manner) => return self.detach(key),
        }
        let Some(conversation) = self.conversations.get_mut(key.place) else { return };
        let guest = Guest::of(place.conduit, peer, &admission);
        self.population.leave(std::mem::replace(&mut conversation.guest, guest));
        self.population.enter(guest);
        conversation.place = place;
        self.with(key, |conversation, turn| {
            conversation.adopt(&admission.config.terms);
            conversation.session.policy_changed(admission.config, admission.view, &mut turn.context());
            conversation.pump(turn)
        });
    }

    pub(crate) fn cut(&mut self, key: Key, why: Reason) {
        self.cut_for(key, &format!("certificate: {}", why.word()));
    }

    pub(crate) fn cut_for(&mut self, key: Key, told: &str) {
        self.with(key, |conversation, turn| {
            conversation.session.close(told, &mut turn.context());
            conversation.pump(turn)
        });
    }

    fn detach(&mut self, key: Key) {
        self.with(key, |conversation, turn| {
            conversation.session.detach("policy_changed", &mut turn.context());
            conversation.pump(turn)
        });
    }
}
