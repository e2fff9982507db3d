//! Why bytes are no reply to a request.

use crate::anomaly::Anomaly;
use crate::fields::WrongLength;

/// What is wrong with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// Neither the code asked for nor its exception.
    FunctionCode(u8),
    /// Bytes are missing or left over.
    Length,
    /// It answers another request: echo, byte count or sub-function differ.
    Mismatch,
    /// The standard lists no such exception.
    ExceptionCode(u8),
    /// A field outside what the standard allows.
    Value(u16),
}

// === impl ResponseError ===

impl ResponseError {
    /// The word for it in records.
    #[must_use]
    pub const fn anomaly(self) -> Anomaly {
        match self {
            Self::FunctionCode(_) => Anomaly::InvalidFunctionCode,
            Self::Length => Anomaly::InvalidLength,
            Self::Mismatch => Anomaly::ValueMismatch,
            Self::ExceptionCode(_) => Anomaly::InvalidExceptionCode,
            Self::Value(_) => Anomaly::InvalidValue,
        }
    }
}

impl From<WrongLength> for ResponseError {
    #[inline]
    fn from(_: WrongLength) -> Self {
        Self::Length
    }
}
