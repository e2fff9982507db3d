//! Requests that can change state, and the journal that must know of them first.

use super::talk::*;
use crate::Unrecorded;
use event::Kind;
use serde_json::json;

#[test]
fn a_write_is_refused_while_the_journal_is_down() {
    let mut talk = Talk::under(direct());
    talk.notes.is_down = true;
    talk.client_sends(8, &write(0, 1));
    talk.expect_to_client(8, &[0x86, 0x06]);
    let row = talk.expect_event(Kind::RequestDenied);

    assert!(row.reason.is_some_and(|reason| reason.starts_with("journal")));
    talk.expect_nothing_more();
}

#[test]
fn a_journal_that_fails_between_question_and_row_refuses_too() {
    let mut talk = Talk::under(direct());
    talk.notes.refuses_ahead = Some(Unrecorded::Down);
    talk.client_sends(8, &write(0, 1));
    talk.expect_to_client(8, &[0x86, 0x06]);
    talk.expect_event(Kind::RequestDenied);
    talk.expect_nothing_more();
}

#[test]
fn a_write_without_room_for_its_record_says_that_and_not_that_the_journal_is_down() {
    let mut talk = Talk::under(direct());
    talk.notes.refuses_ahead = Some(Unrecorded::Full);
    talk.client_sends(8, &write(0, 1));
    talk.expect_to_client(8, &[0x86, 0x06]);
    let row = talk.expect_event(Kind::RequestDenied);

    assert_eq!(row.reason.as_deref(), Some("journal_full: no room for its record"));
    talk.expect_nothing_more();
}

#[test]
fn a_write_that_passes_without_room_for_its_record_says_why_it_has_none() {
    let mut talk = Talk::under(with(direct(), "on_journal_failure", json!("permit")));
    talk.notes.refuses_ahead = Some(Unrecorded::Full);
    talk.client_sends(8, &write(0, 1));
    talk.expect_to_server(&write(0, 1));
    let row = talk.expect_event(Kind::RequestPermitted);

    let why = "journal_full: no room for its record, on_failure lets it pass";
    assert_eq!(row.reason.as_deref(), Some(why));
}

#[test]
fn the_end_of_a_recorded_write_is_recorded_as_one_and_no_read_s_row_is() {
    let mut talk = Talk::under(direct());
    talk.client_sends(7, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5]));
    talk.client_sends(8, &write(0, 1));
    talk.journal_syncs();
    let (ends, id) = (talk.notes.ends.clone(), talk.expect_to_server(&write(0, 1)));
    talk.server_sends(id, &write(0, 1));

    assert_eq!((ends.len(), talk.notes.ends.len()), (0, 1));
}

#[test]
fn reads_pass_while_the_journal_is_down() {
    let mut talk = Talk::under(direct());
    talk.notes.is_down = true;
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
}

#[test]
fn deny_all_stops_reads_too() {
    let mut talk = Talk::under(with(direct(), "on_journal_failure", json!("deny_all")));
    talk.notes.is_down = true;
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_client(8, &[0x83, 0x06]);
    talk.expect_event(Kind::RequestDenied);
    talk.expect_nothing_more();
}

#[test]
fn an_essential_rule_passes_while_the_journal_is_down() {
    let rules = json!([{"name": "vital", "kind": "permit", "functions": ["read", "write"], "essential": true}]);
    let document = with(with(direct(), "rules", rules), "on_journal_failure", json!("deny_all"));
    let mut talk = Talk::under(document);
    talk.notes.is_down = true;
    talk.client_sends(8, &write(0, 1));
    talk.expect_to_server(&write(0, 1));
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!(row.reason.as_deref(), Some("journal: down, the rule is essential"));
    talk.expect_nothing_more();
}

#[test]
fn a_read_that_only_its_essential_rule_lets_pass_says_so() {
    let rules = json!([{"name": "vital", "kind": "permit", "functions": ["read"], "essential": true}]);
    let document = with(with(direct(), "rules", rules), "on_journal_failure", json!("deny_all"));
    let mut talk = Talk::under(document);
    talk.notes.is_down = true;
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.notes.is_down = false;
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(8, &registers(&[5]));
    let exempt = talk.expect_event(Kind::RequestPermitted);
    talk.client_sends(9, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(9, &registers(&[5]));
    let ordinary = talk.expect_event(Kind::RequestPermitted);

    assert_eq!(exempt.reason.as_deref(), Some("journal: down, the rule is essential"));
    assert_eq!((exempt.rule.as_deref(), ordinary.reason), (Some("vital"), None));
    talk.expect_nothing_more();
}

#[test]
fn a_read_that_would_pass_anyway_names_no_exception() {
    let rules = json!([{"name": "vital", "kind": "permit", "functions": ["read"], "essential": true}]);
    let mut talk = Talk::under(with(direct(), "rules", rules));
    talk.notes.is_down = true;
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5]));

    assert_eq!(talk.expect_event(Kind::RequestPermitted).reason, None);
}

#[test]
fn where_the_operator_permits_it_a_write_passes_without_a_durable_row() {
    let mut talk = Talk::under(with(direct(), "on_journal_failure", json!("permit")));
    talk.notes.is_down = true;
    talk.client_sends(8, &write(0, 1));
    talk.expect_to_server(&write(0, 1));
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!(row.reason.as_deref(), Some("journal: down, on_failure lets it pass"));
}

#[test]
fn an_outcome_points_at_no_row_that_got_no_number() {
    let mut talk = Talk::under(with(direct(), "on_journal_failure", json!("permit")));
    (talk.notes.is_down, talk.notes.has_no_numbers) = (true, true);
    talk.client_sends(8, &write(0, 1));
    let id = talk.expect_to_server(&write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.notes.has_no_numbers = false;
    talk.server_sends(id, &write(0, 1));
    talk.expect_to_client(8, &write(0, 1));

    assert_eq!(talk.expect_event(Kind::RequestOutcome).request_sequence, None);
}

#[test]
fn a_lost_row_is_recorded_again_where_its_request_passes_all_the_same() {
    let mut talk = Talk::under(with(direct(), "on_journal_failure", json!("permit")));
    talk.client_sends(8, &write(0, 1));
    let lost = talk.expect_event(Kind::RequestPermitted).sequence;
    talk.journal_fails();
    let id = talk.expect_to_server(&write(0, 1));
    let row = talk.expect_event(Kind::RequestPermitted);
    talk.server_sends(id, &write(0, 1));
    talk.expect_to_client(8, &write(0, 1));
    let outcome = talk.expect_event(Kind::RequestOutcome);

    assert_ne!(row.sequence, lost);
    assert_eq!(outcome.request_sequence, Some(row.sequence));
    talk.expect_nothing_more();
}

#[test]
fn a_lost_row_refuses_its_request() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &write(0, 1));
    let first = talk.expect_event(Kind::RequestPermitted).sequence;
    talk.journal_fails();
    talk.expect_to_client(8, &[0x86, 0x06]);
    let row = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(row.request_sequence, Some(first));
    assert!(row.reason.is_some_and(|reason| reason.starts_with("journal")));
    talk.expect_nothing_more();
}

#[test]
fn no_byte_of_a_write_leaves_before_its_row_is_durable() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &write(3, 0x1234));
    let first = talk.expect_event(Kind::RequestPermitted);
    talk.expect_nothing_more();
    talk.journal_syncs();
    let id = talk.expect_to_server(&write(3, 0x1234));
    talk.expect_nothing_more();
    talk.time_passes(2);
    talk.server_sends(id, &write(3, 0x1234));
    talk.expect_to_client(8, &write(3, 0x1234));
    let outcome = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(first.values, Some([0x1234].into()));
    assert_eq!(outcome.request_sequence, Some(first.sequence));
    assert_eq!((outcome.latency_us, outcome.exception_code), (Some(2_000), None));
    talk.expect_nothing_more();
}

#[test]
fn a_write_tells_what_was_known_before_it() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(3, 1));
    let id = talk.expect_to_server(&read(3, 1));
    let read_at = talk.now.utc_ns;
    talk.server_sends(id, &registers(&[77]));
    talk.expect_event(Kind::RequestPermitted);
    talk.time_passes(20);
    talk.client_sends(9, &write(3, 78));
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!((row.previous_values, row.previous_time), (Some([77].into()), Some(read_at)));
}

#[test]
fn a_write_whose_row_is_late_is_refused_and_stays_refused() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &write(0, 1));
    let first = talk.expect_event(Kind::RequestPermitted).sequence;
    talk.time_passes(499);
    talk.expect_nothing_more();
    talk.time_passes(1);
    talk.expect_to_client(8, &[0x86, 0x06]);
    let row = talk.expect_event(Kind::RequestOutcome);

    assert_eq!(row.request_sequence, Some(first));
    assert!(row.reason.is_some_and(|reason| reason.starts_with("deadline")));
    talk.journal_syncs();
    talk.expect_nothing_more();
}

#[test]
fn a_deadline_is_refused_with_06_whatever_denial_is_set() {
    let mut talk = Talk::under(with(direct(), "denial", json!("silence")));
    talk.client_sends(8, &write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.time_passes(500);
    talk.expect_to_client(8, &[0x86, 0x06]);
}

#[test]
fn a_read_behind_a_write_that_waits_keeps_its_place() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &write(0, 1));
    talk.client_sends(9, &read(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_nothing_more();
    talk.journal_syncs();
    talk.expect_to_server(&write(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.expect_nothing_more();
}

#[test]
fn a_limit_counts_at_the_moment_of_forwarding() {
    let mut document = direct();
    document["point_maps"] = json!([{"name": "map", "points": [
        {"name": "setpoint", "table": "holding_register", "address": 0, "type": "uint16",
         "limits": {"per_minute": 1}}]}]);
    document["servers"][0]["units"][0]["point_map"] = json!(0);
    let mut talk = Talk::under(document);
    talk.client_sends(8, &write(0, 1));
    talk.client_sends(9, &write(0, 2));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.expect_to_server(&write(0, 1));
    talk.expect_to_client(9, &[0x86, 0x01]);
    let row = talk.expect_event(Kind::RequestDenied);

    assert!(row.reason.is_some_and(|reason| reason.starts_with("per_minute")));
    talk.expect_nothing_more();
}
