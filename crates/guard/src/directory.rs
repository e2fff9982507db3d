//! What a policy says of each listener and each client's name, looked up once and shared by all sessions.

use crate::listeners::Place;
use crate::tls::Identity;
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
    by_certificate: Arc<str>,
    /// The client is whoever is on the other end of a serial port.
    by_port: Arc<str>,
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
            by_certificate: Arc::from("certificate"),
            by_port: Arc::from("port"),
        }
    }

    /// What this client may do here. `None`: the policy knows no such listener.
    pub(crate) fn admit(
        &self,
        place: Place,
        peer: SocketAddr,
        id: SessionId,
        identity: &Identity,
    ) -> Option<Admission> {
        let terms = Arc::clone(self.terms.get(&place)?);
        let address = peer.ip().to_canonical();
        let client = Client {
            id,
            name: self.names.get(&address).cloned(),
            address: (!terms.is_on_bus).then_some(address),
            port: (!terms.is_on_bus).then_some(peer.port()),
            identity: Arc::clone(match identity {
                Identity::Address if terms.is_on_bus => &self.by_port,
                Identity::Address => &self.by_address,
                Identity::Certificate(_) => &self.by_certificate,
            }),
            role: identity.role(),
            certificate: identity.credential().map(|credential| Arc::clone(&credential.whom)),
        };
        let principal = Principal { address, role: client.role.clone() };
        let view = self.policy.view(place.conduit, place.listener, &principal);
        Some(Admission { config: Arc::new(SessionConfig { terms, client }), view })
    }

    /// Whether some rule could name a client at this address, whatever role its certificate turns out to carry.
    pub(crate) fn may_name(&self, place: Place, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        let Some(conduit) = self.policy.document().conduits.get(place.conduit) else { return false };
        let roles = conduit.rules.iter().filter_map(|rule| rule.roles.as_ref()).flatten();
        let mut roles: Vec<Option<&str>> = roles.map(|role| Some(role.as_str())).chain([None]).collect();
        roles.sort_unstable();
        roles.dedup();
        roles.into_iter().any(|role| {
            let principal = Principal { address, role: role.map(Arc::from) };
            self.policy.view(place.conduit, place.listener, &principal).names_client()
        })
    }
}
