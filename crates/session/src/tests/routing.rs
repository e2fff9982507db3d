//! One listener, several servers told apart by unit id.

use super::talk::*;
use crate::{Action, Leg};
use event::Kind;
use serde_json::json;

#[test]
fn an_undeclared_unit_leads_nowhere() {
    let mut talk = Talk::under(routed());
    talk.client_sends_bytes(&adu(1, 9, &read(0, 1)));
    talk.expect_to_client(1, &[0x83, 0x01]);
    let row = talk.expect_event(Kind::RequestDenied);

    assert_eq!(row.server, None);
    talk.expect_nothing_more();
}

#[test]
fn a_unit_that_is_an_asset_of_its_own_is_named_in_its_rows() {
    let mut site = routed();
    site["servers"][1]["units"][0]["asset"] = json!("flow-02");
    let mut talk = Talk::under(site);
    talk.client_sends_bytes(&adu(1, 2, &read(0, 1)));
    talk.expect_action(Action::Connect(Leg(1)));
    talk.server_connects(1);
    let id = talk.expect_to_leg(1, 2, &read(0, 1));
    talk.server_sends_bytes(1, &adu(id, 2, &registers(&[5])));

    assert_eq!(talk.expect_event(Kind::RequestPermitted).server.as_deref(), Some("flow-02"));
}

#[test]
fn a_server_is_connected_only_when_a_permitted_request_needs_it() {
    let mut talk = Talk::under(routed());
    talk.expect_nothing_more();
    talk.client_sends_bytes(&adu(1, 2, &read(0, 1)));
    talk.expect_action(Action::Connect(Leg(1)));
    talk.expect_nothing_more();
    talk.server_connects(1);
    let id = talk.expect_to_leg(1, 2, &read(0, 1));
    talk.server_sends_bytes(1, &adu(id, 2, &registers(&[5])));
    talk.expect_to_client(1, &registers(&[5]));

    assert_eq!(talk.expect_event(Kind::RequestPermitted).server.as_deref(), Some("two"));
    talk.expect_nothing_more();
}

#[test]
fn a_refused_server_answers_0x0a_to_all_who_wait_for_it_and_to_nobody_else() {
    let mut talk = Talk::under(routed());
    talk.client_sends_bytes(&adu(1, 1, &read(0, 1)));
    talk.client_sends_bytes(&adu(2, 1, &write(0, 1)));
    talk.client_sends_bytes(&adu(3, 2, &read(0, 1)));
    talk.expect_action(Action::Connect(Leg(0)));
    talk.expect_action(Action::Connect(Leg(1)));
    talk.server_refuses(0);
    talk.expect_to_client(1, &[0x83, 0x0A]);
    talk.expect_to_client(2, &[0x86, 0x0A]);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_nothing_more();
    talk.server_connects(1);
    talk.expect_to_leg(1, 2, &read(0, 1));
    talk.expect_nothing_more();
}

#[test]
fn a_write_that_waits_at_one_server_holds_up_no_other() {
    let mut talk = Talk::under(routed());
    talk.client_sends_bytes(&adu(1, 1, &write(0, 1)));
    talk.client_sends_bytes(&adu(2, 2, &read(0, 1)));
    talk.server_connects(0);
    talk.server_connects(1);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_to_leg(1, 2, &read(0, 1));
    talk.expect_action(Action::Connect(Leg(0)));
    talk.expect_action(Action::Connect(Leg(1)));
    talk.expect_nothing_more();
}

#[test]
fn a_finished_server_costs_its_requests_and_leaves_the_client() {
    let mut talk = Talk::under(routed());
    talk.client_sends_bytes(&adu(1, 1, &read(0, 1)));
    talk.expect_action(Action::Connect(Leg(0)));
    talk.server_connects(0);
    talk.expect_to_leg(0, 1, &read(0, 1));
    talk.server_finishes(0);
    talk.expect_to_client(1, &[0x83, 0x0B]);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_action(Action::ResetServer(Leg(0)));
    talk.expect_nothing_more();
}

#[test]
fn a_reply_from_the_wrong_server_answers_nothing() {
    let mut talk = Talk::under(routed());
    talk.client_sends_bytes(&adu(1, 1, &read(0, 1)));
    talk.client_sends_bytes(&adu(2, 2, &read(5, 1)));
    talk.server_connects(0);
    talk.server_connects(1);
    let id = talk.expect_to_leg(0, 1, &read(0, 1));
    talk.expect_to_leg(1, 2, &read(5, 1));
    talk.actions.clear();
    talk.server_sends_bytes(1, &adu(id, 1, &registers(&[5])));
    talk.expect_event(Kind::ResponseUnsolicited);
    talk.expect_nothing_more();
}

#[test]
fn a_permitted_broadcast_is_recorded_forwarded_and_awaits_nothing() {
    let mut document = routed();
    document["conduits"][0]["listeners"][0]["servers"] = json!([0]);
    let mut talk = Talk::under(document);
    talk.client_sends_bytes(&adu(1, 0, &write(0, 1)));
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_nothing_more();
    talk.journal_syncs();
    talk.expect_to_leg(0, 0, &write(0, 1));
    let row = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(row.reason.as_deref(), Some("no_reply"));
    talk.expect_nothing_more();
}

#[test]
fn observing_a_routed_listener_forwards_what_would_be_refused() {
    let mut document = with(routed(), "verdicts", json!("observe"));
    document["conduits"][0]["rules"] = json!([]);
    let mut talk = Talk::under(document);
    talk.client_sends_bytes(&adu(1, 2, &write(0, 1)));
    talk.expect_action(Action::Connect(Leg(1)));
    talk.server_connects(1);
    let id = talk.expect_to_leg(1, 2, &write(0, 1));
    let first = talk.expect_event(Kind::RequestObserved);
    talk.server_sends_bytes(1, &adu(id, 2, &write(0, 1)));
    talk.expect_to_client(1, &write(0, 1));
    let outcome = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(first.verdict, Some(event::Outcome::Deny));
    assert_eq!(outcome.request_sequence, Some(first.sequence));
    talk.expect_nothing_more();
}
