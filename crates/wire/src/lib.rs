//! Modbus on the wire: frames, requests and replies, as bytes in and facts out. No sockets, no clock, no policy.
//!
//! Kept true here, and tested:
//! * no input panics, and parsing allocates nothing;
//! * what the standard does not describe is carried as it came and never guessed;
//! * a request is refused in the standard's order: function, then structure and quantity, then address.

mod anomaly;
pub mod build;
mod fields;
mod file_records;
mod function;
mod ids;
mod mbap;
mod request;
mod response;
mod rtu;
mod rtu_scan;
mod selector;
mod sets;
mod span;
mod umas;
mod values;

pub use anomaly::Anomaly;
pub use file_records::{FileRecord, FileRecordReads, FileRecordWrites};
pub use ids::{ExceptionCode, FunctionCode, TransactionId, UnitId};
pub use mbap::{Adu, FrameError, PduLimit, append_adu, parse_adu, parse_reply_adu};
pub use request::{Request, RequestError, parse_request};
pub use response::{Expectation, ReplyTolerance, Response, ResponseError, parse_response};
pub use rtu::{RTU_ADU_BYTES, RtuAdu, append_rtu_adu, crc16, parse_rtu_adu};
pub use rtu_scan::{RtuFound, find_rtu_reply, find_rtu_request, is_begun_rtu_request, is_broken_rtu_reply};
pub use selector::{FunctionPart, FunctionSelector, UnknownFunction};
pub use sets::FunctionSet;
pub use span::{AddressRange, Span, Table, UnknownTable};
pub use values::{Bits, Registers, Values};
