//! Groups of file records inside one request: 0x14 reads them, 0x15 writes them (V1.1b3 §6.14, §6.15).

use crate::fields::{Fields, WrongLength};
use crate::values::Registers;

/// V1.1b3 §6.14: the only reference type.
pub(crate) const REFERENCE_TYPE: u8 = 6;
/// A file holds records 0 to 0x270F.
const RECORDS: u16 = 10_000;
/// Reference type, file number, record number, record length.
pub(crate) const GROUP_BYTES: u8 = 7;

/// Registers of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRecord {
    /// 1 to 65535.
    pub file_number: u16,
    /// 0 to 9999.
    pub record_number: u16,
    /// How many registers.
    pub record_length: u16,
}

/// The groups of a 0x14 request, checked when it was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRecordReads<'a>(pub(crate) &'a [u8]);

/// The groups of a 0x15 request, checked when it was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRecordWrites<'a>(pub(crate) &'a [u8]);

/// A group as it lies there, before its numbers are checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    reference_type: u8,
    pub(crate) record: FileRecord,
}

// === impl FileRecordReads ===

impl<'a> FileRecordReads<'a> {
    /// Each group, in order.
    pub fn records(self) -> impl Iterator<Item = FileRecord> + 'a {
        let mut fields = Fields::of(self.0);
        core::iter::from_fn(move || Group::take(&mut fields).ok().map(|group| group.record))
    }
}

// === impl FileRecordWrites ===

impl<'a> FileRecordWrites<'a> {
    /// Each group and what it writes, in order.
    pub fn records(self) -> impl Iterator<Item = (FileRecord, Registers<'a>)> + 'a {
        let mut fields = Fields::of(self.0);
        core::iter::from_fn(move || {
            let (group, registers) = Group::take_written(&mut fields).ok()?;
            Some((group.record, registers))
        })
    }
}

// === impl Group ===

impl Group {
    pub(crate) fn take(fields: &mut Fields<'_>) -> Result<Self, WrongLength> {
        let reference_type = fields.take_u8()?;
        let (file_number, record_number) = (fields.take_u16()?, fields.take_u16()?);
        let record = FileRecord { file_number, record_number, record_length: fields.take_u16()? };
        Ok(Self { reference_type, record })
    }

    pub(crate) fn take_written<'a>(fields: &mut Fields<'a>) -> Result<(Self, Registers<'a>), WrongLength> {
        let group = Self::take(fields)?;
        let bytes = fields.take_bytes(usize::from(group.record.record_length).saturating_mul(2))?;
        Ok((group, Registers::new(bytes).ok_or(WrongLength)?))
    }

    /// Whether such a record can exist.
    pub(crate) const fn is_addressable(self) -> bool {
        let FileRecord { file_number, record_number, record_length } = self.record;
        let end = record_number.saturating_add(record_length);
        self.reference_type == REFERENCE_TYPE && file_number > 0 && record_length > 0 && end <= RECORDS
    }
}
