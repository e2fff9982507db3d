//! One question, put to one responder; and what came of it.

use super::asks::Subject;
use super::http::{Trouble, post};
use super::verify::judge_answer;
use crate::tls::credential::Credential;
use crate::tls::refusal::Reason;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::ocsp::{OcspCertId, OcspRequest};
use policy::document::HttpAddress;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) struct Question {
    pub(super) subject: Subject,
    pub(super) address: HttpAddress,
    pub(super) credential: Arc<Credential>,
    pub(super) manner: Arc<super::asks::Manner>,
}

/// What was heard of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Not revoked, and for how long that counts.
    Good(Duration),
    /// Since when, for a person.
    Revoked(String),
    Failed(Reason, String),
}

impl Question {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.manner.terms.timeout_ms.into())
    }

    /// Ask, and wait for the answer.
    pub(super) fn ask(&self) -> Heard {
        let Ok(request) = self.request() else {
            return Heard::Failed(Reason::OcspBadAnswer, "the question cannot be put".to_owned());
        };
        match post(&self.address, &request, self.timeout()) {
            Ok(answer) => judge_answer(&answer, (&self.credential, &self.manner), unix_s()),
            Err(Trouble::Silent(what)) => Heard::Failed(Reason::OcspSilent, what),
            Err(Trouble::Bad(what)) => Heard::Failed(Reason::OcspBadAnswer, what),
        }
    }

    fn request(&self) -> Result<Vec<u8>, ErrorStack> {
        let mut request = OcspRequest::new()?;
        request.add_id(certificate_id(&self.credential).ok_or_else(ErrorStack::get)?)?;
        request.to_der()
    }
}

/// How both sides name a certificate. SHA-1 names it and proves nothing; responders that know another are rare.
pub(super) fn certificate_id(credential: &Credential) -> Option<OcspCertId> {
    let [leaf, issuer, ..] = credential.chain.as_slice() else { return None };
    OcspCertId::from_cert(MessageDigest::sha1(), leaf, issuer).ok()
}

fn unix_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
