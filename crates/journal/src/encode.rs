//! Rows to one Arrow batch.

use crate::row::{Proof, Row};
use crate::schema::live_schema;
use arrow_array::builder::{BinaryBuilder, ListBuilder, StringBuilder, UInt16Builder};
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::types::{TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, RecordBatch};
use arrow_schema::ArrowError;
use event::{Clock, Event, Field, Outcome, SessionId};
use std::net::IpAddr;
use std::sync::Arc;

/// Put rows into the columns of a live file, in the schema's order.
pub(crate) fn encode(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = Field::ALL.iter().map(|&field| column(field, rows)).collect();
    columns.push(proof(rows, |proof| &proof.digest));
    columns.push(proof(rows, |proof| &proof.signature));
    columns.push(proof(rows, |proof| &proof.public_key));
    columns.push(bytes(rows, |row| row.commit.as_ref().map(<[u8; 64]>::as_slice)));
    RecordBatch::try_new(live_schema(), columns)
}

fn column(field: Field, rows: &[Row]) -> ArrayRef {
    match field {
        Field::Sequence => numbers::<UInt64Type>(rows, |event| Some(event.sequence.0)),
        Field::Time => times(rows, |event| Some(event.time)),
        Field::Clock => clock(rows),
        Field::Kind => text(rows, |event| Some(event.kind.name())),
        Field::Guard => text(rows, |event| event.guard.as_deref()),
        Field::Conduit => text(rows, |event| event.conduit.as_deref()),
        Field::Session => numbers::<UInt64Type>(rows, |event| event.session.map(|SessionId(id)| id)),
        Field::Client => text(rows, |event| event.client.as_deref()),
        Field::ClientAddress => addresses(rows, |event| event.client_address),
        Field::ClientPort => numbers::<UInt16Type>(rows, |event| event.client_port),
        Field::Identity => text(rows, |event| event.identity.as_deref()),
        Field::Role => text(rows, |event| event.role.as_deref()),
        Field::Server => text(rows, |event| event.server.as_deref()),
        Field::ServerAddress => addresses(rows, |event| event.server_address),
        Field::UnitId => numbers::<UInt8Type>(rows, |event| event.unit_id),
        Field::TransactionId => numbers::<UInt16Type>(rows, |event| event.transaction_id),
        Field::FunctionCode => numbers::<UInt8Type>(rows, |event| event.function_code),
        Field::SubFunction => numbers::<UInt16Type>(rows, |event| event.sub_function),
        Field::Address => numbers::<UInt16Type>(rows, |event| event.address),
        Field::Quantity => numbers::<UInt16Type>(rows, |event| event.quantity),
        Field::WriteAddress => numbers::<UInt16Type>(rows, |event| event.write_address),
        Field::WriteQuantity => numbers::<UInt16Type>(rows, |event| event.write_quantity),
        Field::Values => registers(rows, |event| event.values.as_deref()),
        Field::ResponseValues => registers(rows, |event| event.response_values.as_deref()),
        Field::PreviousValues => registers(rows, |event| event.previous_values.as_deref()),
        Field::PreviousTime => times(rows, |event| event.previous_time),
        Field::Verdict => text(rows, |event| event.verdict.map(Outcome::word)),
        Field::Rule => text(rows, |event| event.rule.as_deref()),
        Field::Policy => text(rows, |event| event.policy.as_deref()),
        Field::Grant => text(rows, |event| event.grant.as_deref()),
        Field::Reason => text(rows, |event| event.reason.as_deref()),
        Field::ExceptionCode => numbers::<UInt8Type>(rows, |event| event.exception_code),
        Field::LatencyUs => numbers::<UInt32Type>(rows, |event| event.latency_us),
        Field::RequestSequence => {
            numbers::<UInt64Type>(rows, |event| event.request_sequence.map(|sequence| sequence.0))
        }
        Field::Pdu => bytes(rows, |row| row.event.pdu.as_deref()),
        Field::Count => numbers::<UInt64Type>(rows, |event| event.count),
    }
}

fn numbers<T: ArrowPrimitiveType>(rows: &[Row], of: impl Fn(&Event) -> Option<T::Native>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| of(&row.event)).collect::<PrimitiveArray<T>>())
}

fn times(rows: &[Row], of: impl Fn(&Event) -> Option<i64>) -> ArrayRef {
    let times = rows.iter().map(|row| of(&row.event)).collect::<PrimitiveArray<TimestampNanosecondType>>();
    Arc::new(times.with_timezone("UTC"))
}

fn clock(rows: &[Row]) -> ArrayRef {
    let is_right = |row: &Row| Some(row.event.clock == Clock::Synchronised);
    Arc::new(rows.iter().map(is_right).collect::<BooleanArray>())
}

fn text(rows: &[Row], of: impl Fn(&Event) -> Option<&str>) -> ArrayRef {
    let mut column = StringBuilder::with_capacity(rows.len(), 0);
    rows.iter().for_each(|row| column.append_option(of(&row.event)));
    Arc::new(column.finish())
}

fn addresses(rows: &[Row], of: impl Fn(&Event) -> Option<IpAddr>) -> ArrayRef {
    use std::fmt::Write as _;
    let mut column = StringBuilder::with_capacity(rows.len(), 0);
    for row in rows {
        match of(&row.event) {
            Some(address) => {
                // Writing to a builder cannot fail; the empty value ends what was written.
                let _ = write!(column, "{address}");
                column.append_value("");
            }
            None => column.append_null(),
        }
    }
    Arc::new(column.finish())
}

fn registers(rows: &[Row], of: impl Fn(&Event) -> Option<&[u16]>) -> ArrayRef {
    let mut column = ListBuilder::with_capacity(UInt16Builder::new(), rows.len());
    for row in rows {
        let values = of(&row.event);
        column.values().append_slice(values.unwrap_or_default());
        column.append(values.is_some());
    }
    Arc::new(column.finish())
}

fn bytes(rows: &[Row], of: impl Fn(&Row) -> Option<&[u8]>) -> ArrayRef {
    let mut column = BinaryBuilder::with_capacity(rows.len(), 0);
    rows.iter().for_each(|row| column.append_option(of(row)));
    Arc::new(column.finish())
}

fn proof(rows: &[Row], of: impl Fn(&Proof) -> &[u8]) -> ArrayRef {
    bytes(rows, |row| row.proof.as_ref().map(&of))
}
