use super::{SpelledFields, append_canonical};
use crate::{Clock, Event, Field, Kind, Outcome, Sequence, SessionId};
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

fn fields(row: &[u8]) -> Vec<(Field, Vec<u8>)> {
    SpelledFields::new(row).map(|(field, value)| (field, value.to_vec())).collect()
}

#[test]
fn what_is_no_spelling_ends_the_reading() {
    let whole = spelled(&Event { reason: Some(Arc::from("why")), ..Event::default() });

    for cut in 0..whole.len() {
        assert!(fields(&whole[..cut]).len() < fields(&whole).len(), "{cut}");
    }
    assert_eq!(fields(&[255, 1, 2]), []);
    assert_eq!(fields(b"\x1f\xff\xff\xff\xff"), []);
}

#[test]
fn a_spelled_row_is_read_back_field_by_field() {
    let row = spelled(&Event {
        sequence: Sequence(7),
        client_address: Some("192.0.2.10".parse().unwrap()),
        server_address: Some("::1".parse().unwrap()),
        function_code: Some(16),
        values: Some(Arc::from([1u16, 258])),
        reason: Some(Arc::from("")),
        count: Some(2),
        ..Event::default()
    });

    let expected: [(Field, &[u8]); 10] = [
        (Field::Sequence, &[0, 0, 0, 0, 0, 0, 0, 7]),
        (Field::Time, &[0; 8]),
        (Field::Clock, &[0]),
        (Field::Kind, Kind::default().name().as_bytes()),
        (Field::ClientAddress, b"192.0.2.10"),
        (Field::ServerAddress, b"::1"),
        (Field::FunctionCode, &[16]),
        (Field::Values, &[0, 1, 1, 2]),
        (Field::Reason, b""),
        (Field::Count, &[0, 0, 0, 0, 0, 0, 0, 2]),
    ];
    assert_eq!(fields(&row), expected.map(|(field, value)| (field, value.to_vec())));
}

#[test]
fn every_ipv4_address_is_spelled_as_the_formatter_does() {
    for octet in 0..=255u8 {
        let address = std::net::IpAddr::from([octet, 255 - octet, octet / 3, octet / 30]);
        let row = spelled(&Event { client_address: Some(address), ..Event::default() });

        assert_eq!(fields(&row).pop(), Some((Field::ClientAddress, address.to_string().into_bytes())));
    }
}
