//! Rules of a document.

use super::{Answer, Limits, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether a rule permits or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// What it names may pass.
    Permit,
    /// What it names never passes.
    Never,
}

/// One rule. `None` means "any"; an empty list means "nothing".
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in the site file, unique within the conduit.
    pub name: String,
    /// Permit or never.
    pub kind: RuleKind,
    /// Function sets (`read`, `diagnostics.restart`, `umas`) and single codes (`3`, `8/4`, `43/14`, `90/65`), decimal.
    pub functions: Vec<String>,
    /// CIDR prefixes, IPv4 or IPv6.
    #[serde(default)]
    pub clients: Option<Vec<String>>,
    /// Roles of which the client must carry one.
    #[serde(default)]
    pub roles: Option<Vec<String>>,
    /// Servers, or single units of them.
    #[serde(default)]
    pub targets: Option<Vec<Target>>,
    /// Unit ids the request must carry.
    #[serde(default)]
    pub unit_ids: Option<Vec<u8>>,
    /// `[table, first, last]`, inclusive. Ranges and points add up; with neither, all addresses.
    #[serde(default)]
    pub ranges: Option<Vec<(Table, u16, u16)>>,
    /// Point names, resolved in each unit's map.
    #[serde(default)]
    pub points: Option<Vec<String>>,
    /// Per point name: limits that replace the point's own, key by key.
    #[serde(default)]
    pub limits: BTreeMap<String, Limits>,
    /// Local times in which the rule holds; any of them.
    #[serde(default)]
    pub when: Option<Vec<Window>>,
    /// Passes while the journal fails.
    #[serde(default)]
    pub essential: bool,
    /// How a refusal by this rule looks.
    #[serde(default)]
    pub denial: Option<Answer>,
}

/// A server by index, or some units of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Index into `servers`.
    pub server: usize,
    /// Only these units; `None`: all declared ones.
    #[serde(default)]
    pub unit_ids: Option<Vec<u8>>,
}

/// A weekly window in local time. `to_s` before `from_s` runs past midnight into the next day.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// 0 = Monday … 6 = Sunday.
    pub days: Vec<u8>,
    /// Seconds after local midnight, inclusive.
    pub from_s: u32,
    /// Seconds after local midnight, exclusive.
    pub to_s: u32,
}
