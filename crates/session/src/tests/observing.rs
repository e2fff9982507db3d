//! One server, observed: bytes pass as they come, rows say what would have been.

use super::talk::*;
use crate::{Action, Leg};
use event::{Kind, Outcome};
use serde_json::json;

fn observed() -> serde_json::Value {
    with(direct(), "verdicts", json!("observe"))
}

#[test]
fn a_write_that_would_be_refused_passes_unchanged_and_its_row_says_so() {
    let mut talk = Talk::under(observed());
    let request = adu(0x4242, 1, &write(50, 1));
    talk.client_sends_bytes(&request);

    assert_eq!(talk.take_to_server(), request);
    let first = talk.expect_event(Kind::RequestObserved);
    talk.server_sends_bytes(0, &request);

    assert_eq!(talk.take_to_client(), request);
    let outcome = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(first.verdict, Some(Outcome::Deny));
    assert!(first.reason.is_some_and(|reason| reason.starts_with("no_rule")));
    assert_eq!(outcome.request_sequence, Some(first.sequence));
    assert_eq!((outcome.verdict, outcome.rule, outcome.reason), (None, None, None), "it was not refused");
    talk.expect_nothing_more();
}

#[test]
fn a_read_is_one_row_with_the_verdict_that_would_have_been() {
    let mut talk = Talk::under(observed());
    talk.client_sends(3, &read(0, 1));
    talk.server_sends(3, &registers(&[5]));
    let row = talk.expect_event(Kind::RequestObserved);

    assert_eq!((row.verdict, row.rule.as_deref()), (Some(Outcome::Permit), Some("reads")));
    assert_eq!(row.response_values, Some([5].into()));
}

#[test]
fn a_client_no_rule_names_is_still_only_observed() {
    let mut talk = Talk::opening_from(observed(), [10, 0, 0, 1].into());
    talk.expect_action(Action::Connect(Leg(0)));
    talk.client_sends(3, &read(0, 1));

    assert_eq!(talk.take_to_server(), adu(3, 1, &read(0, 1)));
}

#[test]
fn bytes_that_are_no_modbus_pass_and_the_reader_gives_up_once() {
    let mut talk = Talk::under(observed());
    talk.client_sends_bytes(b"GET / HTTP/1.0\r\n\r\n");
    talk.server_sends_bytes(0, b"HTTP/1.0 400\r\n");
    talk.client_sends_bytes(b"more");

    assert_eq!(talk.take_to_server(), b"GET / HTTP/1.0\r\n\r\nmore");
    assert_eq!(talk.take_to_client(), b"HTTP/1.0 400\r\n");
    talk.expect_event(Kind::ModbusInvalidProtocolId);
    talk.expect_nothing_more();
}

#[test]
fn a_request_that_breaks_the_grammar_passes_and_is_recorded() {
    let mut talk = Talk::under(observed());
    talk.client_sends(3, &read(0, 0));

    assert_eq!(talk.take_to_server(), adu(3, 1, &read(0, 0)));
    talk.expect_event(Kind::ModbusInvalidValue);
    talk.expect_nothing_more();
}

#[test]
fn nothing_waits_for_the_journal() {
    let mut talk = Talk::under(observed());
    talk.notes.is_down = true;
    talk.client_sends(3, &write(0, 1));

    assert_eq!(talk.take_to_server(), adu(3, 1, &write(0, 1)));
}

#[test]
fn a_silent_server_is_the_clients_affair() {
    let mut talk = Talk::under(observed());
    talk.client_sends(3, &read(0, 1));
    talk.take_to_server();
    talk.time_passes(1_000);
    let row = talk.expect_event(Kind::RequestObserved);

    assert_eq!(row.reason.as_deref(), Some("server_silent"));
    talk.expect_nothing_more();
}

#[test]
fn half_closes_pass_both_ways() {
    let mut talk = Talk::under(observed());
    talk.client_finishes();
    talk.expect_action(Action::FinishServer(Leg(0)));
    talk.server_sends_bytes(0, &adu(1, 1, &registers(&[5])));
    talk.take_to_client();
    talk.expect_event(Kind::ResponseUnsolicited);
    talk.server_finishes(0);
    talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishClient);
    talk.expect_nothing_more();
}

#[test]
fn a_server_that_finishes_first_lets_the_client_speak_on() {
    let mut talk = Talk::under(observed());
    talk.server_finishes(0);
    talk.expect_action(Action::FinishClient);
    talk.client_sends(3, &read(0, 1));

    assert_eq!(talk.take_to_server(), adu(3, 1, &read(0, 1)));
    talk.client_finishes();
    talk.expect_event(Kind::RequestObserved);
    talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(Leg(0)));
    talk.expect_nothing_more();
}

#[test]
fn what_the_reader_remembers_is_bounded() {
    let mut talk = Talk::under(observed());
    for id in 0..1_000 {
        talk.client_sends(id, &read(0, 1));
    }

    assert_eq!(talk.session.open_requests(), 256);
    assert_eq!(talk.notes.events.len(), 744);
}

#[test]
fn the_answer_to_a_frame_that_is_no_request_is_not_called_unasked() {
    let mut talk = Talk::under(observed());
    talk.client_sends(4, &[3, 0, 0, 0, 0]);
    talk.server_sends(4, &[0x83, 3]);
    talk.expect_event(Kind::ModbusInvalidValue);
    talk.take_to_server();
    talk.take_to_client();
    talk.expect_nothing_more();
    talk.server_sends(4, &[0x83, 3]);

    talk.expect_event(Kind::ResponseUnsolicited);
}
