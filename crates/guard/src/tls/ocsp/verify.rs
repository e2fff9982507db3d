//! Judges what a responder answered.
//!
//! Kept true here:
//! * only an answer says anything that the certificate's issuer signed, or whom that issuer appointed for it
//!   (RFC 6960 §4.2.2.2), under a chain to a root of `trust`;
//! * an answer about another certificate, or outside its dates, never says "good";
//! * a signed "revoked" counts outside its dates too, as with lists.

use super::asks::Manner;
use super::question::{Heard, certificate_id};
use crate::tls::credential::Credential;
use crate::tls::day::{generalized_s, told};
use crate::tls::refusal::Reason;
use openssl::ocsp::{OcspBasicResponse, OcspCertStatus, OcspFlag, OcspResponse, OcspResponseStatus, OcspStatus};
use openssl::stack::Stack;
use openssl::x509::X509;
use std::time::Duration;

/// How far the clocks of guard and responder may be apart; the one that `openssl ocsp` has by default.
const SLACK_S: i64 = 300;
/// An answer that has all but ended must not be asked for in each turn.
const LEAST_S: i64 = 10;

pub(super) fn judge_answer(der: &[u8], (credential, manner): (&Credential, &Manner), now_s: i64) -> Heard {
    let bad = |what: &str| Heard::Failed(Reason::OcspBadAnswer, what.to_owned());
    let Ok(response) = OcspResponse::from_der(der) else { return bad("it is no OCSP response") };
    if response.status() != OcspResponseStatus::SUCCESSFUL {
        return bad(&format!("the responder says {}", error_name(response.status())));
    }
    let Ok(basic) = response.basic() else { return bad("it is no basic OCSP response") };
    if !is_signed_by_who_may(&basic, (credential, manner)) {
        return bad("it is signed neither by the issuer nor by whom the issuer appointed");
    }
    let status = certificate_id(credential).and_then(|id| Found::in_response(&basic, &id));
    match status {
        None => bad("it is not about this certificate"),
        Some(found) => found.judge(manner.max_age(), now_s),
    }
}

fn is_signed_by_who_may(basic: &OcspBasicResponse, (credential, manner): (&Credential, &Manner)) -> bool {
    let issuers = credential.chain.iter().skip(1).cloned();
    let stack = Stack::<X509>::new().and_then(|mut stack| {
        for issuer in issuers {
            stack.push(issuer)?;
        }
        Ok(stack)
    });
    // Without NO_EXPLICIT a root that is trusted for OCSP by its own word could sign for any issuer.
    stack.is_ok_and(|stack| basic.verify(&stack, &manner.roots, OcspFlag::NO_EXPLICIT).is_ok())
}

/// What the answer says of the certificate.
struct Found {
    status: OcspCertStatus,
    revoked_s: Option<i64>,
    this_s: Option<i64>,
    /// `Some(None)`: a date that is none.
    next_s: Option<Option<i64>>,
}

impl Found {
    fn in_response(basic: &OcspBasicResponse, id: &openssl::ocsp::OcspCertId) -> Option<Self> {
        let found: OcspStatus<'_> = basic.find_status(id)?;
        Some(Self {
            status: found.status,
            revoked_s: found.revocation_time.and_then(generalized_s),
            this_s: generalized_s(found.this_update),
            next_s: found.next_update().map(generalized_s),
        })
    }

    fn judge(&self, max_age: Duration, now_s: i64) -> Heard {
        if self.status == OcspCertStatus::REVOKED {
            return Heard::Revoked(self.revoked_s.map(told).unwrap_or_default());
        }
        match self.age_left(max_age, now_s) {
            Err(what) => Heard::Failed(Reason::OcspStale, what),
            Ok(_) if self.status != OcspCertStatus::GOOD => {
                Heard::Failed(Reason::OcspUnknown, "the responder does not know it".to_owned())
            }
            Ok(left) => Heard::Good(left),
        }
    }

    /// For how long the answer counts.
    fn age_left(&self, max_age: Duration, now_s: i64) -> Result<Duration, String> {
        let most_s = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
        let this_s = self.this_s.ok_or("its thisUpdate is no date")?;
        if this_s > now_s.saturating_add(SLACK_S) {
            return Err(format!("its thisUpdate {} is still to come", told(this_s)));
        }
        let Some(next_s) = self.next_s else {
            // RFC 6960 §2.4: newer information is available all the time, so that old words are replayed ones.
            let is_old = this_s < now_s.saturating_sub(most_s).saturating_sub(SLACK_S);
            return if is_old { Err(format!("it is of {}", told(this_s))) } else { Ok(max_age) };
        };
        let next_s = next_s.ok_or("its nextUpdate is no date")?;
        if next_s < now_s.saturating_sub(SLACK_S) {
            return Err(format!("it was to be renewed by {}", told(next_s)));
        }
        let left_s = next_s.saturating_sub(now_s).max(LEAST_S);
        Ok(max_age.min(Duration::from_secs(u64::try_from(left_s).unwrap_or_default())))
    }
}

/// RFC 6960 §4.2.1.
fn error_name(status: OcspResponseStatus) -> &'static str {
    match status {
        OcspResponseStatus::MALFORMED_REQUEST => "malformedRequest",
        OcspResponseStatus::INTERNAL_ERROR => "internalError",
        OcspResponseStatus::TRY_LATER => "tryLater",
        OcspResponseStatus::SIG_REQUIRED => "sigRequired",
        OcspResponseStatus::UNAUTHORIZED => "unauthorized",
        _ => "something that RFC 6960 does not know",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const NOW_S: i64 = 1_800_000_000;

    fn good(this_s: i64, next_s: Option<i64>) -> Found {
        let (this_s, next_s) = (Some(NOW_S + this_s), next_s.map(|next_s| Some(NOW_S + next_s)));
        Found { status: OcspCertStatus::GOOD, revoked_s: None, this_s, next_s }
    }

    fn left_s(found: &Found) -> Option<u64> {
        match found.judge(HOUR, NOW_S) {
            Heard::Good(left) => Some(left.as_secs()),
            _ => None,
        }
    }

    #[test]
    fn an_answer_counts_until_its_end_and_never_longer_than_it_may() {
        let found = [(-60, Some(1_800)), (-60, Some(86_400)), (-60, Some(2)), (-60, None)];

        let left = found.map(|(this_s, next_s)| left_s(&good(this_s, next_s)));
        assert_eq!(left, [Some(1_800), Some(3_600), Some(10), Some(3_600)]);
    }

    #[test]
    fn an_answer_outside_its_dates_is_not_good_but_clocks_may_differ_a_little() {
        let stale = [(-7_200, Some(-301)), (301, Some(900)), (-3_901, None)];
        let close = [(-7_200, Some(-299)), (299, Some(900)), (-3_899, None)];

        assert_eq!(stale.map(|(this_s, next_s)| left_s(&good(this_s, next_s))), [None; 3]);
        assert!(close.iter().all(|(this_s, next_s)| left_s(&good(*this_s, *next_s)).is_some()));
    }

    #[test]
    fn a_date_that_is_none_is_not_a_date_that_is_missing() {
        let found = Found { next_s: Some(None), ..good(-60, None) };

        assert_eq!(left_s(&found), None);
        assert_eq!(left_s(&Found { this_s: None, ..good(0, Some(60)) }), None);
    }

    #[test]
    fn revoked_counts_outside_its_dates_too() {
        let found = Found { status: OcspCertStatus::REVOKED, revoked_s: Some(0), ..good(-7_200, Some(-3_600)) };

        assert_eq!(found.judge(HOUR, NOW_S), Heard::Revoked("1970-01-01T00:00:00Z".to_owned()));
    }
}
