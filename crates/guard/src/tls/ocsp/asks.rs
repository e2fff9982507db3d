//! What one set of files says of asking, and about whom.

use super::register::{Ocsp, Standing};
use crate::tls::anchors::store_of;
use crate::tls::credential::Credential;
use crate::tls::refusal::Refusal;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::x509::store::X509Store;
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{X509, X509Ref};
use policy::document::{self, HttpAddress, Responder, WhenSilent};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// NIST SP 800-57: 112 bits and more, no SHA-1; as for all other chains.
const LEVEL: i32 = 2;

/// How a gate asks.
pub(crate) struct Asks {
    manner: Arc<Manner>,
    ocsp: Arc<Ocsp>,
}

/// What stands in the site file about it.
pub(super) struct Manner {
    pub(super) terms: document::Ocsp,
    /// In which a responder's own chain must end.
    pub(super) roots: X509Store,
    pub(super) whose: Whose,
}

/// Whose peers are asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Conduit(Arc<str>),
    Server(Arc<str>),
}

/// A certificate at a responder: by its issuer and its serial number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    issuer: Vec<u8>,
    serial: Vec<u8>,
    /// `None`: the certificate was to name one, and names none that can be asked.
    pub(super) responder: Option<HttpAddress>,
}

impl Asks {
    pub(in crate::tls) fn open(
        terms: &document::Ocsp,
        roots: impl Iterator<Item = X509>,
        (whose, ocsp): (Whose, &Arc<Ocsp>),
    ) -> Result<Self, ErrorStack> {
        let roots: Vec<X509> = roots.collect();
        let mut store = store_of(&roots)?;
        let mut strength = X509VerifyParam::new()?;
        strength.set_auth_level(LEVEL);
        store.set_param(&strength)?;
        let manner = Manner { terms: terms.clone(), roots: store.build(), whose };
        Ok(Self { manner: Arc::new(manner), ocsp: Arc::clone(ocsp) })
    }

    /// What is known of a peer's certificate now; where that is nothing current it is asked for.
    pub(in crate::tls) fn judge(&self, credential: &Arc<Credential>) -> Standing {
        self.ocsp.judge(&self.manner, credential, Instant::now())
    }

    /// An open session shows this: ask anew in time. What stands against it now, if anything does.
    pub(crate) fn keep_current(&self, credential: &Arc<Credential>) -> Option<Refusal> {
        self.ocsp.keep_current(&self.manner, credential, Instant::now())
    }

    pub(crate) fn refuses_silence(&self) -> bool {
        self.manner.refuses_silence()
    }
}

impl Manner {
    pub(super) fn refuses_silence(&self) -> bool {
        self.terms.when_silent == WhenSilent::Refuse
    }

    pub(super) fn max_age(&self) -> Duration {
        Duration::from_millis(self.terms.max_age_ms.into())
    }

    /// `None`: it is a root itself, and nobody can be asked about it.
    pub(super) fn subject(&self, credential: &Credential) -> Option<Subject> {
        let [leaf, issuer, ..] = credential.chain.as_slice() else { return None };
        let responder = match &self.terms.responder {
            Responder::At(address) => Some(address.clone()),
            Responder::FromCertificate => named_in(leaf),
        };
        let issuer = issuer.digest(MessageDigest::sha256()).ok()?.to_vec();
        let serial = leaf.serial_number().to_bn().ok()?.to_vec();
        Some(Subject { issuer, serial, responder })
    }
}

/// The first responder that a certificate names and that can be asked (RFC 5280 §4.2.2.1).
fn named_in(leaf: &X509Ref) -> Option<HttpAddress> {
    let named = leaf.ocsp_responders().ok()?;
    named.iter().find_map(|text| text.parse().ok())
}
