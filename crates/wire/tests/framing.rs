//! Frames: whole, cut at every byte, several at once; and headers that cannot be Modbus.

use wire::{
    FrameError, PduLimit, ReplyTolerance, TransactionId, UnitId, append_adu, build, parse_adu, parse_reply_adu,
};

// transaction id, protocol id, length, unit id, code, address, quantity
const READ: [u8; 12] = [0x12, 0x34, 0x00, 0x00, 0x00, 0x06, 0x11, 0x03, 0x00, 0x6B, 0x00, 0x03];
const LONG_UMAS: PduLimit = PduLimit { umas_bytes: 1024 };

fn frame(pdu: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    append_adu(&mut stream, TransactionId(0x1234), UnitId(0x11), pdu);
    stream
}

fn pdu(code: u8, bytes: usize) -> Vec<u8> {
    let mut pdu = vec![code];
    pdu.resize(bytes, 0);
    pdu
}

#[test]
fn a_protocol_id_other_than_zero_is_an_error_as_soon_as_it_is_there() {
    for (header, found) in [([0x00, 0x01, 0x00, 0x01], 1), ([0x00, 0x01, 0x80, 0x00], 0x8000)] {
        assert_eq!(parse_adu(&header[..3], PduLimit::default()), Ok(None));
        assert_eq!(parse_adu(&header, PduLimit::default()), Err(FrameError::ProtocolId(found)));
    }
}

#[test]
fn a_length_without_room_for_a_function_code_is_an_error() {
    for length in [0, 1] {
        let header = [0, 1, 0, 0, 0, length];
        assert_eq!(parse_adu(&header, PduLimit::default()), Err(FrameError::Length(length.into())));
    }
}

#[test]
fn a_length_over_the_limit_is_an_error_as_soon_as_it_is_there() {
    for [high, low] in [[0x00, 0xFF], [0x01, 0x00], [0xFF, 0xFF]] {
        let found = u16::from_be_bytes([high, low]);
        let header = [0, 1, 0, 0, high, low];
        assert_eq!(parse_adu(&header, PduLimit::default()), Err(FrameError::Length(found)));
    }
}

#[test]
fn only_umas_may_be_longer_and_only_up_to_its_limit() {
    assert_eq!(parse_adu(&frame(&pdu(0x10, 254)), LONG_UMAS), Err(FrameError::Length(255)));
    assert_eq!(parse_adu(&frame(&pdu(0x5A, 1025)), LONG_UMAS), Err(FrameError::Length(1026)));
    assert_eq!(parse_adu(&frame(&pdu(0x5A, 254)), PduLimit::default()), Err(FrameError::Length(255)));
    for bytes in [253, 254, 1024] {
        let stream = frame(&pdu(0x5A, bytes));
        assert_eq!(parse_adu(&stream, LONG_UMAS).unwrap().unwrap().pdu.len(), bytes);
    }
}

#[test]
fn a_long_length_waits_for_the_code_that_may_excuse_it() {
    let stream = frame(&pdu(0x10, 254));
    for cut in 0..=7 {
        assert_eq!(parse_adu(&stream[..cut], LONG_UMAS), Ok(None), "cut at {cut}");
    }
    assert_eq!(parse_adu(&stream[..8], LONG_UMAS), Err(FrameError::Length(255)));
}

#[test]
fn a_limit_below_the_standards_changes_nothing() {
    let tight = PduLimit { umas_bytes: 10 };
    assert!(matches!(parse_adu(&frame(&pdu(0x5A, 253)), tight), Ok(Some(_))));
    assert_eq!(parse_adu(&frame(&pdu(0x5A, 254)), tight), Err(FrameError::Length(255)));
}

#[test]
fn long_replies_pass_only_where_tolerated_and_only_with_values() {
    let tolerate = ReplyTolerance { over_quantity: true, trailing_bytes: false };
    let long = frame(&build::registers_reply(3, &[0; 127]));
    assert_eq!(parse_reply_adu(&long, PduLimit::default(), ReplyTolerance::default()), Err(FrameError::Length(257)));
    let other = frame(&pdu(0x11, 256));
    assert_eq!(parse_reply_adu(&other, PduLimit::default(), tolerate), Err(FrameError::Length(257)));
    let longer = frame(&pdu(0x03, 258));
    assert_eq!(parse_reply_adu(&longer, PduLimit::default(), tolerate), Err(FrameError::Length(259)));
    assert!(matches!(parse_reply_adu(&long, PduLimit::default(), tolerate), Ok(Some(_))));
}

#[test]
fn a_frame_cut_at_any_byte_asks_for_more() {
    for cut in 0..READ.len() {
        assert_eq!(parse_adu(&READ[..cut], PduLimit::default()), Ok(None), "cut at {cut}");
    }
}

#[test]
fn a_frame_with_bytes_trailing_leaves_them() {
    let stream = [&READ[..], &[0xFF; 5]].concat();
    let adu = parse_adu(&stream, PduLimit::default()).unwrap().unwrap();

    assert_eq!((adu.transaction_id, adu.unit_id), (TransactionId(0x1234), UnitId(0x11)));
    assert_eq!((adu.pdu, adu.len_bytes()), (&READ[7..], READ.len()));
}

#[test]
fn the_longest_and_the_shortest_frame_pass() {
    for bytes in [1, 253] {
        let stream = frame(&pdu(0x11, bytes));
        assert_eq!(parse_adu(&stream, PduLimit::default()).unwrap().unwrap().len_bytes(), bytes + 7);
    }
}

#[test]
fn a_frame_is_written_as_it_is_read() {
    assert_eq!(frame(&READ[7..]), READ);
}
