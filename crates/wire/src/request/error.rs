//! Why bytes are no request, and which exception says so.

use crate::anomaly::Anomaly;
use crate::fields::WrongLength;
use crate::ids::ExceptionCode;

/// What is wrong with a request, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// 0 is not valid, and from 128 up codes are exceptions.
    FunctionCode(u8),
    /// Bytes are missing or left over.
    Length,
    /// None, or more than one request may ask for.
    Quantity(u16),
    /// The byte count does not fit the quantity.
    ByteCount(u8),
    /// A field with a closed list of values has another.
    Value(u16),
    /// The last address would be beyond 65535.
    Address {
        /// The first.
        address: u16,
        /// How many.
        quantity: u16,
    },
    /// No such file record can exist, or no reply could hold it.
    FileRecord,
}

// === impl RequestError ===

impl RequestError {
    /// The exception that answers it: 01, then 03, then 02 (V1.1b3, the diagrams of §6).
    #[must_use]
    pub const fn exception_code(self) -> ExceptionCode {
        match self {
            Self::FunctionCode(_) => ExceptionCode::ILLEGAL_FUNCTION,
            Self::Length | Self::Quantity(_) | Self::ByteCount(_) | Self::Value(_) => ExceptionCode::ILLEGAL_DATA_VALUE,
            Self::Address { .. } | Self::FileRecord => ExceptionCode::ILLEGAL_DATA_ADDRESS,
        }
    }

    /// The word for it in records.
    #[must_use]
    pub const fn anomaly(self) -> Anomaly {
        match self {
            Self::FunctionCode(_) => Anomaly::InvalidFunctionCode,
            Self::Length => Anomaly::InvalidLength,
            _ => Anomaly::InvalidValue,
        }
    }
}

impl From<WrongLength> for RequestError {
    #[inline]
    fn from(_: WrongLength) -> Self {
        Self::Length
    }
}
