//! Modbus RTU frames: a unit, a PDU, and the check over both. No line, no clock.
//!
//! Kept true here, and tested:
//! * what is written reads back, and no frame with a wrong check is read;
//! * no byte is copied when reading.

use crate::ids::UnitId;

/// V1.02 §2.5.1: address, PDU of at most 253 bytes, check.
pub const RTU_ADU_BYTES: usize = 256;
/// A unit, a function code, and the check.
pub(crate) const SHORTEST: usize = 4;
const CHECK_BYTES: usize = 2;

/// One frame of a serial line, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtuAdu<'a> {
    /// Who it is for, or from; 0 is everybody.
    pub unit_id: UnitId,
    /// Function code and data; never empty.
    pub pdu: &'a [u8],
}

/// Write a frame at the end of `out`.
pub fn append_rtu_adu(out: &mut Vec<u8>, unit_id: UnitId, pdu: &[u8]) {
    let start = out.len();
    out.reserve(pdu.len().saturating_add(1).saturating_add(CHECK_BYTES));
    out.push(unit_id.0);
    out.extend_from_slice(pdu);
    let check = crc16(out.get(start..).unwrap_or_default());
    // V1.02 §2.5.1.2: the low byte first, as nothing else in Modbus.
    out.extend_from_slice(&check.to_le_bytes());
}

/// Read bytes that are one frame and nothing else; `None`: they are not.
#[must_use]
pub fn parse_rtu_adu(frame: &[u8]) -> Option<RtuAdu<'_>> {
    if !(SHORTEST..=RTU_ADU_BYTES).contains(&frame.len()) {
        return None;
    }
    let (body, check) = frame.split_last_chunk::<CHECK_BYTES>()?;
    if crc16(body) != u16::from_le_bytes(*check) {
        return None;
    }
    let (unit_id, pdu) = body.split_first()?;
    Some(RtuAdu { unit_id: UnitId(*unit_id), pdu })
}

/// The check of V1.02 §6.2.2: polynomial 0xA001, all ones to begin with.
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        let [low, high] = crc.to_le_bytes();
        TABLE.get(usize::from(low ^ byte)).copied().unwrap_or_default() ^ u16::from(high)
    })
}

static TABLE: [u16; 256] = table();

#[expect(clippy::indexing_slicing, reason = "the index runs over the array's own length, when this crate is built")]
const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index: u16 = 0;
    while index < 256 {
        let mut crc = index;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
}

// === impl RtuAdu ===

impl RtuAdu<'_> {
    /// Bytes of the line it takes.
    #[must_use]
    pub const fn len_bytes(&self) -> usize {
        self.pdu.len().saturating_add(1).saturating_add(CHECK_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // unit id, code, address, quantity, check
    const READ: [u8; 8] = [0x01, 0x03, 0x00, 0x00, 0x00, 0x0A, 0xC5, 0xCD];

    #[test]
    fn the_check_is_that_of_the_specification() {
        assert_eq!(crc16(&READ[..6]).to_le_bytes(), [0xC5, 0xCD]);
        assert_eq!(crc16(b"123456789"), 0x4B37);
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut out = vec![0xFF];
        append_rtu_adu(&mut out, UnitId(1), &READ[1..6]);

        assert_eq!(out[1..], READ);
        assert_eq!(parse_rtu_adu(&READ), Some(RtuAdu { unit_id: UnitId(1), pdu: &READ[1..6] }));
    }

    #[test]
    fn a_frame_with_any_bit_turned_is_none() {
        for bit in 0..READ.len() * 8 {
            let mut frame = READ;
            frame[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse_rtu_adu(&frame), None, "bit {bit}");
        }
    }

    #[test]
    fn too_short_and_too_long_are_no_frames() {
        let mut long = Vec::new();
        append_rtu_adu(&mut long, UnitId(1), &[3; 254]);
        let mut short = vec![7];
        short.extend_from_slice(&crc16(&[7]).to_le_bytes());

        assert_eq!((parse_rtu_adu(&long), parse_rtu_adu(&short), parse_rtu_adu(&[])), (None, None, None));
    }
}
