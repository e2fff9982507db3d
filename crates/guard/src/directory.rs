//! What a policy says of each listener and each client's name, looked up once and shared by all sessions.

use crate::listeners::Place;
use event::SessionId;
use policy::{Policy, Principal, View};
use session::{Client, SessionConfig, Terms};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub(crate) struct Directory {
    policy: Arc<Policy>,
    terms: HashMap<Place, Arc<Terms>>,
    names: HashMap<IpAddr, Arc<str>>,
    by_address: Arc<str>,
}

/// The policy's answer to who stands at which listener.
pub(crate) struct Admission {
    pub(crate) config: Arc<SessionConfig>,
    pub(crate) view: Arc<View>,
}

impl Directory {
    pub(crate) fn of(policy: &Arc<Policy>) -> Self {
        let document = policy.document();
        let places = crate::listeners::places(document).into_values();
        let terms = places.filter_map(|place| {
            let terms = Terms::of(policy, place.conduit, place.listener)?;
            Some((place, Arc::new(terms)))
        });
        let names = document.assets.iter().flat_map(|asset| {
            let name: Arc<str> = Arc::from(asset.name.as_str());
            asset.addresses.iter().map(move |address| (*address, Arc::clone(&name)))
        });
        Self {
            policy: Arc::clone(policy),
            terms: terms.collect(),
            names: names.collect(),
            by_address: Arc::from("address"),
        }
    }

    /// What this client may do here. `None`: the policy knows no such listener.
    pub(crate) fn admit(&self, place: Place, peer: SocketAddr, id: SessionId) -> Option<Admission> {
        let terms = Arc::clone(self.terms.get(&place)?);
        let address = peer.ip().to_canonical();
        let client = Client {
            id,
            name: self.names.get(&address).cloned(),
            address,
            port: peer.port(),
            identity: Arc::clone(&self.by_address),
            role: None,
        };
        let principal = Principal { address, role: None };
        let view = self.policy.view(place.conduit, place.listener, &principal);
        Some(Admission { config: Arc::new(SessionConfig { terms, client }), view })
    }
}
