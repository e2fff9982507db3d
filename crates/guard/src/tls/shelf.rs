//! Certificates that were judged, by the digest of the leaf: a resumed session brings its leaf only.
//!
//! Kept true here: what is remembered is bounded; a certificate that is forgotten is judged in a full handshake.

use super::credential::Credential;
use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Distinct certificates; as many as there are sessions to resume.
const MOST: usize = 1024;

#[derive(Default)]
pub(super) struct Shelf(Mutex<HashMap<Vec<u8>, Arc<Credential>>>);

impl Shelf {
    /// Keep it; what is to be used from now on is the one that was here before, where that is the same.
    pub(super) fn put(&self, credential: Arc<Credential>) -> Arc<Credential> {
        let Some(digest) = credential.chain.first().and_then(|leaf| digest(leaf)) else { return credential };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = known.get(&digest).filter(|held| held.chain == credential.chain) {
            return Arc::clone(held);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(digest, Arc::clone(&credential));
        credential
    }

    pub(super) fn find(&self, leaf: &X509Ref) -> Option<Arc<Credential>> {
        let digest = digest(leaf)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }
}

fn digest(leaf: &X509Ref) -> Option<Vec<u8>> {
    leaf.digest(MessageDigest::sha256()).ok().map(|digest| digest.to_vec())
}
