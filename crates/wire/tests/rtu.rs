//! RTU frames in a line's bytes: whole, cut at every byte, with bytes before and behind; and what is none.

use wire::{
    Expectation, RtuFound, Table, UnitId, append_rtu_adu, build, find_rtu_reply, find_rtu_request, is_broken_rtu_reply,
    parse_request,
};

const UNIT: UnitId = UnitId(0x11);

fn frame(unit_id: UnitId, pdu: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append_rtu_adu(&mut out, unit_id, pdu);
    out
}

fn expected(request: &[u8]) -> Expectation {
    Expectation::of(&parse_request(request, false).expect("a request"))
}

/// Requests with one reply each; whether its length is known before silence.
fn exchanges() -> Vec<(Vec<u8>, Vec<u8>, bool)> {
    let words: Vec<u16> = (0..100).collect();
    let echo = |pdu: Vec<u8>| (pdu.clone(), build::confirmation(&pdu), true);
    vec![
        (build::read(Table::Coil, 0, 13), build::bits_reply(1, &[true; 13]), true),
        (build::read(Table::HoldingRegister, 0, 100), build::registers_reply(3, &words), true),
        (build::read(Table::InputRegister, 7, 1), vec![0x84, 2], true),
        echo(build::write_single_coil(3, true)),
        echo(build::write_single_register(3, 7)),
        echo(build::write_registers(3, &words)),
        echo(build::mask_write_register(4, 0xF2, 0x25)),
        echo(build::diagnostics(0, 0xA537)),
        (build::read_write_registers(3, 6, 14, &[1, 2, 3]), build::registers_reply(0x17, &[0; 6]), true),
        (vec![7], vec![7, 0x6D], true),
        (vec![0x0B], vec![0x0B, 0xFF, 0xFF, 1, 8], true),
        (vec![0x11], vec![0x11, 3, 1, 2, 0xFF], true),
        (build::read_fifo_queue(9), vec![0x18, 0, 6, 0, 2, 1, 0xB8, 0x12, 0x84], true),
        (build::read_device_identification(1, 0), vec![0x2B, 0x0E, 1, 1, 0, 0, 1, 0, 2, b'A', b'B'], true),
        (vec![0x41, 1, 2], vec![0x41, 9, 9, 9], false),
    ]
}

fn found(found: Option<RtuFound<'_>>) -> Option<(u8, Vec<u8>, usize)> {
    found.map(|found| (found.adu.unit_id.0, found.adu.pdu.to_vec(), found.skipped))
}

#[test]
fn a_reply_is_found_at_its_last_byte_and_not_before() {
    for (request, reply, is_known) in exchanges() {
        let (expectation, heard) = (expected(&request), frame(UNIT, &reply));
        let asked = Some((UNIT, &expectation));
        for cut in 0..heard.len() {
            assert_eq!(found(find_rtu_reply(&heard[..cut], asked, false)), None, "{request:?} cut at {cut}");
        }
        let whole = found(find_rtu_reply(&heard, asked, !is_known));

        assert_eq!(whole, Some((UNIT.0, reply, 0)), "{request:?}");
    }
}

#[test]
fn bytes_behind_a_reply_are_left_for_the_next_look() {
    for (request, reply, _) in exchanges().into_iter().filter(|(.., is_known)| *is_known) {
        let (expectation, mut heard) = (expected(&request), frame(UNIT, &reply));
        heard.extend_from_slice(&[0xFF, 0, 0x11]);

        assert_eq!(found(find_rtu_reply(&heard, Some((UNIT, &expectation)), false)), Some((UNIT.0, reply, 0)));
    }
}

#[test]
fn noise_before_a_reply_is_told_from_it_by_silence() {
    for (request, reply, _) in exchanges() {
        let expectation = expected(&request);
        let heard = [&[0x00, 0xFF, 0x11][..], &frame(UNIT, &reply)].concat();
        let asked = Some((UNIT, &expectation));

        assert_eq!(found(find_rtu_reply(&heard, asked, false)), None, "{request:?}");
        assert_eq!(found(find_rtu_reply(&heard, asked, true)), Some((UNIT.0, reply, 3)), "{request:?}");
    }
}

#[test]
fn a_wrong_check_is_no_reply_and_is_told_from_noise() {
    for (request, reply, is_known) in exchanges() {
        let (expectation, mut heard) = (expected(&request), frame(UNIT, &reply));
        let last = heard.len() - 1;
        heard[last] ^= 1;

        assert_eq!(found(find_rtu_reply(&heard, Some((UNIT, &expectation)), true)), None, "{request:?}");
        assert_eq!(is_broken_rtu_reply(&heard, UNIT, &expectation), is_known, "{request:?}");
        assert!(!is_broken_rtu_reply(&heard[1..], UNIT, &expectation), "{request:?}");
    }
}

#[test]
fn a_frame_inside_another_units_data_is_never_taken() {
    let expectation = expected(&build::read(Table::HoldingRegister, 0, 1));
    let inner = frame(UNIT, &[0x83, 2]);
    let mut data = [&[3, 6][..], &inner].concat();
    data.push(0);
    let heard = frame(UnitId(5), &data);
    let asked = Some((UNIT, &expectation));
    for cut in 0..heard.len() {
        assert_eq!(found(find_rtu_reply(&heard[..cut], asked, false)), None, "cut at {cut}");
    }

    assert_eq!(found(find_rtu_reply(&heard, asked, true)), Some((5, data, 0)));
}

#[test]
fn another_units_frame_is_found_as_its_own() {
    let expectation = expected(&build::read(Table::HoldingRegister, 0, 1));
    let heard = frame(UnitId(5), &[3, 2, 0, 7]);

    let other = found(find_rtu_reply(&heard, Some((UNIT, &expectation)), false));

    assert_eq!(other, Some((5, vec![3, 2, 0, 7], 0)));
}

#[test]
fn a_request_is_found_at_its_last_byte_and_not_before() {
    for (request, _, is_known) in exchanges() {
        let heard = frame(UNIT, &request);
        for cut in 0..heard.len() {
            assert_eq!(found(find_rtu_request(&heard[..cut], false)), None, "{request:?} cut at {cut}");
        }
        let trailing = [&heard[..], &[1, 2]].concat();

        assert_eq!(found(find_rtu_request(&heard, !is_known)), Some((UNIT.0, request.clone(), 0)));
        assert_eq!(found(find_rtu_request(&trailing, false)), is_known.then_some((UNIT.0, request, 0)));
    }
}
