//! Spelled rows to one Arrow batch.

use crate::row::Proof;
use crate::schema::{column_type, live_schema};
use crate::spelled::Batch;
use arrow_array::builder::{ArrayBuilder as _, BinaryBuilder, BooleanBuilder, ListBuilder, PrimitiveBuilder};
use arrow_array::types::{ArrowPrimitiveType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType};
use event::{Field, SpelledFields};
use std::sync::Arc;

/// Put rows into the columns of a live file, in the schema's order.
pub(crate) fn encode(batch: &Batch) -> Result<RecordBatch, ArrowError> {
    let rows = batch.len();
    let mut columns: Vec<Column> = Field::ALL.iter().map(|&field| Column::new(field, rows)).collect();
    for (row, spelled) in batch.iter().enumerate() {
        for (field, value) in SpelledFields::new(spelled) {
            // Columns stand in the order of the fields' numbers, which begin with one.
            let column = usize::from(field.id()).checked_sub(1).and_then(|place| columns.get_mut(place));
            column.and_then(|column| column.append(row, value)).ok_or_else(|| broken(field))?;
        }
    }
    let events = columns.into_iter().map(|column| column.finish(rows));
    let mut arrays = events.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    arrays.push(proof(batch, |proof| &proof.digest));
    arrays.push(proof(batch, |proof| &proof.signature));
    arrays.push(proof(batch, |proof| &proof.public_key));
    arrays.push(seam(batch));
    RecordBatch::try_new(live_schema(), arrays)
}

/// One column under construction. Rows that lack the field are made up for when the next one has it.
enum Column {
    Flag(BooleanBuilder),
    Number8(PrimitiveBuilder<UInt8Type>),
    Number16(PrimitiveBuilder<UInt16Type>),
    Number32(PrimitiveBuilder<UInt32Type>),
    Number64(PrimitiveBuilder<UInt64Type>),
    Time(PrimitiveBuilder<TimestampNanosecondType>),
    Registers(ListBuilder<PrimitiveBuilder<UInt16Type>>),
    Bytes(BinaryBuilder),
    /// Held as bytes and looked through once, at the end.
    Text(BinaryBuilder),
}

impl Column {
    fn new(field: Field, rows: usize) -> Self {
        match column_type(field) {
            DataType::Boolean => Self::Flag(BooleanBuilder::with_capacity(rows)),
            DataType::UInt8 => Self::Number8(PrimitiveBuilder::with_capacity(rows)),
            DataType::UInt16 => Self::Number16(PrimitiveBuilder::with_capacity(rows)),
            DataType::UInt32 => Self::Number32(PrimitiveBuilder::with_capacity(rows)),
            DataType::UInt64 => Self::Number64(PrimitiveBuilder::with_capacity(rows)),
            DataType::Timestamp(..) => Self::Time(PrimitiveBuilder::with_capacity(rows).with_timezone("UTC")),
            DataType::List(_) => Self::Registers(ListBuilder::with_capacity(PrimitiveBuilder::new(), rows)),
            DataType::Binary => Self::Bytes(BinaryBuilder::with_capacity(rows, 0)),
            _ => Self::Text(BinaryBuilder::with_capacity(rows, 0)),
        }
    }

    /// The value of this row; `None` where its bytes are none of this column's.
    fn append(&mut self, row: usize, value: &[u8]) -> Option<()> {
        self.pad(row);
        match self {
            Self::Flag(column) => column.append_value(value.first()? == &1),
            Self::Number8(column) => column.append_value(*value.first()?),
            Self::Number16(column) => column.append_value(u16::from_be_bytes(value.try_into().ok()?)),
            Self::Number32(column) => column.append_value(u32::from_be_bytes(value.try_into().ok()?)),
            Self::Number64(column) => column.append_value(u64::from_be_bytes(value.try_into().ok()?)),
            Self::Time(column) => column.append_value(i64::from_be_bytes(value.try_into().ok()?)),
            Self::Registers(column) => {
                let words = value.as_chunks::<2>().0.iter();
                column.values().extend(words.map(|word| Some(u16::from_be_bytes(*word))));
                column.append(true);
            }
            Self::Bytes(column) | Self::Text(column) => column.append_value(value),
        }
        Some(())
    }

    fn pad(&mut self, rows: usize) {
        match self {
            Self::Flag(column) => column.append_nulls(rows.saturating_sub(column.len())),
            Self::Number8(column) => pad(column, rows),
            Self::Number16(column) => pad(column, rows),
            Self::Number32(column) => pad(column, rows),
            Self::Number64(column) => pad(column, rows),
            Self::Time(column) => pad(column, rows),
            Self::Registers(column) => column.append_nulls(rows.saturating_sub(column.len())),
            Self::Bytes(column) | Self::Text(column) => pad_bytes(column, rows),
        }
    }

    fn finish(mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.pad(rows);
        Ok(match self {
            Self::Flag(mut column) => Arc::new(column.finish()),
            Self::Number8(mut column) => Arc::new(column.finish()),
            Self::Number16(mut column) => Arc::new(column.finish()),
            Self::Number32(mut column) => Arc::new(column.finish()),
            Self::Number64(mut column) => Arc::new(column.finish()),
            Self::Time(mut column) => Arc::new(column.finish()),
            Self::Registers(mut column) => Arc::new(column.finish()),
            Self::Bytes(mut column) => Arc::new(column.finish()),
            Self::Text(mut column) => Arc::new(StringArray::try_from_binary(column.finish())?),
        })
    }
}

fn pad<T: ArrowPrimitiveType>(column: &mut PrimitiveBuilder<T>, rows: usize) {
    let missing = rows.saturating_sub(column.len());
    if missing > 0 {
        column.append_nulls(missing);
    }
}

fn pad_bytes(column: &mut BinaryBuilder, rows: usize) {
    let missing = rows.saturating_sub(column.len());
    if missing > 0 {
        column.append_nulls(missing);
    }
}

fn proof(batch: &Batch, of: impl Fn(&Proof) -> &[u8]) -> ArrayRef {
    let mut column = BinaryBuilder::with_capacity(batch.len(), 0);
    for (place, proof) in &batch.proofs {
        pad_bytes(&mut column, *place);
        column.append_value(of(proof));
    }
    pad_bytes(&mut column, batch.len());
    Arc::new(column.finish())
}

fn seam(batch: &Batch) -> ArrayRef {
    let mut column = BinaryBuilder::with_capacity(batch.len(), 0);
    if let (Some(seam), Some(last)) = (batch.seam, batch.len().checked_sub(1)) {
        pad_bytes(&mut column, last);
        column.append_value(seam);
    }
    pad_bytes(&mut column, batch.len());
    Arc::new(column.finish())
}

fn broken(field: Field) -> ArrowError {
    ArrowError::InvalidArgumentError(format!("{}: not a value of its column", field.name()))
}
