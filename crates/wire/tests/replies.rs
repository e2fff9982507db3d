//! Every reply of the grammar: whole, cut at every byte, with bytes trailing; and each way to answer something else.

use wire::{Anomaly, ExceptionCode, Expectation, ReplyTolerance, Response, ResponseError, Table, build, parse_request};

const STRICT: ReplyTolerance = ReplyTolerance { trailing_bytes: false, over_quantity: false };
const LENIENT: ReplyTolerance = ReplyTolerance { trailing_bytes: true, over_quantity: false };

/// Requests and what answers them: in the shapes of V1.1b3 §6.
const PAIRS: &[(&[u8], &[u8])] = &[
    // code, byte count, values
    (&[0x01, 0x00, 0x13, 0x00, 0x13], &[0x01, 0x03, 0xCD, 0x6B, 0x05]),
    (&[0x02, 0x00, 0xC4, 0x00, 0x16], &[0x02, 0x03, 0xAC, 0xDB, 0x35]),
    (&[0x03, 0x00, 0x6B, 0x00, 0x03], &[0x03, 0x06, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64]),
    (&[0x04, 0x00, 0x08, 0x00, 0x01], &[0x04, 0x02, 0x00, 0x0A]),
    // the request
    (&[0x05, 0x00, 0xAC, 0xFF, 0x00], &[0x05, 0x00, 0xAC, 0xFF, 0x00]),
    (&[0x05, 0x00, 0xAC, 0x00, 0x00], &[0x05, 0x00, 0xAC, 0x00, 0x00]),
    (&[0x06, 0x00, 0x01, 0x00, 0x03], &[0x06, 0x00, 0x01, 0x00, 0x03]),
    (&[0x07], &[0x07, 0x6D]),
    // code, sub-function, data
    (&[0x08, 0x00, 0x00, 0xA5, 0x37], &[0x08, 0x00, 0x00, 0xA5, 0x37]),
    (&[0x08, 0x00, 0x01, 0xFF, 0x00], &[0x08, 0x00, 0x01, 0xFF, 0x00]),
    (&[0x08, 0x00, 0x02, 0x00, 0x00], &[0x08, 0x00, 0x02, 0x12, 0x34]),
    (&[0x08, 0x00, 0x0B, 0x00, 0x00], &[0x08, 0x00, 0x0B, 0x00, 0x07]),
    (&[0x08, 0x00, 0x14, 0x00, 0x00], &[0x08, 0x00, 0x14, 0x00, 0x00]),
    // code, status, count
    (&[0x0B], &[0x0B, 0xFF, 0xFF, 0x01, 0x08]),
    // code, byte count, status, event count, message count, events
    (&[0x0C], &[0x0C, 0x08, 0x00, 0x00, 0x01, 0x08, 0x01, 0x21, 0x20, 0x00]),
    // code, first address, quantity
    (&[0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01], &[0x0F, 0x00, 0x13, 0x00, 0x0A]),
    (&[0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02], &[0x10, 0x00, 0x01, 0x00, 0x02]),
    // code, byte count, id, run indicator
    (&[0x11], &[0x11, 0x02, 0x2A, 0xFF]),
    // code, byte count, (length, reference type, registers) twice
    (
        &[0x14, 0x0E, 0x06, 0x00, 0x04, 0x00, 0x01, 0x00, 0x02, 0x06, 0x00, 0x03, 0x00, 0x09, 0x00, 0x02],
        &[0x14, 0x0C, 0x05, 0x06, 0x0D, 0xFE, 0x00, 0x20, 0x05, 0x06, 0x33, 0xCD, 0x00, 0x40],
    ),
    (
        &[0x15, 0x0D, 0x06, 0x00, 0x04, 0x00, 0x07, 0x00, 0x03, 0x06, 0xAF, 0x04, 0xBE, 0x10, 0x0D],
        &[0x15, 0x0D, 0x06, 0x00, 0x04, 0x00, 0x07, 0x00, 0x03, 0x06, 0xAF, 0x04, 0xBE, 0x10, 0x0D],
    ),
    (&[0x16, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25], &[0x16, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25]),
    (&[0x17, 0x00, 0x03, 0x00, 0x02, 0x00, 0x0E, 0x00, 0x01, 0x02, 0x00, 0xFF], &[0x17, 0x04, 0x00, 0xFE, 0x0A, 0xCD]),
    // code, byte count, fifo count, registers
    (&[0x18, 0x04, 0xDE], &[0x18, 0x00, 0x06, 0x00, 0x02, 0x01, 0xB8, 0x12, 0x84]),
    // code, MEI type, read code, conformity, more follows, next object, objects, (id, length, text) …
    (&[0x2B, 0x0E, 0x01, 0x00], &[0x2B, 0x0E, 0x01, 0x01, 0x00, 0x00, 0x02, 0x00, 0x02, b'A', b'B', 0x01, 0x01, b'C']),
    (&[0x2B, 0x0E, 0x04, 0x02], &[0x2B, 0x0E, 0x04, 0x81, 0x00, 0x00, 0x01, 0x02, 0x03, b'1', b'.', b'0']),
];

/// Replies without a length of their own; the number is how many bytes they need at least.
const FREE: &[(&[u8], &[u8], usize)] = &[
    (&[0x2B, 0x0D, 0x11], &[0x2B, 0x0D, 0x22, 0x33], 2),
    (&[0x2B, 0x05, 0x11], &[0x2B, 0x05, 0x22, 0x33], 2),
    (&[0x5A, 0x00, 0x02], &[0x5A, 0x00, 0xFE, 0x33], 3),
    (&[0x08, 0x00, 0x15], &[0x08, 0x00, 0x15, 0x33], 1),
    (&[0x64, 0x01], &[0x64, 0x33], 1),
];

fn expected(request: &[u8]) -> Option<Expectation> {
    parse_request(request, false).ok().map(|request| Expectation::of(&request))
}

fn parse<'a>(request: &[u8], reply: &'a [u8], tolerate: ReplyTolerance) -> Option<Result<Response<'a>, ResponseError>> {
    Some(wire::parse_response(&expected(request)?, reply, tolerate))
}

#[test]
fn a_reply_cut_at_any_byte_has_an_invalid_length_even_where_trailing_bytes_are_tolerated() {
    let free = FREE.iter().map(|(request, reply, least)| (*request, *reply, *least));
    for (request, reply, least) in PAIRS.iter().map(|(request, reply)| (*request, *reply, reply.len())).chain(free) {
        for cut in 0..least {
            for tolerate in [STRICT, LENIENT] {
                let parsed = parse(request, &reply[..cut], tolerate);
                assert_eq!(parsed, Some(Err(ResponseError::Length)), "{reply:02X?} cut at {cut}");
            }
        }
    }
}

#[test]
fn a_reply_with_bytes_trailing_passes_only_where_tolerated_and_without_them() {
    for (request, reply) in PAIRS {
        let longer = [*reply, &[0x00, 0x00]].concat();
        assert_eq!(parse(request, &longer, STRICT), Some(Err(ResponseError::Length)), "{longer:02X?}");
        assert_eq!(parse(request, &longer, LENIENT), parse(request, reply, STRICT), "{longer:02X?}");
    }
}

#[test]
fn a_reply_whole_is_accepted() {
    let free = FREE.iter().map(|(request, reply, _)| (request, reply));
    for (request, reply) in PAIRS.iter().map(|(request, reply)| (request, reply)).chain(free) {
        assert!(matches!(parse(request, reply, STRICT), Some(Ok(_))), "{reply:02X?}");
    }
}

#[test]
fn a_reply_answers_no_request_of_another_code() {
    for (request, _) in PAIRS {
        for (other, reply) in PAIRS.iter().filter(|(other, _)| other[0] != request[0]) {
            let parsed = parse(request, reply, LENIENT);
            assert_eq!(parsed, Some(Err(ResponseError::FunctionCode(other[0]))), "{reply:02X?} to {request:02X?}");
        }
    }
}

#[test]
fn an_echo_that_differs_in_any_bit_is_a_mismatch() {
    let echoes = |request: u8| matches!(request, 5 | 6 | 15 | 16 | 21 | 22);
    let with_data = [0x08, 0x00, 0x00, 0xA5, 0x37];
    let pairs = PAIRS.iter().filter(|(request, _)| echoes(request[0]) || *request == with_data);
    for (request, reply) in pairs {
        for bit in 8..reply.len() * 8 {
            let mut altered = reply.to_vec();
            altered[bit / 8] ^= 1 << (bit % 8);
            let error = parse(request, &altered, STRICT).unwrap().unwrap_err();
            assert_eq!(error.anomaly(), Anomaly::ValueMismatch, "{altered:02X?} to {request:02X?}");
        }
    }
}

#[test]
fn replies_that_answer_something_else_are_told_by_their_word() {
    let cases: &[(&[u8], &[u8], Anomaly)] = &[
        // one register more, one less than asked
        (&[0x03, 0, 0, 0, 2], &[0x03, 0x06, 0, 0, 0, 0, 0, 0], Anomaly::ValueMismatch),
        (&[0x03, 0, 0, 0, 2], &[0x03, 0x02, 0, 0], Anomaly::ValueMismatch),
        (&[0x01, 0, 0, 0, 8], &[0x01, 0x02, 0, 0], Anomaly::ValueMismatch),
        // another counter
        (&[0x08, 0, 11, 0, 0], &[0x08, 0, 12, 0, 0], Anomaly::ValueMismatch),
        // events over 64; no id
        (&[0x0C], &[0x0C, 71], Anomaly::InvalidValue),
        (&[0x0C], &[0x0C, 5, 0, 0, 0, 0, 0], Anomaly::InvalidValue),
        (&[0x11], &[0x11, 0], Anomaly::InvalidValue),
        // a queue of 32; a byte count that does not fit its count
        (&[0x18, 0, 0], &[0x18, 0x00, 0x42, 0x00, 0x20], Anomaly::InvalidValue),
        (&[0x18, 0, 0], &[0x18, 0x00, 0x06, 0x00, 0x01, 0, 0, 0, 0], Anomaly::InvalidValue),
        // one group of file registers where two were asked for; reference type 7
        (
            &[0x14, 14, 6, 0, 4, 0, 1, 0, 1, 6, 0, 3, 0, 9, 0, 1],
            &[0x14, 8, 7, 6, 0, 0, 0, 0, 0, 0],
            Anomaly::ValueMismatch,
        ),
        (&[0x14, 7, 6, 0, 4, 0, 1, 0, 1], &[0x14, 4, 3, 7, 0, 0], Anomaly::ValueMismatch),
        // a group that ends after the reply
        (&[0x14, 7, 6, 0, 4, 0, 1, 0, 1], &[0x14, 4, 9, 6, 0, 0], Anomaly::InvalidLength),
        // another MEI type, read code, object; conformity 4; more follows 1
        (&[0x2B, 14, 1, 0], &[0x2B, 13, 1, 1, 0, 0, 0], Anomaly::ValueMismatch),
        (&[0x2B, 14, 1, 0], &[0x2B, 14, 2, 1, 0, 0, 0], Anomaly::ValueMismatch),
        (&[0x2B, 14, 4, 2], &[0x2B, 14, 4, 1, 0, 0, 1, 1, 0], Anomaly::ValueMismatch),
        (&[0x2B, 14, 4, 2], &[0x2B, 14, 4, 1, 0, 0, 0], Anomaly::ValueMismatch),
        (&[0x2B, 14, 4, 2], &[0x2B, 14, 4, 1, 0, 0, 2, 2, 0, 3, 0], Anomaly::ValueMismatch),
        (&[0x2B, 14, 1, 0], &[0x2B, 14, 1, 4, 0, 0, 0], Anomaly::InvalidValue),
        (&[0x2B, 14, 1, 0], &[0x2B, 14, 1, 1, 1, 0, 0], Anomaly::InvalidValue),
        (&[0x2B, 13, 1], &[0x2B, 14, 1], Anomaly::ValueMismatch),
        // an object that ends after the reply
        (&[0x2B, 14, 1, 0], &[0x2B, 14, 1, 1, 0, 0, 1, 0, 9, b'A'], Anomaly::InvalidLength),
        // a write's reply to a single write
        (&[0x06, 0, 0, 0, 1], &[0x10, 0, 0, 0, 1], Anomaly::InvalidFunctionCode),
    ];
    for (request, reply, anomaly) in cases {
        let error = parse(request, reply, STRICT).unwrap().unwrap_err();
        assert_eq!(error.anomaly(), *anomaly, "{reply:02X?} to {request:02X?}: {error:?}");
    }
}

#[test]
fn an_exception_is_accepted_for_every_request_when_the_standard_lists_it() {
    for (request, _) in PAIRS {
        for number in 0..=255 {
            let exception = ExceptionCode(number);
            let reply = build::exception(request[0], exception);
            let told = if exception.is_known() {
                Ok(Response::Exception(exception))
            } else {
                Err(ResponseError::ExceptionCode(number))
            };
            assert_eq!(parse(request, &reply, STRICT), Some(told));
        }
    }
}

#[test]
fn an_exception_cut_or_longer_or_to_another_code_is_refused() {
    let read = build::read(Table::Coil, 0, 1);
    assert_eq!(parse(&read, &[0x81], STRICT), Some(Err(ResponseError::Length)));
    assert_eq!(parse(&read, &[0x81, 0x02, 0x00], STRICT), Some(Err(ResponseError::Length)));
    assert_eq!(parse(&read, &[0x82, 0x02], STRICT), Some(Err(ResponseError::FunctionCode(0x82))));
    let tolerated = parse(&read, &[0x81, 0x02, 0x00], LENIENT);
    assert_eq!(tolerated, Some(Ok(Response::Exception(ExceptionCode::ILLEGAL_DATA_ADDRESS))));
}

#[test]
fn a_server_told_to_listen_only_owes_no_reply() {
    let listen_only = expected(&build::diagnostics(4, 0)).unwrap();
    assert!(!listen_only.expects_reply());
    for (request, _) in PAIRS {
        assert!(expected(request).unwrap().expects_reply(), "{request:02X?}");
    }
}

#[test]
fn values_are_told_for_what_was_read_and_for_nothing_else() {
    for (request, reply) in PAIRS {
        let values = parse(request, reply, STRICT).unwrap().unwrap().values();
        let reads_values = matches!(request[0], 1..=4 | 23);
        assert_eq!(values.is_some(), reads_values, "{request:02X?}");
    }
    let bits = parse(PAIRS[0].0, PAIRS[0].1, STRICT).unwrap().unwrap().values().unwrap();
    assert_eq!(bits.collect::<Vec<_>>(), [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1]);
    let registers = parse(PAIRS[2].0, PAIRS[2].1, STRICT).unwrap().unwrap().values().unwrap();
    assert_eq!(registers.collect::<Vec<_>>(), [0x022B, 0x0000, 0x0064]);
}

#[test]
fn a_queue_is_told_without_its_count() {
    let Some(Ok(Response::FifoQueue(queue))) = parse(&[0x18, 0x04, 0xDE], PAIRS[22].1, STRICT) else {
        panic!("a queue")
    };
    assert_eq!(queue.values().collect::<Vec<_>>(), [0x01B8, 0x1284]);
}

#[test]
fn the_length_of_a_reply_is_known_from_its_start_however_much_follows() {
    for (request, reply) in PAIRS {
        let longer = [*reply, &[0xAA; 9]].concat();
        assert_eq!(expected(request).unwrap().reply_bytes(&longer), Some(reply.len()), "{reply:02X?}");
        let exception = [request[0] | 0x80, 0x02, 0xAA];
        assert_eq!(expected(request).unwrap().reply_bytes(&exception), Some(2));
    }
    for (request, reply, _) in FREE {
        assert_eq!(expected(request).unwrap().reply_bytes(reply), None, "{reply:02X?}");
    }
}

#[test]
fn built_replies_answer_built_requests() {
    let pairs = [
        (build::read(Table::Coil, 0, 3), build::bits_reply(1, &[true, false, true])),
        (build::read_registers(Table::InputRegister, 0, 2), build::registers_reply(4, &[1, 2])),
        (build::read_write_registers(0, 2, 5, &[1]), build::registers_reply(23, &[1, 2])),
    ];
    let writes = [
        build::write_single_coil(1, true),
        build::write_single_register(1, 2),
        build::write_coils(1, &[true; 20]),
        build::write_registers(1, &[1, 2]),
        build::mask_write_register(1, 2, 3),
    ];
    for (request, reply) in &pairs {
        assert!(parse(request, reply, STRICT).unwrap().unwrap().values().is_some(), "{request:02X?}");
    }
    for request in &writes {
        assert_eq!(parse(request, &build::confirmation(request), STRICT), Some(Ok(Response::Echo)), "{request:02X?}");
    }
}
