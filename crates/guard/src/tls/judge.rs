//! Judges a peer's certificate within its handshake, so that a bad one is told so by an alert.
//!
//! Kept true here: a panic in OpenSSL's callback refuses this one peer, and does not leave Rust.

use super::anchors::Anchors;
use super::complaint::Complaint;
use super::credential::{Credential, whom};
use super::refusal::{Reason, Refusal};
use openssl::x509::{X509Ref, X509StoreContextRef, X509VerifyResult};
use role::{RoleError, role_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// The guard's clock, and whether it is known to be right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    pub(crate) unix_s: i64,
    pub(crate) is_synchronised: bool,
}

/// What came of a judgement.
pub(super) type Judged = Result<(Arc<Credential>, Vec<Complaint>), Refusal>;

/// Where the callback leaves it.
#[derive(Clone, Default)]
pub(super) struct Bench(Arc<Mutex<Option<Judged>>>);

impl When {
    pub(crate) fn of(moment: policy::Moment) -> Self {
        Self { unix_s: moment.utc_ns.div_euclid(1_000_000_000), is_synchronised: moment.synchronised }
    }

    /// What a record says behind a judgement that rests on the clock.
    pub(super) fn doubt(self) -> &'static str {
        if self.is_synchronised { "" } else { "; the guard's clock is not synchronised" }
    }
}

impl Bench {
    /// What was found, once.
    pub(super) fn take(&self) -> Option<Judged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, judged: Judged) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
    }

    /// OpenSSL's verify callback: once for each certificate, the leaf last.
    pub(super) fn hear(
        &self,
        (anchors, when): (&Anchors, When),
        is_fine: bool,
        context: &mut X509StoreContextRef,
    ) -> bool {
        let heard = catch_unwind(AssertUnwindSafe(|| judge_next((anchors, when), is_fine, context)));
        match heard.unwrap_or_else(|_| Some(Err(Refusal::new(Reason::Internal, "")))) {
            None => true,
            Some(judged) => {
                let is_good = judged.is_ok();
                if !is_good && is_fine {
                    context.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
                }
                self.put(judged);
                is_good
            }
        }
    }
}

fn judge_next((anchors, when): (&Anchors, When), is_fine: bool, context: &mut X509StoreContextRef) -> Option<Judged> {
    if !is_fine {
        return Some(Err(Refusal::of_certificate(context.error(), context.current_cert(), when)));
    }
    if context.error_depth() > 0 {
        return None;
    }
    let chain = context.chain()?;
    let certificates: Vec<&X509Ref> = chain.iter().collect();
    let judged = anchors.judge(&certificates, when).and_then(|complaints| {
        let leaf = certificates.first().ok_or_else(|| Refusal::new(Reason::NoCertificate, ""))?;
        let role = if anchors.has_roles { role(leaf)? } else { None };
        Ok((Arc::new(Credential::new(chain, role)), complaints))
    });
    Some(judged)
}

fn role(leaf: &X509Ref) -> Result<Option<Arc<str>>, Refusal> {
    let der = leaf.to_der().unwrap_or_default();
    let role = role_of(&der).map_err(|error| {
        let reason = match error {
            RoleError::Two => Reason::TwoRoles,
            RoleError::IllFormed => Reason::RoleIllFormed,
            RoleError::NoCertificate => Reason::BadCertificate,
        };
        Refusal::new(reason, whom(leaf))
    })?;
    Ok(role.map(Arc::from))
}
