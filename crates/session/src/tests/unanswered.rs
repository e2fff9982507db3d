//! Writes that no server answers: they end when their last byte has left, or never leave.

use super::talk::*;
use crate::{Action, Leg};
use event::Kind;
use serde_json::{Value, json};

const LISTEN_ONLY: [u16; 2] = [4, 0];

/// One gateway, so that unit id 0 is every unit behind it.
fn gateway() -> Value {
    let mut document = routed();
    document["conduits"][0]["listeners"][0]["servers"] = json!([0]);
    document
}

/// A broadcast that is recorded and stands in the buffer of a gateway that takes no bytes.
fn stuck_broadcast() -> Talk {
    let mut talk = Talk::under(gateway());
    talk.server_is_stuffed = true;
    talk.client_sends_bytes(&adu(1, 0, &write(0, 1)));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.expect_nothing_more();
    talk
}

#[test]
fn a_broadcast_that_does_not_leave_in_time_is_refused_and_its_connection_reset() {
    let mut talk = stuck_broadcast();
    talk.time_passes(499);
    talk.expect_nothing_more();
    talk.time_passes(1);
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_to_client(1, &[0x86, 0x06]);
    talk.expect_action(Action::ResetServer(Leg(0)));

    assert_eq!((row.reason.as_deref(), row.exception_code), (Some("deadline: not sent in time"), Some(6)));
    talk.server_takes_bytes();
    talk.expect_nothing_more();
}

#[test]
fn force_listen_only_that_does_not_leave_in_time_is_refused_too() {
    let mut talk = Talk::under(direct());
    talk.server_is_stuffed = true;
    talk.client_sends(8, &pdu(8, &LISTEN_ONLY));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.time_passes(500);
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_to_client(8, &[0x88, 0x06]);
    talk.expect_action(Action::ResetServer(Leg(0)));

    assert_eq!(row.reason.as_deref(), Some("deadline: not sent in time"));
    talk.server_takes_bytes();
    talk.expect_nothing_more();
}

#[test]
fn a_broadcast_ends_when_its_last_byte_has_left() {
    let mut talk = stuck_broadcast();
    talk.time_passes(100);
    talk.server_takes_bytes();
    talk.expect_to_leg(0, 0, &write(0, 1));
    let row = talk.expect_event(Kind::RequestOutcome);

    assert_eq!((row.reason.as_deref(), row.exception_code), (Some("no_reply"), None));
    talk.time_passes(2_000);
    talk.expect_nothing_more();
}

#[test]
fn a_broadcast_whose_connection_breaks_first_was_not_sent() {
    let mut talk = stuck_broadcast();
    talk.server_finishes(0);
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_to_client(1, &[0x86, 0x0B]);
    talk.expect_action(Action::ResetServer(Leg(0)));

    assert_eq!(row.reason.as_deref(), Some("server_closed"));
}

#[test]
fn a_broadcast_does_not_outlive_its_session_in_a_buffer() {
    let mut talk = stuck_broadcast();
    talk.closes("client_reset");
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::ResetServer(Leg(0)));
    talk.expect_action(Action::ResetClient);

    assert_eq!(row.reason.as_deref(), Some("session_closed"));
    talk.server_takes_bytes();
    talk.expect_nothing_more();
}

#[test]
fn a_client_that_ends_its_stream_after_a_broadcast_is_heard_to_the_end() {
    let mut talk = stuck_broadcast();
    talk.client_finishes();
    talk.expect_nothing_more();
    talk.server_takes_bytes();
    talk.expect_to_leg(0, 0, &write(0, 1));
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(Leg(0)));
    talk.expect_action(Action::FinishClient);

    assert_eq!(row.reason.as_deref(), Some("no_reply"));
}

#[test]
fn a_reply_to_what_has_none_answers_nothing() {
    let mut talk = stuck_broadcast();
    talk.server_sends_bytes(0, &adu(1, 0, &write(0, 1)));
    talk.expect_event(Kind::ResponseUnsolicited);
    talk.expect_nothing_more();
}

#[test]
fn a_broadcast_that_is_only_observed_leaves_nothing_open() {
    let mut talk = Talk::under(with(gateway(), "verdicts", json!("observe")));
    talk.client_sends_bytes(&adu(1, 0, &write(0, 1)));
    talk.expect_to_leg(0, 0, &write(0, 1));
    talk.expect_event(Kind::RequestObserved);
    let row = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(row.reason.as_deref(), Some("no_reply"));
    talk.expect_nothing_more();
}
