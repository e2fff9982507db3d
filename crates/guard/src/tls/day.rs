//! Moments of certificates, as seconds since 1970.

use openssl::asn1::{Asn1Time, Asn1TimeRef};

const DAY_S: i64 = 86_400;

/// A certificate's time; `None` where it is no time at all.
pub(super) fn unix_s(time: &Asn1TimeRef) -> Option<i64> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(since.days) * DAY_S + i64::from(since.secs))
}

/// Whole days from one moment to another; less than none once it has passed.
pub(super) fn days_between(from_s: i64, to_s: i64) -> i64 {
    to_s.saturating_sub(from_s).div_euclid(DAY_S)
}

/// A moment for a person.
pub(super) fn told(at_s: i64) -> String {
    jiff::Timestamp::from_second(at_s).map(|at| at.to_string()).unwrap_or_default()
}
