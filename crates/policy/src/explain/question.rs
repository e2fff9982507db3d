//! Questions: a request that was or might be sent, as people and programs describe it.

use crate::document::{Document, Table};
use crate::moment::{MS, Moment, SECOND_NS};
use crate::plant::Plant;
use crate::policy::{Policy, Principal};
use crate::target::Target;
use serde::Deserialize;
use std::fmt;
use std::net::IpAddr;
use wire::{AddressRange, Span, UnitId};

/// Far enough from the beginning of monotonic time for any age.
const NOW_NS: u64 = 1 << 62;

/// A request, and the circumstances to decide it in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Only this conduit; otherwise any that reaches the server.
    #[serde(default)]
    pub conduit: Option<String>,
    /// Where the client connects from.
    pub client: IpAddr,
    /// The role its certificate carries.
    #[serde(default)]
    pub role: Option<String>,
    /// A server, or a unit behind one; `None` where the conduit declares nobody under the unit id.
    #[serde(default)]
    pub server: Option<String>,
    /// The unit id; otherwise the first declared one.
    #[serde(default)]
    pub unit_id: Option<u8>,
    /// The request, hexadecimal, from the function code on.
    pub pdu: String,
    /// When; otherwise no `when` holds.
    #[serde(default)]
    pub at_unix_s: Option<i64>,
    /// What is known of the unit.
    #[serde(default)]
    pub known: Vec<KnownValues>,
}

/// Raw values known of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownValues {
    /// Their table.
    pub table: Table,
    /// The first one's address.
    pub address: u16,
    /// The values, bits as 0 and 1.
    pub values: Vec<u16>,
    /// How long ago they were seen. Milliseconds.
    #[serde(default)]
    pub age_ms: u64,
}

/// Why a question has no answer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionError {
    /// Not the JSON of a question; the parser's words.
    Json(String),
    /// No such conduit.
    UnknownConduit(String),
    /// No such server or unit.
    UnknownServer(String),
    /// No listener of the conduit leads to the server.
    NoListener(String),
    /// No server, and not both a conduit and a unit id in its stead.
    NoServer,
    /// Every listener of the conduit declares this unit id, so there is a server to ask about.
    Declared(u8),
    /// The request is not hexadecimal bytes.
    Hex,
    /// Known values reach beyond address 65535, or are none.
    KnownValues(u16),
}

/// What a question's server and unit id mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) server: usize,
    pub(super) unit: UnitId,
}

// === impl Question ===

impl Question {
    pub(super) fn place(&self, policy: &Policy) -> Result<Place, QuestionError> {
        let name = self.server.as_deref().ok_or(QuestionError::NoServer)?;
        let (server, first_id) =
            find_server(policy.document(), name).ok_or_else(|| QuestionError::UnknownServer(name.to_owned()))?;
        for known in &self.known {
            known.span().ok_or(QuestionError::KnownValues(known.address))?;
        }
        Ok(Place { server, unit: UnitId(self.unit_id.unwrap_or(first_id)) })
    }

    pub(super) fn pdu_bytes(&self) -> Result<Vec<u8>, QuestionError> {
        let digits = self.pdu.as_bytes();
        if !digits.len().is_multiple_of(2) {
            return Err(QuestionError::Hex);
        }
        let byte = |pair: &[u8]| {
            let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            pair.iter().try_fold(0_u8, |byte, digit| Some(byte << 4 | value(digit)?))
        };
        digits.chunks(2).map(|pair| byte(pair).ok_or(QuestionError::Hex)).collect()
    }

    /// The conduit and unit id that stand in for a server.
    pub(super) fn undeclared(&self, policy: &Policy) -> Result<(usize, UnitId), QuestionError> {
        let (name, unit) = self.conduit.as_ref().zip(self.unit_id).ok_or(QuestionError::NoServer)?;
        let mut conduits = policy.document().conduits.iter();
        let conduit = conduits.position(|conduit| conduit.name == *name);
        Ok((conduit.ok_or_else(|| QuestionError::UnknownConduit(name.clone()))?, UnitId(unit)))
    }

    pub(super) fn principal(&self) -> Principal {
        Principal { address: self.client, role: self.role.as_deref().map(Into::into) }
    }

    /// Each conduit and listener that leads to the server.
    pub(super) fn listeners(&self, policy: &Policy, server: usize) -> Result<Vec<(usize, usize)>, QuestionError> {
        let conduits = policy.document().conduits.iter().enumerate();
        let meant = conduits.filter(|(_, conduit)| self.conduit.as_ref().is_none_or(|name| *name == conduit.name));
        let mut listeners = Vec::new();
        let mut is_known = self.conduit.is_none();
        for (index, conduit) in meant {
            is_known = true;
            let leads = conduit.listeners.iter().enumerate().filter(|(_, one)| one.servers.contains(&server));
            listeners.extend(leads.map(|(listener, _)| (index, listener)));
        }
        match &self.conduit {
            Some(name) if !is_known => Err(QuestionError::UnknownConduit(name.clone())),
            _ if listeners.is_empty() => Err(self.no_listener()),
            _ => Ok(listeners),
        }
    }

    pub(super) fn no_listener(&self) -> QuestionError {
        QuestionError::NoListener(self.server.clone().unwrap_or_default())
    }

    pub(super) fn moment(&self) -> Moment {
        let utc_ns = self.at_unix_s.unwrap_or_default().saturating_mul(SECOND_NS);
        Moment { monotonic_ns: NOW_NS, utc_ns, synchronised: self.at_unix_s.is_some() }
    }

    /// Tell the plant what is known, oldest first.
    pub(super) fn teach(&self, plant: &mut Plant, unit: Target, now: Moment) {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_by_key(|known| std::cmp::Reverse(known.age_ms));
        for known in known {
            let age_ns = known.age_ms.saturating_mul(MS);
            let then = Moment { monotonic_ns: now.monotonic_ns.saturating_sub(age_ns), ..now };
            if let Some(span) = known.span() {
                plant.observe_read(unit, span, &known.values, (then.monotonic_ns, then));
            }
        }
    }
}

/// A server by its name, or by that of a unit; with the first unit id it answers to.
fn find_server(document: &Document, name: &str) -> Option<(usize, u8)> {
    let servers = || document.servers.iter().enumerate();
    if let Some((index, server)) = servers().find(|(_, server)| server.name == name) {
        let id = server.units.iter().flat_map(|unit| &unit.unit_ids).next();
        return Some((index, id.copied().unwrap_or_default()));
    }
    let mut units = servers().flat_map(|(index, server)| server.units.iter().map(move |unit| (index, unit)));
    let (index, unit) = units.find(|(_, unit)| unit.asset == name)?;
    Some((index, unit.unit_ids.first().copied().unwrap_or_default()))
}

// === impl KnownValues ===

impl KnownValues {
    fn span(&self) -> Option<Span> {
        let quantity = u16::try_from(self.values.len()).ok()?;
        Some(Span { table: self.table.into(), range: AddressRange::new(self.address, quantity)? })
    }
}

impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "not a question: {error}"),
            Self::UnknownConduit(name) => write!(f, "no conduit is named {name:?}"),
            Self::UnknownServer(name) => write!(f, "no server or unit is named {name:?}"),
            Self::NoListener(name) => write!(f, "no listener leads to {name:?}"),
            Self::NoServer => write!(f, "a question without a server names a conduit and a unit id"),
            Self::Declared(unit) => {
                write!(f, "every listener of the conduit declares unit id {unit}: ask about its server")
            }
            Self::Hex => write!(f, "the pdu is not hexadecimal bytes"),
            Self::KnownValues(address) => write!(f, "known values at {address} fit no table"),
        }
    }
}

impl std::error::Error for QuestionError {}
