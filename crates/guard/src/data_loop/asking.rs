//! What responders of revocation status say: whoever is revoked is cut, whoever waited for an answer goes on.
//!
//! Kept true here: nothing here waits; where nobody is asked about anybody it costs one look at a flag.

use super::DataLoop;
use crate::timers::Key;
use crate::tls::{Credential, Identity, News, Refusal, ServerGate, Whose};
use event::Kind;
use std::collections::HashMap;
use std::sync::Arc;

/// What stands against who is there, by certificate; each is asked about once for all its connections.
type Found = HashMap<*const Credential, Option<Refusal>>;

impl DataLoop {
    /// Hear what came since the last turn.
    pub(super) fn hear_responders(&mut self) {
        if !self.keyring.ocsp().has_news() {
            return;
        }
        let news = self.keyring.ocsp().take_news();
        let has_revoked = news.contains(&News::Revoked);
        for one in news {
            match one {
                News::Revoked => {}
                News::Unanswered(Whose::Conduit(conduit), told) => {
                    self.note_of_conduit(&conduit, Kind::TlsTolerated, told);
                }
                News::Unanswered(Whose::Server(server), told) => self.note_of_server(&server, Kind::TlsTolerated, told),
            }
        }
        if has_revoked {
            self.look_at_status();
        }
        self.go_on_with_who_waits();
    }

    /// Once a second: have asked anew what open sessions show, in time.
    pub(super) fn look_after_status(&mut self) {
        if self.keyring.asks() && self.keyring.ocsp().tick() {
            self.look_at_status();
        }
    }

    fn go_on_with_who_waits(&mut self) {
        self.handshakes.stir_settled();
        let may_wait = |gate: &Arc<ServerGate>| gate.asks.as_ref().is_some_and(|asks| asks.refuses_silence());
        if !self.keyring.servers().any(|(_, gate)| may_wait(gate)) {
            return;
        }
        self.lines.stir_settled();
        let stirred: Vec<Key> = self
            .conversations
            .iter_mut()
            .filter_map(|(_, conversation)| conversation.stir_settled().then_some(conversation.key))
            .collect();
        stirred.into_iter().for_each(|key| self.serve(key));
    }

    fn look_at_status(&mut self) {
        for (key, refusal) in self.revoked_clients() {
            self.cut_for(key, &format!("certificate: {}", refusal.told()));
        }
        let found = self.revoked_servers();
        if found.values().any(Option::is_some) {
            self.cut_servers(&mut |_, credential| found.get(&Arc::as_ptr(credential)).cloned().flatten());
        }
        self.keyring.ocsp().looked();
    }

    fn revoked_clients(&self) -> Vec<(Key, Refusal)> {
        let mut known = HashMap::new();
        let mut revoked = Vec::new();
        for (_, conversation) in &self.conversations {
            let Identity::Certificate(credential) = &conversation.identity else { continue };
            let gate = self.keyring.gate(conversation.place.conduit);
            let Some(asks) = gate.and_then(|gate| gate.asks.as_ref()) else { continue };
            let place = (conversation.place.conduit, Arc::as_ptr(credential));
            let found = known.entry(place).or_insert_with(|| asks.keep_current(credential));
            revoked.extend(found.clone().map(|refusal| (conversation.key, refusal)));
        }
        revoked
    }

    fn revoked_servers(&self) -> Found {
        let mut found = Found::new();
        let legs = self.conversations.iter().flat_map(|(_, conversation)| conversation.servers());
        for (gate, credential) in legs.chain(self.lines.servers()) {
            // What counts is the one of its server now.
            let Some(asks) = &self.keyring.server(&gate.server).unwrap_or(gate).asks else { continue };
            found.entry(Arc::as_ptr(credential)).or_insert_with(|| asks.keep_current(credential));
        }
        found
    }
}
