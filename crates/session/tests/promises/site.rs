//! The sites that conversations are tried under, and what their rules permit, said again in a few obvious lines.

use policy::Policy;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use wire::{Request, Table};

pub const DEADLINE_NS: u64 = 500_000_000;
pub const REPLY_TIMEOUT_NS: u64 = 1_000_000_000;
pub const OPEN_REQUESTS: usize = 4;
pub const QUEUED_REQUESTS: usize = 4;
pub const IDLE_NS: u64 = 30_000_000_000;
/// How often holding register 2000 of a unit may be written.
pub const MOST_A_MINUTE: usize = 2;
pub const COUNTED: u16 = 2000;
/// A register that may be written only near its known value.
pub const STEPPED: u16 = 2001;
pub const STEP: u16 = 5;

/// What an operator may have chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choices {
    /// Two gateways behind one listener instead of one server.
    pub is_routed: bool,
    pub lets_pass_unrecorded: bool,
    pub is_essential: bool,
    denial: u8,
    server_silent: u8,
    /// Every tolerance there is.
    pub is_tolerant: bool,
    /// Only the first of two servers is a gateway: unit id 0 is all behind it.
    has_broadcast: bool,
}

/// The policies that reloads go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    Usual,
    WithoutWrites,
    Observing,
    Moved,
}

thread_local! {
    static COMPILED: RefCell<HashMap<(Choices, Variant), Rc<Policy>>> = RefCell::default();
}

impl Choices {
    pub fn of(byte: u8, more: u8) -> Self {
        Self {
            is_routed: byte & 1 != 0,
            lets_pass_unrecorded: byte & 2 != 0,
            is_essential: byte & 4 != 0,
            denial: byte >> 3 & 3,
            server_silent: byte >> 5 & 3,
            is_tolerant: byte & 0x80 != 0,
            has_broadcast: byte & 1 != 0 && more & 4 != 0,
        }
    }

    pub fn policy(self, variant: Variant) -> Rc<Policy> {
        COMPILED.with_borrow_mut(|compiled| {
            let made = || Rc::new(Policy::parse(self.document(variant).to_string().as_bytes()).unwrap());
            Rc::clone(compiled.entry((self, variant)).or_insert_with(made))
        })
    }

    /// The leg a unit's requests go to.
    pub fn leg(self, unit: u8) -> Option<u8> {
        match unit {
            1 => Some(0),
            2 if self.is_routed => Some(1),
            0 if self.has_broadcast => Some(0),
            _ => None,
        }
    }

    pub fn is_broadcast(self, unit: u8) -> bool {
        self.has_broadcast && unit == 0
    }

    pub fn legs(self) -> u8 {
        if self.is_routed { 2 } else { 1 }
    }

    fn document(self, variant: Variant) -> Value {
        let denial = [json!({"exception": 1}), json!("silence"), json!("reset"), json!({"exception": 2})];
        let silent = ["exception", "silence", "close", "exception"];
        let range = |first: u16| json!([["holding_register", first, first + 999]]);
        let mut rules = vec![
            json!({"name": "reads", "kind": "permit", "functions": ["3"], "ranges": [["holding_register", 0, 999],
                   ["holding_register", STEPPED, STEPPED]]}),
            json!({"name": "listen-only", "kind": "permit", "functions": ["8/4", "65"], "essential": self.is_essential}),
            json!({"name": "never", "kind": "never", "functions": ["8/1"]}),
        ];
        if variant != Variant::WithoutWrites {
            let ranges = json!([["holding_register", 1000, 1999], ["holding_register", COUNTED, STEPPED]]);
            rules.push(json!({"name": "writes", "kind": "permit", "functions": ["6", "16"], "ranges": ranges,
                              "essential": self.is_essential}));
            rules.push(json!({"name": "broadcast", "kind": "permit", "functions": ["6"], "unit_ids": [0],
                              "ranges": range(1000), "essential": self.is_essential}));
        }
        let port = if variant == Variant::Moved { 503 } else { 502 };
        let servers: Vec<_> = (1..=self.legs()).map(|unit| self.server(unit, port)).collect();
        let listed: Vec<_> = (0..self.legs()).collect();
        let counted = json!({"name": "counted", "table": "holding_register", "address": COUNTED, "type": "uint16",
                             "limits": {"per_minute": MOST_A_MINUTE}});
        let stepped = json!({"name": "stepped", "table": "holding_register", "address": STEPPED, "type": "uint16",
                             "limits": {"max_step": STEP}});
        json!({
            "format": 1, "site": "Test", "guard": "gate-1", "utc_offsets": [[0, 0]], "assets": [],
            "point_maps": [{"name": "map", "points": [counted, stepped]}], "servers": servers,
            "conduits": [{
                "name": "hvac", "verdicts": if variant == Variant::Observing { "observe" } else { "enforce" },
                "denial": denial[usize::from(self.denial)], "server_silent": silent[usize::from(self.server_silent)],
                "idle_timeout_ms": IDLE_NS / 1_000_000, "deadline_ms": DEADLINE_NS / 1_000_000,
                "on_journal_failure": if self.lets_pass_unrecorded { "permit" } else { "deny_writes" },
                "record_read_values": "changes",
                "budgets": {"sessions": 10, "sessions_per_client": 10, "open_requests": OPEN_REQUESTS,
                            "queued_requests": QUEUED_REQUESTS, "denial_rows_per_second": 100},
                "listeners": [{"address": "127.0.0.1", "port": 1502, "servers": listed}],
                "rules": rules,
            }],
        })
    }

    fn server(self, unit: u8, port: u16) -> Value {
        let all = ["wrong_transaction_id", "wrong_unit_id", "wrong_length", "trailing_bytes", "over_quantity"];
        let tolerate: &[&str] = if self.is_tolerant { &all } else { &[] };
        json!({"name": format!("plc-{unit}"), "address": format!("127.0.1.{unit}"), "port": port,
               "gateway": self.is_routed && !(self.has_broadcast && unit == 2),
               "units": [{"asset": format!("plc-{unit}"), "unit_ids": [unit], "point_map": 0}],
               "tolerate": tolerate, "reply_timeout_ms": REPLY_TIMEOUT_NS / 1_000_000})
    }
}

impl Variant {
    pub fn of(byte: u8) -> Self {
        [Self::Usual, Self::WithoutWrites, Self::Observing, Self::Moved][usize::from(byte % 4)]
    }

    /// What the rules of this variant permit, limits apart.
    pub fn permits(self, choices: Choices, unit: u8, request: &Request<'_>) -> bool {
        let within = |span: Option<wire::Span>, first: u16, last: u16| {
            span.is_some_and(|span| {
                let is_there = first <= span.range.first() && span.range.last() <= last;
                span.table == Table::HoldingRegister && is_there
            })
        };
        let (code, writes) = (request.function_code().get(), self != Self::WithoutWrites);
        if choices.leg(unit).is_none() || choices.is_broadcast(unit) {
            return choices.is_broadcast(unit) && code == 6 && writes && within(request.writes(), 1000, 1999);
        }
        match code {
            3 => within(request.reads(), 0, 999) || within(request.reads(), STEPPED, STEPPED),
            6 | 16 => writes && within(request.writes(), 1000, STEPPED),
            8 => request.sub_function() == Some(4),
            65 => true,
            _ => false,
        }
    }
}
