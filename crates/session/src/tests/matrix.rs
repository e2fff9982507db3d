//! Every function code × every denial × observe and enforce, in every cut of the stream.

use super::talk::*;
use event::Kind;
use serde_json::{Value, json};

/// A function code, a request, and a reply that fits; no reply where none comes.
const VECTORS: &[(&str, &[u8], &[u8])] = &[
    ("1", &[1, 0, 0, 0, 8], &[1, 1, 0xFF]),
    ("2", &[2, 0, 0, 0, 8], &[2, 1, 0xFF]),
    ("3", &[3, 0, 0, 0, 1], &[3, 2, 0, 1]),
    ("4", &[4, 0, 0, 0, 1], &[4, 2, 0, 1]),
    ("5", &[5, 0, 0, 0xFF, 0], &[5, 0, 0, 0xFF, 0]),
    ("6", &[6, 0, 0, 0, 1], &[6, 0, 0, 0, 1]),
    ("7", &[7], &[7, 0]),
    ("8/0", &[8, 0, 0, 0x12, 0x34], &[8, 0, 0, 0x12, 0x34]),
    ("8/1", &[8, 0, 1, 0, 0], &[8, 0, 1, 0, 0]),
    ("8/4", &[8, 0, 4, 0, 0], &[]),
    ("8/11", &[8, 0, 11, 0, 0], &[8, 0, 11, 0, 9]),
    ("11", &[11], &[11, 0, 0, 0, 1]),
    ("12", &[12], &[12, 6, 0, 0, 0, 1, 0, 1]),
    ("15", &[15, 0, 0, 0, 8, 1, 0xFF], &[15, 0, 0, 0, 8]),
    ("16", &[16, 0, 0, 0, 1, 2, 0, 1], &[16, 0, 0, 0, 1]),
    ("17", &[17], &[17, 2, 1, 0xFF]),
    ("20", &[20, 7, 6, 0, 1, 0, 0, 0, 1], &[20, 4, 3, 6, 0x12, 0x34]),
    ("21", &[21, 9, 6, 0, 1, 0, 0, 0, 1, 0x12, 0x34], &[21, 9, 6, 0, 1, 0, 0, 0, 1, 0x12, 0x34]),
    ("22", &[22, 0, 0, 0xFF, 0xFF, 0, 0], &[22, 0, 0, 0xFF, 0xFF, 0, 0]),
    ("23", &[23, 0, 0, 0, 1, 0, 0, 0, 1, 2, 0, 1], &[23, 2, 0, 1]),
    ("24", &[24, 0, 0], &[24, 0, 4, 0, 1, 0, 1]),
    ("43/13", &[43, 13, 0], &[43, 13, 0]),
    ("43/14", &[43, 14, 1, 0], &[43, 14, 1, 1, 0, 0, 1, 0, 1, 0x41]),
    ("65", &[65, 0xAA], &[65, 0xBB]),
    ("90/2", &[90, 0, 2], &[90, 0, 0xFE]),
];

/// How the client's stream is cut into segments.
#[derive(Clone, Copy)]
enum Cut {
    Whole,
    EveryByte,
}

/// Nothing is permitted, but the client is known.
fn closed(denial: Value) -> Value {
    let rules = json!([{"name": "none", "kind": "permit", "functions": []}]);
    with(with(direct(), "rules", rules), "denial", denial)
}

/// Everything is permitted.
fn open() -> Value {
    let functions: Vec<&str> = VECTORS.iter().map(|(name, ..)| *name).collect();
    with(direct(), "rules", json!([{"name": "all", "kind": "permit", "functions": functions}]))
}

fn send(talk: &mut Talk, bytes: &[u8], cut: Cut) {
    match cut {
        Cut::Whole => talk.client_sends_bytes(bytes),
        Cut::EveryByte => bytes.iter().for_each(|byte| talk.client_sends_bytes(&[*byte])),
    }
}

fn answer(talk: &mut Talk, bytes: &[u8], cut: Cut) {
    match cut {
        Cut::Whole => talk.server_sends_bytes(0, bytes),
        Cut::EveryByte => bytes.iter().for_each(|byte| talk.server_sends_bytes(0, &[*byte])),
    }
}

#[test]
fn a_denied_request_of_any_code_reaches_no_server_however_it_is_cut() {
    for (denial, reply) in [(json!({"exception": 1}), true), (json!({"exception": 3}), true), (json!("silence"), false)]
    {
        for (name, request, _) in VECTORS {
            for cut in [Cut::Whole, Cut::EveryByte] {
                let mut talk = Talk::under(closed(denial.clone()));
                send(&mut talk, &adu(5, 1, request), cut);
                let found = talk.next_to_client();

                assert_eq!(found.is_some(), reply, "{name}");
                assert!(found.is_none_or(|(id, _, pdu)| id == 5 && pdu[0] == request[0] | 0x80), "{name}");
                assert_eq!(talk.expect_event(Kind::RequestDenied).function_code, Some(request[0]));
                talk.expect_nothing_more();
            }
        }
    }
}

#[test]
fn a_denied_request_of_any_code_can_cost_its_client_the_connection() {
    for (_, request, _) in VECTORS {
        let mut talk = Talk::under(closed(json!("reset")));
        talk.client_sends(5, request);
        talk.expect_event(Kind::RequestDenied);
        talk.expect_event(Kind::SessionClosed);

        assert!(talk.take_to_server().is_empty());
    }
}

#[test]
fn several_denied_requests_in_a_segment_are_each_answered_in_order() {
    for (name, request, _) in VECTORS {
        let mut talk = Talk::under(closed(json!({"exception": 1})));
        let burst: Vec<u8> = (0..3).flat_map(|id| adu(id, 1, request)).collect();
        talk.client_sends_bytes(&burst);
        for id in 0..3 {
            talk.expect_to_client(id, &[request[0] | 0x80, 1]);
            talk.expect_event(Kind::RequestDenied);
        }

        assert!(talk.take_to_server().is_empty(), "{name}");
    }
}

#[test]
fn a_request_with_bytes_trailing_waits_for_the_rest_of_the_next() {
    for (name, request, _) in VECTORS {
        let mut talk = Talk::under(closed(json!({"exception": 1})));
        let bytes = [adu(1, 1, request), adu(2, 1, request)].concat();
        let (first, rest) = bytes.split_at(adu(1, 1, request).len() + 3);
        talk.client_sends_bytes(first);
        talk.expect_to_client(1, &[request[0] | 0x80, 1]);
        talk.expect_event(Kind::RequestDenied);
        talk.expect_nothing_more();
        talk.client_sends_bytes(rest);
        let second = talk.next_to_client();

        assert_eq!(second.map(|(id, ..)| id), Some(2), "{name}");
    }
}

#[test]
fn a_permitted_request_of_any_code_passes_and_its_reply_returns_however_both_are_cut() {
    for (name, request, reply) in VECTORS {
        for cut in [Cut::Whole, Cut::EveryByte] {
            let mut talk = Talk::under(open());
            send(&mut talk, &adu(5, 1, request), cut);
            if let Some(row) = talk.notes.ahead.front().copied() {
                assert_eq!(talk.expect_event(Kind::RequestPermitted).sequence, row, "{name}");
                talk.expect_nothing_more();
                talk.journal_syncs();
            }
            let id = talk.expect_to_server(request);
            if reply.is_empty() {
                talk.expect_event(Kind::RequestOutcome);
                talk.expect_nothing_more();
                continue;
            }
            answer(&mut talk, &adu(id, 1, reply), cut);
            talk.expect_to_client(5, reply);
            let row = talk.notes.events.pop_front().unwrap();

            assert!(matches!(row.kind, Kind::RequestPermitted | Kind::RequestOutcome), "{name}: {}", row.kind);
            assert!(row.latency_us.is_some(), "{name}");
            talk.expect_nothing_more();
        }
    }
}

#[test]
fn an_observed_request_of_any_code_passes_unchanged_however_it_is_cut() {
    for (name, request, reply) in VECTORS {
        for cut in [Cut::Whole, Cut::EveryByte] {
            let mut talk = Talk::under(with(closed(json!("reset")), "verdicts", json!("observe")));
            let (request, reply) = (adu(5, 1, request), adu(5, 1, reply));
            let has_reply = reply.len() > 7;
            send(&mut talk, &request, cut);

            assert_eq!(talk.take_to_server(), request, "{name}");
            if has_reply {
                answer(&mut talk, &reply, cut);

                assert_eq!(talk.take_to_client(), reply, "{name}");
            }
            let rows: Vec<_> = talk.notes.events.drain(..).collect();

            assert_eq!(rows[0].kind, Kind::RequestObserved, "{name}");
            assert!(rows[0].reason.is_some(), "{name}");
            assert!(rows[1..].iter().all(|row| row.kind == Kind::RequestOutcome), "{name}");
            talk.expect_nothing_more();
        }
    }
}

/// A stream that ends within the second of two ADUs, and the rest of it.
fn cut_within_the_second(first: &[u8], second: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut head = [first, second].concat();
    let rest = head.split_off(first.len() + 3);
    (head, rest)
}

/// The request goes out under our id; where it waits for its row, that becomes durable first.
fn expect_forwarded(talk: &mut Talk, request: &[u8]) -> u16 {
    if !talk.notes.ahead.is_empty() {
        assert!(talk.take_to_server().is_empty(), "{request:?} before its row");
        talk.journal_syncs();
    }
    talk.expect_to_server(request)
}

#[test]
fn a_permitted_request_with_bytes_trailing_passes_alone_and_the_next_one_whole() {
    for (name, request, reply) in VECTORS {
        let mut talk = Talk::under(open());
        let (head, rest) = cut_within_the_second(&adu(1, 1, request), &adu(2, 1, request));
        talk.client_sends_bytes(&head);
        let first = expect_forwarded(&mut talk, request);

        assert!(talk.take_to_server().is_empty(), "{name}");
        talk.client_sends_bytes(&rest);
        let second = expect_forwarded(&mut talk, request);
        if reply.is_empty() {
            continue;
        }
        let (head, rest) = cut_within_the_second(&adu(first, 1, reply), &adu(second, 1, reply));
        talk.server_sends_bytes(0, &head);
        talk.expect_to_client(1, reply);

        assert!(talk.next_to_client().is_none(), "{name}");
        talk.server_sends_bytes(0, &rest);
        talk.expect_to_client(2, reply);
    }
}

#[test]
fn an_observed_request_with_bytes_trailing_passes_unchanged_and_each_has_its_row_when_it_is_whole() {
    for (name, request, reply) in VECTORS {
        let mut talk = Talk::under(with(closed(json!("reset")), "verdicts", json!("observe")));
        let stream = [adu(1, 1, request), adu(2, 1, request)].concat();
        let (head, rest) = cut_within_the_second(&adu(1, 1, request), &adu(2, 1, request));
        talk.client_sends_bytes(&head);
        let mut passed = talk.take_to_server();

        assert_eq!(passed, head, "{name}");
        talk.client_sends_bytes(&rest);
        passed.extend(talk.take_to_server());

        assert_eq!(passed, stream, "{name}");
        if !reply.is_empty() {
            let (head, rest) = cut_within_the_second(&adu(1, 1, reply), &adu(2, 1, reply));
            talk.server_sends_bytes(0, &head);

            assert_eq!(talk.take_to_client(), head, "{name}");
            talk.server_sends_bytes(0, &rest);

            assert_eq!(talk.take_to_client(), rest, "{name}");
        }
        let observed = talk.notes.events.drain(..).filter(|row| row.kind == Kind::RequestObserved);

        assert_eq!(observed.filter_map(|row| row.transaction_id).collect::<Vec<_>>(), [1, 2], "{name}");
    }
}

/// The codes whose grammar has no end of its own: a byte more is a longer request, not a broken one.
const OPEN_ENDED: &[&str] = &["8/0", "43/13", "65", "90/2"];

#[test]
fn a_byte_too_many_within_a_request_is_refused_under_any_policy_and_forwarded_where_nothing_is_enforced() {
    for (name, request, _) in VECTORS.iter().filter(|(name, ..)| !OPEN_ENDED.contains(name)) {
        let longer = [request, &[0_u8][..]].concat();
        let mut talk = Talk::under(open());
        talk.client_sends(5, &longer);
        let row = talk.notes.events.pop_front().unwrap();

        assert!(row.kind.name().starts_with("modbus.invalid"), "{name}: {}", row.kind);
        assert_eq!(talk.next_to_client().map(|(id, _, pdu)| (id, pdu[0])), Some((5, request[0] | 0x80)), "{name}");
        talk.expect_nothing_more();

        let mut talk = Talk::under(with(open(), "verdicts", json!("observe")));
        talk.client_sends(5, &longer);

        assert_eq!(talk.take_to_server(), adu(5, 1, &longer), "{name}");
    }
}
