//! Replies: each to its request, with the client's id, once.

use super::talk::*;
use crate::{Action, Leg};
use event::{Event, Kind};
use serde_json::json;

#[test]
fn a_late_reply_reaches_nobody_and_is_recorded() {
    let mut talk = Talk::under(direct());
    talk.server_sends(1, &registers(&[5]));
    let row = talk.expect_event(Kind::ResponseUnsolicited);

    assert_eq!(row.pdu.as_deref(), Some(&registers(&[5])[..]));
    talk.expect_nothing_more();
}

#[test]
fn a_doubled_reply_is_delivered_once() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5]));
    talk.server_sends(id, &registers(&[5]));
    talk.expect_to_client(8, &registers(&[5]));
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_event(Kind::ResponseUnsolicited);
    talk.expect_nothing_more();
}

#[test]
fn a_reply_of_another_unit_answers_nothing() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends_bytes(0, &adu(id, 2, &registers(&[5])));
    talk.expect_event(Kind::ResponseUnsolicited);
    talk.expect_nothing_more();
}

#[test]
fn a_reply_of_the_wrong_length_is_an_anomaly_and_the_client_gets_0x0b() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5, 6]));
    talk.expect_to_client(8, &[0x83, 0x0B]);
    let row = talk.notes.events.pop_front().unwrap();

    assert!(row.kind.name().starts_with("modbus."), "{}", row.kind);
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!((row.exception_code, row.reason.as_deref()), (Some(0x0B), Some("server_mismatch")));
    talk.expect_nothing_more();
}

#[test]
fn each_row_names_the_same_parties_however_many_came_before() {
    let mut talk = Talk::under(direct());
    let [first, second, third] = [8, 9, 10].map(|id| {
        talk.client_sends(id, &read(0, 1));
        let own = talk.expect_to_server(&read(0, 1));
        talk.server_sends(own, &[0x83, 2]);
        talk.expect_to_client(id, &[0x83, 2]);
        talk.expect_event(Kind::RequestPermitted)
    });
    let like_the_first = |row: Event| Event { sequence: first.sequence, transaction_id: first.transaction_id, ..row };

    assert!(first.guard.is_some() && first.conduit.is_some() && first.server.is_some() && first.policy.is_some());
    assert_eq!(first, like_the_first(second));
    assert_eq!(first, like_the_first(third));
}

#[test]
fn a_permitted_read_passes_and_is_one_row_when_it_ends() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(10, 2));
    let id = talk.expect_to_server(&read(10, 2));
    talk.expect_nothing_more();
    talk.time_passes(3);
    talk.server_sends(id, &registers(&[5, 6]));
    talk.expect_to_client(8, &registers(&[5, 6]));
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!((row.rule.as_deref(), row.latency_us), (Some("reads"), Some(3_000)));
    assert_eq!((row.address, row.quantity), (Some(10), Some(2)));
    assert_eq!(row.response_values, Some([5, 6].into()));
    assert_eq!((row.client.as_deref(), row.transaction_id), (Some("hmi-1"), Some(8)));
    talk.expect_nothing_more();
}

#[test]
fn a_servers_exception_is_passed_on_and_recorded() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(10, 2));
    let id = talk.expect_to_server(&read(10, 2));
    talk.server_sends(id, &[0x83, 0x02]);
    talk.expect_to_client(8, &[0x83, 0x02]);
    let row = talk.expect_event(Kind::RequestPermitted);

    assert_eq!((row.exception_code, row.response_values), (Some(2), None));
}

#[test]
fn replies_out_of_order_find_their_requests() {
    let mut talk = Talk::under(direct());
    talk.client_sends(20, &read(0, 1));
    talk.client_sends(21, &read(1, 1));
    let first = talk.expect_to_server(&read(0, 1));
    let second = talk.expect_to_server(&read(1, 1));
    talk.server_sends(second, &registers(&[22]));
    talk.server_sends(first, &registers(&[11]));
    talk.expect_to_client(21, &registers(&[22]));
    talk.expect_to_client(20, &registers(&[11]));
}

#[test]
fn an_unchanged_value_is_recorded_once_a_segment() {
    let mut talk = Talk::under(direct());
    let recorded = |talk: &mut Talk, value: u16| {
        talk.client_sends(8, &read(0, 1));
        let id = talk.expect_to_server(&read(0, 1));
        talk.server_sends(id, &registers(&[value]));
        talk.expect_to_client(8, &registers(&[value]));
        talk.expect_event(Kind::RequestPermitted).response_values.is_some()
    };
    let mut seen = vec![recorded(&mut talk, 5), recorded(&mut talk, 5), recorded(&mut talk, 6)];
    talk.notes.segment += 1;
    seen.push(recorded(&mut talk, 6));

    assert_eq!(seen, [true, false, true, true]);
}

#[test]
fn a_reply_to_a_read_that_a_write_overtook_does_not_hide_the_write() {
    let mut document = direct();
    document["point_maps"] = json!([{"name": "map", "points": [
        {"name": "setpoint", "table": "holding_register", "address": 0, "type": "uint16", "limits": {"max_step": 5}}]}]);
    document["servers"][0]["units"][0]["point_map"] = json!(0);
    let mut talk = Talk::under(document);
    talk.client_sends(1, &read(0, 1));
    let first = talk.expect_to_server(&read(0, 1));
    talk.server_sends(first, &registers(&[20]));
    talk.time_passes(1);
    talk.client_sends(2, &read(0, 1));
    let overtaken = talk.expect_to_server(&read(0, 1));
    talk.time_passes(1);
    talk.client_sends(3, &write(0, 25));
    talk.journal_syncs();
    let written = talk.expect_to_server(&write(0, 25));
    talk.server_sends(written, &write(0, 25));
    talk.server_sends(overtaken, &registers(&[20]));
    talk.take_to_client();
    talk.notes.events.clear();
    talk.client_sends(4, &write(0, 15));
    talk.expect_to_client(4, &[0x86, 0x01]);
    let row = talk.expect_event(Kind::RequestDenied);

    assert_eq!(row.reason.as_deref(), Some("max_step: setpoint 15 is 10 from 25, limit 5"));
    talk.expect_nothing_more();
}

#[test]
fn no_value_read_is_recorded_where_none_is_wanted() {
    let mut talk = Talk::under(with(direct(), "record_read_values", json!("none")));
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &registers(&[5]));

    assert_eq!(talk.expect_event(Kind::RequestPermitted).response_values, None);
}

#[test]
fn a_server_that_speaks_no_modbus_is_reset_and_those_who_wait_get_0x0b() {
    let mut talk = Talk::under(direct());
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.server_sends_bytes(0, b"HTTP/1.1 400 Bad Request\r\n");
    talk.expect_event(Kind::ModbusInvalidProtocolId);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_to_client(8, &[0x83, 0x0B]);
    talk.expect_action(Action::ResetServer(Leg(0)));
    talk.expect_nothing_more();
}

#[test]
fn an_id_that_is_not_echoed_is_tolerated_only_by_name() {
    let mut talk = Talk::under(tolerating(direct(), "wrong_transaction_id"));
    talk.client_sends(8, &read(0, 1));
    talk.client_sends(9, &read(1, 1));
    talk.expect_to_server(&read(0, 1));
    talk.expect_nothing_more();
    talk.server_sends(0, &registers(&[5]));
    talk.expect_to_client(8, &registers(&[5]));
    let row = talk.expect_event(Kind::ModbusTolerated);

    assert_eq!((row.reason.as_deref(), row.count), (Some("wrong_transaction_id"), Some(1)));
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_to_server(&read(1, 1));
    talk.expect_nothing_more();
}

#[test]
fn a_server_without_ids_that_answers_amiss_is_reset_for_its_right_reply_could_meet_the_next_request() {
    let mut talk = Talk::under(tolerating(direct(), "wrong_transaction_id"));
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.server_sends(0, &[4, 2, 0, 5]);
    talk.expect_to_client(8, &[0x83, 0x0B]);

    talk.expect_action(Action::ResetServer(Leg(0)));
}

#[test]
fn a_server_without_ids_that_answers_unasked_is_reset_for_its_reply_could_meet_the_next_request() {
    let mut talk = Talk::under(tolerating(direct(), "wrong_transaction_id"));
    talk.client_sends(8, &read(0, 1));
    talk.expect_to_server(&read(0, 1));
    talk.server_sends(0, &registers(&[5]));
    talk.expect_to_client(8, &registers(&[5]));
    talk.server_sends(0, &registers(&[5]));

    talk.expect_action(Action::ResetServer(Leg(0)));
}

#[test]
fn the_uses_of_a_tolerance_are_counted_to_the_end() {
    let mut talk = Talk::under(tolerating(direct(), "wrong_unit_id"));
    for _ in 0..3 {
        talk.client_sends(8, &read(0, 1));
        let id = talk.expect_to_server(&read(0, 1));
        talk.server_sends_bytes(0, &adu(id, 0, &registers(&[5])));
        talk.expect_to_client(8, &registers(&[5]));
    }
    talk.closes("client_reset");
    let rows = talk.notes.events.iter().filter(|row| row.kind == Kind::ModbusTolerated);

    assert_eq!(rows.filter_map(|row| row.count).sum::<u64>(), 3);
}

#[test]
fn trailing_bytes_are_tolerated_only_by_name() {
    let mut talk = Talk::under(tolerating(direct(), "trailing_bytes"));
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1));
    talk.server_sends(id, &[3, 2, 0, 5, 0xEE]);
    talk.expect_event(Kind::ModbusTolerated);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_to_client(8, &[3, 2, 0, 5]);
    talk.expect_nothing_more();
}

#[test]
fn a_header_length_that_lies_is_tolerated_only_by_name() {
    let mut talk = Talk::under(tolerating(direct(), "wrong_length"));
    talk.client_sends(8, &read(0, 1));
    let id = talk.expect_to_server(&read(0, 1)).to_be_bytes();
    talk.server_sends_bytes(0, &[id[0], id[1], 0, 0, 0, 6, 1, 3, 2, 0, 5]);
    talk.expect_event(Kind::ModbusTolerated);
    talk.expect_event(Kind::RequestPermitted);
    talk.expect_to_client(8, &[3, 2, 0, 5]);
    talk.expect_nothing_more();
}

#[test]
fn a_request_over_the_quantity_limit_passes_to_a_server_that_may_take_it() {
    let mut talk = Talk::under(tolerating(
        with(
            direct(),
            "rules",
            json!([
        {"name": "all", "kind": "permit", "functions": ["read"]}]),
        ),
        "over_quantity",
    ));
    talk.client_sends(8, &read(0, 126));
    talk.expect_event(Kind::ModbusTolerated);
    talk.expect_to_server(&read(0, 126));
    talk.expect_nothing_more();
}
