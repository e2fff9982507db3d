//! Servers that do not answer, and bytes that do not leave.

use super::talk::*;
use crate::{Action, Leg};
use event::Kind;
use serde_json::json;

#[test]
fn a_read_nobody_answers_ends_with_0x0b_and_resets_a_server_of_unknown_manners() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.time_passes(999);
    talk.expect_nothing_more();
    talk.time_passes(1);
    talk.expect_to_client(8, &[0x83, 0x0B]);
    let row = talk.expect_event(Kind::RequestPermitted);
    talk.expect_action(Action::ResetServer(Leg(0)));

    assert_eq!((row.reason.as_deref(), row.exception_code), (Some("server_silent"), Some(0x0B)));
    talk.expect_nothing_more();
}

#[test]
fn a_server_that_echoed_an_id_keeps_its_connection_and_its_late_reply_reaches_nobody() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(8, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    talk.client_sends(9, &read(0, 1));
    let late = talk.expect_to_server(&read(0, 1));
    talk.time_passes(1_000);
    talk.expect_to_client(9, &[0x83, 0x0B]);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_nothing_more();
    talk.server_sends(late, &registers(&[6]));
    talk.expect_event(Kind::ResponseUnsolicited);
    talk.expect_nothing_more();
}

#[test]
fn a_server_that_owes_too_many_late_replies_is_reset() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5]));
    for _ in 1..64 {
        talk.client_sends(2, &read(0, 1));
        talk.time_passes(1_000);
    }
    assert_eq!(talk.actions.len(), 0);
    talk.client_sends(2, &read(0, 1));
    talk.time_passes(1_000);
    talk.expect_action(Action::ResetServer(Leg(0)));
}

#[test]
fn a_write_nobody_answers_always_resets_and_is_never_sent_again() {
    let mut talk = Talk::under(direct());
    talk.client_sends(7, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(7, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    talk.client_sends(8, &write(0, 1));
    let row = talk.expect_event(Kind::RequestPermitted).sequence;
    talk.journal_syncs();
    talk.expect_to_server(&write(0, 1));
    talk.client_sends(9, &read(1, 1));
    talk.expect_to_server(&read(1, 1));
    talk.time_passes(1_000);
    talk.expect_to_client(8, &[0x86, 0x0B]);
    talk.expect_to_client(9, &[0x83, 0x0B]);
    let outcome = talk.expect_event(Kind::RequestOutcome);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_action(Action::ResetServer(Leg(0)));

    assert_eq!((outcome.request_sequence, outcome.exception_code), (Some(row), Some(0x0B)));
    talk.client_sends(10, &read(0, 1));
    talk.expect_action(Action::Connect(Leg(0)));
    talk.server_connects(0);
    talk.expect_to_server(&read(0, 1));
    talk.expect_nothing_more();
}

#[test]
fn others_that_wait_for_a_reset_server_get_0x0b() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.time_passes(500);
    talk.client_sends(9, &read(1, 1));
    talk.expect_to_server(&read(1, 1));
    talk.time_passes(500);
    talk.expect_to_client(8, &[0x83, 0x0B]);
    talk.expect_to_client(9, &[0x83, 0x0B]);
    talk.expect_event(Kind::RequestPermitted);
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!(row.reason.as_deref(), Some("server_reset"));
}

#[test]
fn a_silent_server_can_stay_silent_towards_the_client() {
    let mut talk = Talk::under(with(direct(), "server_silent", json!("silence")));
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.time_passes(1_000);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_action(Action::ResetServer(Leg(0)));
    talk.expect_nothing_more();
}

#[test]
fn a_silent_server_can_cost_the_client_its_connection() {
    let mut talk = Talk::under(with(direct(), "server_silent", json!("close")));
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.time_passes(1_000);
    talk.expect_event(Kind::RequestPermitted);
    let row = talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::ResetServer(Leg(0)));
    talk.expect_action(Action::FinishClient);

    assert_eq!(row.reason.as_deref(), Some("server_silent"));
    talk.expect_nothing_more();
}

#[test]
fn a_write_whose_bytes_never_left_is_refused_and_its_connection_reset() {
    let mut talk = Talk::under(direct());
    talk.server_is_stuffed = true;
    talk.client_sends(8, &write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.time_passes(500);
    talk.server_is_stuffed = false;
    talk.expect_to_client(8, &[0x86, 0x06]);
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_action(Action::ResetServer(Leg(0)));

    assert!(row.reason.is_some_and(|reason| reason.starts_with("deadline")));
    talk.time_passes(1);
    talk.expect_nothing_more();
}

#[test]
fn a_write_whose_bytes_could_leave_late_does_not_though_no_timer_was_served() {
    let mut talk = Talk::under(direct());
    talk.server_is_stuffed = true;
    talk.client_sends(8, &write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.time_is_lost(500);
    talk.server_takes_bytes();
    talk.expect_to_client(8, &[0x86, 0x06]);
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_action(Action::ResetServer(Leg(0)));

    assert_eq!((row.reason.as_deref(), row.exception_code), (Some("deadline: not sent in time"), Some(6)));
    talk.expect_nothing_more();
}

#[test]
fn a_write_whose_bytes_leave_just_in_time_is_an_ordinary_one() {
    let mut talk = Talk::under(direct());
    talk.server_is_stuffed = true;
    talk.client_sends(8, &write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.time_is_lost(499);
    talk.server_takes_bytes();
    talk.expect_to_server(&write(0, 1));
    talk.time_passes(1);
    talk.expect_nothing_more();
}

#[test]
fn force_listen_only_awaits_no_reply() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &pdu(8, &[4, 0]));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.expect_to_server(&pdu(8, &[4, 0]));
    let row = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(row.reason.as_deref(), Some("no_reply"));
    talk.time_passes(2_000);
    talk.expect_nothing_more();
}
