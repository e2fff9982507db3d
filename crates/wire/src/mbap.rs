//! Modbus TCP framing: bytes in, frames out.
//!
//! Kept true here, and tested:
//! * a short buffer is not an error, it is `Ok(None)`;
//! * a broken header is an error that names the field, as soon as that field is there;
//! * no byte is copied.

use crate::function;
use crate::ids::{TransactionId, UnitId};
use crate::response::ReplyTolerance;

const HEADER_BYTES: usize = 7;
/// V1.1b3 §4.1: 256 bytes of a serial ADU, less address and CRC.
const PDU_BYTES: u16 = 253;
/// What a byte count of 255 can announce: function code, byte count, values.
const OVER_QUANTITY_PDU_BYTES: u16 = 257;

/// One frame of a stream, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adu<'a> {
    /// Pairs a reply with its request.
    pub transaction_id: TransactionId,
    /// Who it is for, or from.
    pub unit_id: UnitId,
    /// Function code and data; never empty.
    pub pdu: &'a [u8],
}

/// How long a PDU may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PduLimit {
    /// For code 0x5A (UMAS negotiates longer ones); every other stays at 253, and so does this one if it says less.
    pub umas_bytes: u16,
}

/// Why a peer's bytes cannot be a Modbus TCP frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// `length` is too small to hold a function code, or over the limit.
    Length(u16),
    /// `protocol_id` is not zero, so this is not Modbus.
    ProtocolId(u16),
}

/// Find the first frame in a stream.
///
/// `Ok(None)` means that more bytes are needed; what is there so far is no fault.
///
/// # Errors
/// The header cannot be that of a Modbus TCP frame; nothing after it has a meaning.
#[inline]
pub fn parse_adu(buffer: &[u8], limit: PduLimit) -> Result<Option<Adu<'_>>, FrameError> {
    parse_within(buffer, limit, |_| PDU_BYTES)
}

/// The same for a server's stream: with `over_quantity`, the replies that carry values may be as long as their byte count can say.
///
/// # Errors
/// As [`parse_adu`].
#[inline]
pub fn parse_reply_adu(
    buffer: &[u8],
    limit: PduLimit,
    tolerate: ReplyTolerance,
) -> Result<Option<Adu<'_>>, FrameError> {
    parse_within(buffer, limit, |code| {
        let is_long = tolerate.over_quantity && function::reads_values(code);
        if is_long { OVER_QUANTITY_PDU_BYTES } else { PDU_BYTES }
    })
}

/// Write a frame at the end of `out`.
///
/// # Panics
/// When `pdu` is longer than a header can say. None that came from a frame is.
pub fn append_adu(out: &mut Vec<u8>, transaction_id: TransactionId, unit_id: UnitId, pdu: &[u8]) {
    let length = u16::try_from(pdu.len().saturating_add(1)).expect("a PDU that came from a frame fits one");
    out.reserve(HEADER_BYTES.saturating_add(pdu.len()));
    out.extend_from_slice(&transaction_id.0.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(unit_id.0);
    out.extend_from_slice(pdu);
}

#[inline]
fn parse_within(
    buffer: &[u8],
    limit: PduLimit,
    usual_limit: impl Fn(u8) -> u16,
) -> Result<Option<Adu<'_>>, FrameError> {
    let Some(&[t1, t0, p1, p0]) = buffer.first_chunk() else { return Ok(None) };
    let protocol_id = u16::from_be_bytes([p1, p0]);
    if protocol_id != 0 {
        return Err(FrameError::ProtocolId(protocol_id));
    }
    let Some(&[_, _, _, _, l1, l0]) = buffer.first_chunk() else { return Ok(None) };
    let length = u16::from_be_bytes([l1, l0]);
    // One byte for the unit id, then at least a function code.
    let pdu_bytes = length.checked_sub(1).filter(|bytes| *bytes > 0).ok_or(FrameError::Length(length))?;
    if pdu_bytes > PDU_BYTES {
        let widest = limit.umas_bytes.max(usual_limit(function::READ_COILS));
        if pdu_bytes > widest {
            return Err(FrameError::Length(length));
        }
        let Some(&code) = buffer.get(HEADER_BYTES) else { return Ok(None) };
        let allowed = if code == function::UMAS { limit.umas_bytes } else { usual_limit(code) };
        if pdu_bytes > allowed {
            return Err(FrameError::Length(length));
        }
    }
    let Some((&[.., unit_id], rest)) = buffer.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let Some(pdu) = rest.get(..usize::from(pdu_bytes)) else { return Ok(None) };
    let transaction_id = TransactionId(u16::from_be_bytes([t1, t0]));
    Ok(Some(Adu { transaction_id, unit_id: UnitId(unit_id), pdu }))
}

// === impl Adu ===

impl Adu<'_> {
    /// Bytes of the stream it takes.
    #[inline]
    #[must_use]
    pub const fn len_bytes(&self) -> usize {
        HEADER_BYTES.saturating_add(self.pdu.len())
    }
}

// === impl PduLimit ===

impl Default for PduLimit {
    fn default() -> Self {
        Self { umas_bytes: PDU_BYTES }
    }
}
