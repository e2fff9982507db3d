//! Budgets, order, and back-pressure.

use super::talk::*;
use event::Kind;
use serde_json::json;

fn narrow() -> serde_json::Value {
    let budgets = json!({"sessions": 1, "sessions_per_client": 1, "open_requests": 2,
                         "queued_requests": 1, "denial_rows_per_second": 100});
    with(direct(), "budgets", budgets)
}

#[test]
fn what_is_over_both_budgets_is_answered_06_and_recorded_as_flooding() {
    let mut talk = Talk::under(narrow());
    let burst: Vec<u8> = (0..4).flat_map(|id| adu(id, 1, &read(id, 1))).collect();
    talk.client_sends_bytes(&burst);
    talk.expect_to_server(&read(0, 1));
    talk.expect_to_server(&read(1, 1));
    talk.expect_to_client(3, &[0x83, 0x06]);
    let row = talk.expect_event(Kind::ModbusFlooded);

    assert_eq!((row.transaction_id, row.exception_code), (Some(3), Some(6)));
    assert!(!talk.session.wants_client());
    talk.expect_nothing_more();
}

#[test]
fn a_queued_request_goes_when_an_open_one_ends() {
    let mut talk = Talk::under(narrow());
    let burst: Vec<u8> = (0..3).flat_map(|id| adu(id, 1, &read(id, 1))).collect();
    talk.client_sends_bytes(&burst);
    let id = talk.expect_to_server(&read(0, 1));
    talk.expect_to_server(&read(1, 1));
    talk.expect_nothing_more();
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(0, &registers(&[5]));
    talk.expect_to_server(&read(2, 1));
    talk.expect_event(Kind::RequestPermitted);

    assert!(talk.session.wants_client());
    talk.expect_nothing_more();
}

#[test]
fn a_write_that_waits_in_the_queue_has_a_deadline_too() {
    let mut talk = Talk::under(narrow());
    talk.client_sends(0, &read(0, 1));
    talk.client_sends(1, &read(1, 1));
    talk.client_sends(2, &write(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.expect_to_server(&read(1, 1));
    talk.time_passes(500);
    talk.expect_to_client(2, &[0x86, 0x06]);
    let row = talk.expect_event(Kind::RequestDenied);

    assert!(row.reason.is_some_and(|reason| reason.starts_with("deadline")));
    talk.expect_nothing_more();
}

#[test]
fn a_client_that_reuses_an_open_id_waits_for_its_reply() {
    let mut talk = Talk::under(direct());
    talk.client_sends(0, &read(0, 1));
    talk.client_sends(0, &read(1, 1));
    let first = talk.expect_to_server(&read(0, 1));
    talk.expect_nothing_more();
    talk.server_sends(first, &registers(&[5]));
    talk.expect_to_client(0, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_to_server(&read(1, 1));
    talk.expect_nothing_more();
}

#[test]
fn requests_before_the_server_is_there_wait_in_order() {
    let mut talk = Talk::opening(direct());
    talk.client_sends(1, &read(0, 1));
    talk.client_sends(2, &read(1, 1));
    talk.client_sends(3, &read(2, 1));
    talk.expect_action(crate::Action::Connect(crate::Leg(0)));
    talk.expect_nothing_more();
    talk.server_connects(0);
    talk.expect_to_server(&read(0, 1));
    talk.expect_to_server(&read(1, 1));
    talk.expect_to_server(&read(2, 1));
    talk.expect_nothing_more();
}

#[test]
fn a_server_that_takes_no_bytes_stops_the_reading_of_its_client() {
    let mut document = with(direct(), "verdicts", json!("observe"));
    document["conduits"][0]["rules"] = json!([]);
    let mut talk = Talk::under(document);
    talk.server_is_stuffed = true;
    let burst: Vec<u8> = (0..6_000).flat_map(|id| adu(id, 1, &read(0, 1))).collect();
    talk.client_sends_bytes(&burst);

    assert!(!talk.session.wants_client());
}

#[test]
fn a_client_that_takes_no_bytes_stops_the_reading_of_both() {
    let mut talk = Talk::under(direct());
    let denied: Vec<u8> = (0..8_000).flat_map(|id| adu(id, 1, &write(50, 1))).collect();
    let (plant, recorder) = (&mut talk.plant, &mut talk.notes);
    let mut ctx = crate::Context { now: talk.now, plant, recorder };
    talk.session.client_received(&denied, &mut ctx);

    assert!(!talk.session.wants_client());
    assert!(!talk.session.wants_server(crate::Leg(0)));
}
