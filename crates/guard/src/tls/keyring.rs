//! The gates of all conduits that speak TLS, made of their files together.
//!
//! Kept true here: a set of files that can be used whole is in force; of any other nothing is. Where files and settings
//! are as before, the gate is the one before, so that its sessions can still be resumed.

use super::error::{CredentialError, FileError};
use super::gate::Gate;
use super::material::Material;
use policy::Policy;
use policy::document::{Conduit, Tls};
use std::sync::Arc;

#[derive(Clone, Default)]
pub(crate) struct Keyring(Vec<(Arc<str>, Option<Arc<Gate>>)>);

impl Keyring {
    /// Read all files that a policy names.
    pub(crate) fn load(policy: &Policy, before: &Self) -> Result<Self, CredentialError> {
        let conduits = policy.document().conduits.iter();
        let gates = conduits.map(|conduit| {
            let gate = conduit.tls.as_ref().map(|tls| before.gate_of(conduit, tls)).transpose();
            let gate = gate.map_err(|error| CredentialError::of(&conduit.name, error))?;
            Ok((Arc::from(conduit.name.as_str()), gate))
        });
        gates.collect::<Result<_, _>>().map(Self)
    }

    /// The gate of a conduit, by its place in the policy.
    pub(crate) fn gate(&self, conduit: usize) -> Option<&Arc<Gate>> {
        self.0.get(conduit).and_then(|(_, gate)| gate.as_ref())
    }

    /// Each gate, with its conduit's name.
    pub(crate) fn gates(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Gate>)> {
        self.0.iter().filter_map(|(conduit, gate)| Some((conduit, gate.as_ref()?)))
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
            None => Gate::open(tls, material).map(Arc::new),
        }
    }
}
