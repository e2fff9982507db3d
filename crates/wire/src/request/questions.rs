//! What policies and records ask about a request.

use super::Request;
use crate::function::{self, is_diagnostic_register};
use crate::ids::FunctionCode;
use crate::selector::FunctionPart;
use crate::sets::FunctionSet;
use crate::span::{AddressRange, Span, Table};
use crate::values::Values;

/// V1.1b3 §6.18: the count register, then up to 31 of the queue.
const FIFO_REGISTERS: u16 = 32;

// === impl Request ===

impl<'a> Request<'a> {
    /// Its code.
    #[inline]
    #[must_use]
    pub const fn function_code(&self) -> FunctionCode {
        match self {
            Self::ReadBits { table: Table::Coil, .. } => FunctionCode::known(function::READ_COILS),
            Self::ReadBits { .. } => FunctionCode::known(function::READ_DISCRETE_INPUTS),
            Self::ReadRegisters { table: Table::InputRegister, .. } => {
                FunctionCode::known(function::READ_INPUT_REGISTERS)
            }
            Self::ReadRegisters { .. } => FunctionCode::known(function::READ_HOLDING_REGISTERS),
            Self::WriteSingleCoil { .. } => FunctionCode::known(function::WRITE_SINGLE_COIL),
            Self::WriteSingleRegister { .. } => FunctionCode::known(function::WRITE_SINGLE_REGISTER),
            Self::ReadExceptionStatus => FunctionCode::known(function::READ_EXCEPTION_STATUS),
            Self::Diagnostics { .. } => FunctionCode::known(function::DIAGNOSTICS),
            Self::CommEventCounter => FunctionCode::known(function::COMM_EVENT_COUNTER),
            Self::CommEventLog => FunctionCode::known(function::COMM_EVENT_LOG),
            Self::WriteCoils { .. } => FunctionCode::known(function::WRITE_COILS),
            Self::WriteRegisters { .. } => FunctionCode::known(function::WRITE_REGISTERS),
            Self::ReportServerId => FunctionCode::known(function::REPORT_SERVER_ID),
            Self::ReadFileRecord(_) => FunctionCode::known(function::READ_FILE_RECORD),
            Self::WriteFileRecord(_) => FunctionCode::known(function::WRITE_FILE_RECORD),
            Self::MaskWriteRegister { .. } => FunctionCode::known(function::MASK_WRITE_REGISTER),
            Self::ReadWriteRegisters { .. } => FunctionCode::known(function::READ_WRITE_REGISTERS),
            Self::ReadFifoQueue { .. } => FunctionCode::known(function::READ_FIFO_QUEUE),
            Self::CanOpen { .. } | Self::ReadDeviceIdentification { .. } => FunctionCode::known(function::ENCAPSULATED),
            Self::Umas { .. } => FunctionCode::known(function::UMAS),
            Self::Opaque { function_code, .. } => *function_code,
        }
    }

    /// Of 0x08, its sub-function; of 0x2B, its MEI type; of 0x5A, its UMAS function.
    #[inline]
    #[must_use]
    pub fn sub_function(&self) -> Option<u16> {
        match self {
            Self::Diagnostics { sub_function, .. } => Some(*sub_function),
            Self::CanOpen { .. } => Some(function::MEI_CAN_OPEN.into()),
            Self::ReadDeviceIdentification { .. } => Some(function::MEI_DEVICE_IDENTIFICATION.into()),
            Self::Umas { function, .. } => Some((*function).into()),
            Self::Opaque { function_code, data } if function_code.get() == function::ENCAPSULATED => {
                data.first().map(|mei_type| u16::from(*mei_type))
            }
            _ => None,
        }
    }

    /// The sets it is in: 0x17 in two, every other code in one.
    #[inline]
    pub fn functions(&self) -> impl Iterator<Item = FunctionSet> + use<> {
        let (first, second) = FunctionSet::of(self.function_code(), self.sub_function());
        core::iter::once(first).chain(second)
    }

    /// What it does, as selectors compare it: 0x17 in two parts, every other code in one.
    #[inline]
    pub fn parts(&self) -> impl Iterator<Item = FunctionPart> + use<> {
        let (function_code, sub_function) = (self.function_code(), self.sub_function());
        self.functions().map(move |set| FunctionPart { function_code, sub_function, set })
    }

    /// Whether it could change the server's state. What is not known to be harmless could.
    #[inline]
    #[must_use]
    pub const fn can_change_state(&self) -> bool {
        match self {
            Self::ReadBits { .. } | Self::ReadRegisters { .. } | Self::ReadFifoQueue { .. } => false,
            Self::ReadExceptionStatus | Self::CommEventCounter | Self::CommEventLog => false,
            Self::ReportServerId | Self::ReadDeviceIdentification { .. } | Self::ReadFileRecord(_) => false,
            Self::Diagnostics { sub_function, .. } => {
                *sub_function != function::RETURN_QUERY_DATA && !is_diagnostic_register(*sub_function)
            }
            _ => true,
        }
    }

    /// The addresses it reads. A FIFO queue counts as all registers it can fill.
    #[inline]
    #[must_use]
    pub fn reads(&self) -> Option<Span> {
        match self {
            Self::ReadBits { table, range } | Self::ReadRegisters { table, range } => Some(Span::new(*table, *range)),
            Self::ReadWriteRegisters { read, .. } => Some(Span::new(Table::HoldingRegister, *read)),
            Self::ReadFifoQueue { address } => Some(fifo_span(*address)),
            _ => None,
        }
    }

    /// The addresses it writes.
    #[inline]
    #[must_use]
    pub const fn writes(&self) -> Option<Span> {
        let (table, range) = match self {
            Self::WriteSingleCoil { address, .. } => (Table::Coil, AddressRange::one(*address)),
            Self::WriteCoils { range, .. } => (Table::Coil, *range),
            Self::WriteSingleRegister { address, .. } | Self::MaskWriteRegister { address, .. } => {
                (Table::HoldingRegister, AddressRange::one(*address))
            }
            Self::WriteRegisters { range, .. } | Self::ReadWriteRegisters { write: range, .. } => {
                (Table::HoldingRegister, *range)
            }
            _ => return None,
        };
        Some(Span::new(table, range))
    }

    /// The values it writes: coils as 0 and 1, of 0x16 the AND mask and the OR mask.
    #[inline]
    #[must_use]
    pub fn written_values(&self) -> Values<'a> {
        match self {
            Self::WriteSingleCoil { on, .. } => Values::one(u16::from(*on)),
            Self::WriteSingleRegister { value, .. } => Values::one(*value),
            Self::MaskWriteRegister { and_mask, or_mask, .. } => Values::two(*and_mask, *or_mask),
            Self::WriteCoils { bits, .. } => bits.values(),
            Self::WriteRegisters { registers, .. } | Self::ReadWriteRegisters { registers, .. } => registers.values(),
            _ => Values::NONE,
        }
    }
}

fn fifo_span(address: u16) -> Span {
    let to_end = u16::MAX.saturating_sub(address).saturating_add(1);
    let range = AddressRange::new(address, to_end.min(FIFO_REGISTERS)).unwrap_or(AddressRange::one(address));
    Span::new(Table::HoldingRegister, range)
}
