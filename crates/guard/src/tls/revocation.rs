//! Revocation lists: which certificates their authorities have withdrawn.
//!
//! Kept true here:
//! * only a list signed by the certificate's own issuer says anything;
//! * a list says what it says of a revoked certificate even when it is out of date: revoked is always revoked;
//! * lists that speak of some certificates only are not taken, for silence would read as "not revoked".

use super::credential::name;
use super::day::{told, unix_s};
use openssl::x509::{CrlStatus, X509Crl, X509KeyUsage, X509Ref};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Keys of authorities that a list was held against; a site has a handful.
const MOST_KEYS: usize = 64;
/// RFC 5280 §5.2.4, §5.2.5, as they stand in DER: delta lists, and lists of a part.
const PARTIAL: [[u8; 5]; 2] = [[0x06, 3, 0x55, 0x1D, 0x1B], [0x06, 3, 0x55, 0x1D, 0x1C]];

/// What the lists say of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Revoked,
    /// Not revoked by the newest list, which is out of date.
    Stale(String),
    /// No list of its issuer.
    Unknown,
}

/// All lists of a conduit.
pub(super) struct Lists(Vec<List>);

pub(super) struct List {
    crl: X509Crl,
    pub(super) this_update_s: i64,
    /// `None`: it never says when the next one comes.
    pub(super) next_update_s: Option<i64>,
    signed_by: Mutex<HashMap<Vec<u8>, bool>>,
}

impl List {
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn new(crl: X509Crl) -> Result<Self, String> {
        let der = crl.to_der().map_err(|error| error.to_string())?;
        if PARTIAL.iter().any(|oid| der.windows(oid.len()).any(|window| window == oid)) {
            return Err("a list of only some certificates (delta or partial) is not supported".to_owned());
        }
        let this_update_s = unix_s(crl.last_update()).ok_or("it has no date")?;
        let next_update_s = crl.next_update().and_then(unix_s);
        Ok(Self { crl, this_update_s, next_update_s, signed_by: Mutex::default() })
    }

    pub(super) fn issuer(&self) -> String {
        name(self.crl.issuer_name())
    }

    fn is_stale(&self, now_s: i64) -> bool {
        self.next_update_s.is_some_and(|next| next < now_s)
    }

    /// A signature is checked once for each key: for each handshake it would cost as much as the handshake's own.
    fn is_of(&self, issuer: &X509Ref) -> bool {
        if !matches!(self.crl.issuer_name().try_cmp(issuer.subject_name()), Ok(Ordering::Equal)) {
            return false;
        }
        let may_sign = issuer.key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::CRL_SIGN));
        let Ok(key) = issuer.public_key() else { return false };
        let Ok(bytes) = key.public_key_to_der() else { return false };
        let mut known = self.signed_by.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEYS {
            known.clear();
        }
        may_sign && *known.entry(bytes).or_insert_with(|| self.crl.verify(&key).unwrap_or(false))
    }
}

impl Lists {
    pub(super) fn new(lists: Vec<List>) -> Self {
        Self(lists)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn standing(&self, certificate: &X509Ref, issuer: &X509Ref, now_s: i64) -> Standing {
        let mut newest: Option<&List> = None;
        for list in self.0.iter().filter(|list| list.is_of(issuer)) {
            if matches!(list.crl.get_by_serial(certificate.serial_number()), CrlStatus::Revoked(_)) {
                return Standing::Revoked;
            }
            if newest.is_none_or(|other| other.this_update_s < list.this_update_s) {
                newest = Some(list);
            }
        }
        match newest {
            None => Standing::Unknown,
            Some(list) if list.is_stale(now_s) => {
                let since = list.next_update_s.map(told).unwrap_or_default();
                Standing::Stale(format!("the list of {} was to be renewed by {since}", list.issuer()))
            }
            Some(_) => Standing::Good,
        }
    }
}
