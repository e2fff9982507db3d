//! Whom a guard asks whether a certificate was revoked, and what becomes of one about which nobody says anything.
//!
//! Kept true here: a certificate's own word where to ask counts only where the document says so.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

const SCHEME: &str = "http://";
const PORT: u16 = 80;
/// Longer ones are no plant's.
const MOST_CHARACTERS: usize = 512;

/// Asking for the revocation status of peers' certificates (RFC 6960).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ocsp {
    /// Whom to ask.
    pub responder: Responder,
    /// A certificate about which nobody says anything good: no answer, or one that cannot be used.
    pub when_silent: WhenSilent,
    /// How long one question may take.
    pub timeout_ms: u32,
    /// How long an answer counts at most, whatever it says itself.
    pub max_age_ms: u32,
}

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Responder {
    /// Whom the peer's certificate names, once its chain was found good.
    FromCertificate,
    /// Always this one.
    At(HttpAddress),
}

/// What becomes of a certificate about whose revocation no responder says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenSilent {
    /// It is taken, and a row says so.
    Warn,
    /// New sessions are refused.
    Refuse,
}

/// Where a responder listens: OCSP runs over HTTP in the clear, since its answers are signed (RFC 6960, appendix A).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpAddress {
    /// A name, or an address without brackets.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// Begins with a slash.
    pub path: String,
}

/// A text that names no such place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotHttp(String);

impl HttpAddress {
    /// The host as a URL and the header `Host` have it.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(SCHEME).filter(|rest| rest.len() <= MOST_CHARACTERS)?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (host, port) = split(authority)?;
        let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port > 0))?;
        let is_path = path.bytes().all(|one| one.is_ascii_graphic() && one != b'#');
        is_path.then(|| Self { host: host.to_owned(), port, path: path.to_owned() })
    }
}

/// A host and its port as text, where the host can be one.
fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return if port.is_empty() { Some((host, None)) } else { Some((host, Some(port.strip_prefix(':')?))) };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_host = host.bytes().all(|one| one.is_ascii_alphanumeric() || matches!(one, b'-' | b'.' | b'_'));
    (!host.is_empty() && is_host).then_some((host, port))
}

impl FromStr for HttpAddress {
    type Err = NotHttp;

    fn from_str(text: &str) -> Result<Self, NotHttp> {
        Self::read(text).ok_or_else(|| NotHttp(text.chars().take(MOST_CHARACTERS).collect()))
    }
}

impl TryFrom<String> for Responder {
    type Error = NotHttp;

    fn try_from(text: String) -> Result<Self, NotHttp> {
        if text == "from_certificate" { Ok(Self::FromCertificate) } else { text.parse().map(Self::At) }
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}{}", self.authority(), self.path)
    }
}

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no place that begins with {SCHEME}", self.0)
    }
}

impl std::error::Error for NotHttp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_a_host_in_the_clear_is_a_responders_place() {
        let bad = [
            "https://10.20.0.9/",
            "10.20.0.9:2560",
            "http://",
            "http://:80/",
            "http://a b/",
            "http://user@host/",
            "http://host:0/",
            "http://host:65536/",
            "http://host/a b",
            "http://host/\r\nEvil: yes",
            "http://[::1/",
            "http://[::zz]/",
            "http://host/#part",
        ];
        for text in bad {
            assert!(text.parse::<HttpAddress>().is_err(), "{text}");
        }
        assert!(format!("http://{}/", "a".repeat(600)).parse::<HttpAddress>().is_err());
    }

    #[test]
    fn a_place_is_told_as_it_was_read() {
        let told = ["http://10.20.0.9:2560/", "http://ocsp.plant", "http://[fd00::9]:80/a/b?c"]
            .map(|text| text.parse::<HttpAddress>().unwrap().to_string());

        assert_eq!(told, ["http://10.20.0.9:2560/", "http://ocsp.plant:80/", "http://[fd00::9]:80/a/b?c"]);
    }
}
