//! UMAS, the engineering protocol inside function code 0x5A: which of its functions read, write, control or program.
//!
//! No public specification exists; the table follows published dissections.

use crate::sets::FunctionSet;

/// What a UMAS function amounts to.
///
/// One that is not known counts as `umas.program`: whoever may replace a controller's program can
/// already bring about all that a controller can do, so no permit grants more than it names.
#[inline]
pub(crate) const fn set_of(function: u8) -> FunctionSet {
    match function {
        // INIT_COMM, READ_ID, READ_PROJECT_INFO, READ_PLC_INFO, READ_CARD_INFO
        0x01..=0x04 | 0x06 => FunctionSet::UmasRead,
        // READ_MEMORY_BLOCK, READ_VARIABLES, READ_COILS_REGISTERS, READ_ETH_MASTER_DATA
        0x20 | 0x22 | 0x24 | 0x39 => FunctionSet::UmasRead,
        // MONITOR_PLC, CHECK_PLC, READ_IO_OBJECT, GET_STATUS_MODULE
        0x50 | 0x58 | 0x70 | 0x73 => FunctionSet::UmasRead,
        // WRITE_VARIABLES, WRITE_COILS_REGISTERS, WRITE_IO_OBJECT
        0x23 | 0x25 | 0x71 => FunctionSet::UmasWrite,
        // REPEAT counts as control: what it repeats may be a command.
        // TAKE_PLC_RESERVATION, RELEASE_PLC_RESERVATION, KEEP_ALIVE (of a reservation)
        0x0A | 0x10..=0x12 => FunctionSet::UmasControl,
        // START_PLC, STOP_PLC
        0x40 | 0x41 => FunctionSet::UmasControl,
        // 0x30..=0x32 to the controller, 0x33..=0x35 from it; and all that is not known.
        _ => FunctionSet::UmasProgram,
    }
}
