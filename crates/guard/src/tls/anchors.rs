//! What a conduit believes: roots, revocation lists, and how strictly those are held to their dates.

use super::complaint::Complaint;
use super::credential::{Credential, whom};
use super::judge::When;
use super::refusal::{Reason, Refusal};
use super::revocation::{Lists, Standing};
use openssl::error::ErrorStack;
use openssl::pkey::Id;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509PurposeId, X509Ref, X509StoreContext};
use policy::document::{StaleCrl, Tls};

/// R-61 for curves; what NIST SP 800-57 calls as strong for RSA is 3072, but plants have keys of 2048.
const EC_BITS: u32 = 256;
const RSA_BITS: u32 = 2048;

pub(super) struct Anchors {
    /// Without regard to time: for chains that were judged before.
    timeless: X509Store,
    lists: Lists,
    stale_crl: StaleCrl,
    /// A responder is asked about the peer's own certificate, which no list has to name then.
    asks: bool,
    /// Whether a certificate's role counts: a server has none.
    pub(super) has_roles: bool,
}

impl Anchors {
    pub(super) fn of_clients(roots: &[X509], lists: Lists, tls: &Tls) -> Result<Self, ErrorStack> {
        let timeless = timeless(roots, X509PurposeId::SSL_CLIENT)?;
        Ok(Self { timeless, lists, stale_crl: tls.stale_crl, asks: tls.ocsp.is_some(), has_roles: true })
    }

    pub(super) fn of_servers(roots: &[X509], lists: Lists, tls: &Tls) -> Result<Self, ErrorStack> {
        let timeless = timeless(roots, X509PurposeId::SSL_SERVER)?;
        Ok(Self { timeless, lists, stale_crl: tls.stale_crl, asks: tls.ocsp.is_some(), has_roles: false })
    }

    /// Judge a chain whose signatures are known to be good; the leaf first.
    pub(super) fn judge(&self, chain: &[&X509Ref], when: When) -> Result<Vec<Complaint>, Refusal> {
        let mut complaints = Vec::new();
        for certificate in chain {
            check_time(certificate, when)?;
            check_strength(certificate)?;
        }
        for (depth, (certificate, issuer)) in chain.iter().zip(chain.iter().skip(1)).enumerate() {
            let is_asked_about = self.asks && depth == 0;
            complaints.extend(self.judge_revocation((certificate, is_asked_about), issuer, when)?);
        }
        Ok(complaints)
    }

    /// Whether a chain that was judged before is still believed: neither revoked, nor of a root that is gone.
    pub(super) fn still_believe(&self, credential: &Credential, when: When) -> Result<(), Refusal> {
        let chain: Vec<&X509Ref> = credential.chain.iter().map(AsRef::as_ref).collect();
        let [leaf, issuers @ ..] = chain.as_slice() else {
            return Err(Refusal::new(Reason::IdentityLost, ""));
        };
        if !self.is_rooted(leaf, issuers).unwrap_or(false) {
            return Err(Refusal::new(Reason::UnknownCa, whom(leaf)));
        }
        for (certificate, issuer) in chain.iter().zip(issuers) {
            if self.lists.standing(certificate, issuer, when.unix_s) == Standing::Revoked {
                return Err(Refusal::new(Reason::Revoked, whom(certificate)));
            }
        }
        Ok(())
    }

    fn is_rooted(&self, leaf: &X509Ref, issuers: &[&X509Ref]) -> Result<bool, ErrorStack> {
        let mut untrusted = Stack::new()?;
        for issuer in issuers {
            untrusted.push((*issuer).to_owned())?;
        }
        X509StoreContext::new()?.init(&self.timeless, leaf, &untrusted, |context| context.verify_cert())
    }

    fn judge_revocation(
        &self,
        (certificate, is_asked_about): (&X509Ref, bool),
        issuer: &X509Ref,
        when: When,
    ) -> Result<Option<Complaint>, Refusal> {
        // Without any list the site file asks for no such check, and `modwarden check` says what that means.
        if self.lists.is_empty() {
            return Ok(None);
        }
        let (complaint, reason) = match self.lists.standing(certificate, issuer, when.unix_s) {
            Standing::Good => return Ok(None),
            Standing::Revoked => return Err(Refusal::new(Reason::Revoked, whom(certificate))),
            Standing::Stale(which) => (Complaint::Stale(which), Reason::StaleCrl),
            Standing::Unknown if is_asked_about => return Ok(None),
            Standing::Unknown => {
                let whose = format!("no list of the issuer of {}", whom(certificate));
                (Complaint::NoList(whose), Reason::NoCrl)
            }
        };
        match self.stale_crl {
            StaleCrl::Warn => Ok(Some(complaint)),
            StaleCrl::Refuse => Err(Refusal::new(reason, format!("{}{}", whom(certificate), when.doubt()))),
        }
    }
}

fn timeless(roots: &[X509], purpose: X509PurposeId) -> Result<X509Store, ErrorStack> {
    let mut store = store_of(roots)?;
    store.set_flags(X509VerifyFlags::NO_CHECK_TIME)?;
    store.set_purpose(purpose)?;
    Ok(store.build())
}

/// Roots alone: what a peer sends is never an anchor.
pub(super) fn store_of(roots: &[X509]) -> Result<X509StoreBuilder, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    for root in roots {
        store.add_cert(root.clone())?;
    }
    Ok(store)
}

fn check_time(certificate: &X509Ref, when: When) -> Result<(), Refusal> {
    let bounds = (super::day::unix_s(certificate.not_before()), super::day::unix_s(certificate.not_after()));
    let (Some(from_s), Some(until_s)) = bounds else {
        return Err(Refusal::new(Reason::BadCertificate, whom(certificate)));
    };
    let reason = match when.unix_s {
        now if now < from_s => Reason::NotYetValid,
        now if now > until_s => Reason::Expired,
        _ => return Ok(()),
    };
    Err(Refusal::new(reason, format!("{}{}", whom(certificate), when.doubt())))
}

fn check_strength(certificate: &X509Ref) -> Result<(), Refusal> {
    let is_strong = certificate.public_key().is_ok_and(|key| match key.id() {
        Id::EC => key.bits() >= EC_BITS,
        Id::RSA | Id::RSA_PSS => key.bits() >= RSA_BITS,
        Id::ED25519 | Id::ED448 => true,
        _ => false,
    });
    if is_strong { Ok(()) } else { Err(Refusal::new(Reason::WeakKey, whom(certificate))) }
}
