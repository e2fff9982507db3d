//! One conduit's TLS: what its handshakes need, and what its files say of their own end.

use super::alarms::Item;
use super::anchors::Anchors;
use super::complaint::Complaint;
use super::context::build;
use super::credential::Credential;
use super::error::FileError;
use super::judge::When;
use super::material::{Material, lists_of};
use super::ocsp::{Asks, Ocsp, Standing, Whose};
use super::refusal::{Reason, Refusal};
use super::shelf::Shelf;
use openssl::ssl::{SslContext, SslRef};
use openssl::x509::X509Ref;
use policy::document::{Expired, Tls};
use std::sync::Arc;

pub(crate) struct Gate {
    pub(super) context: SslContext,
    pub(super) anchors: Arc<Anchors>,
    pub(super) shelf: Shelf,
    pub(super) fingerprint: Vec<u8>,
    /// What of its own files has an end.
    pub(crate) items: Vec<Item>,
    pub(crate) expired: Expired,
    /// Whom to ask for the status of clients' certificates.
    pub(crate) asks: Option<Asks>,
}

impl Gate {
    pub(super) fn open(conduit: &str, (tls, material): (&Tls, Material), ocsp: &Arc<Ocsp>) -> Result<Self, FileError> {
        let context = build(tls, &material)?;
        let items = Item::all_of(tls, &material);
        let Material { roots, lists, fingerprint, .. } = material;
        let roots: Vec<_> = roots.into_iter().map(|(_, root)| root).collect();
        let anchors = Anchors::of_clients(&roots, lists_of(lists), tls).map_err(FileError::setting)?;
        let asks = tls.ocsp.as_ref().map(|terms| {
            let whose = Whose::Conduit(Arc::from(conduit));
            Asks::open(terms, roots.iter().cloned(), (whose, ocsp)).map_err(FileError::setting)
        });
        Ok(Self {
            context,
            anchors: Arc::new(anchors),
            shelf: Shelf::default(),
            fingerprint,
            items,
            expired: tls.expired,
            asks: asks.transpose()?,
        })
    }

    /// Whether a session whose client was judged before may go on under these files.
    pub(crate) fn still_believes(&self, credential: &Credential, when: When) -> Result<(), Refusal> {
        self.anchors.still_believe(credential, when)
    }

    /// Whether a client may come in whose handshake was under other files.
    pub(crate) fn lets_in(&self, credential: &Arc<Credential>, when: When) -> Result<(), Refusal> {
        self.still_believes(credential, when)?;
        match self.asks.as_ref().map_or(Standing::Fine, |asks| asks.judge(credential)) {
            Standing::Fine => Ok(()),
            Standing::Waiting => Err(Refusal::new(Reason::PolicyChanged, "")),
            Standing::Refused(refusal) => Err(refusal),
        }
    }

    /// A resumed session brings the certificate of the one it resumes: who that is, judged as of now.
    pub(super) fn recall(&self, ssl: &SslRef, when: When) -> Result<(Arc<Credential>, Vec<Complaint>), Refusal> {
        recall((&self.shelf, &self.anchors), ssl, when)
    }
}

/// Who a resumed session's peer is, judged as of now.
pub(super) fn recall(
    (shelf, anchors): (&Shelf, &Anchors),
    ssl: &SslRef,
    when: When,
) -> Result<(Arc<Credential>, Vec<Complaint>), Refusal> {
    let lost = |what: &str| Refusal::new(Reason::IdentityLost, what);
    let leaf = ssl.peer_certificate().ok_or_else(|| lost("the resumed session has no certificate"))?;
    let credential = shelf.find(&leaf).ok_or_else(|| lost("the resumed session's chain is not known here"))?;
    let chain: Vec<&X509Ref> = credential.chain.iter().map(AsRef::as_ref).collect();
    let complaints = anchors.judge(&chain, when)?;
    Ok((credential, complaints))
}
