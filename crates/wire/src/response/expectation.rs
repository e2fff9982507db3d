//! What a reply must look like, told from its request and small enough to keep by the thousand.

use super::digest::Digest;
use crate::file_records::{FileRecordReads, FileRecordWrites, REFERENCE_TYPE};
use crate::function::{self, is_diagnostic_register};
use crate::request::Request;

/// What a reply to one request must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub(super) function_code: u8,
    pub(super) body: Body,
}

/// What must follow the function code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// A byte count and that many bits.
    Bits { quantity: u16 },
    /// A byte count and that many registers.
    Registers { quantity: u16 },
    /// The first bytes of the request.
    Echo { bytes: [u8; 6], length: u8 },
    /// All of the request.
    LongEcho { length: u16, digest: Digest },
    /// The sub-function and one register.
    DiagnosticRegister { sub_function: u16 },
    /// So many bytes.
    Fixed { length: u16 },
    /// A byte count between two bounds and that many bytes.
    Counted { least: u8, most: u8 },
    /// A byte count of two bytes, a count of registers, the registers.
    FifoQueue,
    /// A byte count and groups of the lengths asked for.
    Files { length: u16, digest: Digest },
    /// Device identification objects.
    Objects { read_code: u8, object_id: u8 },
    /// The MEI type and whatever it carries.
    Encapsulated { mei_type: u8 },
    /// At least so many bytes.
    Opaque { least: u8 },
    /// None: the server falls silent.
    Nothing { sub_function: u16 },
}

// === impl Expectation ===

impl Expectation {
    /// What must answer this request.
    #[inline]
    #[must_use]
    pub fn of(request: &Request<'_>) -> Self {
        Self { function_code: request.function_code().get(), body: Body::of(request) }
    }

    /// The function asked for.
    #[must_use]
    pub(crate) const fn function_code(&self) -> u8 {
        self.function_code
    }

    /// Whether there is a reply at all: a server forced to listen only gives none.
    #[inline]
    #[must_use]
    pub const fn expects_reply(&self) -> bool {
        !matches!(self.body, Body::Nothing { .. })
    }
}

// === impl Body ===

impl Body {
    #[inline]
    fn of(request: &Request<'_>) -> Self {
        match *request {
            Request::ReadBits { range, .. } => Self::Bits { quantity: range.quantity() },
            Request::ReadRegisters { range, .. } | Request::ReadWriteRegisters { read: range, .. } => {
                Self::Registers { quantity: range.quantity() }
            }
            Request::WriteSingleCoil { address, on } => Self::echo(&[address, if on { 0xFF00 } else { 0 }]),
            Request::WriteSingleRegister { address, value } => Self::echo(&[address, value]),
            Request::WriteCoils { range, .. } | Request::WriteRegisters { range, .. } => {
                Self::echo(&[range.first(), range.quantity()])
            }
            Request::MaskWriteRegister { address, and_mask, or_mask } => Self::echo(&[address, and_mask, or_mask]),
            _ => Self::of_other(request),
        }
    }

    fn of_other(request: &Request<'_>) -> Self {
        match *request {
            Request::ReadExceptionStatus => Self::Fixed { length: 1 },
            Request::CommEventCounter => Self::Fixed { length: 4 },
            // Status, event count and message count, then up to 64 events.
            Request::CommEventLog => Self::Counted { least: 6, most: 70 },
            Request::ReportServerId => Self::Counted { least: 1, most: 251 },
            Request::Diagnostics { sub_function, data } => Self::of_diagnostic(sub_function, data),
            Request::ReadFileRecord(reads) => Self::of_file_reads(reads),
            Request::WriteFileRecord(writes) => Self::of_file_writes(writes),
            Request::ReadFifoQueue { .. } => Self::FifoQueue,
            Request::ReadDeviceIdentification { read_code, object_id } => Self::Objects { read_code, object_id },
            Request::CanOpen { .. } => Self::Encapsulated { mei_type: function::MEI_CAN_OPEN },
            // The pairing key and the word for how it went.
            Request::Umas { .. } => Self::Opaque { least: 2 },
            Request::Opaque { function_code, data } => match data.first() {
                Some(&mei_type) if function_code.get() == function::ENCAPSULATED => Self::Encapsulated { mei_type },
                _ => Self::Opaque { least: 0 },
            },
            // The shapes above, matched by `of`.
            _ => Self::Opaque { least: 0 },
        }
    }

    fn of_diagnostic(sub_function: u16, data: &[u8]) -> Self {
        if sub_function == function::FORCE_LISTEN_ONLY {
            return Self::Nothing { sub_function };
        }
        if is_diagnostic_register(sub_function) {
            return Self::DiagnosticRegister { sub_function };
        }
        if !function::is_public_diagnostic(sub_function) {
            return Self::Opaque { least: 0 };
        }
        let digest = Digest::EMPTY.with(&sub_function.to_be_bytes()).with(data);
        Self::LongEcho { length: to_u16(data.len().saturating_add(2)), digest }
    }

    fn of_file_reads(reads: FileRecordReads<'_>) -> Self {
        let mut length = 0_u16;
        let mut digest = Digest::EMPTY;
        for record in reads.records() {
            let group_bytes = record.record_length.saturating_mul(2).saturating_add(1);
            length = length.saturating_add(group_bytes).saturating_add(1);
            // A parsed request fits its reply into 251 bytes, so this fits one.
            digest = digest.with(&[u8::try_from(group_bytes).unwrap_or(u8::MAX), REFERENCE_TYPE]);
        }
        Self::Files { length, digest }
    }

    fn of_file_writes(writes: FileRecordWrites<'_>) -> Self {
        let groups = writes.0;
        let byte_count = u8::try_from(groups.len()).unwrap_or(u8::MAX);
        let digest = Digest::EMPTY.with(&[byte_count]).with(groups);
        Self::LongEcho { length: to_u16(groups.len().saturating_add(1)), digest }
    }

    #[inline]
    fn echo(words: &[u16]) -> Self {
        let mut bytes = [0; 6];
        let (pairs, _) = bytes.as_chunks_mut::<2>();
        for (pair, word) in pairs.iter_mut().zip(words) {
            *pair = word.to_be_bytes();
        }
        Self::Echo { bytes, length: if words.len() == 3 { 6 } else { 4 } }
    }
}

fn to_u16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
