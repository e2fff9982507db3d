//! Moments of certificates, as seconds since 1970.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use openssl::asn1::{Asn1GeneralizedTimeRef, Asn1Time, Asn1TimeRef};

const DAY_S: i64 = 86_400;

/// A certificate's time; `None` where it is no time at all.
pub(super) fn unix_s(time: &Asn1TimeRef) -> Option<i64> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Some(i64::from(since.days) * DAY_S + i64::from(since.secs))
}

/// A time of an OCSP answer, of which the bindings give the text only; `None` where it is no time at all.
pub(super) fn generalized_s(time: &Asn1GeneralizedTimeRef) -> Option<i64> {
    let civil = DateTime::strptime("%b %d %H:%M:%S %Y GMT", time.to_string()).ok()?;
    Some(Offset::UTC.to_timestamp(civil).ok()?.as_second())
}

/// Whole days from one moment to another; less than none once it has passed.
pub(super) fn days_between(from_s: i64, to_s: i64) -> i64 {
    to_s.saturating_sub(from_s).div_euclid(DAY_S)
}

/// A moment for a person.
pub(super) fn told(at_s: i64) -> String {
    jiff::Timestamp::from_second(at_s).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use openssl::asn1::Asn1GeneralizedTime;

    #[test]
    fn a_generalized_time_is_read_whatever_its_day() {
        let read = |text: &str| generalized_s(&Asn1GeneralizedTime::from_str(text).unwrap());

        assert_eq!(read("19700101000000Z"), Some(0));
        assert_eq!(read("20261109080706Z"), Some(1_794_211_626));
        assert_eq!(read("20261127212527Z"), Some(1_795_814_727));
    }
}
