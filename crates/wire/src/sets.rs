//! Function sets: the words a rule uses for what a request does. Each function is in exactly one; 0x17 is in two.

use crate::function::{self, is_diagnostic_register};
use crate::ids::FunctionCode;
use crate::umas;

/// What a function does, as finely as rules tell it apart. `name` is dotted; a prefix of it names all below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FunctionSet {
    /// Values of the four tables, and FIFO queues.
    Read,
    /// Values of coils and holding registers.
    Write,
    /// File records, read.
    FilesRead,
    /// File records, written.
    FilesWrite,
    /// Report Server ID.
    IdentifyServerId,
    /// Read Device Identification.
    IdentifyDevice,
    /// Status, counters and event log.
    DiagnosticsRead,
    /// Return Query Data.
    DiagnosticsEcho,
    /// Restart Communications Option.
    DiagnosticsRestart,
    /// Change ASCII Input Delimiter.
    DiagnosticsDelimiter,
    /// Force Listen Only Mode.
    DiagnosticsListenOnly,
    /// Clear counters, registers, flags.
    DiagnosticsClear,
    /// Sub-functions the standard reserves.
    DiagnosticsReserved,
    /// CANopen General Reference.
    CanOpen,
    /// UMAS that reads.
    UmasRead,
    /// UMAS that writes values.
    UmasWrite,
    /// UMAS that reserves, starts or stops a controller.
    UmasControl,
    /// UMAS that moves programs, and all UMAS not known.
    UmasProgram,
    /// Program and poll codes of old controllers.
    LegacyProgram,
    /// Reset Comm Link of old controllers.
    LegacyControl,
    /// Firmware replacement.
    Firmware,
    /// Several functions in one request.
    ReservedMultiple,
    /// MEI types the standard reserves.
    ReservedEncapsulated,
    /// Other codes the standard reserves.
    ReservedOther,
    /// Codes the standard leaves to users: 65–72 and 100–110.
    UserDefined,
    /// Codes the standard says nothing about.
    Unassigned,
}

// === impl FunctionSet ===

impl FunctionSet {
    /// Every set.
    pub const ALL: [Self; 26] = [
        Self::Read,
        Self::Write,
        Self::FilesRead,
        Self::FilesWrite,
        Self::IdentifyServerId,
        Self::IdentifyDevice,
        Self::DiagnosticsRead,
        Self::DiagnosticsEcho,
        Self::DiagnosticsRestart,
        Self::DiagnosticsDelimiter,
        Self::DiagnosticsListenOnly,
        Self::DiagnosticsClear,
        Self::DiagnosticsReserved,
        Self::CanOpen,
        Self::UmasRead,
        Self::UmasWrite,
        Self::UmasControl,
        Self::UmasProgram,
        Self::LegacyProgram,
        Self::LegacyControl,
        Self::Firmware,
        Self::ReservedMultiple,
        Self::ReservedEncapsulated,
        Self::ReservedOther,
        Self::UserDefined,
        Self::Unassigned,
    ];

    /// Its word in rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::FilesRead => "files.read",
            Self::FilesWrite => "files.write",
            Self::IdentifyServerId => "identify.server_id",
            Self::IdentifyDevice => "identify.device",
            Self::DiagnosticsRead => "diagnostics.read",
            Self::DiagnosticsEcho => "diagnostics.echo",
            Self::DiagnosticsRestart => "diagnostics.restart",
            Self::DiagnosticsDelimiter => "diagnostics.delimiter",
            Self::DiagnosticsListenOnly => "diagnostics.listen_only",
            Self::DiagnosticsClear => "diagnostics.clear",
            Self::DiagnosticsReserved => "diagnostics.reserved",
            Self::CanOpen => "canopen",
            Self::UmasRead => "umas.read",
            Self::UmasWrite => "umas.write",
            Self::UmasControl => "umas.control",
            Self::UmasProgram => "umas.program",
            Self::LegacyProgram => "legacy.program",
            Self::LegacyControl => "legacy.control",
            Self::Firmware => "firmware",
            Self::ReservedMultiple => "reserved.multiple",
            Self::ReservedEncapsulated => "reserved.encapsulated",
            Self::ReservedOther => "reserved.other",
            Self::UserDefined => "user_defined",
            Self::Unassigned => "unassigned",
        }
    }

    /// The set of a function, and for 0x17 its second: it reads and it writes.
    #[inline]
    pub(crate) const fn of(code: FunctionCode, sub_function: Option<u16>) -> (Self, Option<Self>) {
        match code.get() {
            function::READ_COILS..=function::READ_INPUT_REGISTERS | function::READ_FIFO_QUEUE => (Self::Read, None),
            function::WRITE_SINGLE_COIL | function::WRITE_SINGLE_REGISTER => (Self::Write, None),
            function::WRITE_COILS | function::WRITE_REGISTERS | function::MASK_WRITE_REGISTER => (Self::Write, None),
            function::READ_WRITE_REGISTERS => (Self::Read, Some(Self::Write)),
            code => (Self::of_other(code, sub_function), None),
        }
    }

    const fn of_other(code: u8, sub_function: Option<u16>) -> Self {
        match code {
            function::READ_EXCEPTION_STATUS | function::COMM_EVENT_COUNTER | function::COMM_EVENT_LOG => {
                Self::DiagnosticsRead
            }
            function::DIAGNOSTICS => Self::of_diagnostic(sub_function),
            function::REPORT_SERVER_ID => Self::IdentifyServerId,
            function::READ_FILE_RECORD => Self::FilesRead,
            function::WRITE_FILE_RECORD => Self::FilesWrite,
            function::ENCAPSULATED => Self::of_encapsulated(sub_function),
            function::UMAS => Self::of_umas(sub_function),
            code => Self::of_opaque(code),
        }
    }

    const fn of_diagnostic(sub_function: Option<u16>) -> Self {
        match sub_function {
            Some(function::RETURN_QUERY_DATA) => Self::DiagnosticsEcho,
            Some(function::RESTART_COMMUNICATIONS) => Self::DiagnosticsRestart,
            Some(function::CHANGE_ASCII_DELIMITER) => Self::DiagnosticsDelimiter,
            Some(function::FORCE_LISTEN_ONLY) => Self::DiagnosticsListenOnly,
            Some(10 | 20) => Self::DiagnosticsClear,
            Some(sub_function) if is_diagnostic_register(sub_function) => Self::DiagnosticsRead,
            _ => Self::DiagnosticsReserved,
        }
    }

    const fn of_encapsulated(mei_type: Option<u16>) -> Self {
        match mei_type {
            Some(0x0D) => Self::CanOpen,
            Some(0x0E) => Self::IdentifyDevice,
            _ => Self::ReservedEncapsulated,
        }
    }

    const fn of_umas(function: Option<u16>) -> Self {
        match function {
            Some(function) => {
                let [high, low] = function.to_be_bytes();
                if high == 0 { umas::set_of(low) } else { Self::UmasProgram }
            }
            None => Self::UmasProgram,
        }
    }

    const fn of_opaque(code: u8) -> Self {
        match code {
            // Program and poll 484, 584/984, 884/U84, Concept.
            9 | 10 | 13 | 14 | 18 | 40 | 126 => Self::LegacyProgram,
            19 => Self::LegacyControl,
            41 => Self::ReservedMultiple,
            42 | 91 | 127 => Self::ReservedOther,
            125 => Self::Firmware,
            65..=72 | 100..=110 => Self::UserDefined,
            _ => Self::Unassigned,
        }
    }

    /// Its bit in a selector's mask.
    #[inline]
    pub(crate) const fn bit(self) -> u32 {
        // Discriminants count from 0, and there are fewer than 32.
        1 << self as u32
    }

    /// Whether `word` is its name or a dotted prefix of it.
    pub(crate) fn is_under(self, word: &str) -> bool {
        self.name().strip_prefix(word).is_some_and(|below| below.is_empty() || below.starts_with('.'))
    }
}
