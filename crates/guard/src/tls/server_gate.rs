//! TLS towards one server: what its handshakes need, who it was, and when it may be tried again.
//!
//! Kept true here:
//! * a server whose handshake failed is left alone for a while that grows, whoever asks for it;
//! * what a server showed is remembered as long as its files are in force, so that its end can be told of.

use super::alarms::Item;
use super::anchors::Anchors;
use super::complaint::Complaint;
use super::context::build_towards;
use super::credential::Credential;
use super::error::FileError;
use super::gate::recall;
use super::judge::When;
use super::material::{Material, lists_of};
use super::ocsp::{Asks, Ocsp, Whose};
use super::refusal::Refusal;
use super::shelf::Shelf;
use ffi::{Dialer, Fragment};
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslRef};
use policy::document::{Expired, OneSided, ServerTls, Tls};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const LEAST_PAUSE_NS: u64 = 250_000_000;
const MOST_PAUSE_NS: u64 = 10_000_000_000;
/// Certificates of one server at once: its own, that of a redundant pair's other half, and those they replace.
const MOST_KNOWN: usize = 4;

pub(crate) struct ServerGate {
    /// The server, by its name in the site file.
    pub(crate) server: Arc<str>,
    /// What the server's certificate must name.
    pub(crate) name: String,
    pub(super) one_sided: OneSided,
    pub(crate) expired: Expired,
    pub(super) fingerprint: Vec<u8>,
    dialer: Dialer,
    anchors: Arc<Anchors>,
    /// Whom to ask for the status of the server's certificate.
    pub(crate) asks: Option<Asks>,
    shelf: Shelf,
    /// What of the guard's own files has an end.
    own_items: Vec<Item>,
    state: Mutex<State>,
}

/// What a set of files means for every server that names it.
#[derive(Clone)]
pub(super) struct Trust {
    pub(super) material: Arc<Material>,
    pub(super) anchors: Arc<Anchors>,
}

#[derive(Default)]
struct State {
    /// Which certificates the server showed, and whether a row has told that one expired.
    known: Vec<(Arc<Credential>, bool)>,
    pause_ns: u64,
    again_ns: u64,
}

impl Trust {
    pub(super) fn load(tls: &Tls) -> Result<Self, FileError> {
        let mut material = Material::load(tls)?;
        let roots: Vec<_> = material.roots.iter().map(|(_, root)| root.clone()).collect();
        let mut material_lists = Vec::new();
        std::mem::swap(&mut material_lists, &mut material.lists);
        material.list_items = Item::of_lists(&material_lists);
        let anchors = Anchors::of_servers(&roots, lists_of(material_lists), tls).map_err(FileError::setting)?;
        Ok(Self { material: Arc::new(material), anchors: Arc::new(anchors) })
    }
}

impl ServerGate {
    pub(super) fn open(
        server: &str,
        (tls, trust): (&ServerTls, &Trust),
        (fingerprint, ocsp): (Vec<u8>, &Arc<Ocsp>),
    ) -> Result<Self, FileError> {
        let asks = tls.tls.ocsp.as_ref().map(|terms| {
            let roots = trust.material.roots.iter().map(|(_, root)| root.clone());
            Asks::open(terms, roots, (Whose::Server(Arc::from(server)), ocsp)).map_err(FileError::setting)
        });
        let fragment = tls.max_fragment.and_then(Fragment::of);
        let context = build_towards(tls, &trust.material)?;
        let dialer = Dialer::new(context, fragment).map_err(FileError::setting)?;
        Ok(Self {
            server: Arc::from(server),
            name: tls.name.clone(),
            one_sided: tls.one_sided,
            expired: tls.tls.expired,
            fingerprint,
            dialer,
            anchors: Arc::clone(&trust.anchors),
            asks: asks.transpose()?,
            shelf: Shelf::default(),
            own_items: Item::all_of(&tls.tls, &trust.material),
            state: Mutex::default(),
        })
    }

    /// All that has an end: the guard's own files, and what the server showed.
    pub(crate) fn items(&self) -> Vec<Item> {
        let state = self.state();
        let shown = state.known.iter().flat_map(|(credential, _)| Item::of_server(&self.server, credential));
        self.own_items.iter().cloned().chain(shown).collect()
    }

    /// What of the guard's own files came into force.
    pub(crate) fn own_items(&self) -> &[Item] {
        &self.own_items
    }

    pub(super) fn anchors(&self) -> &Arc<Anchors> {
        &self.anchors
    }

    /// The next connection, with the name that it is for.
    pub(super) fn dial(&self) -> Result<Ssl, ErrorStack> {
        let mut ssl = self.dialer.dial()?;
        if self.name.parse::<IpAddr>().is_err() {
            ssl.set_hostname(&self.name)?;
        }
        Ok(ssl)
    }

    pub(super) fn recall(&self, ssl: &SslRef, when: When) -> Result<(Arc<Credential>, Vec<Complaint>), Refusal> {
        let recalled = recall((&self.shelf, &self.anchors), ssl, when);
        if recalled.is_err() {
            self.dialer.forget();
        }
        recalled
    }

    pub(super) fn keep(&self, credential: Arc<Credential>) -> Arc<Credential> {
        self.shelf.put(credential)
    }

    pub(crate) fn still_believes(&self, credential: &Credential, when: When) -> Result<(), Refusal> {
        self.anchors.still_believe(credential, when)
    }

    /// Remember who the server is; whether it had not been known.
    pub(crate) fn is_new(&self, credential: &Arc<Credential>) -> bool {
        let known = &mut self.state().known;
        if known.iter().any(|(other, _)| other.whom == credential.whom) {
            return false;
        }
        if known.len() >= MOST_KNOWN {
            known.remove(0);
        }
        known.push((Arc::clone(credential), false));
        true
    }

    /// Those that have expired and were not told of before.
    pub(crate) fn take_expired(&self, now_s: i64) -> Vec<Arc<Credential>> {
        let mut state = self.state();
        let due = state.known.iter_mut().filter(|(credential, is_told)| !is_told && credential.until_s < now_s);
        due.map(|(credential, is_told)| {
            *is_told = true;
            Arc::clone(credential)
        })
        .collect()
    }

    /// Whether the pause behind the last failure is over.
    pub(crate) fn may_dial(&self, now_ns: u64) -> bool {
        self.state().again_ns <= now_ns
    }

    pub(crate) fn failed(&self, now_ns: u64) {
        let mut state = self.state();
        // Connections that failed together are one failure.
        if state.again_ns <= now_ns {
            state.pause_ns = (2 * state.pause_ns).clamp(LEAST_PAUSE_NS, MOST_PAUSE_NS);
            state.again_ns = now_ns.saturating_add(state.pause_ns);
        }
    }

    /// The server spoke: only then it is known, under TLS 1.3, to have taken the guard's certificate.
    pub(crate) fn succeeded(&self) {
        let mut state = self.state();
        (state.pause_ns, state.again_ns) = (0, 0);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
