//! Authorities, certificates and revocation lists, as good or as bad as a test wants them.

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509CrlBuilder, X509Extension, X509Name, X509NameBuilder, X509Revoked};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub const DAY_S: i64 = 86_400;
const ROLE: &str = "1.3.6.1.4.1.50316.802.1";
static SERIAL: AtomicU32 = AtomicU32::new(1);

/// A certificate and its key.
#[derive(Clone)]
pub struct Holder {
    pub certificate: X509,
    pub key: PKey<Private>,
    /// What is sent behind the certificate.
    pub chain: Vec<X509>,
}

/// What a certificate is to say.
#[derive(Clone)]
pub struct Wish {
    pub name: &'static str,
    /// Seconds from now.
    pub from_s: i64,
    pub until_s: i64,
    /// DER of each role extension's value.
    pub roles: Vec<Vec<u8>>,
    pub is_server: bool,
    /// Subject alternative names: DNS names, and one address.
    pub names: Vec<&'static str>,
    pub address: Option<&'static str>,
    pub key: Key,
    /// The responder that it names.
    pub responder: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    P256,
    Rsa1024,
    Rsa2048,
}

/// Root and issuing authority of one site.
pub struct Site {
    pub root: Holder,
    pub issuing: Holder,
}

impl Wish {
    pub fn client(role: &str) -> Self {
        Self { roles: vec![utf8(role)], ..Self::none() }
    }

    pub fn none() -> Self {
        let (from_s, until_s) = (-DAY_S, 365 * DAY_S);
        Self { name: "hmi-1", from_s, until_s, roles: Vec::new(), is_server: false, ..Self::nameless() }
    }

    fn nameless() -> Self {
        let (names, address) = (Vec::new(), None);
        let (roles, responder) = (Vec::new(), None);
        Self { name: "", from_s: 0, until_s: 0, roles, is_server: false, names, address, key: Key::P256, responder }
    }

    /// A controller at 127.0.0.1.
    pub fn controller() -> Self {
        Self { name: "ahu-001", names: vec!["ahu-001.plant"], address: Some("127.0.0.1"), ..Self::server() }
    }

    pub fn server() -> Self {
        Self { name: "gate-1", is_server: true, ..Self::none() }
    }
}

impl Site {
    pub fn new() -> Self {
        let root = authority("root", None, 0);
        let issuing = authority("issuing", Some(&root), 0);
        Self { root, issuing }
    }

    pub fn issue(&self, wish: &Wish) -> Holder {
        let key = key(wish.key);
        let mut builder = builder(wish.name, &self.issuing, &key, (wish.from_s, wish.until_s));
        let usage = ExtendedKeyUsage::new();
        let (mut server, mut client) = (usage, ExtendedKeyUsage::new());
        let usage = if wish.is_server { server.server_auth() } else { client.client_auth() };
        builder.append_extension(usage.build().unwrap()).unwrap();
        if !wish.names.is_empty() || wish.address.is_some() {
            let mut alternatives = SubjectAlternativeName::new();
            for name in &wish.names {
                alternatives.dns(name);
            }
            if let Some(address) = wish.address {
                alternatives.ip(address);
            }
            let built = alternatives.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(built).unwrap();
        }
        for role in &wish.roles {
            builder.append_extension(extension(ROLE, role)).unwrap();
        }
        if let Some(responder) = &wish.responder {
            builder.append_extension(extension("1.3.6.1.5.5.7.1.1", &access(responder))).unwrap();
        }
        builder.sign(&self.issuing.key, MessageDigest::sha256()).unwrap();
        Holder { certificate: builder.build(), key, chain: vec![self.issuing.certificate.clone()] }
    }

    /// Whom the issuing authority lets answer for it, or somebody of the site whom it does not.
    pub fn appoint(&self, is_appointed: bool) -> Holder {
        let key = key(Key::P256);
        let mut builder = builder("responder", &self.issuing, &key, (-DAY_S, 30 * DAY_S));
        let mut usage = ExtendedKeyUsage::new();
        let usage = if is_appointed { usage.other("OCSPSigning") } else { usage.client_auth() };
        builder.append_extension(usage.build().unwrap()).unwrap();
        builder.sign(&self.issuing.key, MessageDigest::sha256()).unwrap();
        Holder { certificate: builder.build(), key, chain: vec![self.issuing.certificate.clone()] }
    }

    pub fn roots(&self) -> Vec<u8> {
        self.root.certificate.to_pem().unwrap()
    }

    /// The lists of both authorities; `next_s` from now the issuing one's is out of date.
    pub fn lists(&self, revoked: &[&X509], next_s: i64) -> Vec<u8> {
        [list(&self.issuing, revoked, next_s), list(&self.root, &[], 365 * DAY_S)].concat()
    }
}

pub fn utf8(text: &str) -> Vec<u8> {
    string(0x0C, text)
}

/// A DER string of any type.
pub fn string(tag: u8, text: &str) -> Vec<u8> {
    let mut der = vec![tag];
    match u16::try_from(text.len()).unwrap().to_be_bytes() {
        [0, short @ 0..=0x7F] => der.push(short),
        [0, one] => der.extend([0x81, one]),
        [high, low] => der.extend([0x82, high, low]),
    }
    der.extend(text.as_bytes());
    der
}

/// RFC 5280 §4.2.2.1: `id-ad-ocsp`, and the place as a URI.
fn access(responder: &str) -> Vec<u8> {
    let method = [0x06, 8, 0x2B, 6, 1, 5, 5, 7, 48, 1];
    let place = string(0x86, responder);
    let entry = [vec![0x30, u8::try_from(method.len() + place.len()).unwrap()], method.into(), place].concat();
    [vec![0x30, u8::try_from(entry.len()).unwrap()], entry].concat()
}

/// An authority; `from_s` seconds from now it begins to hold.
pub fn authority(name: &'static str, issuer: Option<&Holder>, from_s: i64) -> Holder {
    let key = key(Key::P256);
    let lone = Holder { certificate: X509::builder().unwrap().build(), key: key.clone(), chain: Vec::new() };
    let mut builder = builder(name, issuer.unwrap_or(&lone), &key, (from_s - DAY_S, 3_650 * DAY_S));
    if issuer.is_none() {
        builder.set_issuer_name(&subject(name)).unwrap();
    }
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(identifier).unwrap();
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()).unwrap();
    builder.sign(&issuer.unwrap_or(&lone).key, MessageDigest::sha256()).unwrap();
    Holder { certificate: builder.build(), key, chain: Vec::new() }
}

fn list(authority: &Holder, revoked: &[&X509], next_s: i64) -> Vec<u8> {
    let mut list = X509CrlBuilder::new().unwrap();
    list.set_issuer_name(authority.certificate.subject_name()).unwrap();
    list.set_last_update(&time(-2 * DAY_S)).unwrap();
    list.set_next_update(&time(next_s)).unwrap();
    for certificate in revoked {
        let mut entry = openssl::x509::X509RevokedBuilder::new().unwrap();
        entry.set_serial_number(certificate.serial_number()).unwrap();
        entry.set_revocation_date(&time(-DAY_S)).unwrap();
        let entry: X509Revoked = entry.build();
        list.add_revoked(entry).unwrap();
    }
    // RFC 5280 §5.2: keyIdentifier [0] of 20 bytes, and the list's number.
    let identifier = authority.certificate.subject_key_id().unwrap().as_slice();
    let issued_by = [&[0x30, 22, 0x80, 20][..], identifier].concat();
    list.append_extension(extension("2.5.29.35", &issued_by)).unwrap();
    list.append_extension(extension("2.5.29.20", &[2, 1, 1])).unwrap();
    list.sort().unwrap();
    list.sign(&authority.key, MessageDigest::sha256()).unwrap();
    list.build().unwrap().to_pem().unwrap()
}

fn extension(oid: &str, value: &[u8]) -> X509Extension {
    let (oid, value) = (Asn1Object::from_str(oid).unwrap(), Asn1OctetString::new_from_bytes(value).unwrap());
    X509Extension::new_from_der(&oid, false, &value).unwrap()
}

fn builder(name: &str, issuer: &Holder, key: &PKey<Private>, (from_s, until_s): (i64, i64)) -> X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(SERIAL.fetch_add(1, Ordering::Relaxed)).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(&subject(name)).unwrap();
    builder.set_issuer_name(issuer.certificate.subject_name()).unwrap();
    builder.set_not_before(&time(from_s)).unwrap();
    builder.set_not_after(&time(until_s)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
}

fn subject(name: &str) -> X509Name {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    subject.build()
}

fn key(kind: Key) -> PKey<Private> {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    match kind {
        Key::P256 => PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap(),
        Key::Rsa1024 => PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap(),
        Key::Rsa2048 => PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
    }
}

fn time(from_now_s: i64) -> Asn1Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Asn1Time::from_unix(i64::try_from(now).unwrap() + from_now_s).unwrap()
}
