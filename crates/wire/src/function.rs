//! Function codes by name, and how much each may carry (V1.1b3 §6).

pub(crate) const READ_COILS: u8 = 0x01;
pub(crate) const READ_DISCRETE_INPUTS: u8 = 0x02;
pub(crate) const READ_HOLDING_REGISTERS: u8 = 0x03;
pub(crate) const READ_INPUT_REGISTERS: u8 = 0x04;
pub(crate) const WRITE_SINGLE_COIL: u8 = 0x05;
pub(crate) const WRITE_SINGLE_REGISTER: u8 = 0x06;
pub(crate) const READ_EXCEPTION_STATUS: u8 = 0x07;
pub(crate) const DIAGNOSTICS: u8 = 0x08;
pub(crate) const COMM_EVENT_COUNTER: u8 = 0x0B;
pub(crate) const COMM_EVENT_LOG: u8 = 0x0C;
pub(crate) const WRITE_COILS: u8 = 0x0F;
pub(crate) const WRITE_REGISTERS: u8 = 0x10;
pub(crate) const REPORT_SERVER_ID: u8 = 0x11;
pub(crate) const READ_FILE_RECORD: u8 = 0x14;
pub(crate) const WRITE_FILE_RECORD: u8 = 0x15;
pub(crate) const MASK_WRITE_REGISTER: u8 = 0x16;
pub(crate) const READ_WRITE_REGISTERS: u8 = 0x17;
pub(crate) const READ_FIFO_QUEUE: u8 = 0x18;
pub(crate) const ENCAPSULATED: u8 = 0x2B;
pub(crate) const UMAS: u8 = 0x5A;

/// MEI types of code 0x2B.
pub(crate) const MEI_CAN_OPEN: u8 = 0x0D;
pub(crate) const MEI_DEVICE_IDENTIFICATION: u8 = 0x0E;

/// Sub-functions of code 0x08.
pub(crate) const RETURN_QUERY_DATA: u16 = 0;
pub(crate) const RESTART_COMMUNICATIONS: u16 = 1;
pub(crate) const CHANGE_ASCII_DELIMITER: u16 = 3;
pub(crate) const FORCE_LISTEN_ONLY: u16 = 4;

/// What one request may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) read_bits: u16,
    pub(crate) read_registers: u16,
    pub(crate) write_bits: u16,
    pub(crate) write_registers: u16,
    /// Written along with a read (0x17), whose header is longer.
    pub(crate) exchange_registers: u16,
}

// === impl Most ===

impl Most {
    pub(crate) const STANDARD: Self =
        Self { read_bits: 2000, read_registers: 125, write_bits: 1968, write_registers: 123, exchange_registers: 121 };

    /// What a byte count of 255 can announce; beyond that no reply could say how long it is.
    pub(crate) const TOLERATED: Self =
        Self { read_bits: 2040, read_registers: 127, write_bits: 2040, write_registers: 127, exchange_registers: 127 };
}

/// Whether replies to it consist of values behind a byte count.
#[inline]
pub(crate) const fn reads_values(code: u8) -> bool {
    matches!(code, READ_COILS..=READ_INPUT_REGISTERS | READ_WRITE_REGISTERS)
}

/// Whether the sub-function of 0x08 is one of V1.1b3 §6.8.1.
#[inline]
pub(crate) const fn is_public_diagnostic(sub_function: u16) -> bool {
    matches!(sub_function, 0..=4 | 10..=18 | 20)
}

/// Whether the sub-function of 0x08 returns a register or counter and changes nothing.
#[inline]
pub(crate) const fn is_diagnostic_register(sub_function: u16) -> bool {
    matches!(sub_function, 2 | 11..=18)
}
