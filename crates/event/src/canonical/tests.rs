use super::append_canonical;
use crate::{Clock, Event, Kind, Outcome, Sequence, SessionId};
use std::collections::HashSet;
use std::sync::Arc;

fn spelled(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    append_canonical(event, &mut out);
    out
}

#[test]
fn a_row_without_fields_is_its_number_time_clock_and_kind() {
    let event = Event { sequence: Sequence(7), time: -1, kind: Kind::ClockStepped, ..Event::default() };

    let mut expected = vec![1, 0, 0, 0, 0, 0, 0, 0, 7];
    expected.extend([2, 255, 255, 255, 255, 255, 255, 255, 255]);
    expected.extend([3, 0]);
    expected.extend([4, 0, 0, 0, 13]);
    expected.extend(b"clock.stepped");
    assert_eq!(spelled(&event), expected);
}

#[test]
fn an_address_is_spelled_as_its_text_with_the_length_before_it() {
    let event = Event { client_address: Some("10.0.0.5".parse().unwrap()), ..Event::default() };

    let row = spelled(&event);

    assert!(row.ends_with(b"\x09\x00\x00\x00\x0810.0.0.5"));
}

#[test]
fn an_empty_value_is_not_an_absent_one() {
    let empty = Event { values: Some(Arc::from([])), ..Event::default() };

    assert_ne!(spelled(&empty), spelled(&Event::default()));
}

#[test]
fn changing_any_single_field_changes_the_spelling() {
    let text = || Some(Arc::from("x"));
    let words = || Some(Arc::from([1u16, 2]));
    let address = || Some("::1".parse().unwrap());
    let base = Event::default;
    let rows = [
        base(),
        Event { sequence: Sequence(1), ..base() },
        Event { time: 1, ..base() },
        Event { clock: Clock::Synchronised, ..base() },
        Event { kind: Kind::RequestDenied, ..base() },
        Event { guard: text(), ..base() },
        Event { conduit: text(), ..base() },
        Event { session: Some(SessionId(1)), ..base() },
        Event { client: text(), ..base() },
        Event { client_address: address(), ..base() },
        Event { client_port: Some(1), ..base() },
        Event { identity: text(), ..base() },
        Event { role: text(), ..base() },
        Event { server: text(), ..base() },
        Event { server_address: address(), ..base() },
        Event { unit_id: Some(1), ..base() },
        Event { transaction_id: Some(1), ..base() },
        Event { function_code: Some(1), ..base() },
        Event { sub_function: Some(1), ..base() },
        Event { address: Some(1), ..base() },
        Event { quantity: Some(1), ..base() },
        Event { write_address: Some(1), ..base() },
        Event { write_quantity: Some(1), ..base() },
        Event { values: words(), ..base() },
        Event { response_values: words(), ..base() },
        Event { previous_values: words(), ..base() },
        Event { previous_time: Some(1), ..base() },
        Event { verdict: Some(Outcome::Permit), ..base() },
        Event { verdict: Some(Outcome::Deny), ..base() },
        Event { rule: text(), ..base() },
        Event { policy: text(), ..base() },
        Event { grant: text(), ..base() },
        Event { reason: text(), ..base() },
        Event { exception_code: Some(1), ..base() },
        Event { latency_us: Some(1), ..base() },
        Event { request_sequence: Some(Sequence(1)), ..base() },
        Event { pdu: Some(Arc::from([1u8])), ..base() },
        Event { count: Some(1), ..base() },
    ];

    let spellings: HashSet<Vec<u8>> = rows.iter().map(spelled).collect();

    assert_eq!(spellings.len(), rows.len());
}
