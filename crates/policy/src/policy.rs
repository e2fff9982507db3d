//! The policy: one immutable document, compiled, and the views of it that clients share.

use crate::document::Document;
use crate::points::PointIndex;
use crate::rules::ConduitRules;
use crate::schedule::TimeZone;
use crate::validate::{DocumentError, parse_document};
use crate::view::{View, ViewKey};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Views kept at once: 200 listeners with 20 kinds of client each. Beyond, one makes room for another.
const VIEWS_MAX: usize = 4096;

/// Tells the targets of one policy from those of another, within a process.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Where the client connects from.
    pub address: IpAddr,
    /// The role its certificate carries.
    pub role: Option<Arc<str>>,
}

/// One compiled policy document.
#[derive(Debug)]
pub struct Policy {
    compiled: Arc<Compiled>,
    text: Box<[u8]>,
    digest: String,
    views: Mutex<HashMap<ViewKey, Arc<View>>>,
}

/// What views and the plant share.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) generation: u64,
    pub(crate) document: Document,
    pub(crate) conduits: Vec<ConduitRules>,
    pub(crate) time_zone: TimeZone,
    units: Vec<UnitSpec>,
    /// Each server's stretch of `units`.
    server_units: Vec<Range<usize>>,
}

/// A unit of some server, in one numbering for all.
#[derive(Debug)]
pub(crate) struct UnitSpec {
    pub(crate) server: String,
    pub(crate) asset: String,
    pub(crate) points: Arc<PointIndex>,
}

// === impl Policy ===

impl Policy {
    /// Parse, check and compile a document.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its place.
    pub fn parse(json: &[u8]) -> Result<Self, DocumentError> {
        let document = parse_document(json)?;
        let digest = Sha256::digest(json).iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Ok(Self { compiled: Arc::new(Compiled::new(document)), text: json.into(), digest, views: Mutex::default() })
    }

    /// SHA-256 of the document's text, lower-case hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The document, parsed.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.compiled.document
    }

    /// The document's text, as its digest was taken.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// What a client may do at a listener. Clients that no rule tells apart share a view.
    ///
    /// A conduit or listener that does not exist gives a view that permits nothing.
    #[must_use]
    pub fn view(&self, conduit: usize, listener: usize, principal: &Principal) -> Arc<View> {
        let key = ViewKey::of(&self.compiled, (conduit, listener), principal);
        // A panic elsewhere leaves the map whole: it is changed by single inserts and removes.
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get(&key) {
            return Arc::clone(view);
        }
        if views.len() >= VIEWS_MAX {
            let some = views.keys().next().copied();
            some.and_then(|some| views.remove(&some));
        }
        let view = Arc::new(View::new(&self.compiled, (conduit, listener), principal));
        views.insert(key, Arc::clone(&view));
        view
    }

    /// Build the views that the clients of another policy will ask of this one, so that no
    /// request after a reload waits for them. For the thread that prepares a reload.
    pub fn warm(&self, old: &Self) {
        // Out of the lock at once: the old policy's clients must not wait either.
        let views: Vec<_> = old.views.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for view in views {
            if let Some((conduit, listener)) = self.compiled.same_listener(&old.compiled, &view) {
                self.view(conduit, listener, &view.principal).build_all();
            }
        }
    }

    pub(crate) fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }
}

// === impl Compiled ===

impl Compiled {
    fn new(document: Document) -> Self {
        let maps = PointIndex::all(&document);
        let mut units = Vec::new();
        let mut server_units = Vec::new();
        for server in &document.servers {
            let first = units.len();
            units.extend(server.units.iter().map(|unit| UnitSpec {
                server: server.name.clone(),
                asset: unit.asset.clone(),
                points: unit.point_map.and_then(|map| maps.get(map)).cloned().unwrap_or_default(),
            }));
            server_units.push(first..units.len());
        }
        Self {
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            conduits: document.conduits.iter().map(ConduitRules::new).collect(),
            time_zone: TimeZone::new(&document.utc_offsets),
            document,
            units,
            server_units,
        }
    }

    pub(crate) fn units(&self) -> impl Iterator<Item = &UnitSpec> {
        self.units.iter()
    }

    pub(crate) fn unit(&self, slot: usize) -> Option<&UnitSpec> {
        self.units.get(slot)
    }

    /// The listener on the same socket of the conduit with the same name.
    fn same_listener(&self, old: &Self, view: &View) -> Option<(usize, usize)> {
        let from = old.document.conduits.get(view.conduit)?;
        let socket = from.listeners.get(view.listener).map(|listener| (listener.address, listener.port))?;
        let conduit = self.document.conduits.iter().position(|conduit| conduit.name == from.name)?;
        let listeners = &self.document.conduits.get(conduit)?.listeners;
        let listener = listeners.iter().position(|listener| (listener.address, listener.port) == socket)?;
        Some((conduit, listener))
    }

    /// The numbers of a server's units.
    pub(crate) fn unit_slots(&self, server: usize) -> Range<usize> {
        self.server_units.get(server).cloned().unwrap_or_default()
    }
}
