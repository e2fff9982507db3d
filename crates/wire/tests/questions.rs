//! What policies and records ask about a request: what it touches, what it writes, whether it could change anything.

use wire::{FunctionSet, Request, Span, Table, build, parse_request};

fn bounds(span: Option<Span>) -> Option<(Table, u16, u16)> {
    span.map(|span| (span.table, span.range.first(), span.range.last()))
}

fn with<T>(pdu: &[u8], ask: impl Fn(&Request<'_>) -> T) -> Option<T> {
    parse_request(pdu, false).ok().as_ref().map(ask)
}

#[test]
fn all_but_the_harmless_few_could_change_state() {
    let writes = [
        build::write_single_coil(0, true),
        build::write_single_register(0, 1),
        build::write_coils(0, &[true]),
        build::write_registers(0, &[1]),
        build::mask_write_register(0, 0, 0),
        build::read_write_registers(0, 1, 0, &[1]),
        build::umas(0, 0x02, &[]),
        vec![0x15, 0x09, 6, 0, 1, 0, 0, 0, 1, 0, 0],
        vec![0x2B, 0x0D],
        vec![0x2B, 0x0F],
        vec![0x64],
        vec![0x09],
    ];
    let diagnostics = [1, 3, 4, 10, 20].map(|sub| build::diagnostics(sub, 0));
    let reserved = [5, 9, 19, 21, 0x0100, 0xFFFF].map(|sub| build::diagnostics(sub, 0));
    for pdu in writes.iter().chain(&diagnostics).chain(&reserved) {
        assert_eq!(with(pdu, |request| request.can_change_state()), Some(true), "{pdu:02X?}");
    }
}

#[test]
fn the_harmless_few_cannot_change_state() {
    let mut reads: Vec<Vec<u8>> = Table::ALL.map(|table| build::read(table, 0, 1)).to_vec();
    reads.extend([0, 2, 11, 12, 13, 14, 15, 16, 17, 18].map(|sub| build::diagnostics(sub, 0)));
    reads.extend([7, 11, 12, 17].map(|code| vec![code]));
    reads.extend([build::read_fifo_queue(0), build::read_device_identification(4, 2)]);
    reads.push(vec![0x14, 0x07, 6, 0, 1, 0, 0, 0, 1]);
    for pdu in &reads {
        assert_eq!(with(pdu, |request| request.can_change_state()), Some(false), "{pdu:02X?}");
    }
}

#[test]
fn a_request_says_which_addresses_it_reads_and_writes() {
    use Table::{Coil, DiscreteInput, HoldingRegister, InputRegister};
    let cases = [
        (build::read(Coil, 3, 4), Some((Coil, 3, 6)), None),
        (build::read(DiscreteInput, 3, 4), Some((DiscreteInput, 3, 6)), None),
        (build::read(InputRegister, 3, 4), Some((InputRegister, 3, 6)), None),
        (build::read(HoldingRegister, 3, 4), Some((HoldingRegister, 3, 6)), None),
        (build::write_single_coil(9, true), None, Some((Coil, 9, 9))),
        (build::write_single_register(65535, 1), None, Some((HoldingRegister, 65535, 65535))),
        (build::write_coils(1, &[true; 9]), None, Some((Coil, 1, 9))),
        (build::write_registers(1, &[1; 9]), None, Some((HoldingRegister, 1, 9))),
        (build::mask_write_register(5, 0, 0), None, Some((HoldingRegister, 5, 5))),
        (build::read_write_registers(1, 2, 8, &[0; 2]), Some((HoldingRegister, 1, 2)), Some((HoldingRegister, 8, 9))),
        // The queue's count and the 31 registers it can fill, as far as there are addresses.
        (build::read_fifo_queue(100), Some((HoldingRegister, 100, 131)), None),
        (build::read_fifo_queue(0), Some((HoldingRegister, 0, 31)), None),
        (build::read_fifo_queue(65530), Some((HoldingRegister, 65530, 65535)), None),
        (build::diagnostics(4, 0), None, None),
    ];
    for (pdu, reads, writes) in &cases {
        let found = with(pdu, |request| (bounds(request.reads()), bounds(request.writes())));
        assert_eq!(found, Some((*reads, *writes)), "{pdu:02X?}");
    }
}

#[test]
fn a_request_says_which_values_it_writes() {
    let cases: [(Vec<u8>, &[u16]); 8] = [
        (build::read(Table::Coil, 0, 9), &[]),
        (build::write_single_coil(0, true), &[1]),
        (build::write_single_coil(0, false), &[0]),
        (build::write_single_register(0, 0x1234), &[0x1234]),
        (build::write_coils(0, &[true, false, true]), &[1, 0, 1]),
        (build::write_registers(0, &[7, 8]), &[7, 8]),
        (build::mask_write_register(0, 0xF2, 0x25), &[0xF2, 0x25]),
        (build::read_write_registers(0, 1, 0, &[9, 10]), &[9, 10]),
    ];
    for (pdu, values) in &cases {
        let written = with(pdu, |request| request.written_values().collect::<Vec<_>>());
        assert_eq!(written.as_deref(), Some(*values), "{pdu:02X?}");
    }
}

#[test]
fn only_read_write_has_two_parts() {
    let both = with(&build::read_write_registers(0, 1, 0, &[1]), |request| request.functions().collect::<Vec<_>>());
    assert_eq!(both, Some(vec![FunctionSet::Read, FunctionSet::Write]));
    let one = with(&build::write_registers(0, &[1]), |request| request.parts().count());
    assert_eq!(one, Some(1));
}
