//! From bytes to a request: one function for each shape of the grammar.

use super::{Request, RequestError};
use crate::fields::{Fields, WrongLength};
use crate::file_records::{FileRecordReads, FileRecordWrites, GROUP_BYTES, Group};
use crate::function::{self, Most};
use crate::ids::FunctionCode;
use crate::span::{AddressRange, Table};
use crate::values::{Bits, Registers, bytes_of_bits};

/// Code and byte count in front of a reply's groups; the rest of its 253 bytes is theirs.
const FILE_REPLY_BYTES: usize = 251;

type Parsed<'a> = Result<Request<'a>, RequestError>;

/// Read a request's PDU.
///
/// With `tolerate_over_quantity`, quantities may be as large as a byte count can say.
///
/// # Errors
/// The first fault in the order function code, structure and quantity, address.
#[inline]
pub fn parse_request(pdu: &[u8], tolerate_over_quantity: bool) -> Result<Request<'_>, RequestError> {
    let most = if tolerate_over_quantity { &Most::TOLERATED } else { &Most::STANDARD };
    let mut fields = Fields::of(pdu);
    let code = fields.take_u8()?;
    let function_code = FunctionCode::new(code).ok_or(RequestError::FunctionCode(code))?;
    match code {
        function::READ_COILS => parse_read_bits(fields, Table::Coil, most),
        function::READ_DISCRETE_INPUTS => parse_read_bits(fields, Table::DiscreteInput, most),
        function::READ_HOLDING_REGISTERS => parse_read_registers(fields, Table::HoldingRegister, most),
        function::READ_INPUT_REGISTERS => parse_read_registers(fields, Table::InputRegister, most),
        function::WRITE_SINGLE_COIL => parse_write_single_coil(fields),
        function::WRITE_SINGLE_REGISTER => parse_write_single_register(fields),
        function::WRITE_COILS => parse_write_coils(fields, most),
        function::WRITE_REGISTERS => parse_write_registers(fields, most),
        function::MASK_WRITE_REGISTER => parse_mask_write(fields),
        function::READ_WRITE_REGISTERS => parse_read_write(fields, most),
        _ => parse_other(function_code, fields),
    }
}

fn parse_other(function_code: FunctionCode, fields: Fields<'_>) -> Parsed<'_> {
    match function_code.get() {
        function::READ_EXCEPTION_STATUS => parse_bare(fields, Request::ReadExceptionStatus),
        function::DIAGNOSTICS => parse_diagnostics(fields),
        function::COMM_EVENT_COUNTER => parse_bare(fields, Request::CommEventCounter),
        function::COMM_EVENT_LOG => parse_bare(fields, Request::CommEventLog),
        function::REPORT_SERVER_ID => parse_bare(fields, Request::ReportServerId),
        function::READ_FILE_RECORD => parse_read_files(fields),
        function::WRITE_FILE_RECORD => parse_write_files(fields),
        function::READ_FIFO_QUEUE => parse_fifo(fields),
        function::ENCAPSULATED => parse_encapsulated(function_code, fields),
        function::UMAS => parse_umas(fields),
        _ => Ok(Request::Opaque { function_code, data: fields.rest() }),
    }
}

fn parse_bare<'a>(fields: Fields<'a>, request: Request<'a>) -> Parsed<'a> {
    fields.end()?;
    Ok(request)
}

#[inline]
fn parse_read_bits<'a>(mut fields: Fields<'a>, table: Table, most: &Most) -> Parsed<'a> {
    let (address, quantity) = take_range(&mut fields)?;
    fields.end()?;
    check_quantity(quantity, most.read_bits)?;
    Ok(Request::ReadBits { table, range: range_of(address, quantity)? })
}

#[inline]
fn parse_read_registers<'a>(mut fields: Fields<'a>, table: Table, most: &Most) -> Parsed<'a> {
    let (address, quantity) = take_range(&mut fields)?;
    fields.end()?;
    check_quantity(quantity, most.read_registers)?;
    Ok(Request::ReadRegisters { table, range: range_of(address, quantity)? })
}

#[inline]
fn parse_write_single_coil(mut fields: Fields<'_>) -> Parsed<'_> {
    let (address, value) = (fields.take_u16()?, fields.take_u16()?);
    fields.end()?;
    match value {
        0xFF00 => Ok(Request::WriteSingleCoil { address, on: true }),
        0x0000 => Ok(Request::WriteSingleCoil { address, on: false }),
        other => Err(RequestError::Value(other)),
    }
}

#[inline]
fn parse_write_single_register(mut fields: Fields<'_>) -> Parsed<'_> {
    let (address, value) = (fields.take_u16()?, fields.take_u16()?);
    fields.end()?;
    Ok(Request::WriteSingleRegister { address, value })
}

#[inline]
fn parse_write_coils<'a>(mut fields: Fields<'a>, most: &Most) -> Parsed<'a> {
    let (address, quantity) = take_range(&mut fields)?;
    check_quantity(quantity, most.write_bits)?;
    let bytes = take_counted(&mut fields, bytes_of_bits(quantity))?;
    let bits = Bits::new(bytes, quantity).ok_or(RequestError::Length)?;
    Ok(Request::WriteCoils { range: range_of(address, quantity)?, bits })
}

#[inline]
fn parse_write_registers<'a>(mut fields: Fields<'a>, most: &Most) -> Parsed<'a> {
    let (address, quantity) = take_range(&mut fields)?;
    check_quantity(quantity, most.write_registers)?;
    let registers = take_registers(&mut fields, quantity)?;
    Ok(Request::WriteRegisters { range: range_of(address, quantity)?, registers })
}

#[inline]
fn parse_mask_write(mut fields: Fields<'_>) -> Parsed<'_> {
    let (address, and_mask, or_mask) = (fields.take_u16()?, fields.take_u16()?, fields.take_u16()?);
    fields.end()?;
    Ok(Request::MaskWriteRegister { address, and_mask, or_mask })
}

#[inline]
fn parse_read_write<'a>(mut fields: Fields<'a>, most: &Most) -> Parsed<'a> {
    let (read_address, read_quantity) = take_range(&mut fields)?;
    let (write_address, write_quantity) = take_range(&mut fields)?;
    check_quantity(read_quantity, most.read_registers)?;
    check_quantity(write_quantity, most.exchange_registers)?;
    let registers = take_registers(&mut fields, write_quantity)?;
    let read = range_of(read_address, read_quantity)?;
    Ok(Request::ReadWriteRegisters { read, write: range_of(write_address, write_quantity)?, registers })
}

fn parse_diagnostics(mut fields: Fields<'_>) -> Parsed<'_> {
    let sub_function = fields.take_u16()?;
    let data = fields.rest();
    let request = Request::Diagnostics { sub_function, data };
    let is_free = sub_function == function::RETURN_QUERY_DATA || !function::is_public_diagnostic(sub_function);
    if is_free {
        return Ok(request);
    }
    let value = fields.take_u16()?;
    fields.end()?;
    let is_valid = match sub_function {
        function::RESTART_COMMUNICATIONS => matches!(value, 0x0000 | 0xFF00),
        // The character, then 00.
        function::CHANGE_ASCII_DELIMITER => value.to_be_bytes().ends_with(&[0]),
        _ => value == 0,
    };
    if is_valid { Ok(request) } else { Err(RequestError::Value(value)) }
}

fn parse_read_files(mut fields: Fields<'_>) -> Parsed<'_> {
    let byte_count = fields.take_u8()?;
    if !(0x07..=0xF5).contains(&byte_count) || byte_count % GROUP_BYTES != 0 {
        return Err(RequestError::ByteCount(byte_count));
    }
    let bytes = fields.take_bytes(usize::from(byte_count))?;
    fields.end()?;
    let mut groups = Fields::of(bytes);
    let mut reply_bytes = 0_usize;
    while !groups.is_empty() {
        let group = Group::take(&mut groups)?;
        let record_bytes = usize::from(group.record.record_length).saturating_mul(2);
        reply_bytes = reply_bytes.saturating_add(2).saturating_add(record_bytes);
        if !group.is_addressable() || reply_bytes > FILE_REPLY_BYTES {
            return Err(RequestError::FileRecord);
        }
    }
    Ok(Request::ReadFileRecord(FileRecordReads(bytes)))
}

fn parse_write_files(mut fields: Fields<'_>) -> Parsed<'_> {
    let byte_count = fields.take_u8()?;
    // V1.1b3 §6.15: the field table; the diagram's 0x07..0xF5 is 0x14's.
    if !(0x09..=0xFB).contains(&byte_count) {
        return Err(RequestError::ByteCount(byte_count));
    }
    let bytes = fields.take_bytes(usize::from(byte_count))?;
    fields.end()?;
    check_structure(bytes)?;
    let mut groups = Fields::of(bytes);
    while !groups.is_empty() {
        if !Group::take_written(&mut groups)?.0.is_addressable() {
            return Err(RequestError::FileRecord);
        }
    }
    Ok(Request::WriteFileRecord(FileRecordWrites(bytes)))
}

/// Structure before addresses, over all groups: 03 comes before 02.
fn check_structure(groups: &[u8]) -> Result<(), WrongLength> {
    let mut groups = Fields::of(groups);
    while !groups.is_empty() {
        Group::take_written(&mut groups)?;
    }
    Ok(())
}

fn parse_fifo(mut fields: Fields<'_>) -> Parsed<'_> {
    let address = fields.take_u16()?;
    fields.end()?;
    Ok(Request::ReadFifoQueue { address })
}

fn parse_encapsulated(function_code: FunctionCode, fields: Fields<'_>) -> Parsed<'_> {
    let mut inner = fields;
    match inner.take_u8()? {
        function::MEI_CAN_OPEN => Ok(Request::CanOpen { data: inner.rest() }),
        function::MEI_DEVICE_IDENTIFICATION => parse_device_identification(inner),
        _ => Ok(Request::Opaque { function_code, data: fields.rest() }),
    }
}

fn parse_device_identification(mut fields: Fields<'_>) -> Parsed<'_> {
    let (read_code, object_id) = (fields.take_u8()?, fields.take_u8()?);
    fields.end()?;
    if !(1..=4).contains(&read_code) {
        return Err(RequestError::Value(read_code.into()));
    }
    Ok(Request::ReadDeviceIdentification { read_code, object_id })
}

fn parse_umas(mut fields: Fields<'_>) -> Parsed<'_> {
    let (session_key, function) = (fields.take_u8()?, fields.take_u8()?);
    Ok(Request::Umas { session_key, function, data: fields.rest() })
}

#[inline]
fn take_range(fields: &mut Fields<'_>) -> Result<(u16, u16), WrongLength> {
    Ok((fields.take_u16()?, fields.take_u16()?))
}

#[inline]
fn take_registers<'a>(fields: &mut Fields<'a>, quantity: u16) -> Result<Registers<'a>, RequestError> {
    let bytes = take_counted(fields, usize::from(quantity).saturating_mul(2))?;
    Registers::new(bytes).ok_or(RequestError::Length)
}

/// The byte count, which must be the one expected, and the rest of the PDU, which must be that long.
#[inline]
fn take_counted<'a>(fields: &mut Fields<'a>, expected: usize) -> Result<&'a [u8], RequestError> {
    let byte_count = fields.take_u8()?;
    if usize::from(byte_count) != expected {
        return Err(RequestError::ByteCount(byte_count));
    }
    let bytes = fields.take_bytes(expected)?;
    fields.end()?;
    Ok(bytes)
}

#[inline]
fn check_quantity(quantity: u16, most: u16) -> Result<(), RequestError> {
    if (1..=most).contains(&quantity) { Ok(()) } else { Err(RequestError::Quantity(quantity)) }
}

#[inline]
fn range_of(address: u16, quantity: u16) -> Result<AddressRange, RequestError> {
    AddressRange::new(address, quantity).ok_or(RequestError::Address { address, quantity })
}
