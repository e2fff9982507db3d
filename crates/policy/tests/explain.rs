//! Every refusal explains itself: rule, operand, and the rule that came nearest.

mod harness;

use harness::policy;
use policy::{QuestionError, explain_json};
use serde_json::{Value, json};

fn points() -> Value {
    json!([{"name": "setpoint", "table": "holding_register", "address": 100, "type": "float32",
            "engineering_unit": "degC", "limits": {"range": [18.0, 24.0], "max_step": 0.5}}])
}

fn rules() -> Value {
    json!([
        {"name": "reads", "kind": "permit", "functions": ["read"], "clients": ["10.0.0.5/32"], "essential": true},
        {"name": "climate", "kind": "permit", "functions": ["write"], "clients": ["10.0.0.5/32"],
         "points": ["setpoint"], "targets": [{"server": 0}], "denial": {"exception": 3}},
        {"name": "engineer", "kind": "permit", "functions": ["write"], "roles": ["engineer"], "unit_ids": [11],
         "when": [{"days": [0, 4], "from_s": 25200, "to_s": 61200}]},
        {"name": "no-restart", "kind": "never", "functions": ["diagnostics.restart"]}])
}

fn ask(question: &Value) -> Result<Value, QuestionError> {
    let answer = explain_json(&policy(points(), rules()), question.to_string().as_bytes())?;
    Ok(serde_json::from_slice(&answer).expect("an explanation is JSON"))
}

/// Write 25 degC to the setpoint.
const WRITE_25: &str = "10006400020441c80000";

#[test]
fn a_question_about_what_does_not_exist_is_an_error() {
    let question = |server: &str, conduit: &str, pdu: &str| {
        ask(&json!({"client": "10.0.0.5", "server": server, "conduit": conduit, "pdu": pdu})).unwrap_err()
    };

    assert_eq!(question("x", "hvac", "11"), QuestionError::UnknownServer("x".to_owned()));
    assert_eq!(question("ahu", "x", "11"), QuestionError::UnknownConduit("x".to_owned()));
    assert_eq!(question("ahu", "hvac", "1"), QuestionError::Hex);
    assert_eq!(question("ahu", "hvac", "+1"), QuestionError::Hex);
}

#[test]
fn a_unit_id_that_leads_to_nobody_is_explained_without_a_server() {
    let question = |conduit: Option<&str>, unit: u8| {
        ask(&json!({"client": "10.0.0.5", "conduit": conduit, "unit_id": unit, "pdu": "0300640002"}))
    };
    let answer = question(Some("hvac"), 9).unwrap();

    assert_eq!(answer["verdict"], "deny");
    assert_eq!(answer["conduit"], "hvac");
    assert_eq!(answer["reason"], "unit_undeclared: unit id 9");
    assert_eq!(answer["answer"], json!({"exception": 1}));
    assert_eq!(question(Some("hvac"), 1), Err(QuestionError::Declared(1)));
    assert_eq!(question(None, 9), Err(QuestionError::NoServer));
    assert_eq!(question(Some("x"), 9), Err(QuestionError::UnknownConduit("x".to_owned())));
}

#[test]
fn a_refused_value_names_rule_limit_and_nearest() {
    let known = json!([{"table": "holding_register", "address": 100, "values": [0x41A9, 0x999A], "age_ms": 1000}]);
    let answer = ask(&json!({"client": "10.0.0.5", "role": null, "server": "ahu", "unit_id": null, "pdu": WRITE_25,
                    "at_unix_s": null, "known": known}))
    .unwrap();
    let failed = json!([{"operand": "value", "wanted": "18 to 24", "found": "setpoint 25 degC is outside 18 to 24"}]);

    assert_eq!(answer["verdict"], "deny");
    assert_eq!(answer["conduit"], "hvac");
    assert_eq!(answer["word"], "range");
    assert_eq!(answer["reason"], "range: setpoint 25 degC is outside 18 to 24");
    assert_eq!(answer["answer"], json!({"exception": 3}));
    assert_eq!(answer["rule"], "climate");
    assert_eq!(answer["nearest"], json!({"rule": "climate", "failed": failed}));
}

#[test]
fn every_rule_says_which_operands_failed() {
    let answer = ask(&json!({"client": "10.0.0.9", "server": "ahu", "pdu": WRITE_25})).unwrap();
    let operands = |rule: usize| {
        let failed = answer["rules"][rule]["failed"].as_array().unwrap().clone();
        failed.iter().map(|failed| failed["operand"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    assert_eq!(answer["word"], "no_rule");
    assert_eq!(operands(0), ["client", "function"]);
    assert_eq!(operands(1), ["client", "value"]);
    assert_eq!(operands(2), ["role", "unit_id", "value", "when"]);
    assert_eq!(operands(3), ["function"]);
    assert_eq!(
        answer["rules"][2]["failed"][3],
        json!({"operand": "when", "wanted": "Mon,Fri 07:00-17:00",
                                                         "found": "no valid clock"})
    );
    assert_eq!(answer["rules"][3]["kind"], "never");
}

#[test]
fn what_is_malformed_says_so() {
    let answer = ask(&json!({"client": "10.0.0.5", "server": "ahu", "pdu": "0300"})).unwrap();

    assert_eq!((&answer["verdict"], &answer["word"]), (&json!("deny"), &json!("invalid_length")));
    assert_eq!(answer["answer"], json!({"exception": 3}));
}

#[test]
fn a_never_that_matches_is_told() {
    let answer = ask(&json!({"client": "10.0.0.5", "server": "flow-2", "pdu": "0800010000"})).unwrap();

    assert_eq!((&answer["word"], &answer["rule"]), (&json!("never"), &json!("no-restart")));
    assert_eq!(answer["rules"][3]["matched"], true);
}

#[test]
fn a_permit_names_its_rule_and_whether_it_is_essential() {
    let answer = ask(&json!({"client": "::ffff:10.0.0.5", "server": "flow-2", "pdu": "0300000001"})).unwrap();

    assert_eq!((&answer["verdict"], &answer["rule"]), (&json!("permit"), &json!("reads")));
    assert_eq!(answer["essential"], true);
    assert_eq!((&answer["reason"], &answer["nearest"]), (&json!(null), &json!(null)));
    assert_eq!(answer["rules"][0], json!({"rule": "reads", "kind": "permit", "matched": true, "failed": []}));
}
