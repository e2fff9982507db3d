//! Requests: what a client asks, as the standard's grammar says it.

mod error;
mod parse;
mod questions;

pub use error::RequestError;
pub use parse::parse_request;

use crate::file_records::{FileRecordReads, FileRecordWrites};
use crate::ids::FunctionCode;
use crate::span::{AddressRange, Table};
use crate::values::{Bits, Registers};

/// One request, its data read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// 0x01, 0x02.
    ReadBits {
        /// Coils or discrete inputs.
        table: Table,
        /// Which.
        range: AddressRange,
    },
    /// 0x03, 0x04.
    ReadRegisters {
        /// Holding or input registers.
        table: Table,
        /// Which.
        range: AddressRange,
    },
    /// 0x05.
    WriteSingleCoil {
        /// Which.
        address: u16,
        /// 0xFF00 on the wire.
        on: bool,
    },
    /// 0x06.
    WriteSingleRegister {
        /// Which.
        address: u16,
        /// Its new value.
        value: u16,
    },
    /// 0x07.
    ReadExceptionStatus,
    /// 0x08.
    Diagnostics {
        /// What to do; reserved ones are carried as they came.
        sub_function: u16,
        /// Checked for public sub-functions only.
        data: &'a [u8],
    },
    /// 0x0B.
    CommEventCounter,
    /// 0x0C.
    CommEventLog,
    /// 0x0F.
    WriteCoils {
        /// Which.
        range: AddressRange,
        /// Their new values.
        bits: Bits<'a>,
    },
    /// 0x10.
    WriteRegisters {
        /// Which.
        range: AddressRange,
        /// Their new values.
        registers: Registers<'a>,
    },
    /// 0x11.
    ReportServerId,
    /// 0x14.
    ReadFileRecord(FileRecordReads<'a>),
    /// 0x15.
    WriteFileRecord(FileRecordWrites<'a>),
    /// 0x16: the new value is (current AND `and_mask`) OR (`or_mask` AND NOT `and_mask`).
    MaskWriteRegister {
        /// Which.
        address: u16,
        /// Bits to keep.
        and_mask: u16,
        /// Bits to set among the others.
        or_mask: u16,
    },
    /// 0x17: writes first, then reads.
    ReadWriteRegisters {
        /// Holding registers to read.
        read: AddressRange,
        /// Holding registers to write.
        write: AddressRange,
        /// Their new values.
        registers: Registers<'a>,
    },
    /// 0x18.
    ReadFifoQueue {
        /// The register that holds the queue's count.
        address: u16,
    },
    /// 0x2B, MEI type 0x0D: what CANopen makes of it is not looked at.
    CanOpen {
        /// What follows the MEI type.
        data: &'a [u8],
    },
    /// 0x2B, MEI type 0x0E.
    ReadDeviceIdentification {
        /// 1 basic, 2 regular, 3 extended, 4 one object.
        read_code: u8,
        /// The first object, or the one.
        object_id: u8,
    },
    /// 0x5A.
    Umas {
        /// Names a reservation of the controller.
        session_key: u8,
        /// What to do.
        function: u8,
        /// Its arguments, not looked at.
        data: &'a [u8],
    },
    /// A code without a public grammar, carried as it came.
    Opaque {
        /// The code.
        function_code: FunctionCode,
        /// What follows it.
        data: &'a [u8],
    },
}
