//! One Arrow batch back to rows. The bytes may be anybody's: nothing here trusts them.

use crate::row::{Proof, Row};
use crate::schema::{COMMIT, DIGEST, PUBLIC_KEY, SIGNATURE};
use arrow_array::cast::AsArray as _;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::types::{TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use event::{Clock, Event, Field, Outcome, Sequence, SessionId};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// A column that is not what the journal writes, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadColumn(pub(crate) &'static str);

type Decoded<T> = Result<T, BadColumn>;

/// Rows of one batch: four times what the writer's queue holds. In memory a row takes far more than on disk.
const MOST_ROWS: usize = 1 << 18;

/// Take the rows out of a batch.
pub(crate) fn decode(batch: &RecordBatch) -> Decoded<Vec<Row>> {
    let columns = Columns { batch };
    columns.check_names()?;
    columns.check_present(&[Field::Sequence, Field::Time, Field::Clock, Field::Kind])?;
    columns.check_backed(Field::Sequence)?;
    let mut rows = vec![Row { event: Event::default(), proof: None, commit: None }; batch.num_rows()];
    fill_parties(&columns, &mut rows)?;
    fill_request(&columns, &mut rows)?;
    fill_values(&columns, &mut rows)?;
    fill_decision(&columns, &mut rows)?;
    fill_proof(&columns, &mut rows)?;
    Ok(rows)
}

fn fill_parties(columns: &Columns<'_>, rows: &mut [Row]) -> Decoded<()> {
    columns.numbers::<UInt64Type>(rows, Field::Sequence, |event, value| event.sequence = Sequence(value))?;
    columns.numbers::<TimestampNanosecondType>(rows, Field::Time, |event, value| event.time = value)?;
    columns.clock(rows)?;
    columns.parsed(rows, Field::Kind, |event, kind| event.kind = kind)?;
    columns.text(rows, Field::Guard, |event, text| event.guard = Some(text))?;
    columns.text(rows, Field::Conduit, |event, text| event.conduit = Some(text))?;
    columns.numbers::<UInt64Type>(rows, Field::Session, |event, id| event.session = Some(SessionId(id)))?;
    columns.text(rows, Field::Client, |event, text| event.client = Some(text))?;
    columns.addresses(rows, Field::ClientAddress, |event, address| event.client_address = Some(address))?;
    columns.numbers::<UInt16Type>(rows, Field::ClientPort, |event, value| event.client_port = Some(value))?;
    columns.text(rows, Field::Identity, |event, text| event.identity = Some(text))?;
    columns.text(rows, Field::Role, |event, text| event.role = Some(text))?;
    columns.text(rows, Field::Server, |event, text| event.server = Some(text))?;
    columns.addresses(rows, Field::ServerAddress, |event, address| event.server_address = Some(address))
}

fn fill_request(columns: &Columns<'_>, rows: &mut [Row]) -> Decoded<()> {
    columns.numbers::<UInt8Type>(rows, Field::UnitId, |event, value| event.unit_id = Some(value))?;
    columns.numbers::<UInt16Type>(rows, Field::TransactionId, |event, value| event.transaction_id = Some(value))?;
    columns.numbers::<UInt8Type>(rows, Field::FunctionCode, |event, value| event.function_code = Some(value))?;
    columns.numbers::<UInt16Type>(rows, Field::SubFunction, |event, value| event.sub_function = Some(value))?;
    columns.numbers::<UInt16Type>(rows, Field::Address, |event, value| event.address = Some(value))?;
    columns.numbers::<UInt16Type>(rows, Field::Quantity, |event, value| event.quantity = Some(value))?;
    columns.numbers::<UInt16Type>(rows, Field::WriteAddress, |event, value| event.write_address = Some(value))?;
    columns.numbers::<UInt16Type>(rows, Field::WriteQuantity, |event, value| event.write_quantity = Some(value))
}

fn fill_values(columns: &Columns<'_>, rows: &mut [Row]) -> Decoded<()> {
    columns.registers(rows, Field::Values, |event, values| event.values = Some(values))?;
    columns.registers(rows, Field::ResponseValues, |event, values| event.response_values = Some(values))?;
    columns.registers(rows, Field::PreviousValues, |event, values| event.previous_values = Some(values))?;
    columns.numbers::<TimestampNanosecondType>(rows, Field::PreviousTime, |event, value| {
        event.previous_time = Some(value);
    })
}

fn fill_decision(columns: &Columns<'_>, rows: &mut [Row]) -> Decoded<()> {
    columns.parsed(rows, Field::Verdict, |event, Word(verdict)| event.verdict = Some(verdict))?;
    columns.text(rows, Field::Rule, |event, text| event.rule = Some(text))?;
    columns.text(rows, Field::Policy, |event, text| event.policy = Some(text))?;
    columns.text(rows, Field::Grant, |event, text| event.grant = Some(text))?;
    columns.text(rows, Field::Reason, |event, text| event.reason = Some(text))?;
    columns.numbers::<UInt8Type>(rows, Field::ExceptionCode, |event, value| event.exception_code = Some(value))?;
    columns.numbers::<UInt32Type>(rows, Field::LatencyUs, |event, value| event.latency_us = Some(value))?;
    columns.numbers::<UInt64Type>(rows, Field::RequestSequence, |event, value| {
        event.request_sequence = Some(Sequence(value));
    })?;
    columns.bytes(rows, Field::Pdu.name(), |row, bytes| {
        row.event.pdu = Some(Arc::from(bytes));
        Some(())
    })?;
    columns.numbers::<UInt64Type>(rows, Field::Count, |event, value| event.count = Some(value))
}

fn fill_proof(columns: &Columns<'_>, rows: &mut [Row]) -> Decoded<()> {
    let empty = Proof { digest: [0; 32], signature: [0; 64], public_key: [0; 32] };
    columns.bytes(rows, DIGEST, |row, bytes| {
        row.proof.get_or_insert(empty).digest = bytes.try_into().ok()?;
        Some(())
    })?;
    columns.bytes(rows, SIGNATURE, |row, bytes| {
        row.proof.get_or_insert(empty).signature = bytes.try_into().ok()?;
        Some(())
    })?;
    columns.bytes(rows, PUBLIC_KEY, |row, bytes| {
        row.proof.get_or_insert(empty).public_key = bytes.try_into().ok()?;
        Some(())
    })?;
    columns.bytes(rows, COMMIT, |row, bytes| {
        row.commit = Some(bytes.try_into().ok()?);
        Some(())
    })
}

struct Word(Outcome);

impl FromStr for Word {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let outcome = [Outcome::Permit, Outcome::Deny].into_iter().find(|outcome| outcome.word() == word);
        outcome.map(Self).ok_or(())
    }
}

struct Columns<'a> {
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    /// Each column is one the chain covers, and stands once: nothing may be shown that nobody signed.
    fn check_names(&self) -> Decoded<()> {
        let proof = [DIGEST, SIGNATURE, PUBLIC_KEY, COMMIT];
        let mut known: Vec<&str> = Field::ALL.iter().map(|field| field.name()).chain(proof).collect();
        for field in self.batch.schema_ref().fields() {
            let place = known.iter().position(|name| name == field.name()).ok_or(BadColumn("unknown"))?;
            known.swap_remove(place);
        }
        Ok(())
    }

    /// What every row has is never null: a null would read as the field's default.
    fn check_present(&self, fields: &[Field]) -> Decoded<()> {
        for field in fields {
            let column = self.find(field.name()).ok_or(BadColumn(field.name()))?;
            if column.null_count() > 0 {
                return Err(BadColumn(field.name()));
            }
        }
        Ok(())
    }

    /// Nothing is made room for on a batch's word alone: a column without bytes can claim any number of rows.
    fn check_backed(&self, field: Field) -> Decoded<()> {
        let column = self.find(field.name()).and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let is_backed = column.is_some_and(|column| column.len() == self.batch.num_rows());
        if is_backed && self.batch.num_rows() <= MOST_ROWS { Ok(()) } else { Err(BadColumn(field.name())) }
    }

    /// A column that an older journal does not have is absent in every row.
    fn find(&self, name: &str) -> Option<&'a dyn Array> {
        self.batch.column_by_name(name).map(|column| column.as_ref())
    }

    fn numbers<T: ArrowPrimitiveType>(
        &self,
        rows: &mut [Row],
        field: Field,
        put: impl Fn(&mut Event, T::Native),
    ) -> Decoded<()> {
        let Some(column) = self.find(field.name()) else { return Ok(()) };
        let column = column.as_primitive_opt::<T>().ok_or(BadColumn(field.name()))?;
        for (row, value) in rows.iter_mut().zip(column) {
            if let Some(value) = value {
                put(&mut row.event, value);
            }
        }
        Ok(())
    }

    fn clock(&self, rows: &mut [Row]) -> Decoded<()> {
        let bad = BadColumn(Field::Clock.name());
        let column = self.find(Field::Clock.name()).and_then(|column| column.as_boolean_opt()).ok_or(bad)?;
        for (row, value) in rows.iter_mut().zip(column) {
            row.event.clock = if value == Some(true) { Clock::Synchronised } else { Clock::Unsynchronised };
        }
        Ok(())
    }

    /// Neighbouring rows mostly say the same: one allocation serves a whole stretch.
    fn text(&self, rows: &mut [Row], field: Field, put: impl Fn(&mut Event, Arc<str>)) -> Decoded<()> {
        let Some(column) = self.find(field.name()) else { return Ok(()) };
        let column = column.as_string_opt::<i32>().ok_or(BadColumn(field.name()))?;
        let mut last: Arc<str> = Arc::from("");
        for (row, value) in rows.iter_mut().zip(column) {
            let Some(value) = value else { continue };
            if *last != *value {
                last = Arc::from(value);
            }
            put(&mut row.event, Arc::clone(&last));
        }
        Ok(())
    }

    fn parsed<T: FromStr>(&self, rows: &mut [Row], field: Field, put: impl Fn(&mut Event, T)) -> Decoded<()> {
        let Some(column) = self.find(field.name()) else { return Ok(()) };
        let column = column.as_string_opt::<i32>().ok_or(BadColumn(field.name()))?;
        for (row, value) in rows.iter_mut().zip(column) {
            if let Some(value) = value {
                put(&mut row.event, value.parse().map_err(|_| BadColumn(field.name()))?);
            }
        }
        Ok(())
    }

    /// Addresses stand in their one canonical spelling: the chain is over the address, readers see the text.
    fn addresses(&self, rows: &mut [Row], field: Field, put: impl Fn(&mut Event, IpAddr)) -> Decoded<()> {
        let Some(column) = self.find(field.name()) else { return Ok(()) };
        let column = column.as_string_opt::<i32>().ok_or(BadColumn(field.name()))?;
        for (row, value) in rows.iter_mut().zip(column) {
            let Some(text) = value else { continue };
            let address: IpAddr = text.parse().map_err(|_| BadColumn(field.name()))?;
            if address.to_string() != text {
                return Err(BadColumn(field.name()));
            }
            put(&mut row.event, address);
        }
        Ok(())
    }

    fn registers(&self, rows: &mut [Row], field: Field, put: impl Fn(&mut Event, Arc<[u16]>)) -> Decoded<()> {
        let bad = || BadColumn(field.name());
        let Some(column) = self.find(field.name()) else { return Ok(()) };
        let column = column.as_list_opt::<i32>().ok_or_else(bad)?;
        for (row, list) in rows.iter_mut().zip(column.iter()) {
            let Some(list) = list else { continue };
            let list = list.as_primitive_opt::<UInt16Type>().ok_or_else(bad)?;
            if list.null_count() > 0 {
                return Err(bad());
            }
            put(&mut row.event, Arc::from(&**list.values()));
        }
        Ok(())
    }

    fn bytes(&self, rows: &mut [Row], name: &'static str, put: impl Fn(&mut Row, &[u8]) -> Option<()>) -> Decoded<()> {
        let Some(column) = self.find(name) else { return Ok(()) };
        let column = column.as_binary_opt::<i32>().ok_or(BadColumn(name))?;
        for (row, value) in rows.iter_mut().zip(column) {
            if let Some(value) = value {
                put(row, value).ok_or(BadColumn(name))?;
            }
        }
        Ok(())
    }
}
