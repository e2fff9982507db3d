//! Every request of the grammar: whole, cut at every byte, with bytes trailing; and each fault with its exception.

use wire::{AddressRange, Anomaly, Bits, ExceptionCode, FunctionCode, Registers, Request, RequestError, Table, build};

/// Requests whose length the grammar fixes: in the shapes of V1.1b3 §6.
const FIXED: &[&[u8]] = &[
    // code, first address, quantity
    &[0x01, 0x00, 0x13, 0x00, 0x13],
    &[0x02, 0x00, 0xC4, 0x00, 0x16],
    &[0x03, 0x00, 0x6B, 0x00, 0x03],
    &[0x04, 0x00, 0x08, 0x00, 0x01],
    // code, address, value
    &[0x05, 0x00, 0xAC, 0xFF, 0x00],
    &[0x06, 0x00, 0x01, 0x00, 0x03],
    &[0x07],
    // code, sub-function, data
    &[0x08, 0x00, 0x01, 0xFF, 0x00],
    &[0x08, 0x00, 0x02, 0x00, 0x00],
    &[0x08, 0x00, 0x03, 0x0D, 0x00],
    &[0x08, 0x00, 0x04, 0x00, 0x00],
    &[0x08, 0x00, 0x0A, 0x00, 0x00],
    &[0x08, 0x00, 0x12, 0x00, 0x00],
    &[0x08, 0x00, 0x14, 0x00, 0x00],
    &[0x0B],
    &[0x0C],
    // code, first address, quantity, byte count, values
    &[0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01],
    &[0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02],
    &[0x11],
    // code, byte count, (reference type, file, record, length) twice
    &[0x14, 0x0E, 0x06, 0x00, 0x04, 0x00, 0x01, 0x00, 0x02, 0x06, 0x00, 0x03, 0x00, 0x09, 0x00, 0x02],
    // code, byte count, reference type, file, record, length, registers
    &[0x15, 0x0D, 0x06, 0x00, 0x04, 0x00, 0x07, 0x00, 0x03, 0x06, 0xAF, 0x04, 0xBE, 0x10, 0x0D],
    // code, address, AND mask, OR mask
    &[0x16, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25],
    // code, read address, quantity, write address, quantity, byte count, registers
    &[0x17, 0x00, 0x03, 0x00, 0x06, 0x00, 0x0E, 0x00, 0x03, 0x06, 0x00, 0xFF, 0x00, 0xFF, 0x00, 0xFF],
    &[0x18, 0x04, 0xDE],
    // code, MEI type, read code, object
    &[0x2B, 0x0E, 0x01, 0x00],
];

/// Requests that may carry anything; the number is how many bytes they need at least.
const FREE: &[(&[u8], usize)] = &[
    (&[0x08, 0x00, 0x00, 0xA5, 0x37], 3),
    (&[0x08, 0x00, 0x15, 0x01], 3),
    (&[0x2B, 0x0D, 0x11, 0x22], 2),
    (&[0x2B, 0x05, 0x11, 0x22], 2),
    (&[0x5A, 0x00, 0x41, 0xFF, 0x00], 3),
    (&[0x09, 0x01, 0x02], 1),
    (&[0x29, 0x01, 0x02], 1),
    (&[0x41, 0x01, 0x02], 1),
    (&[0x7F, 0x01, 0x02], 1),
];

fn parse(pdu: &[u8]) -> Result<Request<'_>, RequestError> {
    wire::parse_request(pdu, false)
}

fn code(number: u8) -> Option<FunctionCode> {
    FunctionCode::new(number)
}

#[test]
fn a_request_cut_at_any_byte_has_an_invalid_length() {
    for pdu in FIXED {
        for cut in 0..pdu.len() {
            assert_eq!(parse(&pdu[..cut]), Err(RequestError::Length), "{pdu:02X?} cut at {cut}");
        }
    }
    for (pdu, least) in FREE {
        for cut in 0..*least {
            assert_eq!(parse(&pdu[..cut]), Err(RequestError::Length), "{pdu:02X?} cut at {cut}");
        }
    }
}

#[test]
fn a_request_with_bytes_trailing_has_an_invalid_length() {
    for pdu in FIXED {
        for trailing in 1..4 {
            let longer = [pdu, &[0x00, 0x00, 0x00][..trailing]].concat();
            assert_eq!(parse(&longer), Err(RequestError::Length), "{longer:02X?}");
        }
    }
}

#[test]
fn a_request_whole_is_parsed_under_its_own_code() {
    for pdu in FIXED.iter().chain(FREE.iter().map(|(pdu, _)| pdu)) {
        let request = parse(pdu).unwrap();
        assert_eq!(Some(request.function_code()), code(pdu[0]), "{pdu:02X?}");
    }
}

#[test]
fn a_free_request_is_carried_at_any_length_it_may_have() {
    for (pdu, least) in FREE {
        for cut in *least..=pdu.len() {
            assert!(parse(&pdu[..cut]).is_ok(), "{pdu:02X?} cut at {cut}");
        }
    }
}

#[test]
fn zero_and_exception_codes_are_illegal_functions_whatever_follows() {
    for number in [0].into_iter().chain(0x80..=0xFF) {
        for pdu in [&[number][..], &[number, 0x00, 0x00, 0x00, 0x00]] {
            let error = parse(pdu).unwrap_err();
            assert_eq!(error, RequestError::FunctionCode(number));
            assert_eq!(error.exception_code(), ExceptionCode::ILLEGAL_FUNCTION);
            assert_eq!(error.anomaly(), Anomaly::InvalidFunctionCode);
        }
    }
}

#[test]
fn each_fault_is_told_by_its_exception_and_its_word() {
    let (value, address) = (ExceptionCode::ILLEGAL_DATA_VALUE, ExceptionCode::ILLEGAL_DATA_ADDRESS);
    let cases: &[(&[u8], ExceptionCode, Anomaly)] = &[
        // quantity none, one too many
        (&[0x01, 0x00, 0x00, 0x00, 0x00], value, Anomaly::InvalidValue),
        (&[0x01, 0x00, 0x00, 0x07, 0xD1], value, Anomaly::InvalidValue),
        // a coil is on, off or nothing
        (&[0x05, 0x00, 0x00, 0x00, 0x01], value, Anomaly::InvalidValue),
        (&[0x05, 0x00, 0x00, 0xFF, 0xFF], value, Anomaly::InvalidValue),
        // a byte count that does not fit its quantity
        (&[0x0F, 0x00, 0x00, 0x00, 0x09, 0x01, 0x00], value, Anomaly::InvalidValue),
        (&[0x10, 0x00, 0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00], value, Anomaly::InvalidValue),
        // restart with neither 0000 nor FF00; delimiter without its 00; a counter with data
        (&[0x08, 0x00, 0x01, 0x00, 0x01], value, Anomaly::InvalidValue),
        (&[0x08, 0x00, 0x03, 0x0D, 0x0A], value, Anomaly::InvalidValue),
        (&[0x08, 0x00, 0x0B, 0x00, 0x01], value, Anomaly::InvalidValue),
        // read device identification codes are 1 to 4
        (&[0x2B, 0x0E, 0x00, 0x00], value, Anomaly::InvalidValue),
        (&[0x2B, 0x0E, 0x05, 0x00], value, Anomaly::InvalidValue),
        // file groups: byte count none, not of whole groups, over the most
        (&[0x14, 0x00], value, Anomaly::InvalidValue),
        (&[0x14, 0x08, 6, 0, 1, 0, 0, 0, 1, 0], value, Anomaly::InvalidValue),
        (&[0x14, 0xFC], value, Anomaly::InvalidValue),
        (&[0x15, 0x08, 6, 0, 1, 0, 0, 0, 0, 0], value, Anomaly::InvalidValue),
        (&[0x15, 0xFC], value, Anomaly::InvalidValue),
        // a group whose registers end after the request
        (&[0x15, 0x09, 6, 0, 1, 0, 0, 0, 2, 0, 0], value, Anomaly::InvalidLength),
        // reference type, file 0, record beyond 9999, no registers
        (&[0x14, 0x07, 5, 0, 1, 0, 0, 0, 1], address, Anomaly::InvalidValue),
        (&[0x14, 0x07, 6, 0, 0, 0, 0, 0, 1], address, Anomaly::InvalidValue),
        (&[0x14, 0x07, 6, 0, 1, 0x27, 0x0F, 0, 2], address, Anomaly::InvalidValue),
        (&[0x14, 0x07, 6, 0, 1, 0, 0, 0, 0], address, Anomaly::InvalidValue),
        // more than any reply could hold
        (&[0x14, 0x07, 6, 0, 1, 0, 0, 0, 125], address, Anomaly::InvalidValue),
        (&[0x15, 0x09, 7, 0, 1, 0, 0, 0, 1, 0, 0], address, Anomaly::InvalidValue),
        // the last address would be 65536
        (&[0x03, 0xFF, 0xFF, 0x00, 0x02], address, Anomaly::InvalidValue),
        (&[0x0F, 0xFF, 0xF8, 0x00, 0x09, 0x02, 0x00, 0x00], address, Anomaly::InvalidValue),
        (&[0x10, 0xFF, 0xFF, 0x00, 0x02, 0x04, 0, 0, 0, 0], address, Anomaly::InvalidValue),
        (&[0x17, 0xFF, 0xFF, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x02, 0, 0], address, Anomaly::InvalidValue),
        (&[0x17, 0x00, 0x00, 0x00, 0x01, 0xFF, 0xFF, 0x00, 0x02, 0x04, 0, 0, 0, 0], address, Anomaly::InvalidValue),
    ];
    for (pdu, exception, anomaly) in cases {
        let error = parse(pdu).unwrap_err();
        assert_eq!((error.exception_code(), error.anomaly()), (*exception, *anomaly), "{pdu:02X?} {error:?}");
    }
}

#[test]
fn a_bad_quantity_comes_before_a_bad_address() {
    assert_eq!(parse(&[0x03, 0xFF, 0xFF, 0x00, 0x7E]), Err(RequestError::Quantity(126)));
    // The first group's file does not exist, the second ends too late.
    let files = [0x15, 0x12, 6, 0, 0, 0, 0, 0, 1, 0, 0, 6, 0, 1, 0, 0, 0, 9, 0, 0];
    assert_eq!(parse(&files), Err(RequestError::Length));
}

#[test]
fn quantities_over_the_standard_pass_only_where_tolerated() {
    let cases = [
        (build::read(Table::Coil, 0, 2001), build::read(Table::Coil, 0, 2041)),
        (build::read(Table::HoldingRegister, 0, 126), build::read(Table::HoldingRegister, 0, 128)),
        (build::write_registers(0, &[0; 124]), build::write_registers(0, &[0; 128])),
        (build::write_coils(0, &[false; 1969]), build::write_coils(0, &[false; 2041])),
        (build::read_write_registers(0, 126, 0, &[0; 122]), build::read_write_registers(0, 128, 0, &[0])),
    ];
    for (over, beyond) in &cases {
        assert!(matches!(parse(over), Err(RequestError::Quantity(_))), "{over:02X?}");
        assert!(matches!(wire::parse_request(beyond, true), Err(RequestError::Quantity(_))), "{beyond:02X?}");
        assert!(wire::parse_request(over, true).is_ok(), "{over:02X?}");
    }
}

#[test]
fn fields_are_read_from_where_they_stand() {
    let range = |first, quantity| AddressRange::new(first, quantity).unwrap();
    let cases: &[(&[u8], Request<'_>)] = &[
        (FIXED[0], Request::ReadBits { table: Table::Coil, range: range(0x13, 0x13) }),
        (FIXED[1], Request::ReadBits { table: Table::DiscreteInput, range: range(0xC4, 0x16) }),
        (FIXED[2], Request::ReadRegisters { table: Table::HoldingRegister, range: range(0x6B, 3) }),
        (FIXED[3], Request::ReadRegisters { table: Table::InputRegister, range: range(8, 1) }),
        (FIXED[4], Request::WriteSingleCoil { address: 0xAC, on: true }),
        (FIXED[5], Request::WriteSingleRegister { address: 1, value: 3 }),
        (FIXED[16], Request::WriteCoils { range: range(0x13, 10), bits: Bits::new(&[0xCD, 0x01], 10).unwrap() }),
        (FIXED[21], Request::MaskWriteRegister { address: 4, and_mask: 0xF2, or_mask: 0x25 }),
        (
            FIXED[22],
            Request::ReadWriteRegisters {
                read: range(3, 6),
                write: range(0x0E, 3),
                registers: Registers::new(&[0x00, 0xFF, 0x00, 0xFF, 0x00, 0xFF]).unwrap(),
            },
        ),
        (FIXED[24], Request::ReadDeviceIdentification { read_code: 1, object_id: 0 }),
        (FREE[2].0, Request::CanOpen { data: &[0x11, 0x22] }),
        (FREE[3].0, Request::Opaque { function_code: code(0x2B).unwrap(), data: &[0x05, 0x11, 0x22] }),
        (FREE[4].0, Request::Umas { session_key: 0, function: 0x41, data: &[0xFF, 0x00] }),
    ];
    for (pdu, request) in cases {
        assert_eq!(parse(pdu), Ok(*request), "{pdu:02X?}");
    }
}

#[test]
fn file_groups_are_read_one_by_one() {
    let Ok(Request::ReadFileRecord(reads)) = parse(FIXED[19]) else { panic!("a file read") };
    let asked: Vec<_> = reads.records().map(|r| (r.file_number, r.record_number, r.record_length)).collect();
    assert_eq!(asked, [(4, 1, 2), (3, 9, 2)]);

    let Ok(Request::WriteFileRecord(writes)) = parse(FIXED[20]) else { panic!("a file write") };
    let (record, registers) = writes.records().next().unwrap();
    assert_eq!((record.file_number, record.record_number, record.record_length), (4, 7, 3));
    assert_eq!(registers.values().collect::<Vec<_>>(), [0x06AF, 0x04BE, 0x100D]);
    assert_eq!(writes.records().count(), 1);
}
