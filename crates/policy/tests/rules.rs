//! Who may do what where: clients, roles, units, functions, ranges, times, `never`, `essential`, broadcast.

mod harness;

use harness::{Talk, client, policy};
use policy::{Answer, Reason};
use serde_json::json;
use wire::UnitId;
use wire::build::{
    diagnostics, mask_write_register, read, read_write_registers, write_coils, write_registers, write_single_coil,
    write_single_register,
};

const REGISTERS: wire::Table = wire::Table::HoldingRegister;

fn permit(functions: &[&str]) -> serde_json::Value {
    json!({"name": "rule", "kind": "permit", "functions": functions})
}

#[test]
fn without_a_rule_nothing_passes() {
    let talk = Talk::under(json!([]), json!([]));

    assert!(!talk.view.names_client());
    assert_eq!(talk.denied(&read(REGISTERS, 0, 1)).reason, Reason::ClientUnnamed);
}

#[test]
fn an_undeclared_unit_is_denied() {
    let talk = Talk::under(json!([]), json!([permit(&["read"])]));

    assert_eq!(talk.view.target(UnitId(9)), None);
    assert_eq!(talk.view.undeclared(UnitId(9)).reason.to_string(), "unit_undeclared: unit id 9");
    assert_eq!(talk.view.undeclared(UnitId(9)).answer, Answer::Exception(1));
}

#[test]
fn another_client_than_the_rule_names_is_denied() {
    let rules = json!([{"name": "hmi", "kind": "permit", "functions": ["read"], "clients": ["10.0.0.5/32"]}]);
    let policy = policy(json!([]), rules);

    for (address, is_named) in [("10.0.0.6", false), ("fd00::5", false), ("10.0.0.5", true), ("::ffff:10.0.0.5", true)]
    {
        assert_eq!(policy.view(0, 0, &client(address)).names_client(), is_named, "{address}");
    }
}

#[test]
fn clients_and_roles_together_mean_both() {
    let rules = json!([{"name": "engineer", "kind": "permit", "functions": ["read"],
                        "clients": ["10.0.0.5"], "roles": ["engineer"]}]);
    let word = |address: &str, role: Option<&str>| {
        Talk::under(json!([]), rules.clone()).with_client(address, role).word(&read(REGISTERS, 0, 1))
    };

    assert_eq!(word("10.0.0.5", None), "no_rule");
    assert_eq!(word("10.0.0.5", Some("operator")), "no_rule");
    assert_eq!(word("10.30.0.1", Some("engineer")), "no_rule");
    assert_eq!(word("10.0.0.5", Some("engineer")), "permit");
}

#[test]
fn clients_that_no_rule_tells_apart_share_one_view() {
    let rules = json!([permit(&["read"]), {"name": "hmi", "kind": "permit", "functions": ["write"],
                       "clients": ["10.0.0.0/24"]}]);
    let policy = policy(json!([]), rules);
    let view = |address: &str| policy.view(0, 0, &client(address));

    assert!(!std::sync::Arc::ptr_eq(&view("10.0.0.1"), &view("10.0.1.1")));
    assert!(std::sync::Arc::ptr_eq(&view("10.0.0.1"), &view("10.0.0.2")));
    assert!(std::sync::Arc::ptr_eq(&view("192.0.2.1"), &view("2001:db8::1")));
}

#[test]
fn each_function_needs_a_rule_that_names_it() {
    let pdus: Vec<(&str, Vec<u8>)> = vec![
        ("1", read(wire::Table::Coil, 0, 1)),
        ("2", read(wire::Table::DiscreteInput, 0, 1)),
        ("3", read(REGISTERS, 0, 1)),
        ("4", read(wire::Table::InputRegister, 0, 1)),
        ("5", write_single_coil(0, true)),
        ("6", write_single_register(0, 1)),
        ("7", vec![7]),
        ("8/1", diagnostics(1, 0)),
        ("8/4", diagnostics(4, 0)),
        ("11", vec![11]),
        ("12", vec![12]),
        ("15", write_coils(0, &[true, false])),
        ("16", write_registers(0, &[1, 2])),
        ("17", vec![17]),
        ("20", vec![20, 7, 6, 0, 1, 0, 0, 0, 1]),
        ("21", vec![21, 9, 6, 0, 1, 0, 0, 0, 1, 0, 7]),
        ("22", mask_write_register(0, 0, 1)),
        ("23", read_write_registers(0, 1, 2, &[3])),
        ("24", vec![24, 0, 0]),
        ("43/13", vec![43, 13, 0]),
        ("43/14", vec![43, 14, 1, 0]),
        ("90/65", vec![90, 0, 0x41]),
        ("66", vec![66, 1, 2]),
        ("125", vec![125, 1]),
    ];
    for (named, _) in &pdus {
        let talk = Talk::under(json!([]), json!([permit(&[named])]));
        for (asked, pdu) in &pdus {
            let expected = if named == asked { "permit" } else { "no_rule" };

            assert_eq!(talk.word(pdu), expected, "rule {named}, request {asked}");
        }
    }
}

#[test]
fn a_set_names_all_below_it() {
    let talk = Talk::under(json!([]), json!([permit(&["diagnostics.*", "umas.read"])]));

    assert_eq!(talk.word(&[90, 0, 0x41]), "no_rule");
    assert_eq!(talk.word(&[17]), "no_rule");
    assert_eq!(talk.word(&diagnostics(4, 0)), "permit");
    assert_eq!(talk.word(&[90, 0, 0x22]), "permit");
}

#[test]
fn code_23_needs_both_halves() {
    let exchange = read_write_registers(0, 2, 10, &[1]);
    let rules = |read: &str, write: &str| {
        json!([{"name": "r", "kind": "permit", "functions": [read], "ranges": [["holding_register", 0, 1]]},
               {"name": "w", "kind": "permit", "functions": [write], "ranges": [["holding_register", 10, 10]]}])
    };

    assert_eq!(Talk::under(json!([]), rules("read", "identify")).word(&exchange), "no_rule");
    assert_eq!(Talk::under(json!([]), rules("identify", "write")).word(&exchange), "no_rule");
    assert_eq!(Talk::under(json!([]), rules("write", "read")).word(&exchange), "no_rule");
    assert_eq!(Talk::under(json!([]), rules("read", "write")).word(&exchange), "permit");
}

#[test]
fn a_request_needs_every_address_but_several_rules_may_join() {
    let rules = json!([
        {"name": "low", "kind": "permit", "functions": ["read"], "ranges": [["holding_register", 0, 9]]},
        {"name": "high", "kind": "permit", "functions": ["read"], "ranges": [["holding_register", 10, 19]]}]);
    let talk = Talk::under(json!([]), rules);

    assert_eq!(
        talk.denied(&read(REGISTERS, 15, 10)).reason.to_string(),
        "no_rule: none permits read of holding_register 20-24"
    );
    assert_eq!(talk.word(&read(wire::Table::InputRegister, 0, 1)), "no_rule");
    assert_eq!(talk.permitted(&read(REGISTERS, 5, 10)).rule().as_ref(), "low");
}

#[test]
fn ranges_bind_only_functions_with_addresses() {
    let rules = json!([{"name": "rule", "kind": "permit", "functions": ["read", "identify", "files.read"],
                        "ranges": [["holding_register", 0, 9]]}]);
    let talk = Talk::under(json!([]), rules);

    assert_eq!(talk.word(&read(REGISTERS, 9, 2)), "no_rule");
    assert_eq!(talk.word(&[17]), "permit");
    assert_eq!(talk.word(&[20, 7, 6, 0, 1, 0, 0, 0, 1]), "permit");
}

#[test]
fn points_name_their_addresses_and_aliases() {
    let points = json!([{"name": "setpoint", "table": "holding_register", "address": 100, "type": "float32",
                         "aliases": [["holding_register", 200]]}]);
    let rules = json!([{"name": "rule", "kind": "permit", "functions": ["read"], "points": ["setpoint"]}]);
    let talk = Talk::under(points, rules);

    assert_eq!(talk.word(&read(REGISTERS, 100, 3)), "no_rule");
    assert_eq!(talk.word(&read(REGISTERS, 201, 2)), "no_rule");
    assert_eq!(talk.word(&read(REGISTERS, 100, 2)), "permit");
    assert_eq!(talk.word(&read(REGISTERS, 201, 1)), "permit");
}

#[test]
fn an_empty_list_names_nothing() {
    for key in ["clients", "roles", "targets", "unit_ids", "ranges", "points"] {
        let mut rule = permit(&["read"]);
        rule[key] = json!([]);

        assert_eq!(Talk::under(json!([]), json!([rule])).word(&read(REGISTERS, 0, 1)), "no_rule", "{key}");
    }
}

#[test]
fn never_beats_every_permit_whatever_the_order() {
    let never = json!({"name": "no-high", "kind": "never", "functions": ["write"],
                       "ranges": [["holding_register", 10, 10]], "denial": "reset"});
    for rules in [json!([permit(&["write"]), never]), json!([never, permit(&["write"])])] {
        let talk = Talk::under(json!([]), rules);
        let denial = talk.denied(&write_registers(8, &[1, 2, 3]));

        assert_eq!(denial.reason.to_string(), "never: no-high");
        assert_eq!((denial.rule.as_deref(), denial.answer), (Some("no-high"), Answer::Reset));
        assert_eq!(talk.word(&read_write_registers(0, 1, 10, &[1])), "never");
        assert_eq!(talk.word(&write_registers(8, &[1, 2])), "permit");
    }
}

#[test]
fn a_rule_for_one_unit_is_none_for_another() {
    let rules = json!([{"name": "rule", "kind": "permit", "functions": ["read"],
                        "targets": [{"server": 0, "unit_ids": [1]}, {"server": 1, "unit_ids": [12]}]}]);
    let word = |unit: u8| Talk::under(json!([]), rules.clone()).at_unit(unit).word(&read(REGISTERS, 0, 1));

    assert_eq!([word(255), word(11)], ["no_rule", "no_rule"]);
    assert_eq!([word(1), word(12)], ["permit", "permit"]);
}

#[test]
fn a_client_is_not_named_by_a_rule_for_another_server() {
    let rules = json!([{"name": "rule", "kind": "permit", "functions": ["read"], "targets": [{"server": 1}]}]);
    let policy = policy(json!([]), rules);

    assert!(!policy.view(0, 0, &client("10.0.0.5")).names_client());
    assert!(policy.view(0, 1, &client("10.0.0.5")).names_client());
}

#[test]
fn whom_no_rule_names_here_is_told_what_keeps_it_out() {
    let rules = json!([
        {"name": "here", "kind": "permit", "functions": ["read"], "clients": ["10.0.0.5"],
         "roles": ["engineer"], "targets": [{"server": 0}]},
        {"name": "there", "kind": "permit", "functions": ["read"], "clients": ["10.0.0.6"], "targets": [{"server": 1}]},
    ]);
    let told = |address: &str, role: Option<&str>| {
        let talk = Talk::under(json!([]), rules.clone()).with_client(address, role);
        talk.denied(&read(REGISTERS, 0, 1)).reason.to_string()
    };

    let lacks_role = "no_rule: those that name this client want a role that it does not have";
    assert_eq!(told("10.0.0.5", None), lacks_role);
    assert_eq!(told("10.0.0.5", Some("viewer")), lacks_role);
    assert_eq!(told("10.0.0.7", None), "no_rule: none names this client");
    let mut alone = Talk::under(json!([]), rules.clone());
    alone.view = alone.policy.view(0, 0, &client("10.0.0.6"));
    let reason = alone.denied(&read(REGISTERS, 0, 1)).reason.to_string();
    assert_eq!(reason, "no_rule: none names this client for this server");
}

#[test]
fn a_never_is_named_also_where_no_permit_is_about_the_client() {
    let rules = json!([
        {"name": "no-writes", "kind": "never", "functions": ["write"], "clients": ["10.0.0.5"]},
        {"name": "engineer", "kind": "permit", "functions": ["write"], "clients": ["10.0.0.5"], "roles": ["engineer"]},
    ]);
    let told = |role: Option<&str>, pdu: &[u8]| {
        let talk = Talk::under(json!([]), rules.clone()).with_client("10.0.0.5", role);
        talk.denied(pdu).reason.to_string()
    };

    assert_eq!(told(None, &write_registers(0, &[1])), "never: no-writes");
    assert_eq!(told(Some("engineer"), &write_registers(0, &[1])), "never: no-writes");
    assert_eq!(
        told(None, &read(REGISTERS, 0, 1)),
        "no_rule: those that name this client want a role that it does not have"
    );
}

#[test]
fn broadcast_needs_a_rule_for_unit_id_0_and_writes_only() {
    let rule = |unit_ids: serde_json::Value| json!([{"name": "rule", "kind": "permit", "functions": ["read", "write", "diagnostics"], "unit_ids": unit_ids}]);
    let word = |unit_ids, pdu: &[u8]| Talk::under(json!([]), rule(unit_ids)).at_unit(0).word(pdu);
    let write = write_single_register(0, 1);

    assert_eq!(word(json!(null), &write), "broadcast");
    assert_eq!(word(json!([11, 12]), &write), "broadcast");
    assert_eq!(word(json!([0]), &read(REGISTERS, 0, 1)), "broadcast");
    assert_eq!(word(json!([0]), &diagnostics(4, 0)), "broadcast");
    assert_eq!(word(json!([0]), &read_write_registers(0, 1, 0, &[1])), "broadcast");
    assert_eq!(word(json!([0]), &write), "permit");
}

#[test]
fn a_never_for_one_unit_stops_a_broadcast_to_all() {
    let rules = json!([{"name": "all", "kind": "permit", "functions": ["write"], "unit_ids": [0]},
                       {"name": "not-12", "kind": "never", "functions": ["write"], "unit_ids": [12]}]);
    let talk = Talk::under(json!([]), rules).at_unit(0);

    assert_eq!(talk.denied(&write_single_register(0, 1)).reason.to_string(), "never: not-12");
}

#[test]
fn a_rule_for_some_units_of_a_gateway_permits_no_broadcast() {
    let rule = |unit_ids: serde_json::Value| {
        json!([{"name": "rule", "kind": "permit", "functions": ["write"], "unit_ids": [0],
                "targets": [{"server": 1, "unit_ids": unit_ids}]}])
    };
    let word = |unit_ids| Talk::under(json!([]), rule(unit_ids)).at_unit(0).word(&write_single_register(0, 1));

    assert_eq!(word(json!([11])), "broadcast");
    assert_eq!([word(json!([11, 12])), word(json!(null))], ["permit", "permit"]);
}

#[test]
fn a_rule_holds_only_in_its_hours_and_needs_a_valid_clock() {
    let rules = json!([{"name": "day", "kind": "permit", "functions": ["read"],
                        "when": [{"days": [0], "from_s": 43200, "to_s": 46800}]}]);
    let mut talk = Talk::under(json!([]), rules);
    assert_eq!(talk.word(&read(REGISTERS, 0, 1)), "permit");

    talk.wait_s(3600);
    assert_eq!(talk.denied(&read(REGISTERS, 0, 1)).reason.to_string(), "when: day does not hold on Mon 13:00");

    talk.now.synchronised = false;
    assert_eq!(talk.word(&read(REGISTERS, 0, 1)), "clock_invalid");
}

#[test]
fn without_a_valid_clock_a_never_is_taken_to_hold() {
    let rules = json!([permit(&["read"]), {"name": "night", "kind": "never", "functions": ["read"],
                       "when": [{"days": [5], "from_s": 0, "to_s": 60}]}]);
    let mut talk = Talk::under(json!([]), rules);
    assert_eq!(talk.word(&read(REGISTERS, 0, 1)), "permit");

    talk.now.synchronised = false;
    assert_eq!(talk.word(&read(REGISTERS, 0, 1)), "never");
}

#[test]
fn a_request_is_essential_only_where_every_part_is() {
    let rules = json!([
        permit(&["read", "write", "identify"]),
        {"name": "vital", "kind": "permit", "functions": ["read", "17"], "essential": true,
         "ranges": [["holding_register", 0, 9]]}]);
    let talk = Talk::under(json!([]), rules);

    assert!(!talk.permitted(&read(REGISTERS, 5, 6)).is_essential());
    assert!(!talk.permitted(&read_write_registers(0, 1, 0, &[1])).is_essential());
    assert!(talk.permitted(&read(REGISTERS, 5, 5)).is_essential());
    assert!(talk.permitted(&[17]).is_essential());
}

#[test]
fn a_view_of_another_policy_decides_nothing_for_this_one() {
    let one = Talk::under(json!([]), json!([permit(&["read"])]));
    let request = read(REGISTERS, 0, 1);
    let request = wire::parse_request(&request, false).unwrap();
    let direct = one.policy.view(0, 0, &client("10.0.0.5"));
    let target = one.view.target(UnitId(11)).unwrap();
    let verdict = direct.decide(&request, target, UnitId(11), &one.plant, one.now);

    assert_eq!(harness::word(&verdict), "unit_undeclared");
}

#[test]
fn a_warmed_policy_has_its_clients_views_at_hand() {
    let (old, new) = (policy(json!([]), json!([])), policy(json!([]), json!([permit(&["read"])])));
    let before = old.view(0, 1, &client("10.0.0.5"));
    new.warm(&old);
    let talk = Talk { view: new.view(0, 1, &client("10.0.0.5")), policy: new, ..Talk::under(json!([]), json!([])) };

    assert!(!before.names_client());
    assert_eq!(talk.word(&read(REGISTERS, 0, 1)), "permit");
}
