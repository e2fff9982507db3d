//! What a write may make of a value: every kind of limit, in every way a value can be written.

mod harness;

use harness::{Talk, float, policy, span};
use policy::{Answer, Plant};
use serde_json::{Value, json};
use wire::build::{
    mask_write_register, read_write_registers, write_coils, write_registers, write_single_coil, write_single_register,
};

fn setpoint(limits: Value) -> Value {
    json!([{"name": "setpoint", "table": "holding_register", "address": 100, "type": "float32",
            "engineering_unit": "degC", "limits": limits, "aliases": [["holding_register", 200]]}])
}

fn number(limits: Value) -> Value {
    json!([{"name": "number", "table": "holding_register", "address": 7, "type": "uint16", "limits": limits}])
}

fn writer() -> Value {
    json!([{"name": "writer", "kind": "permit", "functions": ["read", "write"], "denial": "silence"}])
}

fn write(value: f32) -> Vec<u8> {
    write_registers(100, &float(value))
}

#[test]
fn a_value_outside_its_range_is_refused_by_raw_address_too() {
    let talk = Talk::under(setpoint(json!({"range": [18.0, 21.7]})), writer());

    for value in [17.9, 21.8, f32::MAX] {
        assert_eq!(talk.word(&write(value)), "range", "{value}");
    }
    assert_eq!(talk.word(&write_registers(200, &float(25.0))), "range");
    assert_eq!(talk.word(&write_registers(99, &[0, float(25.0)[0], float(25.0)[1], 0])), "range");
    assert_eq!(talk.word(&read_write_registers(0, 1, 100, &float(25.0))), "range");
    for value in [18.0, 21.7] {
        assert_eq!(talk.word(&write(value)), "permit", "{value}");
    }
}

#[test]
fn a_denial_by_a_limit_is_answered_as_its_rule_says() {
    let talk = Talk::under(setpoint(json!({"range": [18.0, 24.0]})), writer());
    let denial = talk.denied(&write(25.0));

    assert_eq!(denial.reason.to_string(), "range: setpoint 25 degC is outside 18 to 24");
    assert_eq!((denial.rule.as_deref(), denial.answer), (Some("writer"), Answer::Silence));
}

#[test]
fn what_is_no_number_is_refused() {
    let talk = Talk::under(setpoint(json!(null)), writer());

    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(talk.word(&write(value)), "not_finite");
    }
    assert_eq!(talk.word(&write(1.0)), "permit");
}

#[test]
fn half_a_value_is_refused_unless_the_point_permits_it() {
    let mut points = setpoint(json!({"range": [18.0, 24.0]}));
    let halves = [write_single_register(100, 0x41AC), write_single_register(201, 0), write_registers(99, &[0, 0x41AC])];
    for pdu in &halves {
        assert_eq!(Talk::under(points.clone(), writer()).word(pdu), "partial");
    }
    assert_eq!(Talk::under(points.clone(), writer()).word(&mask_write_register(100, 0, 0)), "partial");

    points[0]["partial"] = json!(true);
    let mut talk = Talk::under(points, writer());
    assert_eq!(talk.word(&halves[0]), "value_unknown");
    talk.reads(100, &float(21.0));
    assert_eq!(talk.word(&write_single_register(100, 0x7F80)), "not_finite");
    assert_eq!(talk.word(&write_single_register(100, 0x4200)), "range");
    assert_eq!(talk.word(&halves[0]), "permit");
}

#[test]
fn only_the_allowed_values_pass() {
    let points = json!([{"name": "mode", "table": "holding_register", "address": 100, "type": "int16",
                         "scale": 0.1, "limits": {"allowed": [-0.3, 21.5]}}]);
    let talk = Talk::under(points, writer());

    assert_eq!(talk.word(&write_single_register(100, 3)), "allowed");
    assert_eq!(talk.word(&write_single_register(100, 216)), "allowed");
    assert_eq!(talk.word(&write_single_register(100, 0xFFFD)), "permit");
    assert_eq!(talk.word(&write_single_register(100, 215)), "permit");
}

#[test]
fn coils_have_limits_as_registers_do() {
    let points = json!([{"name": "fan", "table": "coil", "address": 3, "type": "bit", "limits": {"allowed": [1.0]}}]);
    let talk = Talk::under(points, writer());

    assert_eq!(talk.word(&write_single_coil(3, false)), "allowed");
    assert_eq!(talk.word(&write_coils(2, &[false, false])), "allowed");
    assert_eq!(talk.word(&write_single_coil(3, true)), "permit");
    assert_eq!(talk.word(&write_coils(2, &[false, true, false])), "permit");
}

#[test]
fn a_step_needs_a_known_value_that_is_not_too_old() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    assert_eq!(talk.word(&write(21.0)), "value_unknown");

    talk.reads(100, &float(f32::NAN));
    assert_eq!(talk.word(&write(21.0)), "value_unknown");

    talk.reads(100, &float(21.2));
    assert_eq!(talk.denied(&write(25.0)).reason.to_string(), "max_step: setpoint 25 degC is 3.8 from 21.2, limit 0.5");
    assert_eq!(talk.word(&write(20.6)), "max_step");
    assert_eq!([talk.word(&write(21.7)), talk.word(&write(20.7))], ["permit", "permit"]);

    talk.wait_s(61);
    assert_eq!(
        talk.denied(&write(21.2)).reason.to_string(),
        "value_stale: the value of setpoint is 61 s old, limit 1 min"
    );
}

#[test]
fn max_age_is_the_points_own() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5, "max_age_ms": 5000})), writer());
    talk.reads(100, &float(21.0));
    talk.wait_s(5);
    assert_eq!(talk.word(&write(21.0)), "permit");

    talk.wait_s(1);
    assert_eq!(talk.word(&write(21.0)), "value_stale");
}

#[test]
fn a_value_known_through_an_alias_counts() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(199, &[0, float(21.0)[0], float(21.0)[1]]);

    assert_eq!(talk.word(&write(22.0)), "max_step");
    assert_eq!(talk.word(&write(21.5)), "permit");
}

#[test]
fn a_value_known_under_one_unit_id_counts_under_the_other() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(100, &float(21.0));
    let talk = talk.at_unit(255);

    assert_eq!(talk.word(&write(22.0)), "max_step");
    assert_eq!(talk.word(&write(21.5)), "permit");
}

#[test]
fn a_forwarded_write_counts_at_once_and_a_failed_one_is_unknown_until_read() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(100, &float(21.0));
    assert_eq!(harness::word(&talk.sends(&write(21.5))), "permit");
    assert_eq!(talk.word(&write(20.9)), "max_step");
    assert_eq!(talk.word(&write(22.0)), "permit");

    talk.server_fails(&write(21.5));
    assert_eq!(talk.word(&write(21.5)), "value_unknown");

    talk.reads(100, &float(21.0));
    assert_eq!(talk.word(&write(21.5)), "permit");
}

#[test]
fn a_read_of_half_a_value_that_differs_makes_it_unknown() {
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), writer());
    talk.reads(100, &float(21.0));
    talk.reads(100, &float(21.0)[..1]);
    assert_eq!(talk.word(&write(21.0)), "permit");

    talk.reads(101, &[1]);
    assert_eq!(talk.word(&write(21.0)), "value_unknown");
}

#[test]
fn many_small_steps_do_not_add_up_to_a_great_change() {
    let limits = json!({"max_step": 1.0, "max_change": {"by": 2.0, "in_ms": 3_600_000}});
    let mut talk = Talk::under(setpoint(limits), writer());
    talk.reads(100, &float(20.0));
    for value in [21.0, 22.0] {
        assert_eq!(harness::word(&talk.sends(&write(value))), "permit");
    }
    assert_eq!(
        talk.denied(&write(23.0)).reason.to_string(),
        "max_change: setpoint 23 degC is 3 from 20 within 1 h, limit 2"
    );

    talk.wait_s(3601);
    assert_eq!(talk.word(&write(22.0)), "value_stale");
    talk.reads(100, &float(22.0));
    assert_eq!(talk.word(&write(23.0)), "permit");
}

#[test]
fn a_change_with_nothing_known_in_its_window_is_refused() {
    let mut talk = Talk::under(setpoint(json!({"max_change": {"by": 2.0, "in_ms": 60_000}})), writer());
    talk.reads(100, &float(20.0));
    talk.wait_s(61);

    assert_eq!(
        talk.denied(&write(20.0)).reason.to_string(),
        "change_unknown: no value of setpoint was known in the last 1 min"
    );
}

#[test]
fn writes_are_counted_for_all_clients_and_aliases_together() {
    let mut talk = Talk::under(setpoint(json!({"per_minute": 2})), writer());
    let _ = talk.sends(&write(20.0));
    talk.wait_s(30);
    let mut talk = talk.with_client("10.0.0.99", None);
    let _ = talk.sends(&write_registers(200, &float(20.0)));
    assert_eq!(
        talk.denied(&write(20.0)).reason.to_string(),
        "per_minute: setpoint was written 2 times in the last minute"
    );

    talk.wait_s(30);
    assert_eq!(talk.word(&write(20.0)), "permit");
}

#[test]
fn a_mask_on_a_guarded_number_needs_its_known_value() {
    let mut talk = Talk::under(number(json!({"range": [0.0, 20.0]})), writer());
    let set_bit_4 = mask_write_register(7, 0xFFEF, 0x0010);
    assert_eq!(talk.word(&set_bit_4), "value_unknown");

    talk.reads(7, &[5]);
    assert_eq!(talk.word(&set_bit_4), "range");
    talk.reads(7, &[4]);
    assert_eq!(talk.word(&set_bit_4), "permit");

    assert_eq!(harness::word(&talk.sends(&set_bit_4)), "permit");
    let known = talk.plant.known(talk.target(), span(wire::Table::HoldingRegister, 7, 1));
    assert_eq!(known.map(|(values, _)| values), Some(vec![20]));
}

#[test]
fn a_mask_on_what_nothing_guards_needs_nothing() {
    let talk = Talk::under(number(json!(null)), writer());

    assert_eq!(talk.word(&mask_write_register(7, 0xFFEF, 0x0010)), "permit");
}

#[test]
fn a_rules_own_limits_replace_the_points_key_by_key() {
    let rules = json!([{"name": "engineer", "kind": "permit", "functions": ["write"],
                        "limits": {"setpoint": {"range": [16.0, 26.0]}}}]);
    let mut talk = Talk::under(setpoint(json!({"range": [18.0, 24.0], "max_step": 0.5})), rules);
    talk.reads(100, &float(16.5));

    assert_eq!(talk.word(&write(15.9)), "range");
    assert_eq!(talk.word(&write(17.5)), "max_step");
    assert_eq!(talk.word(&write(16.0)), "permit");
}

#[test]
fn one_rule_that_passes_is_enough() {
    let rules = json!([
        {"name": "hmi", "kind": "permit", "functions": ["write"]},
        {"name": "engineer", "kind": "permit", "functions": ["write"], "roles": ["engineer"],
         "limits": {"setpoint": {"range": [16.0, 26.0]}}}]);
    let talk = Talk::under(setpoint(json!({"range": [18.0, 24.0]})), rules);
    assert_eq!(talk.word(&write(25.0)), "range");

    let talk = talk.with_client("10.0.0.5", Some("engineer"));
    assert_eq!(talk.word(&write(27.0)), "range");
    assert_eq!(talk.permitted(&write(25.0)).rule().as_ref(), "engineer");
}

#[test]
fn a_broadcast_is_held_to_the_limits_of_every_unit() {
    let rules = json!([{"name": "all", "kind": "permit", "functions": ["read", "write"], "unit_ids": [0, 11, 12]}]);
    let mut talk = Talk::under(setpoint(json!({"max_step": 0.5})), rules).at_unit(11);
    talk.reads(100, &float(21.0));
    talk.unit = 0;
    assert_eq!(talk.word(&write(21.0)), "value_unknown");

    talk.unit = 12;
    talk.reads(100, &float(22.0));
    talk.unit = 0;
    assert_eq!(talk.word(&write(21.0)), "max_step");
    assert_eq!(harness::word(&talk.sends(&write(21.5))), "permit");

    talk.unit = 12;
    assert_eq!(talk.word(&write(22.5)), "max_step");
}

#[test]
fn a_reload_keeps_what_is_known_by_name() {
    let limits = json!({"max_step": 0.5, "per_minute": 2});
    let mut talk = Talk::under(setpoint(limits.clone()), writer());
    talk.reads(100, &float(21.0));
    let _ = talk.sends(&write(21.0));
    let old_target = talk.target();
    let mut document = harness::document(setpoint(limits), writer());
    document["servers"].as_array_mut().unwrap().reverse();
    let new = policy::Policy::parse(document.to_string().as_bytes()).unwrap();
    let plant = std::mem::replace(&mut talk.plant, Plant::new(&new));
    talk.plant = plant.rebind(&talk.policy, &new);
    talk.policy = new;
    let late = write(21.5);
    talk.plant.value_forwarded(old_target, &wire::parse_request(&late, false).unwrap(), talk.now);
    let talk = talk.with_client("10.0.0.5", None);

    assert_eq!(talk.word(&write(21.5)), "per_minute");
    assert_eq!(talk.word(&write(20.9)), "max_step");
    let known = talk.plant.known(talk.target(), span(wire::Table::HoldingRegister, 100, 2));
    assert_eq!(known.map(|(values, _)| values), Some(float(21.5).to_vec()));
}

#[test]
fn reads_that_show_nothing_new_are_told_from_those_that_do() {
    let policy = policy(json!([]), writer());
    let mut plant = Plant::new(&policy);
    let view = policy.view(0, 0, &harness::client("10.0.0.5"));
    let target = view.target(wire::UnitId(1)).unwrap();
    let registers = span(wire::Table::InputRegister, 0, 2);

    assert!(plant.observe_read(target, registers, &[1, 2], (0, policy::Moment::default())));
    assert!(!plant.observe_read(target, registers, &[1, 2], (0, policy::Moment::default())));
    assert!(plant.observe_read(target, registers, &[1, 3], (0, policy::Moment::default())));
}
