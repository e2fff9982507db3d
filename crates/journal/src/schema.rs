//! The columns of a journal's files: the event's fields by name, then the journal's own proof.

use arrow_schema::{DataType, Field as Column, Schema, SchemaRef, TimeUnit};
use event::Field;
use std::sync::{Arc, LazyLock};

pub(crate) const DIGEST: &str = "digest";
pub(crate) const SIGNATURE: &str = "signature";
pub(crate) const PUBLIC_KEY: &str = "public_key";
/// In live files only.
pub(crate) const COMMIT: &str = "commit";

/// The schema of sealed files.
pub(crate) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(columns())));
    Arc::clone(&SCHEMA)
}

/// The schema of live files: one column more, by which a reader knows a commit whole.
pub(crate) fn live_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let commit = Column::new(COMMIT, DataType::Binary, true);
        Arc::new(Schema::new(columns().into_iter().chain([commit]).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

fn columns() -> Vec<Column> {
    let event = Field::ALL.iter().map(|&field| Column::new(field.name(), column_type(field), !is_always_there(field)));
    let proof = [DIGEST, SIGNATURE, PUBLIC_KEY].map(|name| Column::new(name, DataType::Binary, true));
    event.chain(proof).collect()
}

fn is_always_there(field: Field) -> bool {
    matches!(field, Field::Sequence | Field::Time | Field::Clock | Field::Kind)
}

pub(crate) fn column_type(field: Field) -> DataType {
    match field {
        Field::Sequence | Field::Session | Field::RequestSequence | Field::Count => DataType::UInt64,
        Field::Time | Field::PreviousTime => DataType::Timestamp(TimeUnit::Nanosecond, Some(Arc::from("UTC"))),
        Field::Clock => DataType::Boolean,
        Field::UnitId | Field::FunctionCode | Field::ExceptionCode => DataType::UInt8,
        Field::ClientPort
        | Field::TransactionId
        | Field::SubFunction
        | Field::Address
        | Field::Quantity
        | Field::WriteAddress
        | Field::WriteQuantity => DataType::UInt16,
        Field::LatencyUs => DataType::UInt32,
        Field::Values | Field::ResponseValues | Field::PreviousValues => {
            DataType::List(Arc::new(Column::new("item", DataType::UInt16, true)))
        }
        Field::Pdu => DataType::Binary,
        Field::Kind
        | Field::Guard
        | Field::Conduit
        | Field::Client
        | Field::ClientAddress
        | Field::Identity
        | Field::Role
        | Field::Server
        | Field::ServerAddress
        | Field::Verdict
        | Field::Rule
        | Field::Policy
        | Field::Grant
        | Field::Reason => DataType::Utf8,
    }
}
