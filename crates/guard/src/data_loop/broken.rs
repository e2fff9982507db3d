//! A session that panicked: what it owes the record is written for it, and it is asked nothing more.
//!
//! Kept true here:
//! * nothing of it can arrive any more;
//! * the record names whose session it was, and each request that has a first row has an end;
//! * what it may have written is unknown until it is read.

use super::DataLoop;
use crate::begun::OpenWrite;
use crate::timers::Key;
use event::{Event, Kind};
use session::{Client, Recorder as _, SessionConfig};
use std::sync::Arc;

/// Why its session ended, and the first word of how its requests did.
const REASON: &str = "internal_error";

impl DataLoop {
    pub(super) fn end_broken(&mut self, key: Key) {
        let Some(broken) = self.take_out(key) else { return };
        let config = Arc::clone(broken.session.config());
        broken.reset();
        self.record_broken(&config, "panic: one session was ended");
    }

    /// Write all rows that the session of this client will not write any more.
    pub(super) fn record_broken(&mut self, config: &SessionConfig, what: &str) {
        self.note_of(config, Kind::InternalError, what);
        for write in self.ledger.take_open(config.client.id) {
            self.end_unheard(write);
        }
        self.note_of(config, Kind::SessionClosed, REASON);
    }

    fn end_unheard(&mut self, write: OpenWrite) {
        // A row whose commit its session has not heard of: nothing of that request was forwarded.
        let has_waited = self.waiting.remove(&write.first()).is_some();
        if let Some((target, span)) = write.writes {
            self.plant.forget_span(target, span);
        }
        let how = if has_waited { "never sent" } else { "outcome unknown" };
        let Event { time, clock, .. } = self.ledger.own();
        let row = Event { time, clock, reason: Some(format!("{REASON}: {how}").into()), ..write.into_end() };
        self.ledger.record_end(&row);
    }

    fn note_of(&mut self, config: &SessionConfig, kind: Kind, reason: &str) {
        let Client { id, name, address, port, identity, role, certificate: _ } = &config.client;
        let row = Event {
            kind,
            conduit: Some(Arc::clone(&config.terms.conduit)),
            session: Some(*id),
            client: name.clone(),
            client_address: *address,
            client_port: *port,
            identity: Some(Arc::clone(identity)),
            role: role.clone(),
            reason: Some(Arc::from(reason)),
            ..self.ledger.own()
        };
        self.ledger.record(&row);
    }
}
