//! The bytes of replies, right and wrong, and of whatever else is an ADU.

use super::site::{COUNTED, STEPPED};
use wire::{PduLimit, ReplyTolerance, Table, TransactionId, UnitId, append_adu, build, parse_reply_adu, parse_request};

const LONG_REPLIES: ReplyTolerance = ReplyTolerance { trailing_bytes: false, over_quantity: true };

pub type Adu = (u16, u8, Vec<u8>);

/// What an obedient server says.
pub fn right_reply(request: &[u8]) -> Vec<u8> {
    let parsed = parse_request(request, true).unwrap();
    match (request[0], parsed.reads()) {
        (code @ 1..=2, Some(span)) => build::bits_reply(code, &vec![true; span.range.quantity().into()]),
        (code, Some(span)) => build::registers_reply(code, &vec![span.range.first(); span.range.quantity().into()]),
        _ => build::confirmation(request),
    }
}

pub fn spoilt((mut id, mut unit, mut pdu): Adu, how: u8) -> Option<Vec<u8>> {
    match how % 16 {
        0 => id ^= 0x4000,
        1 => unit = unit.wrapping_add(7),
        2 => pdu.push(0),
        3 => drop(pdu.pop()),
        4 => pdu = vec![pdu[0] | 0x80, how >> 4],
        5 => pdu[0] ^= 1,
        _ => {}
    }
    if pdu.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    append_adu(&mut bytes, TransactionId(id), UnitId(unit), &pdu);
    let times = if how % 16 == 6 { 2 } else { 1 };
    Some(bytes.repeat(times))
}

/// A request whose address or value names it.
pub fn request(kind: u8, word: u16) -> Vec<u8> {
    match kind {
        0..=6 => build::read(Table::HoldingRegister, word, 1),
        7..=12 => build::write_single_register(1000 + word, word),
        13 | 14 => build::write_registers(1000 + word.min(990), &[word, word]),
        15 => build::write_single_register(3000 + word, word),
        16 => build::read(Table::HoldingRegister, 3000 + word, 1),
        17 => build::read(Table::Coil, word, 9),
        18 => build::diagnostics(4, 0),
        19 => build::diagnostics(1, 0),
        20 => [&[0x41][..], &word.to_be_bytes()].concat(),
        21 => build::read(Table::HoldingRegister, word, 0),
        22 => build::read(Table::HoldingRegister, word, 126),
        23 => build::read_write_registers(word, 1, 1000 + word, &[word]),
        24 => vec![0x83, 1],
        25 => build::mask_write_register(1000 + word, 0, word),
        26 => build::umas(0, 0x10, &word.to_be_bytes()),
        27 => build::read(Table::HoldingRegister, 800, 125),
        28 | 29 => build::write_single_register(COUNTED, word),
        30 => build::read(Table::HoldingRegister, STEPPED, 1),
        // Around what a read of it shows, now within a step and now beyond.
        31 => build::write_single_register(STEPPED, STEPPED - 4 + word % 16),
        _ => build::write_single_register(1000 + word, word),
    }
}

pub fn take_adu(bytes: &mut Vec<u8>) -> Result<Option<Adu>, ()> {
    // Whose stream it is makes no difference to a request: only a tolerated reply may be longer.
    let found = parse_reply_adu(bytes, PduLimit::default(), LONG_REPLIES).map_err(|_| ())?;
    let Some(adu) = found else { return Ok(None) };
    let (used, taken) = (adu.len_bytes(), (adu.transaction_id.0, adu.unit_id.0, adu.pdu.to_vec()));
    bytes.drain(..used);
    Ok(Some(taken))
}
