//! What is told of an open session. The data loop only copies it: ten thousand of them spelled there would keep
//! every request waiting.

use crate::conversation::Conversation;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) struct Seat {
    session: u64,
    conduit: Arc<str>,
    client: SocketAddr,
    listener: SocketAddr,
    identity: Arc<str>,
    role: Option<Arc<str>>,
    certificate: Option<Arc<str>>,
    age_ns: u64,
}

impl Seat {
    pub(crate) fn of(found: &Conversation, now_ns: u64) -> Self {
        Self {
            session: found.key.session,
            conduit: Arc::clone(&found.session.config().terms.conduit),
            client: found.peer,
            listener: found.local,
            identity: Arc::clone(&found.session.config().client.identity),
            role: found.session.config().client.role.clone(),
            certificate: found.session.config().client.certificate.clone(),
            age_ns: now_ns.saturating_sub(found.opened.monotonic_ns),
        }
    }

    fn spell(&self) -> Value {
        json!({
            "session": self.session,
            "conduit": &*self.conduit,
            "client_address": crate::accept::canonical(self.client.ip()),
            "client_port": self.client.port(),
            "listener": self.listener.to_string(),
            "identity": &*self.identity,
            "role": self.role.as_deref(),
            "certificate": self.certificate.as_deref(),
            "age_s": self.age_ns / 1_000_000_000,
        })
    }
}

/// All of them as JSON.
pub(crate) fn spell(seats: &[Seat]) -> Vec<u8> {
    let spelled: Vec<Value> = seats.iter().map(Seat::spell).collect();
    Value::from(spelled).to_string().into_bytes()
}
