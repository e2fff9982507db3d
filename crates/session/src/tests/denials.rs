//! What the policy refuses, and what is no request at all.

use super::talk::*;
use crate::Action;
use event::{Kind, Outcome};
use serde_json::json;

#[test]
fn a_denied_write_is_answered_and_recorded_but_never_forwarded() {
    let mut talk = Talk::under(direct());
    talk.client_sends(9, &write(50, 0x1234));
    talk.expect_to_client(9, &[0x86, 0x01]);
    let row = talk.expect_event(Kind::RequestDenied);

    assert_eq!((row.verdict, row.exception_code), (Some(Outcome::Deny), Some(1)));
    assert_eq!((row.transaction_id, row.unit_id, row.function_code), (Some(9), Some(1), Some(6)));
    assert_eq!((row.address, row.quantity, row.values), (Some(50), Some(1), Some([0x1234].into())));
    assert!(row.reason.is_some_and(|reason| reason.starts_with("no_rule")));
    assert_eq!(row.server.as_deref(), Some("plc"));
    talk.expect_nothing_more();
}

#[test]
fn silence_leaves_the_client_without_an_answer() {
    let mut talk = Talk::under(with(direct(), "denial", json!("silence")));
    talk.client_sends(9, &write(50, 1));
    let row = talk.expect_event(Kind::RequestDenied);

    assert_eq!(row.exception_code, None);
    talk.expect_nothing_more();
}

#[test]
fn a_reset_is_recorded_first_and_nothing_after_it_is_heard() {
    let mut talk = Talk::under(with(direct(), "denial", json!("reset")));
    let both = [adu(9, 1, &write(50, 1)), adu(10, 1, &read(0, 1))].concat();
    talk.client_sends_bytes(&both);
    talk.expect_event(Kind::RequestDenied);
    let row = talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(crate::Leg(0)));
    talk.expect_action(Action::ResetClient);

    assert_eq!(row.reason.as_deref(), Some("denied"));
    talk.client_sends(11, &read(0, 1));
    talk.expect_nothing_more();
}

#[test]
fn a_client_no_rule_names_never_causes_a_server_connection() {
    let mut talk = Talk::opening_from(direct(), [10, 0, 0, 1].into());
    talk.expect_nothing_more();
    talk.client_sends(1, &read(0, 1));
    talk.expect_to_client(1, &[0x83, 0x01]);
    talk.expect_event(Kind::RequestDenied);
    talk.expect_nothing_more();
}

#[test]
fn an_undeclared_unit_is_denied() {
    let mut talk = Talk::under(direct());
    talk.client_sends_bytes(&adu(1, 77, &read(0, 1)));
    talk.expect_to_client(1, &[0x83, 0x01]);
    let row = talk.expect_event(Kind::RequestDenied);

    assert!(row.reason.is_some_and(|reason| reason.starts_with("unit_undeclared")));
    talk.expect_nothing_more();
}

#[test]
fn a_denial_overtakes_an_open_request_with_another_id() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.client_sends(2, &write(50, 1));
    talk.expect_to_client(2, &[0x86, 0x01]);
    talk.expect_event(Kind::RequestDenied);
    talk.expect_nothing_more();
}

#[test]
fn a_denial_waits_for_an_open_request_with_the_same_id() {
    let mut talk = Talk::under(direct());
    talk.client_sends(0, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.client_sends(0, &write(50, 1));
    talk.expect_nothing_more();
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(0, &registers(&[5]));
    talk.expect_to_client(0, &[0x86, 0x01]);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_event(Kind::RequestDenied);
    talk.expect_nothing_more();
}

#[test]
fn a_request_that_breaks_the_grammar_gets_its_exception_and_its_bytes_are_kept() {
    let mut talk = Talk::under(direct());
    talk.client_sends(4, &read(0, 0));
    talk.expect_to_client(4, &[0x83, 0x03]);
    let row = talk.expect_event(Kind::ModbusInvalidValue);

    assert_eq!(row.pdu.as_deref(), Some(&read(0, 0)[..]));
    assert_eq!((row.verdict, row.exception_code), (Some(Outcome::Deny), Some(3)));
    talk.expect_nothing_more();
}

#[test]
fn where_refusals_are_silent_a_malformed_request_gets_no_answer_either() {
    let mut talk = Talk::under(with(direct(), "denial", json!("silence")));
    talk.client_sends(4, &read(0, 0));
    let row = talk.expect_event(Kind::ModbusInvalidValue);

    assert_eq!((row.verdict, row.exception_code), (Some(Outcome::Deny), None));
    talk.expect_nothing_more();
}

#[test]
fn where_refusals_reset_a_malformed_request_does_too() {
    let mut talk = Talk::under(with(direct(), "denial", json!("reset")));
    talk.client_sends(4, &read(0, 0));
    talk.expect_event(Kind::ModbusInvalidValue);
    talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(crate::Leg(0)));
    talk.expect_action(Action::ResetClient);
    talk.expect_nothing_more();
}

#[test]
fn where_the_guard_only_observes_a_malformed_request_costs_no_connection() {
    let document = with(with(routed(), "denial", json!("reset")), "verdicts", json!("observe"));
    let mut talk = Talk::under(document);
    talk.client_sends_bytes(&adu(4, 1, &read(0, 0)));
    talk.expect_to_client(4, &[0x83, 0x03]);
    talk.expect_event(Kind::ModbusInvalidValue);
    talk.expect_nothing_more();
}

#[test]
fn function_code_zero_is_malformed_not_opaque() {
    let mut talk = Talk::under(direct());
    talk.client_sends(4, &[0]);
    talk.expect_to_client(4, &[0x80, 0x01]);
    talk.expect_event(Kind::ModbusInvalidFunctionCode);
    talk.expect_nothing_more();
}

#[test]
fn a_foreign_protocol_id_ends_the_session_after_its_record() {
    let mut talk = Talk::under(direct());
    talk.client_sends_bytes(&[0, 1, 0, 9, 0, 6, 1, 3, 0, 0, 0, 1]);
    talk.expect_event(Kind::ModbusInvalidProtocolId);
    talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(crate::Leg(0)));
    talk.expect_action(Action::ResetClient);
    talk.expect_nothing_more();
}

#[test]
fn a_length_no_adu_can_have_ends_the_session() {
    let mut talk = Talk::under(direct());
    talk.client_sends_bytes(&[0, 1, 0, 0, 0xFF, 0xFF, 1]);
    talk.expect_event(Kind::ModbusInvalidLength);
    talk.expect_event(Kind::SessionClosed);
}

#[test]
fn a_long_umas_request_passes_only_to_the_server_that_may_have_it() {
    let mut document = routed();
    document["conduits"][0]["rules"] = json!([{"name": "umas", "kind": "permit", "functions": ["90"]}]);
    document["servers"][1]["umas_pdu_bytes"] = json!(1000);
    let mut long = vec![90, 0, 0x22];
    long.resize(600, 0);
    let mut talk = Talk::under(document);
    talk.client_sends_bytes(&adu(1, 1, &long));
    talk.expect_to_client(1, &[0xDA, 0x03]);
    talk.expect_event(Kind::ModbusInvalidLength);
    talk.expect_nothing_more();
    talk.client_sends_bytes(&adu(2, 2, &long));
    talk.expect_action(Action::Connect(crate::Leg(1)));
    talk.expect_nothing_more();
}
