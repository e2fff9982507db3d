//! Invariant tested: a request is accepted or refused as the standard's diagrams say, and building what was parsed gives its bytes.
//!
//! The first byte says whether large quantities are tolerated; the rest is the PDU.

use wire::{ExceptionCode, Request, Table, build, parse_request};

const FUNCTION: Option<ExceptionCode> = Some(ExceptionCode::ILLEGAL_FUNCTION);
const VALUE: Option<ExceptionCode> = Some(ExceptionCode::ILLEGAL_DATA_VALUE);
const ADDRESS: Option<ExceptionCode> = Some(ExceptionCode::ILLEGAL_DATA_ADDRESS);

pub fn check(input: &[u8]) {
    let Some((flags, pdu)) = input.split_first() else { return };
    let is_tolerant = flags & 1 != 0;
    let parsed = parse_request(pdu, is_tolerant);

    assert_eq!(parsed.err().map(|error| error.exception_code()), fault(pdu, is_tolerant), "{pdu:02X?}");
    let Ok(request) = parsed else { return };
    assert_eq!(rebuilt(&request), without_padding(pdu), "{request:?}");
    assert_eq!(request.can_change_state(), !is_harmless(pdu), "{request:?}");
    let written = request.writes().map_or(0, |span| usize::from(span.range.quantity()));
    let masks = usize::from(pdu[0] == 0x16);
    assert_eq!(request.written_values().count(), written + masks, "{request:?}");
    if !is_tolerant {
        assert_eq!(parse_request(pdu, true), Ok(request), "a tolerance may only add");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let group = [6, 0, 4, 0, 1, 0, 2];
    let pdus = [
        build::read(Table::Coil, 0, 2000),
        build::read(Table::DiscreteInput, 65535, 2),
        build::read(Table::HoldingRegister, 0, 125),
        build::read(Table::InputRegister, 9, 127),
        build::write_single_coil(7, true),
        build::write_single_register(7, 7),
        vec![7],
        build::diagnostics(1, 0xFF00),
        build::diagnostics(3, 0x0D00),
        build::diagnostics(4, 0),
        vec![11],
        vec![12],
        build::write_coils(7, &[true; 19]),
        build::write_registers(7, &[1, 2, 3]),
        vec![17],
        [&[20, 7][..], &group].concat(),
        [&[21, 11][..], &group, &[1, 2, 3, 4]].concat(),
        build::mask_write_register(7, 0xF2, 0x25),
        build::read_write_registers(3, 6, 14, &[255; 3]),
        build::read_fifo_queue(0x04DE),
        build::read_device_identification(4, 5),
        vec![0x2B, 0x0D, 1],
        build::umas(1, 0x41, &[255, 0]),
        vec![0x41, 1, 2],
        vec![0],
        vec![0x83, 2],
    ];
    pdus.into_iter().flat_map(|pdu| [[&[0][..], &pdu].concat(), [&[1][..], &pdu].concat()]).collect()
}

/// The exception a request deserves, by the diagrams of V1.1b3 §6; `None`: it is one.
fn fault(pdu: &[u8], is_tolerant: bool) -> Option<ExceptionCode> {
    let Some((code, body)) = pdu.split_first() else { return VALUE };
    if !(1..=127).contains(code) {
        return FUNCTION;
    }
    let most = |strict: u16, tolerated: u16| if is_tolerant { tolerated } else { strict };
    match code {
        1 | 2 => fault_of_read(body, most(2000, 2040)),
        3 | 4 => fault_of_read(body, most(125, 127)),
        5 => fixed(body, 4).or(one_of(word(body, 2), &[0, 0xFF00])),
        6 | 22 | 24 => fixed(body, [(6, 4), (22, 6), (24, 2)].iter().find(|known| known.0 == *code)?.1),
        7 | 11 | 12 | 17 => fixed(body, 0),
        8 => fault_of_diagnostics(body),
        15 => fault_of_write(body, most(1968, 2040), |quantity| quantity.div_ceil(8)),
        16 => fault_of_write(body, most(123, 127), |quantity| 2 * quantity),
        20 => fault_of_files(body, 0x07..=0xF5, false),
        21 => fault_of_files(body, 0x09..=0xFB, true),
        23 => fault_of_exchange(body, most(125, 127), most(121, 127)),
        43 => fault_of_encapsulated(body),
        90 if body.len() < 2 => VALUE,
        _ => None,
    }
}

fn word(body: &[u8], at: usize) -> u16 {
    body.get(at..at + 2).map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
}

fn fixed(body: &[u8], bytes: usize) -> Option<ExceptionCode> {
    if body.len() == bytes { None } else { VALUE }
}

fn one_of(value: u16, valid: &[u16]) -> Option<ExceptionCode> {
    if valid.contains(&value) { None } else { VALUE }
}

fn quantity(quantity: u16, most: u16) -> Option<ExceptionCode> {
    if quantity >= 1 && quantity <= most { None } else { VALUE }
}

fn end(first: u16, quantity: u16) -> Option<ExceptionCode> {
    if u32::from(first) + u32::from(quantity) > 0x1_0000 { ADDRESS } else { None }
}

fn fault_of_read(body: &[u8], most: u16) -> Option<ExceptionCode> {
    let (first, asked) = (word(body, 0), word(body, 2));
    fixed(body, 4).or(quantity(asked, most)).or(end(first, asked))
}

fn fault_of_write(body: &[u8], most: u16, bytes: impl Fn(usize) -> usize) -> Option<ExceptionCode> {
    let (first, asked) = (word(body, 0), word(body, 2));
    let values = bytes(asked.into());
    let is_counted = body.get(4).is_some_and(|count| usize::from(*count) == values);
    let structure = if is_counted { fixed(body, 5 + values) } else { VALUE };
    quantity(asked, most).or(structure).or(end(first, asked))
}

fn fault_of_exchange(body: &[u8], most_read: u16, most_written: u16) -> Option<ExceptionCode> {
    let (read, written) = ((word(body, 0), word(body, 2)), (word(body, 4), word(body, 6)));
    let values = 2 * usize::from(written.1);
    let is_counted = body.get(8).is_some_and(|count| usize::from(*count) == values);
    let structure = if is_counted { fixed(body, 9 + values) } else { VALUE };
    let quantities = quantity(read.1, most_read).or(quantity(written.1, most_written));
    quantities.or(structure).or(end(read.0, read.1)).or(end(written.0, written.1))
}

fn fault_of_diagnostics(body: &[u8]) -> Option<ExceptionCode> {
    if body.len() < 2 {
        return VALUE;
    }
    let data = word(body, 2);
    match word(body, 0) {
        1 => fixed(body, 4).or(one_of(data, &[0, 0xFF00])),
        3 => fixed(body, 4).or(one_of(data & 0xFF, &[0])),
        2 | 4 | 10..=18 | 20 => fixed(body, 4).or(one_of(data, &[0])),
        _ => None,
    }
}

/// Code 20 without values, code 21 with them.
fn fault_of_files(body: &[u8], counts: std::ops::RangeInclusive<u8>, has_values: bool) -> Option<ExceptionCode> {
    let Some((count, mut rest)) = body.split_first() else { return VALUE };
    if !counts.contains(count) || rest.len() != usize::from(*count) {
        return VALUE;
    }
    let (mut is_addressed, mut reply_bytes) = (true, 0);
    while !rest.is_empty() {
        let length = usize::from(word(rest, 5));
        let group = if has_values { 7 + 2 * length } else { 7 };
        if rest.len() < 7 || rest.len() < group {
            return VALUE;
        }
        let is_there = word(rest, 1) > 0 && length > 0 && usize::from(word(rest, 3)) + length <= 10_000;
        is_addressed &= rest[0] == 6 && is_there;
        reply_bytes += 2 + 2 * length;
        rest = &rest[group..];
    }
    let is_answerable = has_values || reply_bytes <= 251;
    if is_addressed && is_answerable { None } else { ADDRESS }
}

fn fault_of_encapsulated(body: &[u8]) -> Option<ExceptionCode> {
    match body.split_first() {
        None => VALUE,
        Some((0x0E, &[read_code, _])) => one_of(read_code.into(), &[1, 2, 3, 4]),
        Some((0x0E, _)) => VALUE,
        Some(_) => None,
    }
}

/// The list of docs/life-of-a-request.md.
fn is_harmless(pdu: &[u8]) -> bool {
    match pdu[0] {
        1..=4 | 7 | 11 | 12 | 17 | 20 | 24 => true,
        8 => matches!(word(pdu, 1), 0 | 2 | 11..=18),
        43 => pdu[1] == 14,
        _ => false,
    }
}

/// Of packed bits, those beyond the quantity have no meaning.
fn without_padding(pdu: &[u8]) -> Vec<u8> {
    let mut pdu = pdu.to_vec();
    let used = word(&pdu, 3) % 8;
    if let (15, 1.., Some(last)) = (pdu[0], used, pdu.last_mut()) {
        *last &= (1 << used) - 1;
    }
    pdu
}

fn rebuilt(request: &Request<'_>) -> Vec<u8> {
    let values: Vec<u16> = request.written_values().collect();
    let coils: Vec<bool> = values.iter().map(|value| *value == 1).collect();
    match *request {
        Request::ReadBits { table, range } | Request::ReadRegisters { table, range } => {
            build::read(table, range.first(), range.quantity())
        }
        Request::WriteSingleCoil { address, on } => build::write_single_coil(address, on),
        Request::WriteSingleRegister { address, value } => build::write_single_register(address, value),
        Request::WriteCoils { range, .. } => build::write_coils(range.first(), &coils),
        Request::WriteRegisters { range, .. } => build::write_registers(range.first(), &values),
        Request::MaskWriteRegister { address, and_mask, or_mask } => {
            build::mask_write_register(address, and_mask, or_mask)
        }
        Request::ReadWriteRegisters { read, write, .. } => {
            build::read_write_registers(read.first(), read.quantity(), write.first(), &values)
        }
        Request::ReadFifoQueue { address } => build::read_fifo_queue(address),
        Request::ReadDeviceIdentification { read_code, object_id } => {
            build::read_device_identification(read_code, object_id)
        }
        Request::Umas { session_key, function, data } => build::umas(session_key, function, data),
        _ => rebuilt_other(request),
    }
}

fn rebuilt_other(request: &Request<'_>) -> Vec<u8> {
    let code = request.function_code().get();
    let group = |record: wire::FileRecord| {
        let words = [record.file_number, record.record_number, record.record_length];
        [vec![6], words.iter().flat_map(|word| word.to_be_bytes()).collect()].concat()
    };
    let body: Vec<u8> = match *request {
        Request::Diagnostics { sub_function, data } => [&sub_function.to_be_bytes(), data].concat(),
        Request::CanOpen { data } => [&[0x0D], data].concat(),
        Request::Opaque { data, .. } => data.to_vec(),
        Request::ReadFileRecord(reads) => counted(reads.records().flat_map(group).collect()),
        Request::WriteFileRecord(writes) => {
            let bytes = |(record, registers): (wire::FileRecord, wire::Registers<'_>)| {
                [group(record), registers.values().flat_map(u16::to_be_bytes).collect()].concat()
            };
            counted(writes.records().flat_map(bytes).collect())
        }
        _ => Vec::new(),
    };
    [vec![code], body].concat()
}

fn counted(bytes: Vec<u8>) -> Vec<u8> {
    [vec![u8::try_from(bytes.len()).unwrap_or_default()], bytes].concat()
}
