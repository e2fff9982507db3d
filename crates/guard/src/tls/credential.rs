//! Who a client is: its address, or a certificate with the chain that was judged.

use super::day::unix_s;
use openssl::stack::StackRef;
use openssl::x509::{X509, X509NameRef, X509Ref};
use std::fmt::Write as _;
use std::sync::Arc;

/// A subject is text of whoever asks; more of it tells a person nothing.
const MOST_CHARACTERS: usize = 200;

/// How a client was identified.
#[derive(Clone)]
pub(crate) enum Identity {
    Address,
    Certificate(Arc<Credential>),
}

/// A client's certificate that was found good.
pub(crate) struct Credential {
    /// The leaf first, its root last.
    pub(super) chain: Vec<X509>,
    pub(crate) role: Option<Arc<str>>,
    /// Subject and serial number, for records.
    pub(crate) whom: Arc<str>,
    /// The first moment in which some certificate of the chain holds no more. Seconds since 1970.
    pub(crate) until_s: i64,
}

impl Credential {
    pub(super) fn new(chain: &StackRef<X509>, role: Option<Arc<str>>) -> Self {
        let chain: Vec<X509> = chain.iter().map(ToOwned::to_owned).collect();
        let whom = chain.first().map(|leaf| whom(leaf)).unwrap_or_default();
        let until_s = chain.iter().filter_map(|one| unix_s(one.not_after())).min().unwrap_or(i64::MIN);
        Self { chain, role, whom: Arc::from(whom), until_s }
    }
}

impl Identity {
    pub(crate) fn credential(&self) -> Option<&Arc<Credential>> {
        match self {
            Self::Address => None,
            Self::Certificate(credential) => Some(credential),
        }
    }

    pub(crate) fn role(&self) -> Option<Arc<str>> {
        self.credential().and_then(|credential| credential.role.clone())
    }
}

/// Subject and serial number of a certificate.
pub(super) fn whom(certificate: &X509Ref) -> String {
    let serial = certificate.serial_number().to_bn().and_then(|number| number.to_hex_str());
    let serial = serial.map(|text| text.to_lowercase()).unwrap_or_default();
    // As `modwarden pki` writes it: a number, without the zero that pads its bytes.
    format!("subject {}, serial {}", name(certificate.subject_name()), serial.trim_start_matches('0'))
}

/// A name as `CN=hmi-1,O=Northside`. Nothing in it can break out of a line.
pub(super) fn name(name: &X509NameRef) -> String {
    let mut text = String::new();
    for entry in name.entries() {
        let key = entry.object().nid().short_name().unwrap_or("?");
        let value = entry.data().to_string().unwrap_or_default();
        // Writing into a String cannot fail.
        let _ = write!(text, "{}{key}={}", if text.is_empty() { "" } else { "," }, value.escape_debug());
    }
    if text.is_empty() {
        return "(none)".to_owned();
    }
    text.chars().take(MOST_CHARACTERS).collect()
}
