//! The gates of all conduits and servers that speak TLS, made of their files together.
//!
//! Kept true here: a set of files that can be used whole is in force; of any other nothing is. Where files and settings
//! are as before, the gate is the one before, so that its sessions can still be resumed.

use super::error::{CredentialError, FileError};
use super::gate::Gate;
use super::material::Material;
use super::ocsp::Ocsp;
use super::server_gate::{ServerGate, Trust};
use policy::Policy;
use policy::document::{Conduit, Document, ServerTls, Tls};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Default)]
pub(crate) struct Keyring {
    /// By the conduit's place in the policy.
    conduits: Vec<(Arc<str>, Option<Arc<Gate>>)>,
    /// By the server's name.
    servers: BTreeMap<Arc<str>, Arc<ServerGate>>,
    /// What is known of peers' certificates outlives all files.
    ocsp: Arc<Ocsp>,
}

impl Keyring {
    /// Read all files that a policy names.
    pub(crate) fn load(policy: &Policy, before: &Self) -> Result<Self, CredentialError> {
        let conduits = policy.document().conduits.iter();
        let gates = conduits.map(|conduit| {
            let gate = conduit.tls.as_ref().map(|tls| before.gate_of(conduit, tls)).transpose();
            let gate = gate.map_err(|error| CredentialError::of(format!("conduit {}", conduit.name), error))?;
            Ok((Arc::from(conduit.name.as_str()), gate))
        });
        let conduits = gates.collect::<Result<_, _>>()?;
        let servers = before.towards_servers(policy.document())?;
        Ok(Self { conduits, servers, ocsp: Arc::clone(&before.ocsp) })
    }

    fn towards_servers(&self, document: &Document) -> Result<BTreeMap<Arc<str>, Arc<ServerGate>>, CredentialError> {
        let mut trusts: Vec<(&Tls, Trust)> = Vec::new();
        let secured = document.servers.iter().filter_map(|server| Some((server, server.tls.as_ref()?)));
        let gates = secured.map(|(server, tls)| {
            let gate = self.towards_server(&server.name, tls, &mut trusts);
            let gate = gate.map_err(|error| CredentialError::of(format!("server {}", server.name), error))?;
            Ok((Arc::from(server.name.as_str()), gate))
        });
        gates.collect()
    }

    /// Servers that are told the same have their files read once, and one set of roots and lists.
    fn towards_server<'a>(
        &self,
        name: &str,
        tls: &'a ServerTls,
        trusts: &mut Vec<(&'a Tls, Trust)>,
    ) -> Result<Arc<ServerGate>, FileError> {
        let trust = match trusts.iter().find(|(other, _)| **other == tls.tls) {
            Some((_, trust)) => trust.clone(),
            None => {
                let trust = Trust::load(&tls.tls)?;
                trusts.push((&tls.tls, trust.clone()));
                trust
            }
        };
        let fingerprint = [&trust.material.fingerprint, format!("{tls:?}").as_bytes()].concat();
        match self.servers.get(name).filter(|gate| gate.fingerprint == fingerprint) {
            Some(gate) => Ok(Arc::clone(gate)),
            None => ServerGate::open(name, (tls, &trust), (fingerprint, &self.ocsp)).map(Arc::new),
        }
    }

    pub(crate) fn ocsp(&self) -> &Arc<Ocsp> {
        &self.ocsp
    }

    /// Whether anybody is asked about anybody.
    pub(crate) fn asks(&self) -> bool {
        self.gates().any(|(_, gate)| gate.asks.is_some()) || self.servers().any(|(_, gate)| gate.asks.is_some())
    }

    /// The gate towards a server, by its name.
    pub(crate) fn server(&self, name: &str) -> Option<&Arc<ServerGate>> {
        self.servers.get(name)
    }

    /// Each gate towards a server, with the server's name.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<ServerGate>)> {
        self.servers.iter()
    }

    /// Those towards servers that came into force with this one.
    pub(crate) fn fresh_servers(&self, before: &Self) -> Vec<(Arc<str>, Arc<ServerGate>)> {
        let is_fresh = |name: &Arc<str>, gate: &Arc<ServerGate>| {
            before.servers.get(name).is_none_or(|other| !Arc::ptr_eq(gate, other))
        };
        let fresh = self.servers.iter().filter(|(name, gate)| is_fresh(name, gate));
        fresh.map(|(name, gate)| (Arc::clone(name), Arc::clone(gate))).collect()
    }

    /// The gate of a conduit, by its place in the policy.
    pub(crate) fn gate(&self, conduit: usize) -> Option<&Arc<Gate>> {
        self.conduits.get(conduit).and_then(|(_, gate)| gate.as_ref())
    }

    /// Each gate, with its conduit's name.
    pub(crate) fn gates(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Gate>)> {
        self.conduits.iter().filter_map(|(conduit, gate)| Some((conduit, gate.as_ref()?)))
    }

    /// Those that came into force with this one.
    pub(crate) fn fresh<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Gate>)> {
        self.gates().filter(|(_, gate)| !before.gates().any(|(_, other)| Arc::ptr_eq(gate, other)))
    }

    fn gate_of(&self, conduit: &Conduit, tls: &Tls) -> Result<Arc<Gate>, FileError> {
        let material = Material::load(tls)?;
        let held = self.gates().find(|(name, _)| ***name == *conduit.name).map(|(_, gate)| gate);
        match held.filter(|gate| gate.fingerprint == material.fingerprint) {
            Some(gate) => Ok(Arc::clone(gate)),
            None => Gate::open(&conduit.name, (tls, material), &self.ocsp).map(Arc::new),
        }
    }
}
