//! Frames in what was heard on a serial line, where nothing but length, check and silence says where one ends.
//!
//! A frame ends where its function code says that it does, and its check must agree. Codes that say nothing about
//! their length end by silence. What stands before a frame is noise, and is known as such only in silence: a frame
//! that is under way may carry bytes that look like another.
//!
//! Kept true here, and tested:
//! * a frame inside another's data is never taken for one;
//! * what is heard gives the same frames however it is cut, as long as the silences are the same;
//! * no input panics.

use crate::function;
use crate::ids::UnitId;
use crate::response::Expectation;
use crate::rtu::{RtuAdu, parse_rtu_adu};

const EXCEPTION_BIT: u8 = 0x80;
/// Unit and check around a PDU.
const AROUND_PDU: usize = 3;

/// A frame, and how many bytes of noise stood before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtuFound<'a> {
    /// The frame.
    pub adu: RtuAdu<'a>,
    /// Bytes before it.
    pub skipped: usize,
}

/// Find a unit's reply in what was heard; `asked` is who was asked, and what must answer.
///
/// `None`: there is no whole frame. In silence that is final, and all that was heard is noise.
/// A frame that is there need not be the answer: another unit may have spoken.
#[must_use]
pub fn find_rtu_reply<'a>(
    heard: &'a [u8],
    asked: Option<(UnitId, &Expectation)>,
    is_silent: bool,
) -> Option<RtuFound<'a>> {
    let length = |start: &[u8]| reply_length(start, asked);
    let is_wanted = |adu: &RtuAdu<'_>| asked.is_some_and(|(unit_id, expected)| is_from(adu, unit_id, expected));
    find(heard, is_silent, length, is_wanted)
}

/// Find a client's request in what was heard. As [`find_rtu_reply`].
///
/// Behind noise only a request of a known length is one: in a long frame that was damaged, some end of it would
/// else have the right check by chance.
#[must_use]
pub fn find_rtu_request(heard: &[u8], is_silent: bool) -> Option<RtuFound<'_>> {
    find(heard, is_silent, request_length, |adu| request_pdu_bytes(adu.pdu) == Some(adu.pdu.len()))
}

/// Whether what was heard may be the beginning of a client's request, by its code and length.
#[must_use]
pub fn is_begun_rtu_request(heard: &[u8]) -> bool {
    let Some(code) = heard.get(1) else { return false };
    let says_length_later = matches!(
        *code,
        function::WRITE_COILS
            | function::WRITE_REGISTERS
            | function::READ_FILE_RECORD
            | function::WRITE_FILE_RECORD
            | function::READ_WRITE_REGISTERS
    );
    request_length(heard).map_or(says_length_later, |bytes| heard.len() < bytes)
}

/// Whether what was heard began as this unit's answer and is as long as one: then its check was wrong.
#[must_use]
pub fn is_broken_rtu_reply(heard: &[u8], unit_id: UnitId, expected: &Expectation) -> bool {
    let Some((unit, pdu)) = heard.split_first() else { return false };
    let bytes = expected.reply_bytes(pdu).map(|pdu_bytes| pdu_bytes.saturating_add(AROUND_PDU));
    *unit == unit_id.0 && bytes.is_some_and(|bytes| heard.len() >= bytes)
}

fn find<'a>(
    heard: &'a [u8],
    is_silent: bool,
    length: impl Fn(&[u8]) -> Option<usize>,
    is_wanted: impl Fn(&RtuAdu<'_>) -> bool,
) -> Option<RtuFound<'a>> {
    let first = length(heard).and_then(|bytes| heard.get(..bytes)).and_then(parse_rtu_adu);
    if let Some(adu) = first {
        return Some(RtuFound { adu, skipped: 0 });
    }
    if !is_silent {
        return None;
    }
    if let Some(adu) = parse_rtu_adu(heard) {
        return Some(RtuFound { adu, skipped: 0 });
    }
    // A frame in another's data is not the last thing heard: the other's check follows it.
    let suffix = |skipped: usize| Some(RtuFound { adu: parse_rtu_adu(heard.get(skipped..)?)?, skipped });
    (1..heard.len()).filter_map(suffix).find(|found| is_wanted(&found.adu))
}

fn is_from(adu: &RtuAdu<'_>, unit_id: UnitId, expected: &Expectation) -> bool {
    let code = adu.pdu.first().map(|code| code & !EXCEPTION_BIT);
    adu.unit_id == unit_id && code == Some(expected.function_code())
}

/// Bytes of the reply that starts here, if its first bytes can say.
fn reply_length(start: &[u8], asked: Option<(UnitId, &Expectation)>) -> Option<usize> {
    let (unit, pdu) = start.split_first()?;
    let is_asked = |(asked, _): &(UnitId, &Expectation)| asked.0 == *unit;
    let by_request = asked.filter(is_asked).and_then(|(_, expected)| expected.reply_bytes(pdu));
    by_request.or_else(|| reply_pdu_bytes(pdu)).map(|bytes| bytes.saturating_add(AROUND_PDU))
}

/// By the code alone, for units that were not asked, and those that say more or less than they were asked.
fn reply_pdu_bytes(pdu: &[u8]) -> Option<usize> {
    let code = *pdu.first()?;
    if code & EXCEPTION_BIT != 0 {
        return Some(2);
    }
    match code {
        function::READ_COILS..=function::READ_INPUT_REGISTERS
        | function::COMM_EVENT_LOG
        | function::REPORT_SERVER_ID
        | function::READ_FILE_RECORD
        | function::WRITE_FILE_RECORD
        | function::READ_WRITE_REGISTERS => counted(pdu, 1),
        function::WRITE_SINGLE_COIL
        | function::WRITE_SINGLE_REGISTER
        | function::COMM_EVENT_COUNTER
        | function::WRITE_COILS
        | function::WRITE_REGISTERS => Some(5),
        function::READ_EXCEPTION_STATUS => Some(2),
        function::MASK_WRITE_REGISTER => Some(7),
        function::READ_FIFO_QUEUE => {
            let count = pdu.get(1..3)?.first_chunk::<2>()?;
            Some(usize::from(u16::from_be_bytes(*count)).saturating_add(3))
        }
        _ => None,
    }
}

/// Bytes of the request that starts here, if its first bytes can say.
fn request_length(start: &[u8]) -> Option<usize> {
    let (_, pdu) = start.split_first()?;
    request_pdu_bytes(pdu).map(|bytes| bytes.saturating_add(AROUND_PDU))
}

fn request_pdu_bytes(pdu: &[u8]) -> Option<usize> {
    Some(match *pdu.first()? {
        function::READ_COILS..=function::WRITE_SINGLE_REGISTER | function::DIAGNOSTICS => 5,
        function::READ_EXCEPTION_STATUS
        | function::COMM_EVENT_COUNTER
        | function::COMM_EVENT_LOG
        | function::REPORT_SERVER_ID => 1,
        function::WRITE_COILS | function::WRITE_REGISTERS => counted(pdu, 5)?,
        function::READ_FILE_RECORD | function::WRITE_FILE_RECORD => counted(pdu, 1)?,
        function::MASK_WRITE_REGISTER => 7,
        function::READ_WRITE_REGISTERS => counted(pdu, 9)?,
        function::READ_FIFO_QUEUE => 3,
        function::ENCAPSULATED if pdu.get(1) == Some(&function::MEI_DEVICE_IDENTIFICATION) => 4,
        _ => return None,
    })
}

/// All up to a byte count at `at`, and the bytes it announces.
fn counted(pdu: &[u8], at: usize) -> Option<usize> {
    pdu.get(at).map(|count| usize::from(*count).saturating_add(at).saturating_add(1))
}
