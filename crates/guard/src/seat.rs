//! What is told of an open session. The data loop only copies it: ten thousand of them spelled there would keep
//! every request waiting.

use crate::conversation::Conversation;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) struct Seat {
    session: u64,
    conduit: Arc<str>,
    name: Option<Arc<str>>,
    client: SocketAddr,
    listener: SocketAddr,
    /// The serial port, where the client is on one.
    port: Option<Arc<str>>,
    identity: Arc<str>,
    role: Option<Arc<str>>,
    certificate: Option<Arc<str>>,
    age_ns: u64,
}

impl Seat {
    pub(crate) fn of(found: &Conversation, port: Option<&str>, now_ns: u64) -> Self {
        Self {
            session: found.key.session,
            conduit: Arc::clone(&found.session.config().terms.conduit),
            name: found.session.config().client.name.clone(),
            client: found.peer,
            listener: found.local,
            port: port.map(Arc::from),
            identity: Arc::clone(&found.session.config().client.identity),
            role: found.session.config().client.role.clone(),
            certificate: found.session.config().client.certificate.clone(),
            age_ns: now_ns.saturating_sub(found.opened.monotonic_ns),
        }
    }

    fn spell(&self) -> Value {
        let has_address = self.port.is_none();
        json!({
            "session": self.session,
            "conduit": &*self.conduit,
            "client": self.name.as_deref(),
            "client_address": has_address.then(|| crate::accept::canonical(self.client.ip())),
            "client_port": has_address.then(|| self.client.port()),
            "listener": self.port.as_deref().map_or_else(|| self.listener.to_string(), ToOwned::to_owned),
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
