//! Servers behind a line that others share: it takes one request at a time, when it can.

use super::talk::*;
use crate::{Action, Leg};
use event::Kind;
use serde_json::{Value, json};
use wire::{AddressRange, Span, Table, TransactionId};

/// A bus whose line others use as well.
fn bus() -> Value {
    let mut document = with(direct(), "deadline_ms", json!(500));
    document["servers"][0]["gateway"] = json!(true);
    document["servers"][0]["line"] = json!({"framing": "rtu", "pipeline": 1, "pause_ms": 0, "lifetime_ms": 0,
        "turnaround_ms": 100, "window_ms": 0, "read_retries": 0, "echo": false, "client_share": 100});
    document
}

/// A session whose line takes nothing yet.
fn waiting() -> Talk {
    let mut talk = Talk::under(bus());
    talk.server_is_stuffed = true;
    talk
}

fn line_takes(talk: &mut Talk) {
    talk.server_is_stuffed = false;
    talk.happen(|_, _| {});
    talk.happen(|session, ctx| session.server_took(Leg(0), ctx));
    talk.server_is_stuffed = true;
}

fn line_fails(talk: &mut Talk, id: u16, reason: Option<&'static str>) {
    talk.happen(|session, ctx| session.server_failed((Leg(0), TransactionId(id)), reason, ctx));
}

#[test]
fn the_next_request_stays_here_until_the_line_has_answered_the_one_before() {
    let mut talk = waiting();
    talk.client_sends(1, &read(0, 1));
    talk.client_sends(2, &read(1, 1));
    line_takes(&mut talk);
    let id = talk.expect_to_server(&read(0, 1));
    line_takes(&mut talk);
    talk.expect_nothing_more();

    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(1, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    line_takes(&mut talk);
    talk.expect_to_server(&read(1, 1));
}

#[test]
fn a_reply_may_take_its_time_from_when_the_line_took_the_request() {
    let mut talk = waiting();
    talk.client_sends(1, &read(0, 1));
    talk.time_passes(900);
    line_takes(&mut talk);
    let id = talk.expect_to_server(&read(0, 1));
    talk.time_passes(999);
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(1, &registers(&[5]));
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!(row.latency_us, Some(999_000));
}

#[test]
fn a_read_that_the_line_never_takes_is_refused_as_busy() {
    let mut talk = waiting();
    talk.client_sends(1, &read(0, 1));
    talk.time_passes(2_999);
    talk.expect_nothing_more();
    talk.time_passes(1);
    talk.expect_to_client(1, &[0x83, 0x06]);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_action(Action::ResetServer(Leg(0)));
    talk.expect_nothing_more();
}

#[test]
fn a_write_that_the_line_could_take_only_after_its_deadline_never_leaves() {
    let mut talk = waiting();
    talk.client_sends(1, &write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    talk.client_sends(2, &write(0, 2));
    talk.time_is_lost(500);
    talk.server_takes_bytes();
    talk.expect_to_client(1, &[0x86, 0x06]);
    talk.expect_to_client(2, &[0x86, 0x06]);
    assert!(talk.take_to_server().is_empty());
}

#[test]
fn a_silent_unit_costs_its_own_request_and_no_connection() {
    let mut talk = waiting();
    talk.client_sends(1, &write(0, 1));
    talk.expect_event(Kind::RequestPermitted);
    talk.journal_syncs();
    line_takes(&mut talk);
    let id = talk.expect_to_server(&write(0, 1));
    line_fails(&mut talk, id, None);
    talk.expect_to_client(1, &[0x86, 0x0B]);
    let row = talk.expect_event(Kind::RequestOutcome);
    talk.expect_nothing_more();

    assert_eq!(row.reason.as_deref(), Some("server_silent"));
}

#[test]
fn a_line_that_is_lost_is_named_and_its_failure_told_once() {
    let mut talk = waiting();
    talk.client_sends(1, &read(0, 1));
    line_takes(&mut talk);
    let id = talk.expect_to_server(&read(0, 1));
    line_fails(&mut talk, id, Some("line_lost"));
    line_fails(&mut talk, id, Some("line_lost"));
    talk.expect_to_client(1, &[0x83, 0x0B]);
    let row = talk.expect_event(Kind::RequestPermitted);
    talk.expect_nothing_more();

    assert_eq!(row.reason.as_deref(), Some("line_lost"));
}

#[test]
fn where_it_only_observes_the_guard_frames_all_the_same() {
    let mut talk = Talk::under(with(bus(), "verdicts", json!("observe")));
    talk.client_sends(700, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));

    assert_ne!(id, 700);
}

/// Register 7 may change by 5 at a time, from a value that is known.
fn stepped() -> Value {
    let mut document = bus();
    document["point_maps"] = json!([{"name": "map", "points": [{"name": "stepped", "table": "holding_register",
        "address": 7, "type": "uint16", "limits": {"max_step": 5}}]}]);
    document["servers"][0]["units"][0]["point_map"] = json!(0);
    document
}

#[test]
fn a_value_read_before_a_waiting_write_leaves_is_not_taken_for_newer_than_it() {
    let mut talk = Talk::under(stepped());
    talk.client_sends(1, &read(7, 1));
    let id = talk.expect_to_server(&read(7, 1));
    talk.server_sends(id, &registers(&[10]));
    talk.client_sends(2, &write(7, 15));
    talk.server_is_stuffed = true;
    talk.journal_syncs();
    // Another session's read, taken before this write and answered while it waits.
    let (target, now) = (talk.target(1), talk.now);
    let span = Span::new(Table::HoldingRegister, AddressRange::one(7));
    talk.plant.observe_read(target, span, &[10], (now.monotonic_ns + 1, now));

    assert_eq!(talk.plant.known(target, span).map(|(values, _)| values), Some(vec![15]));
}
