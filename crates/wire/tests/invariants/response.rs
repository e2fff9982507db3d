//! Invariant tested: a reply is taken only by the request it answers, in its whole length.
//!
//! Two bytes of flags and length, then a request of that length, then what may be its reply.

use wire::{Expectation, ReplyTolerance, Request, Response, Table, build, parse_request, parse_response};

const STRICT: ReplyTolerance = ReplyTolerance { trailing_bytes: false, over_quantity: false };
const TRAILING: ReplyTolerance = ReplyTolerance { trailing_bytes: true, over_quantity: false };

pub fn check(input: &[u8]) {
    let Some((&[flags, length], rest)) = input.split_first_chunk() else { return };
    let Some((asked, reply)) = rest.split_at_checked(length.into()) else { return };
    let Ok(request) = parse_request(asked, flags & 1 != 0) else { return };
    let expected = Expectation::of(&request);
    check_made(&request, asked, &expected);
    let parsed = parse_response(&expected, reply, STRICT);
    let has_length = expected.reply_bytes(reply);
    match parsed {
        Ok(response) => {
            check_taken(&request, asked, (reply, &response));
            assert!(has_length.is_none_or(|bytes| bytes == reply.len()), "its length is told wrong");
            check_edges(&expected, reply, has_length.is_some());
        }
        Err(error) => {
            let _ = error.anomaly();
            check_tolerated(&expected, reply);
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let pairs = [
        (build::read(Table::Coil, 0, 19), build::bits_reply(1, &[true; 19])),
        (build::read(Table::HoldingRegister, 0, 3), build::registers_reply(3, &[1, 2, 3])),
        (build::write_single_register(1, 3), build::confirmation(&build::write_single_register(1, 3))),
        (build::write_coils(1, &[true; 9]), build::confirmation(&build::write_coils(1, &[true; 9]))),
        (build::mask_write_register(1, 2, 3), build::mask_write_register(1, 2, 3)),
        (vec![7], vec![7, 0x6D]),
        (build::diagnostics(0, 0xA537), build::diagnostics(0, 0xA537)),
        (build::diagnostics(4, 0), build::diagnostics(4, 0)),
        (build::diagnostics(11, 0), build::diagnostics(11, 7)),
        (vec![11], vec![11, 255, 255, 1, 8]),
        (vec![12], vec![12, 8, 0, 0, 1, 8, 1, 33, 32, 0]),
        (vec![17], vec![17, 2, 7, 255]),
        (vec![20, 7, 6, 0, 4, 0, 1, 0, 2], vec![20, 6, 5, 6, 13, 254, 0, 32]),
        (vec![21, 9, 6, 0, 4, 0, 7, 0, 1, 6, 175], vec![21, 9, 6, 0, 4, 0, 7, 0, 1, 6, 175]),
        (build::read_fifo_queue(7), vec![24, 0, 6, 0, 2, 1, 184, 18, 132]),
        (build::read_device_identification(1, 0), vec![43, 14, 1, 1, 0, 0, 1, 0, 2, 65, 66]),
        (vec![0x2B, 0x0D, 1], vec![0x2B, 0x0D, 1]),
        (build::umas(0, 2, &[]), vec![0x5A, 0, 0xFE, 6]),
        (vec![0x41, 1], vec![0x41]),
        (vec![7], vec![0x87, 4]),
        (vec![7], vec![0x87, 7]),
    ];
    let seed = |(asked, reply): (Vec<u8>, Vec<u8>)| {
        [vec![0, u8::try_from(asked.len()).unwrap_or_default()], asked, reply].concat()
    };
    pairs.into_iter().map(seed).collect()
}

/// What the standard says must come back is taken, exceptions included.
fn check_made(request: &Request<'_>, asked: &[u8], expected: &Expectation) {
    let exception = [asked[0] | 0x80, 4];
    assert_eq!(parse_response(expected, &exception, STRICT), Ok(Response::Exception(wire::ExceptionCode(4))));
    let read = request.reads().map(|span| span.range.quantity());
    let reply = match (asked[0], read) {
        (code @ (1 | 2), Some(quantity)) => build::bits_reply(code, &vec![true; quantity.into()]),
        (code @ (3 | 4 | 23), Some(quantity)) => build::registers_reply(code, &vec![7; quantity.into()]),
        (5 | 6 | 15 | 16 | 22, _) => build::confirmation(asked),
        _ => return,
    };
    let parsed = parse_response(expected, &reply, STRICT);
    assert!(parsed.is_ok(), "{request:?} {reply:02X?} {parsed:?}");
}

/// What was taken answers this request.
fn check_taken(request: &Request<'_>, asked: &[u8], (reply, response): (&[u8], &Response<'_>)) {
    if let Response::Exception(code) = response {
        assert!(code.is_known());
        assert_eq!(reply, [asked[0] | 0x80, code.0]);
        return;
    }
    assert_eq!(reply[0], asked[0]);
    match (asked[0], request.reads()) {
        (1..=4 | 23, Some(span)) => {
            let values = response.values().map(Iterator::count);
            assert_eq!(values, Some(usize::from(span.range.quantity())), "{request:?}");
        }
        (5 | 6 | 22 | 21, _) => assert_eq!(reply, asked, "no echo"),
        (15 | 16, _) => assert_eq!(reply, &asked[..5], "no echo"),
        (8, _) => {
            assert!(!matches!(request, Request::Diagnostics { sub_function: 0..=4, .. }) || reply[1..3] == asked[1..3])
        }
        (43, _) => assert_eq!(reply[1], asked[1], "another MEI type"),
        _ => {}
    }
}

/// A byte less or more is no reply, where its grammar says how long it is.
fn check_edges(expected: &Expectation, reply: &[u8], has_length: bool) {
    if !has_length {
        return;
    }
    let longer = [reply, &[0]].concat();
    assert!(parse_response(expected, &longer, STRICT).is_err(), "a byte more");
    assert_eq!(parse_response(expected, &longer, TRAILING), parse_response(expected, reply, STRICT));
    for cut in 0..reply.len() {
        assert!(parse_response(expected, &reply[..cut], TRAILING).is_err(), "cut at {cut}");
    }
}

/// A tolerance takes what is a reply once its trailing bytes are gone, and nothing else.
fn check_tolerated(expected: &Expectation, reply: &[u8]) {
    let Ok(response) = parse_response(expected, reply, TRAILING) else { return };
    let bytes = expected.reply_bytes(reply).unwrap_or(reply.len());
    assert!(bytes < reply.len());
    assert_eq!(parse_response(expected, &reply[..bytes], STRICT), Ok(response));
}
