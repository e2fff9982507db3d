//! A small site and the bytes of its talk: documents, requests and replies in few words.

use serde_json::{Value, json};
use wire::{TransactionId, UnitId, append_adu};

/// One server, unit 1: everyone reads holding registers 0–99 and coils 0–99, writes 0–9 of each.
pub(super) fn direct() -> Value {
    let rules = json!([
        {"name": "reads", "kind": "permit", "functions": ["read"], "clients": ["127.0.0.0/8"],
         "ranges": [["holding_register", 0, 99], ["coil", 0, 99]]},
        {"name": "writes", "kind": "permit", "functions": ["write"], "clients": ["127.0.0.0/8"],
         "ranges": [["holding_register", 0, 9], ["coil", 0, 9]]},
        {"name": "listen-only", "kind": "permit", "functions": ["8/4"], "clients": ["127.0.0.0/8"]},
    ]);
    document(json!([server("plc", 1, false)]), json!([0]), rules)
}

/// Two gateways behind one listener: units 1 and 2.
pub(super) fn routed() -> Value {
    let rules = json!([
        {"name": "all", "kind": "permit", "functions": ["read", "write"], "clients": ["127.0.0.0/8"]},
        {"name": "broadcast", "kind": "permit", "functions": ["write"], "unit_ids": [0]},
    ]);
    document(json!([server("one", 1, true), server("two", 2, true)]), json!([0, 1]), rules)
}

fn server(name: &str, unit: u8, gateway: bool) -> Value {
    json!({"name": name, "address": format!("127.0.1.{unit}"), "port": 502, "gateway": gateway,
           "units": [{"asset": name, "unit_ids": [unit]}], "tolerate": [], "reply_timeout_ms": 1000})
}

fn document(servers: Value, listed: Value, rules: Value) -> Value {
    json!({
        "format": 1, "site": "Test", "guard": "gate-1", "utc_offsets": [[0, 0]], "assets": [],
        "point_maps": [], "servers": servers,
        "conduits": [{
            "name": "hvac", "verdicts": "enforce", "denial": {"exception": 1},
            "server_silent": "exception", "idle_timeout_ms": 30000, "deadline_ms": 500,
            "on_journal_failure": "deny_writes", "record_read_values": "changes",
            "budgets": {"sessions": 10, "sessions_per_client": 10, "open_requests": 4,
                        "queued_requests": 4, "denial_rows_per_second": 100},
            "listeners": [{"address": "127.0.0.1", "port": 1502, "servers": listed}],
            "rules": rules
        }]
    })
}

/// A document with one of the conduit's settings changed.
pub(super) fn with(mut document: Value, key: &str, value: Value) -> Value {
    document["conduits"][0][key] = value;
    document
}

/// A document whose first server tolerates something.
pub(super) fn tolerating(mut document: Value, tolerance: &str) -> Value {
    document["servers"][0]["tolerate"] = json!([tolerance]);
    document
}

pub(super) fn read(address: u16, quantity: u16) -> Vec<u8> {
    pdu(3, &[address, quantity])
}

pub(super) fn write(address: u16, value: u16) -> Vec<u8> {
    pdu(6, &[address, value])
}

pub(super) fn pdu(function_code: u8, words: &[u16]) -> Vec<u8> {
    let words = words.iter().flat_map(|word| word.to_be_bytes());
    std::iter::once(function_code).chain(words).collect()
}

/// The reply to a read of holding registers.
pub(super) fn registers(values: &[u16]) -> Vec<u8> {
    let mut reply = vec![3, u8::try_from(values.len() * 2).expect("few values")];
    reply.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    reply
}

pub(super) fn adu(id: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append_adu(&mut bytes, TransactionId(id), UnitId(unit), pdu);
    bytes
}
