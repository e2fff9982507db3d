//! A small site to hold conversations with: documents, clients and requests in few words.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses its part of the harness")]
#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, reason = "a harness is a test, outside `#[test]`")]

use policy::{Denial, Moment, Permit, Plant, Policy, Principal, Target, Verdict, View};
use serde_json::{Value, json};
use std::sync::Arc;
use wire::{AddressRange, Span, Table, UnitId, parse_request};

pub const SECOND: u64 = 1_000_000_000;

/// Monday 2024-01-01 12:00 UTC.
pub const MONDAY_NOON_S: i64 = 1_704_110_400;

/// A direct server with unit 1, a gateway with units 11 and 12, and rules.
pub fn document(points: Value, rules: Value) -> Value {
    json!({
        "format": 1, "site": "test", "guard": "gate-1", "utc_offsets": [[0, 0]],
        "assets": [{"name": "hmi-1", "addresses": ["10.0.0.5"]}],
        "point_maps": [{"name": "map", "points": points}],
        "servers": [
            {"name": "ahu", "address": "10.1.0.1", "port": 502, "gateway": false, "reply_timeout_ms": 1000,
             "units": [{"asset": "ahu", "unit_ids": [1, 255], "point_map": 0}]},
            {"name": "gw", "address": "10.1.0.2", "port": 502, "gateway": true, "reply_timeout_ms": 1000,
             "units": [{"asset": "flow-1", "unit_ids": [11], "point_map": 0},
                       {"asset": "flow-2", "unit_ids": [12], "point_map": 0}]},
        ],
        "conduits": [{
            "name": "hvac", "verdicts": "enforce", "denial": {"exception": 1}, "server_silent": "exception",
            "idle_timeout_ms": 30000, "deadline_ms": 500, "on_journal_failure": "deny_writes",
            "record_read_values": "changes",
            "budgets": {"sessions": 10, "sessions_per_client": 5, "open_requests": 4, "queued_requests": 4,
                        "denial_rows_per_second": 5},
            "listeners": [{"address": "10.0.0.1", "port": 1500, "servers": [0]},
                          {"address": "10.0.0.1", "port": 1501, "servers": [0, 1]}],
            "rules": rules,
        }],
    })
}

pub fn policy(points: Value, rules: Value) -> Policy {
    Policy::parse(document(points, rules).to_string().as_bytes()).unwrap()
}

pub fn client(address: &str) -> Principal {
    Principal { address: address.parse().unwrap(), role: None }
}

pub fn span(table: Table, first: u16, quantity: u16) -> Span {
    Span { table, range: AddressRange::new(first, quantity).unwrap() }
}

/// One client's conversation, through the routed listener.
pub struct Talk {
    pub policy: Policy,
    pub plant: Plant,
    pub view: Arc<View>,
    pub now: Moment,
    pub unit: u8,
}

impl Talk {
    pub fn under(points: Value, rules: Value) -> Self {
        let policy = policy(points, rules);
        let plant = Plant::new(&policy);
        let view = policy.view(0, 1, &client("10.0.0.5"));
        let utc_ns = MONDAY_NOON_S * SECOND as i64;
        let now = Moment { monotonic_ns: 1_000 * SECOND, utc_ns, synchronised: true };
        Self { policy, plant, view, now, unit: 1 }
    }

    pub fn with_client(mut self, address: &str, role: Option<&str>) -> Self {
        self.view = self.policy.view(0, 1, &Principal { role: role.map(Into::into), ..client(address) });
        self
    }

    pub fn at_unit(mut self, unit: u8) -> Self {
        self.unit = unit;
        self
    }

    pub fn target(&self) -> Target {
        self.view.target(UnitId(self.unit)).unwrap()
    }

    pub fn wait_s(&mut self, seconds: u64) {
        self.now.monotonic_ns += seconds * SECOND;
        self.now.utc_ns += (seconds * SECOND) as i64;
    }

    /// A read of its own moment, so that it is newer than every write before it.
    pub fn reads(&mut self, first: u16, values: &[u16]) {
        self.now.monotonic_ns += 1;
        self.read_asked_at(self.now.monotonic_ns, first, values);
    }

    /// A reply that comes now to a read sent then.
    pub fn read_asked_at(&mut self, sent_ns: u64, first: u16, values: &[u16]) {
        let span = span(Table::HoldingRegister, first, u16::try_from(values.len()).unwrap());
        self.plant.observe_read(self.target(), span, values, (sent_ns, self.now));
    }

    pub fn asks(&self, pdu: &[u8]) -> Verdict {
        let request = parse_request(pdu, false).unwrap();
        self.view.decide(&request, self.target(), UnitId(self.unit), &self.plant, self.now)
    }

    /// Forward what is permitted, as a session does.
    pub fn sends(&mut self, pdu: &[u8]) -> Verdict {
        let verdict = self.asks(pdu);
        if matches!(verdict, Verdict::Permit(_)) {
            self.plant.value_forwarded(self.target(), &parse_request(pdu, false).unwrap(), self.now);
        }
        verdict
    }

    pub fn server_fails(&mut self, pdu: &[u8]) {
        self.plant.forget_written(self.target(), &parse_request(pdu, false).unwrap());
    }

    pub fn denied(&self, pdu: &[u8]) -> Denial {
        match self.asks(pdu) {
            Verdict::Deny(denial) => denial,
            Verdict::Permit(permit) => panic!("permitted by {}", permit.rule()),
        }
    }

    pub fn permitted(&self, pdu: &[u8]) -> Permit {
        match self.asks(pdu) {
            Verdict::Permit(permit) => permit,
            Verdict::Deny(denial) => panic!("denied: {}", denial.reason),
        }
    }

    /// The reason's word, or `permit`.
    pub fn word(&self, pdu: &[u8]) -> &'static str {
        word(&self.asks(pdu))
    }
}

pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Deny(denial) => denial.reason.word(),
        Verdict::Permit(_) => "permit",
    }
}

pub fn float(value: f32) -> [u16; 2] {
    let [a, b, c, d] = value.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}
