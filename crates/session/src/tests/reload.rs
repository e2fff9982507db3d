//! A new policy under an open session.

use super::talk::*;
use crate::{Action, Leg};
use event::Kind;
use serde_json::json;

fn without(rule: usize) -> serde_json::Value {
    let mut document = direct();
    document["conduits"][0]["rules"].as_array_mut().unwrap().remove(rule);
    document
}

#[test]
fn a_write_on_its_way_to_the_disk_is_decided_by_the_policy_in_force() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &write(0, 1));
    let first = talk.expect_event(Kind::RequestPermitted);
    talk.policy_becomes(&without(1));
    talk.expect_nothing_more();
    talk.journal_syncs();
    talk.expect_to_client(1, &[0x86, 0x01]);
    let row = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(row.request_sequence, Some(first.sequence));
    assert_eq!(row.verdict, Some(event::Outcome::Deny));
    assert_ne!(row.policy, first.policy);
    talk.expect_nothing_more();
}

#[test]
fn a_client_no_rule_names_any_more_is_ended() {
    let mut talk = Talk::under(direct());
    talk.policy_becomes(&with(direct(), "rules", json!([])));
    let row = talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(Leg(0)));
    talk.expect_action(Action::FinishClient);

    assert_eq!(row.reason.as_deref(), Some("policy_changed"));
    talk.expect_nothing_more();
}

#[test]
fn what_was_forwarded_before_the_change_still_gets_its_reply() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.policy_becomes(&with(direct(), "rules", json!([])));
    talk.expect_nothing_more();
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(1, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_event(Kind::SessionClosed);
}

#[test]
fn a_reload_that_changes_nothing_is_not_felt() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.policy_becomes(&with(direct(), "deadline_ms", json!(600)));
    talk.client_sends(2, &read(1, 1));
    talk.expect_to_server(&read(1, 1));
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(1, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_nothing_more();
}

#[test]
fn a_client_that_a_rule_now_names_gets_its_server() {
    let mut talk = Talk::opening(with(direct(), "rules", json!([])));
    talk.expect_nothing_more();
    talk.policy_becomes(&direct());
    talk.expect_action(Action::Connect(Leg(0)));
    talk.expect_nothing_more();
}

#[test]
fn a_server_that_moved_ends_the_session_when_its_requests_have_ended() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    let mut moved = direct();
    moved["servers"][0]["address"] = json!("127.0.1.99");
    talk.policy_becomes(&moved);
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(1, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    let row = talk.expect_event(Kind::SessionClosed);

    assert_eq!(row.reason.as_deref(), Some("policy_changed"));
}

#[test]
fn a_listener_that_is_gone_refuses_what_waits_and_finishes_what_is_open() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.client_sends(2, &write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.loses_its_listener();
    talk.journal_syncs();
    talk.expect_to_client(2, &[0x86, 0x06]);
    talk.expect_event(Kind::RequestOutcome);
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(1, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    let row = talk.expect_event(Kind::SessionClosed);

    assert_eq!(row.reason.as_deref(), Some("policy_changed"));
}

#[test]
fn from_observe_to_enforce_between_two_requests() {
    let mut talk = Talk::under(with(direct(), "verdicts", json!("observe")));
    talk.client_sends(1, &write(50, 1));
    talk.take_to_server();
    talk.expect_event(Kind::RequestObserved);
    talk.policy_becomes(&direct());

    assert!(!talk.session.wants_client());
    talk.server_sends(1, &write(50, 1));
    talk.take_to_client();
    talk.expect_event(Kind::RequestOutcome);

    assert!(talk.session.wants_client());
    talk.client_sends(2, &write(50, 1));
    talk.expect_to_client(2, &[0x86, 0x01]);
    talk.expect_event(Kind::RequestDenied);
    talk.expect_nothing_more();
}

#[test]
fn from_observe_to_enforce_inside_a_request_ends_the_session() {
    let mut talk = Talk::under(with(direct(), "verdicts", json!("observe")));
    talk.client_sends_bytes(&adu(1, 1, &write(50, 1))[..8]);
    talk.take_to_server();
    talk.policy_becomes(&direct());
    let row = talk.expect_event(Kind::SessionClosed);

    assert_eq!(row.reason.as_deref(), Some("policy_changed"));
}

#[test]
fn from_enforce_to_observe_the_connection_stays() {
    let mut talk = Talk::under(direct());
    talk.client_sends_bytes(&adu(1, 1, &write(50, 1))[..8]);
    talk.policy_becomes(&with(direct(), "verdicts", json!("observe")));
    talk.client_sends_bytes(&adu(1, 1, &write(50, 1))[8..]);

    assert_eq!(talk.take_to_server(), adu(1, 1, &write(50, 1)));
    talk.expect_event(Kind::RequestObserved);
    talk.expect_nothing_more();
}

#[test]
fn a_reload_while_a_lost_server_is_still_lost_costs_the_client_nothing() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.time_passes(1_000);
    talk.expect_to_client(1, &[0x83, 0x0B]);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_action(Action::ResetServer(Leg(0)));
    talk.policy_becomes(&with(direct(), "deadline_ms", json!(600)));
    talk.expect_nothing_more();
}
