//! One value, several ways to it: by alias, twice in one request, and by replies that cross a write.

mod harness;

use harness::{SECOND, Talk, float, span};
use serde_json::{Value, json};
use wire::build::{mask_write_register, write_registers, write_single_register};

/// A float32 at 100 and, under another address, at 102.
fn setpoint(limits: Value) -> Value {
    json!([{"name": "setpoint", "table": "holding_register", "address": 100, "type": "float32",
            "engineering_unit": "degC", "limits": limits, "aliases": [["holding_register", 102]]}])
}

fn writer() -> Value {
    json!([{"name": "writer", "kind": "permit", "functions": ["read", "write"], "denial": "silence"}])
}

fn write(value: f32) -> Vec<u8> {
    write_registers(100, &float(value))
}

/// One request that writes the point at its own address and at its alias.
fn write_both(own: f32, alias: f32) -> Vec<u8> {
    write_registers(100, &[float(own), float(alias)].concat())
}

#[test]
fn a_request_that_gives_a_point_two_values_is_refused() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(100, &float(21.0));
    let denial = talk.denied(&write_both(20.6, 21.4));

    assert_eq!(denial.reason.to_string(), "contradiction: setpoint is written twice, and not with the same value");
    assert_eq!((denial.rule.as_deref(), denial.answer), (Some("writer"), policy::Answer::Silence));
    assert_eq!(talk.word(&write_both(21.4, 21.4)), "permit");
}

#[test]
fn each_value_of_a_point_written_twice_is_held_to_its_limits() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(100, &float(21.0));

    assert_eq!(talk.word(&write_both(21.4, 22.0)), "contradiction");
    assert_eq!(talk.word(&write_both(22.0, 22.0)), "max_step");
}

#[test]
fn a_value_put_together_from_two_halves_is_a_contradiction() {
    let mut points = setpoint(json!({"range": [18.0, 24.0]}));
    points[0]["partial"] = json!(true);
    let mut talk = Talk::under(points, writer());
    talk.reads(100, &float(21.0));
    let [high, low] = float(21.0);

    assert_eq!(talk.word(&write_registers(101, &[low, high])), "contradiction");
    assert_eq!(talk.word(&write_registers(101, &[low])), "permit");
}

#[test]
fn a_point_that_nothing_limits_may_be_written_as_its_client_likes() {
    let talk = Talk::under(setpoint(json!(null)), writer());

    assert_eq!(talk.word(&write_both(1.0, 2.0)), "permit");
}

#[test]
fn requests_in_a_row_count_against_each_other_under_every_address() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(100, &float(21.0));
    assert_eq!(harness::word(&talk.sends(&write(21.4))), "permit");

    assert_eq!(talk.word(&write_registers(102, &float(20.6))), "max_step");
    assert_eq!(talk.word(&write_registers(102, &float(21.8))), "permit");
}

#[test]
fn a_request_that_writes_a_point_twice_counts_once() {
    let points = json!([
        {"name": "a", "table": "holding_register", "address": 0, "type": "uint16", "limits": {"per_minute": 2},
         "aliases": [["holding_register", 2]]},
        {"name": "b", "table": "holding_register", "address": 1, "type": "uint16", "limits": {"per_minute": 9}}]);
    let mut talk = Talk::under(points, writer());
    assert_eq!(harness::word(&talk.sends(&write_registers(0, &[5, 6, 5]))), "permit");

    assert_eq!(talk.word(&write_single_register(0, 5)), "permit");
}

#[test]
fn a_reply_to_a_read_sent_before_a_write_does_not_hide_the_write() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(100, &float(21.0));
    let asked_ns = talk.now.monotonic_ns;
    talk.wait_s(1);
    assert_eq!(harness::word(&talk.sends(&write(21.5))), "permit");
    talk.wait_s(1);
    talk.read_asked_at(asked_ns, 102, &float(21.0));

    assert_eq!(talk.word(&write(20.9)), "max_step");
    assert_eq!(talk.word(&write(22.0)), "permit");
    let known = talk.plant.known(talk.target(), span(wire::Table::HoldingRegister, 100, 2));
    assert_eq!(known.map(|(values, _)| values), Some(float(21.5).to_vec()));
}

#[test]
fn a_reply_that_crossed_a_failed_write_leaves_the_value_unknown() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(100, &float(21.0));
    let asked_ns = talk.now.monotonic_ns;
    let _ = talk.sends(&write(21.5));
    talk.server_fails(&write(21.5));
    talk.wait_s(1);
    talk.read_asked_at(asked_ns, 100, &float(21.0));
    assert_eq!(talk.word(&write(21.5)), "value_unknown");
    let registers = span(wire::Table::HoldingRegister, 100, 2);
    assert_eq!(talk.plant.known(talk.target(), registers), None);

    talk.reads(100, &float(21.0));
    assert_eq!(talk.word(&write(21.5)), "permit");
    assert!(talk.plant.known(talk.target(), registers).is_some());
}

#[test]
fn what_no_write_has_touched_is_learned_from_the_same_reply() {
    let mut points = setpoint(json!({"max_step": 0.5}));
    let other = json!({"name": "other", "table": "holding_register", "address": 99, "type": "uint16",
                       "limits": {"max_step": 5.0}});
    points.as_array_mut().unwrap().push(other);
    let mut talk = Talk::under(points, writer());
    talk.reads(99, &[10, float(21.0)[0], float(21.0)[1]]);
    let asked_ns = talk.now.monotonic_ns;
    let _ = talk.sends(&write(21.5));
    talk.wait_s(1);
    talk.read_asked_at(asked_ns, 99, &[30, float(21.0)[0], float(21.0)[1]]);

    assert_eq!(talk.word(&write_single_register(99, 34)), "permit");
    assert_eq!(talk.word(&write_single_register(99, 14)), "max_step");
    assert_eq!(talk.word(&write(22.0)), "permit");
}

#[test]
fn a_masked_register_keeps_what_the_mask_made_of_it() {
    let points = json!([{"name": "number", "table": "holding_register", "address": 7, "type": "uint16",
                         "limits": {"max_step": 16.0}}]);
    let mut talk = Talk::under(points, writer());
    talk.reads(7, &[4]);
    let asked_ns = talk.now.monotonic_ns;
    let _ = talk.sends(&mask_write_register(7, 0xFFEF, 0x0010));
    talk.read_asked_at(asked_ns, 7, &[4]);

    assert_eq!(talk.word(&write_single_register(7, 36)), "permit");
    assert_eq!(talk.word(&write_single_register(7, 3)), "max_step");
}

#[test]
fn a_broadcast_is_newer_than_the_replies_it_crossed_at_every_unit() {
    let rules = json!([{"name": "all", "kind": "permit", "functions": ["read", "write"], "unit_ids": [0, 11, 12]}]);
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), rules);
    for unit in [11, 12] {
        talk.unit = unit;
        talk.reads(100, &float(21.0));
    }
    let asked_ns = talk.now.monotonic_ns;
    talk.unit = 0;
    talk.now.monotonic_ns += SECOND;
    assert_eq!(harness::word(&talk.sends(&write(21.5))), "permit");
    for unit in [11, 12] {
        talk.unit = unit;
        talk.read_asked_at(asked_ns, 100, &float(21.0));

        assert_eq!(talk.word(&write(20.9)), "max_step");
    }
}
