//! Why a connection did not become a session, or a server cannot be used.

use super::credential::whom;
use super::judge::When;
use super::tap::Tap;
use openssl::ssl::{Error, SslAlert};
use openssl::x509::{X509Ref, X509VerifyResult};
use role::RoleError;

/// The reason, in the word that stands in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    NoCertificate,
    UnknownCa,
    Expired,
    NotYetValid,
    Revoked,
    StaleCrl,
    NoCrl,
    OcspSilent,
    OcspUnknown,
    OcspBadAnswer,
    OcspStale,
    OcspNoResponder,
    WeakKey,
    WrongPurpose,
    WrongName,
    BadCertificate,
    TwoRoles,
    RoleIllFormed,
    IdentityLost,
    OneSided,
    Version,
    Downgrade,
    NoSharedSuite,
    NotTls,
    HandshakeTimeout,
    ClientClosed,
    ClientAlert,
    ServerClosed,
    ServerAlert,
    Protocol,
    Draining,
    PolicyChanged,
    Internal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    /// What else is known: whose certificate, which list, what OpenSSL said.
    pub(crate) detail: String,
}

/// <openssl/sslerr.h>, which the bindings do not name.
mod code {
    pub(super) const NO_SUITABLE_KEY_SHARE: i32 = 101;
    pub(super) const NO_SUITABLE_SIGNATURE_ALGORITHM: i32 = 118;
    pub(super) const HTTPS_PROXY_REQUEST: i32 = 155;
    pub(super) const HTTP_REQUEST: i32 = 156;
    pub(super) const NO_SHARED_CIPHER: i32 = 193;
    pub(super) const PEER_DID_NOT_RETURN_A_CERTIFICATE: i32 = 199;
    pub(super) const UNKNOWN_PROTOCOL: i32 = 252;
    pub(super) const UNSUPPORTED_PROTOCOL: i32 = 258;
    pub(super) const WRONG_VERSION_NUMBER: i32 = 267;
    pub(super) const INAPPROPRIATE_FALLBACK: i32 = 373;
    pub(super) const NO_SHARED_SIGNATURE_ALGORITHMS: i32 = 376;
    pub(super) const VERSION_TOO_LOW: i32 = 396;
    pub(super) const NO_SHARED_GROUPS: i32 = 410;
}

/// <openssl/x509_vfy.h>, which the bindings do not name.
mod flaw {
    /// No issuer, or one of the same name with another key.
    pub(super) const NO_ISSUER: [i32; 7] = [2, 7, 18, 19, 20, 21, 30];
    pub(super) const NOT_YET_VALID: i32 = 9;
    pub(super) const EXPIRED: i32 = 10;
    pub(super) const REVOKED: i32 = 23;
    pub(super) const INVALID_PURPOSE: i32 = 26;
    pub(super) const TOO_WEAK: [i32; 3] = [66, 67, 68];
    /// Of the host, and of the address.
    pub(super) const WRONG_NAME: [i32; 2] = [62, 64];
}

impl Reason {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::UnknownCa => "unknown_ca",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::StaleCrl => "stale_crl",
            Self::NoCrl => "no_crl",
            Self::OcspSilent => "ocsp_silent",
            Self::OcspUnknown => "ocsp_unknown",
            Self::OcspBadAnswer => "ocsp_bad_answer",
            Self::OcspStale => "ocsp_stale",
            Self::OcspNoResponder => "ocsp_no_responder",
            Self::WeakKey => "weak_key",
            Self::WrongPurpose => "wrong_purpose",
            Self::WrongName => "wrong_name",
            Self::BadCertificate => "bad_certificate",
            Self::TwoRoles => RoleError::Two.word(),
            Self::RoleIllFormed => RoleError::IllFormed.word(),
            Self::IdentityLost => "identity_lost",
            Self::OneSided => "one_sided",
            Self::Version => "version",
            Self::Downgrade => "downgrade",
            Self::NoSharedSuite => "no_shared_suite",
            Self::NotTls => "not_tls",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::ClientClosed => "client_closed",
            Self::ClientAlert => "client_alert",
            Self::ServerClosed => "server_closed",
            Self::ServerAlert => "server_alert",
            Self::Protocol => "protocol",
            Self::Draining => "draining",
            Self::PolicyChanged => "policy_changed",
            Self::Internal => "internal_error",
        }
    }

    fn of_certificate(flaw: i32) -> Self {
        match flaw {
            flaw::NOT_YET_VALID => Self::NotYetValid,
            flaw::EXPIRED => Self::Expired,
            flaw::REVOKED => Self::Revoked,
            flaw::INVALID_PURPOSE => Self::WrongPurpose,
            _ if flaw::NO_ISSUER.contains(&flaw) => Self::UnknownCa,
            _ if flaw::WRONG_NAME.contains(&flaw) => Self::WrongName,
            _ if flaw::TOO_WEAK.contains(&flaw) => Self::WeakKey,
            _ => Self::BadCertificate,
        }
    }

    fn of_handshake(reason: i32) -> Self {
        match reason {
            code::PEER_DID_NOT_RETURN_A_CERTIFICATE => Self::NoCertificate,
            code::NO_SHARED_CIPHER
            | code::NO_SUITABLE_KEY_SHARE
            | code::NO_SUITABLE_SIGNATURE_ALGORITHM
            | code::NO_SHARED_SIGNATURE_ALGORITHMS
            | code::NO_SHARED_GROUPS => Self::NoSharedSuite,
            code::UNSUPPORTED_PROTOCOL | code::VERSION_TOO_LOW | code::UNKNOWN_PROTOCOL => Self::Version,
            code::INAPPROPRIATE_FALLBACK => Self::Downgrade,
            code::HTTP_REQUEST | code::HTTPS_PROXY_REQUEST | code::WRONG_VERSION_NUMBER => Self::NotTls,
            _ if SslAlert::from_reason_code(reason).is_some() => Self::ClientAlert,
            _ => Self::Protocol,
        }
    }
}

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// OpenSSL found fault with a certificate of the peer's chain.
    pub(super) fn of_certificate(flaw: X509VerifyResult, certificate: Option<&X509Ref>, when: When) -> Self {
        let reason = Reason::of_certificate(flaw.as_raw());
        let whose = certificate.map(whom).unwrap_or_default();
        let of_time = matches!(reason, Reason::Expired | Reason::NotYetValid);
        match reason {
            // Whoever reads the record must know how much the guard's own clock is worth.
            _ if of_time => Self::new(reason, format!("{whose}{}", when.doubt())),
            Reason::UnknownCa => {
                let issuer = certificate.map(|one| super::credential::name(one.issuer_name())).unwrap_or_default();
                Self::new(reason, format!("{whose}, issuer {issuer}"))
            }
            Reason::BadCertificate => Self::new(reason, format!("{whose}: {}", flaw.error_string())),
            _ => Self::new(reason, whose),
        }
    }

    /// A handshake that failed for another reason than the client's certificate.
    pub(super) fn of_handshake(error: &Error, tap: &Tap) -> Self {
        if tap.is_no_tls() {
            return Self::new(Reason::NotTls, "");
        }
        Self::of_error(error)
    }

    fn of_error(error: &Error) -> Self {
        let first = error.ssl_error().and_then(|stack| stack.errors().first());
        let said = first.and_then(openssl::error::Error::reason).unwrap_or_default();
        match first {
            Some(error) => Self::new(Reason::of_handshake(error.reason_code()), said),
            None => Self::new(Reason::ClientClosed, ""),
        }
    }

    /// A handshake with a server that failed for another reason than the server's certificate.
    pub(super) fn of_dial(error: &Error, tap: &Tap) -> Self {
        // A server's first word may be that it will not.
        let refusal = if tap.began_with_alert() { Self::of_error(error) } else { Self::of_handshake(error, tap) };
        let is_version = refusal.detail.contains("alert protocol version");
        let reason = match refusal.reason {
            Reason::ClientAlert if is_version => Reason::Version,
            Reason::ClientAlert => Reason::ServerAlert,
            Reason::ClientClosed => Reason::ServerClosed,
            other => other,
        };
        Self { reason, ..refusal }
    }

    /// For a record: one word, then operands.
    pub(crate) fn told(&self) -> String {
        let word = self.reason.word();
        if self.detail.is_empty() { word.to_owned() } else { format!("{word}: {}", self.detail) }
    }
}
