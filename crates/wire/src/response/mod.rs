//! Replies: what a server answers, held against what it was asked.

mod digest;
mod error;
mod expectation;
mod objects;
mod parse;

pub use error::ResponseError;
pub use expectation::Expectation;
pub use parse::parse_response;

use crate::ids::ExceptionCode;
use crate::values::{Bits, Registers, Values};

/// Which liberties a server is granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyTolerance {
    /// Bytes may follow a complete reply; they are left out.
    pub trailing_bytes: bool,
    /// Replies that carry values may be longer than 253 bytes, up to what their byte count can say.
    pub over_quantity: bool,
}

/// A reply that answers its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// The server did not do it.
    Exception(ExceptionCode),
    /// Coils or discrete inputs.
    Bits(Bits<'a>),
    /// Registers.
    Registers(Registers<'a>),
    /// The registers of a FIFO queue, without its count.
    FifoQueue(Registers<'a>),
    /// The server did it: the reply repeats the request.
    Echo,
    /// Anything else, without the function code.
    Data(&'a [u8]),
}

// === impl Response ===

impl<'a> Response<'a> {
    /// The values of the addresses that were read; a queue's are not at fixed addresses.
    #[inline]
    #[must_use]
    pub fn values(&self) -> Option<Values<'a>> {
        match self {
            Self::Bits(bits) => Some(bits.values()),
            Self::Registers(registers) => Some(registers.values()),
            _ => None,
        }
    }
}
