//! What a guard that speaks TLS is told: where certificates lie, what is offered, and what is put up with.
//!
//! Kept true here: a key is named by its file and never stands in a document.

use super::Ocsp;
use serde::Deserialize;
use std::path::PathBuf;

/// TLS towards the clients of a conduit, or towards a server: certificates on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The guard's own certificate and its chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Roots that the peers' chains must end in, PEM.
    pub trust: Vec<PathBuf>,
    /// Revocation lists of the authorities in those chains, PEM.
    #[serde(default)]
    pub crls: Vec<PathBuf>,
    /// Whom to ask for the status of a peer's own certificate; `None`: nobody.
    #[serde(default)]
    pub ocsp: Option<Ocsp>,
    /// Versions that are spoken.
    pub versions: Vec<TlsVersion>,
    /// Cipher suites that are offered, the preferred one first.
    pub suites: Vec<Suite>,
    /// A revocation list that is out of date, or missing.
    pub stale_crl: StaleCrl,
    /// A certificate that expires while its session is open.
    pub expired: Expired,
}

/// TLS towards one server, with certificates on both sides: the guard is the client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// What is shown, whom is believed, and what is offered.
    pub tls: Tls,
    /// The name or address that the server's certificate must carry as a subject alternative name.
    pub name: String,
    /// The fragment length that the server is asked for; `None`: none. Bytes.
    #[serde(default)]
    pub max_fragment: Option<u16>,
    /// A server that asks the guard for no certificate.
    pub one_sided: OneSided,
}

/// A version of TLS; know no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// What becomes of a certificate about whose revocation nothing current is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StaleCrl {
    /// It is taken, and a row says so.
    Warn,
    /// It is refused.
    Refuse,
}

/// What becomes of a session whose certificate expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expired {
    /// It goes on, and a row says so.
    Warn,
    /// It is closed.
    Close,
}

/// What becomes of a server that lets in whoever connects: want it to ask for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OneSided {
    /// It is used, and a row says so.
    Warn,
    /// It is refused.
    Refuse,
}

macro_rules! suites {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $openssl:literal, $version:ident;)+) => {
        /// A cipher suite by its IANA name: allow no others.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
        pub enum Suite {
            $($(#[$meta])* #[serde(rename = $name)] $variant,)+
        }

        impl Suite {
            /// The name that IANA gave it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// OpenSSL's name for it.
            #[must_use]
            pub const fn openssl(self) -> &'static str {
                match self { $(Self::$variant => $openssl,)+ }
            }

            /// The version it belongs to.
            #[must_use]
            pub const fn version(self) -> TlsVersion {
                match self { $(Self::$variant => TlsVersion::$version,)+ }
            }
        }
    };
}

suites! {
    /// RFC 8446.
    Aes128Gcm = "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", V1_3;
    /// RFC 8446.
    Aes256Gcm = "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", V1_3;
    /// RFC 8446.
    ChaCha20 = "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", V1_3;
    /// R-62 asks for it at least, with a key on a curve.
    EcdsaAes128Gcm = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", V1_2;
    /// R-14 asks for it at least, with an RSA key.
    RsaAes128Gcm = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", V1_2;
    /// RFC 5289.
    EcdsaAes256Gcm = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", V1_2;
    /// RFC 5289.
    RsaAes256Gcm = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", V1_2;
    /// RFC 7905.
    EcdsaChaCha20 = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", V1_2;
    /// RFC 7905.
    RsaChaCha20 = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", V1_2;
    /// SunSpec's profile tests devices with it.
    EcdsaAes128Ccm8 = "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE-ECDSA-AES128-CCM8", V1_2;
    /// RSA as key exchange, without forward secrecy.
    StaticRsaAes128Gcm = "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256", V1_2;
    /// who sends is proved, and everybody can read it.
    StaticRsaNull = "TLS_RSA_WITH_NULL_SHA256", "NULL-SHA256", V1_2;
}

impl Suite {
    /// Whether whoever listens can read what is sent.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        matches!(self, Self::StaticRsaNull)
    }
}
