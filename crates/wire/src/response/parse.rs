//! From bytes to a reply: first how long it must be, then what must stand in it.

use super::digest::Digest;
use super::error::ResponseError;
use super::expectation::{Body, Expectation};
use super::{ReplyTolerance, Response, objects};
use crate::fields::Fields;
use crate::ids::ExceptionCode;
use crate::values::{Bits, Registers, bytes_of_bits};

/// Set in a function code, it says that the reply is an exception.
const EXCEPTION_BIT: u8 = 0x80;
/// V1.1b3 §6.18.
const FIFO_MOST: u16 = 31;

/// Read a reply's PDU, strictly: it must be what its request calls for.
///
/// # Errors
/// It is no reply to that request; the peer's fault, and no one may be given it.
#[inline]
pub fn parse_response<'a>(
    expected: &Expectation,
    pdu: &'a [u8],
    tolerate: ReplyTolerance,
) -> Result<Response<'a>, ResponseError> {
    let (code, body) = pdu.split_first().ok_or(ResponseError::Length)?;
    if *code == expected.function_code {
        let length = expected.body.length(body)?;
        return expected.body.parse(exactly(body, length, tolerate)?);
    }
    if *code != expected.function_code | EXCEPTION_BIT {
        return Err(ResponseError::FunctionCode(*code));
    }
    let exception = exactly(body, 1, tolerate)?.first().copied().map(ExceptionCode).ok_or(ResponseError::Length)?;
    if exception.is_known() {
        Ok(Response::Exception(exception))
    } else {
        Err(ResponseError::ExceptionCode(exception.0))
    }
}

#[inline]
fn exactly(body: &[u8], length: usize, tolerate: ReplyTolerance) -> Result<&[u8], ResponseError> {
    let (body, trailing) = body.split_at_checked(length).ok_or(ResponseError::Length)?;
    if trailing.is_empty() || tolerate.trailing_bytes { Ok(body) } else { Err(ResponseError::Length) }
}

// === impl Expectation ===

impl Expectation {
    /// How long the reply that starts here is, for servers whose headers lie about it.
    ///
    /// `None`: too little of it is here, it is no such reply, or its code has no grammar that could tell.
    #[must_use]
    pub fn reply_bytes(&self, start: &[u8]) -> Option<usize> {
        let (code, body) = start.split_first()?;
        if *code == self.function_code | EXCEPTION_BIT {
            return Some(2);
        }
        let has_no_end = matches!(self.body, Body::Opaque { .. } | Body::Encapsulated { .. });
        if *code != self.function_code || has_no_end {
            return None;
        }
        self.body.length(body).ok()?.checked_add(1)
    }
}

// === impl Body ===

impl Body {
    /// Bytes after the function code, by what is known before and what the reply says itself.
    #[inline]
    fn length(self, body: &[u8]) -> Result<usize, ResponseError> {
        match self {
            Self::Bits { quantity } => counted_exactly(body, bytes_of_bits(quantity)),
            Self::Registers { quantity } => counted_exactly(body, usize::from(quantity).saturating_mul(2)),
            Self::Echo { length, .. } => Ok(length.into()),
            Self::LongEcho { length, .. } | Self::Fixed { length } => Ok(length.into()),
            Self::DiagnosticRegister { .. } | Self::Nothing { .. } => Ok(4),
            Self::Counted { least, most } => counted_between(body, least, most),
            Self::FifoQueue => fifo_bytes(body),
            Self::Files { length, .. } => counted_exactly(body, length.into()),
            Self::Objects { .. } => objects::length(body),
            Self::Encapsulated { .. } if body.is_empty() => Err(ResponseError::Length),
            Self::Encapsulated { .. } => Ok(body.len()),
            Self::Opaque { least } if body.len() < usize::from(least) => Err(ResponseError::Length),
            Self::Opaque { .. } => Ok(body.len()),
        }
    }

    /// `body` is as long as `length` said.
    #[inline]
    fn parse(self, body: &[u8]) -> Result<Response<'_>, ResponseError> {
        match self {
            Self::Bits { quantity } => {
                Bits::new(after(body, 1), quantity).map(Response::Bits).ok_or(ResponseError::Length)
            }
            Self::Registers { .. } => registers(after(body, 1)).map(Response::Registers),
            Self::Echo { bytes, .. } => echoes(bytes.starts_with(body)),
            Self::LongEcho { digest, .. } => echoes(Digest::EMPTY.with(body) == digest),
            Self::Nothing { sub_function } => echoes(body.starts_with(&sub_function.to_be_bytes())),
            Self::DiagnosticRegister { sub_function } => {
                repeats(body.starts_with(&sub_function.to_be_bytes())).map(|()| Response::Data(body))
            }
            Self::Encapsulated { mei_type } => repeats(body.first() == Some(&mei_type)).map(|()| Response::Data(body)),
            Self::FifoQueue => registers(after(body, 4)).map(Response::FifoQueue),
            Self::Files { digest, .. } => parse_files(after(body, 1), digest).map(|()| Response::Data(body)),
            Self::Objects { read_code, object_id } => {
                objects::check(body, read_code, object_id).map(|()| Response::Data(body))
            }
            Self::Fixed { .. } | Self::Counted { .. } | Self::Opaque { .. } => Ok(Response::Data(body)),
        }
    }
}

/// The byte count itself, and the bytes it must announce.
#[inline]
fn counted_exactly(body: &[u8], expected: usize) -> Result<usize, ResponseError> {
    let byte_count = usize::from(*body.first().ok_or(ResponseError::Length)?);
    if byte_count == expected { Ok(expected.saturating_add(1)) } else { Err(ResponseError::Mismatch) }
}

fn counted_between(body: &[u8], least: u8, most: u8) -> Result<usize, ResponseError> {
    let byte_count = *body.first().ok_or(ResponseError::Length)?;
    if (least..=most).contains(&byte_count) {
        return Ok(usize::from(byte_count).saturating_add(1));
    }
    Err(ResponseError::Value(byte_count.into()))
}

fn fifo_bytes(body: &[u8]) -> Result<usize, ResponseError> {
    let mut fields = Fields::of(body);
    let (byte_count, count) = (fields.take_u16()?, fields.take_u16()?);
    if count > FIFO_MOST {
        return Err(ResponseError::Value(count));
    }
    // The byte count covers the count's own two bytes.
    let registers_bytes = count.saturating_mul(2);
    if byte_count != registers_bytes.saturating_add(2) {
        return Err(ResponseError::Value(byte_count));
    }
    Ok(usize::from(registers_bytes).saturating_add(4))
}

/// Each group: its length, the reference type, its registers.
fn parse_files(groups: &[u8], expected: Digest) -> Result<(), ResponseError> {
    let mut fields = Fields::of(groups);
    let mut digest = Digest::EMPTY;
    while !fields.is_empty() {
        let (group_bytes, reference_type) = (fields.take_u8()?, fields.take_u8()?);
        fields.take_bytes(usize::from(group_bytes.saturating_sub(1)))?;
        digest = digest.with(&[group_bytes, reference_type]);
    }
    repeats(digest == expected)
}

#[inline]
fn registers(bytes: &[u8]) -> Result<Registers<'_>, ResponseError> {
    Registers::new(bytes).ok_or(ResponseError::Length)
}

#[inline]
fn echoes<'a>(does: bool) -> Result<Response<'a>, ResponseError> {
    repeats(does).map(|()| Response::Echo)
}

#[inline]
const fn repeats(does: bool) -> Result<(), ResponseError> {
    if does { Ok(()) } else { Err(ResponseError::Mismatch) }
}

#[inline]
fn after(body: &[u8], skipped: usize) -> &[u8] {
    body.get(skipped..).unwrap_or_default()
}
