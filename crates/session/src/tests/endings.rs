//! How sessions end, and who is told.

use super::talk::*;
use crate::{Action, Leg};
use event::Kind;

const SERVER: Leg = Leg(0);

#[test]
fn a_server_that_refuses_at_open_is_a_refusal_of_the_client() {
    let mut talk = Talk::opening(direct());
    talk.expect_action(Action::Connect(SERVER));
    talk.client_sends(1, &read(0, 1));
    talk.server_refuses(0);
    talk.expect_event(Kind::RequestDenied);
    let row = talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::ResetClient);

    assert_eq!(row.reason.as_deref(), Some("server_refused"));
    talk.expect_nothing_more();
}

#[test]
fn a_server_that_refuses_later_is_a_path_unavailable() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.time_passes(1_000);
    talk.expect_to_client(1, &[0x83, 0x0B]);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_action(Action::ResetServer(SERVER));
    talk.client_sends(2, &read(0, 1));
    talk.expect_action(Action::Connect(SERVER));
    talk.server_refuses(0);
    talk.expect_to_client(2, &[0x83, 0x0A]);
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!((row.exception_code, row.latency_us), (Some(0x0A), None));
    talk.expect_nothing_more();
}

#[test]
fn a_client_that_finishes_still_gets_its_replies() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.client_finishes();
    talk.expect_nothing_more();
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(1, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    let row = talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(SERVER));
    talk.expect_action(Action::FinishClient);

    assert_eq!(row.reason.as_deref(), Some("client_closed"));
    talk.expect_nothing_more();
}

#[test]
fn a_client_that_finishes_with_a_write_on_its_way_to_the_disk_still_writes() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &write(0, 1));
    talk.client_finishes();
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    let id = talk.expect_to_server(&write(0, 1));
    talk.server_sends(id, &write(0, 1));
    talk.expect_to_client(1, &write(0, 1));
    talk.expect_event(Kind::RequestOutcome);
    talk.expect_event(Kind::SessionClosed);
}

#[test]
fn a_server_that_finishes_ends_its_direct_client() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.server_finishes(0);
    talk.expect_to_client(1, &[0x83, 0x0B]);
    talk.expect_event(Kind::RequestPermitted);
    let row = talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::ResetServer(SERVER));
    talk.expect_action(Action::FinishClient);

    assert_eq!(row.reason.as_deref(), Some("server_closed"));
    talk.expect_nothing_more();
}

#[test]
fn a_client_that_vanishes_leaves_an_outcome_for_each_write() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.expect_to_server(&write(0, 1));
    talk.closes("client_reset");
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::ResetServer(SERVER));
    talk.expect_action(Action::ResetClient);

    assert_eq!(row.reason.as_deref(), Some("session_closed"));
    talk.expect_nothing_more();
}

#[test]
fn a_write_on_its_way_to_the_disk_ends_with_its_session() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &write(0, 1));
    let first = talk.expect_event(Kind::RequestPermitted).sequence;
    talk.closes("client_reset");
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_event(Kind::SessionClosed);
    talk.journal_syncs();

    assert_eq!(row.request_sequence, Some(first));
    assert!(talk.take_to_server().is_empty());
}

#[test]
fn idle_counts_requests() {
    let mut talk = Talk::under(direct());
    talk.time_passes(20_000);
    talk.client_sends(1, &write(50, 1));
    talk.expect_to_client(1, &[0x86, 0x01]);
    talk.expect_event(Kind::RequestDenied);
    talk.time_passes(29_999);
    talk.expect_nothing_more();
    talk.time_passes(1);
    let row = talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(SERVER));
    talk.expect_action(Action::FinishClient);

    assert_eq!(row.reason.as_deref(), Some("idle_timeout"));
    talk.expect_nothing_more();
}

#[test]
fn a_request_that_trickles_in_counts_as_none_until_it_is_whole() {
    let mut talk = Talk::under(direct());
    for byte in &adu(1, 1, &read(0, 1))[..11] {
        talk.time_passes(2_700);
        talk.client_sends_bytes(&[*byte]);
    }
    talk.expect_nothing_more();
    talk.time_passes(300);
    let row = talk.expect_event(Kind::SessionClosed);

    assert_eq!(row.reason.as_deref(), Some("slow_frame"));
}

#[test]
fn a_drained_session_finishes_what_is_open_and_takes_nothing_new() {
    let mut talk = Talk::under(direct());
    talk.client_sends(1, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.drains();

    assert!(!talk.session.wants_client() && !talk.session.is_drained());
    talk.client_sends(2, &read(0, 1));
    talk.expect_to_client(2, &[0x83, 0x06]);
    talk.expect_event(Kind::RequestDenied);
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(1, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    let row = talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(SERVER));
    talk.expect_action(Action::FinishClient);

    assert_eq!(row.reason.as_deref(), Some("drained"));
    assert!(talk.session.is_drained());
    talk.expect_nothing_more();
}

#[test]
fn an_idle_session_drains_at_once() {
    let mut talk = Talk::under(direct());
    talk.drains();

    assert!(talk.session.is_drained());
}

#[test]
fn a_closed_session_hears_nothing() {
    let mut talk = Talk::under(direct());
    talk.closes("guard_stopped");
    talk.expect_event(Kind::SessionClosed);
    talk.expect_action(Action::FinishServer(SERVER));
    talk.expect_action(Action::ResetClient);
    talk.server_sends(1, &registers(&[5]));
    talk.server_refuses(0);
    talk.client_sends(1, &read(0, 1));
    talk.drains();
    talk.expect_nothing_more();

    assert_eq!(talk.session.next_deadline(), None);
}
