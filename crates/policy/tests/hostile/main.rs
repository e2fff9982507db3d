//! The document parser, against every input that is kept in `fuzz/corpus`.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an invariant is a test, outside `#[test]`"
)]

mod document;
#[path = "../harness/mod.rs"]
mod harness;

use serde_json::{Value, json};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_kept_document_is_refused_with_reasons_or_decides_every_request() {
    corpus::replay(HERE, "document", document::check);
}

#[test]
fn nothing_nests_so_deep_that_the_stack_ends() {
    document::check("[".repeat(200_000).as_bytes());
    document::check(format!(r#"{{"format": 1, "servers": {}"#, r#"[{"units":"#.repeat(100_000)).as_bytes());
}

#[test]
#[ignore = "writes the corpora's seeds anew"]
fn seeds_are_sown() {
    corpus::sow(HERE, "document", &seeds());
}

/// Documents that use every field, and some that are wrong in one.
fn seeds() -> Vec<Vec<u8>> {
    let documents = [
        harness::document(json!([]), json!([])),
        harness::document(points(), rules()),
        changed(json!({"format": 2})),
        changed(json!({"utc_offsets": [[5, 3600], [1, 7200]]})),
        changed(json!({"conduits": []})),
        changed(json!({"point_maps": []})),
    ];
    let mut seeds: Vec<Vec<u8>> = documents.iter().map(|document| document.to_string().into_bytes()).collect();
    seeds.extend([b"".to_vec(), b"{}".to_vec(), b"[[[[1e400]]]]".to_vec(), br#"{"format": -1}"#.to_vec()]);
    seeds
}

fn changed(with: Value) -> Value {
    let mut document = harness::document(points(), rules());
    for (key, value) in with.as_object().unwrap() {
        document[key] = value.clone();
    }
    document
}

fn points() -> Value {
    let limits = json!({"range": [18.0, 24.0], "allowed": [18, 20], "max_step": 0.5, "per_minute": 6,
                        "max_change": {"by": 2, "in_ms": 3600}, "max_age_ms": 9});
    json!([
        {"name": "setpoint", "table": "holding_register", "address": 100, "type": "float32", "word_order": "little",
         "byte_order": "little", "scale": 0.1, "offset": -40, "aliases": [["holding_register", 200]],
         "partial": true, "limits": limits, "engineering_unit": "degC"},
        {"name": "fan", "table": "coil", "address": 0, "type": "bit"},
        {"name": "count", "table": "input_register", "address": 65532, "type": "uint64"},
    ])
}

fn rules() -> Value {
    json!([
        {"name": "reads", "kind": "permit", "functions": ["read", "3", "43/14"], "clients": ["10.0.0.0/24", "fd00::/8"],
         "essential": true, "ranges": [["holding_register", 0, 99], ["coil", 0, 65535]]},
        {"name": "writes", "kind": "permit", "functions": ["write"], "points": ["setpoint"], "roles": ["engineer"],
         "targets": [{"server": 0}, {"server": 1, "unit_ids": [11, 0]}], "unit_ids": [1, 11],
         "limits": {"setpoint": {"range": [16, 26]}}, "denial": "silence",
         "when": [{"days": [0, 4], "from_s": 79200, "to_s": 3600}]},
        {"name": "never", "kind": "never", "functions": ["diagnostics.restart", "umas", "90/65"], "denial": {"exception": 2}},
    ])
}
