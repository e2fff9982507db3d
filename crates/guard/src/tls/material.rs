//! The files of a conduit's TLS, read and parsed: all of them, or an error that names the one at fault.

use super::alarms::Item;
use super::error::FileError;
use super::revocation::{List, Lists};
use openssl::hash::{Hasher, MessageDigest};
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Crl};
use policy::document::Tls;
use std::path::{Path, PathBuf};

const CRL_BEGIN: &str = "-----BEGIN X509 CRL-----";
/// No certificate, key or list of a plant comes near it.
const MOST_BYTES: u64 = 16 << 20;

pub(super) struct Material {
    /// The guard's own certificate, then its issuers.
    pub(super) chain: Vec<X509>,
    pub(super) key: PKey<Private>,
    pub(super) roots: Vec<(PathBuf, X509)>,
    pub(super) lists: Vec<(PathBuf, List)>,
    /// What the lists say of their end, where they are held elsewhere.
    pub(super) list_items: Vec<Item>,
    /// Of all bytes read and of the settings: what is equal need not come into force anew.
    pub(super) fingerprint: Vec<u8>,
}

impl Material {
    pub(super) fn load(tls: &Tls) -> Result<Self, FileError> {
        let mut reader = Reader::new()?;
        reader.add(format!("{tls:?}").as_bytes())?;
        let chain = parse_certificates(&tls.certificate, &reader.read(&tls.certificate)?)?;
        let key = parse_key(&tls.key, &reader.read(&tls.key)?)?;
        let leaf = chain.first().and_then(|leaf| leaf.public_key().ok());
        if !leaf.is_some_and(|public| public.public_eq(&key)) {
            let what = format!("this key does not belong to the certificate in {}", tls.certificate.display());
            return Err(FileError::content(&tls.key, what));
        }
        let (mut roots, mut lists) = (Vec::new(), Vec::new());
        for file in &tls.trust {
            let found = parse_certificates(file, &reader.read(file)?)?;
            roots.extend(found.into_iter().map(|root| (file.clone(), root)));
        }
        for file in &tls.crls {
            let found = parse_lists(file, &reader.read(file)?)?;
            lists.extend(found.into_iter().map(|list| (file.clone(), list)));
        }
        Ok(Self { chain, key, roots, lists, list_items: Vec::new(), fingerprint: reader.finish()? })
    }
}

/// Reads files, and hashes what they say.
struct Reader(Hasher);

impl Reader {
    fn new() -> Result<Self, FileError> {
        Hasher::new(MessageDigest::sha256()).map(Self).map_err(FileError::setting)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let length = bytes.len() as u64;
        self.0.update(&length.to_be_bytes()).and_then(|()| self.0.update(bytes)).map_err(FileError::setting)
    }

    fn read(&mut self, file: &Path) -> Result<Vec<u8>, FileError> {
        let size = std::fs::metadata(file).map_err(|error| FileError::unread(file, &error))?.len();
        if size > MOST_BYTES {
            return Err(FileError::content(file, format_args!("{size} bytes are more than any such file has")));
        }
        let bytes = std::fs::read(file).map_err(|error| FileError::unread(file, &error))?;
        self.add(&bytes)?;
        Ok(bytes)
    }

    fn finish(mut self) -> Result<Vec<u8>, FileError> {
        self.0.finish().map(|digest| digest.to_vec()).map_err(FileError::setting)
    }
}

fn parse_certificates(file: &Path, bytes: &[u8]) -> Result<Vec<X509>, FileError> {
    let chain = X509::stack_from_pem(bytes).map_err(|_| FileError::content(file, "no PEM certificate"))?;
    if chain.is_empty() {
        return Err(FileError::content(file, "no PEM certificate"));
    }
    Ok(chain)
}

fn parse_key(file: &Path, bytes: &[u8]) -> Result<PKey<Private>, FileError> {
    // Without an answer here OpenSSL would ask the terminal.
    let key = PKey::private_key_from_pem_callback(bytes, |_| Ok(0));
    key.map_err(|_| FileError::content(file, "no PEM private key that is readable without a passphrase"))
}

fn parse_lists(file: &Path, bytes: &[u8]) -> Result<Vec<List>, FileError> {
    let text = String::from_utf8_lossy(bytes);
    let blocks: Vec<&str> = text.split(CRL_BEGIN).skip(1).collect();
    let parsed: Vec<X509Crl> = if blocks.is_empty() {
        X509Crl::from_der(bytes).into_iter().collect()
    } else {
        let lists = blocks.iter().map(|block| X509Crl::from_pem(format!("{CRL_BEGIN}{block}").as_bytes()));
        lists.collect::<Result<_, _>>().unwrap_or_default()
    };
    if parsed.is_empty() {
        return Err(FileError::content(file, "no revocation list"));
    }
    parsed.into_iter().map(|crl| List::new(crl).map_err(|what| FileError::content(file, what))).collect()
}

/// All lists of a conduit, without their files.
pub(super) fn lists_of(lists: Vec<(PathBuf, List)>) -> Lists {
    Lists::new(lists.into_iter().map(|(_, list)| list).collect())
}
