//! PDUs, made rather than parsed: for tests, and for exceptions that the guard answers with.

use crate::function;
use crate::ids::ExceptionCode;
use crate::span::Table;

/// A read of bits or registers, by table.
#[must_use]
pub fn read(table: Table, first: u16, quantity: u16) -> Vec<u8> {
    let code = match table {
        Table::Coil => function::READ_COILS,
        Table::DiscreteInput => function::READ_DISCRETE_INPUTS,
        Table::HoldingRegister => function::READ_HOLDING_REGISTERS,
        Table::InputRegister => function::READ_INPUT_REGISTERS,
    };
    words(code, &[first, quantity])
}

/// The same, for conversations about registers.
#[must_use]
pub fn read_registers(table: Table, first: u16, quantity: u16) -> Vec<u8> {
    read(table, first, quantity)
}

/// 0x05.
#[must_use]
pub fn write_single_coil(address: u16, on: bool) -> Vec<u8> {
    words(function::WRITE_SINGLE_COIL, &[address, if on { 0xFF00 } else { 0 }])
}

/// 0x06.
#[must_use]
pub fn write_single_register(address: u16, value: u16) -> Vec<u8> {
    words(function::WRITE_SINGLE_REGISTER, &[address, value])
}

/// 0x08.
#[must_use]
pub fn diagnostics(sub_function: u16, data: u16) -> Vec<u8> {
    words(function::DIAGNOSTICS, &[sub_function, data])
}

/// 0x0F.
#[must_use]
pub fn write_coils(first: u16, coils: &[bool]) -> Vec<u8> {
    let mut pdu = words(function::WRITE_COILS, &[first, quantity_of(coils.len())]);
    append_counted(&mut pdu, &packed(coils));
    pdu
}

/// 0x10.
#[must_use]
pub fn write_registers(first: u16, registers: &[u16]) -> Vec<u8> {
    let mut pdu = words(function::WRITE_REGISTERS, &[first, quantity_of(registers.len())]);
    append_counted(&mut pdu, &bytes_of(registers));
    pdu
}

/// 0x16.
#[must_use]
pub fn mask_write_register(address: u16, and_mask: u16, or_mask: u16) -> Vec<u8> {
    words(function::MASK_WRITE_REGISTER, &[address, and_mask, or_mask])
}

/// 0x17.
#[must_use]
pub fn read_write_registers(read_first: u16, read_quantity: u16, write_first: u16, registers: &[u16]) -> Vec<u8> {
    let header = [read_first, read_quantity, write_first, quantity_of(registers.len())];
    let mut pdu = words(function::READ_WRITE_REGISTERS, &header);
    append_counted(&mut pdu, &bytes_of(registers));
    pdu
}

/// 0x18.
#[must_use]
pub fn read_fifo_queue(address: u16) -> Vec<u8> {
    words(function::READ_FIFO_QUEUE, &[address])
}

/// 0x2B, MEI type 0x0E.
#[must_use]
pub fn read_device_identification(read_code: u8, object_id: u8) -> Vec<u8> {
    vec![function::ENCAPSULATED, function::MEI_DEVICE_IDENTIFICATION, read_code, object_id]
}

/// 0x5A.
#[must_use]
pub fn umas(session_key: u8, umas_function: u8, data: &[u8]) -> Vec<u8> {
    [&[function::UMAS, session_key, umas_function], data].concat()
}

/// A reply of bits to 0x01 or 0x02.
#[must_use]
pub fn bits_reply(function_code: u8, values: &[bool]) -> Vec<u8> {
    let mut pdu = vec![function_code];
    append_counted(&mut pdu, &packed(values));
    pdu
}

/// A reply of registers to 0x03, 0x04 or 0x17.
#[must_use]
pub fn registers_reply(function_code: u8, registers: &[u16]) -> Vec<u8> {
    let mut pdu = vec![function_code];
    append_counted(&mut pdu, &bytes_of(registers));
    pdu
}

/// What confirms 0x05, 0x06, 0x0F, 0x10 or 0x16: the request, or its first five bytes.
#[must_use]
pub fn confirmation(request: &[u8]) -> Vec<u8> {
    let is_long = matches!(request.first(), Some(&(function::WRITE_COILS | function::WRITE_REGISTERS)));
    request.get(..5).filter(|_| is_long).unwrap_or(request).to_vec()
}

/// An exception.
#[must_use]
pub fn exception(function_code: u8, exception_code: ExceptionCode) -> Vec<u8> {
    vec![function_code | 0x80, exception_code.0]
}

fn words(code: u8, words: &[u16]) -> Vec<u8> {
    let mut pdu = vec![code];
    pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    pdu
}

fn bytes_of(registers: &[u16]) -> Vec<u8> {
    registers.iter().flat_map(|register| register.to_be_bytes()).collect()
}

fn packed(bits: &[bool]) -> Vec<u8> {
    let pack = |eight: &[bool]| eight.iter().rev().fold(0, |byte: u8, bit| byte << 1 | u8::from(*bit));
    bits.chunks(8).map(pack).collect()
}

// More than a PDU can say ends as a request that no parser takes, which is what a test of it wants.
fn quantity_of(items: usize) -> u16 {
    u16::try_from(items).unwrap_or(u16::MAX)
}

fn append_counted(pdu: &mut Vec<u8>, bytes: &[u8]) {
    pdu.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    pdu.extend_from_slice(bytes);
}
