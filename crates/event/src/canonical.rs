//! The one spelling of a row that the journal's chain is computed over.
//!
//! Kept true here:
//! * two different rows never have the same spelling;
//! * a field that is absent adds no byte, so a new field changes no older digest;
//! * the spelling depends on the values alone, not on how or where they are stored.
//!
//! Fields stand in the order of their numbers, each as one byte of number and its value. Integers are
//! big-endian in their own width (signed: two's complement), the clock is one byte; text, bytes and
//! lists are led by their length in elements as four bytes. Addresses are text, as in their column.

use crate::{Clock, Event, Field};
use std::net::IpAddr;

/// Append the canonical spelling of `event` to `out`.
pub fn append_canonical(event: &Event, out: &mut Vec<u8>) {
    let mut row = Spelling { out };
    row.put(Field::Sequence, &event.sequence.0.to_be_bytes());
    row.put(Field::Time, &event.time.to_be_bytes());
    row.put(Field::Clock, &[u8::from(event.clock == Clock::Synchronised)]);
    row.text(Field::Kind, Some(event.kind.name()));
    spell_parties(&mut row, event);
    spell_request(&mut row, event);
    spell_decision(&mut row, event);
    row.number(Field::ExceptionCode, event.exception_code.map(u8::to_be_bytes));
    row.number(Field::LatencyUs, event.latency_us.map(u32::to_be_bytes));
    row.number(Field::RequestSequence, event.request_sequence.map(|sequence| sequence.0.to_be_bytes()));
    row.bytes(Field::Pdu, event.pdu.as_deref());
    row.number(Field::Count, event.count.map(u64::to_be_bytes));
}

fn spell_parties(row: &mut Spelling<'_>, event: &Event) {
    row.text(Field::Guard, event.guard.as_deref());
    row.text(Field::Conduit, event.conduit.as_deref());
    row.number(Field::Session, event.session.map(|session| session.0.to_be_bytes()));
    row.text(Field::Client, event.client.as_deref());
    row.address(Field::ClientAddress, event.client_address);
    row.number(Field::ClientPort, event.client_port.map(u16::to_be_bytes));
    row.text(Field::Identity, event.identity.as_deref());
    row.text(Field::Role, event.role.as_deref());
    row.text(Field::Server, event.server.as_deref());
    row.address(Field::ServerAddress, event.server_address);
}

fn spell_request(row: &mut Spelling<'_>, event: &Event) {
    row.number(Field::UnitId, event.unit_id.map(u8::to_be_bytes));
    row.number(Field::TransactionId, event.transaction_id.map(u16::to_be_bytes));
    row.number(Field::FunctionCode, event.function_code.map(u8::to_be_bytes));
    row.number(Field::SubFunction, event.sub_function.map(u16::to_be_bytes));
    row.number(Field::Address, event.address.map(u16::to_be_bytes));
    row.number(Field::Quantity, event.quantity.map(u16::to_be_bytes));
    row.number(Field::WriteAddress, event.write_address.map(u16::to_be_bytes));
    row.number(Field::WriteQuantity, event.write_quantity.map(u16::to_be_bytes));
    row.registers(Field::Values, event.values.as_deref());
    row.registers(Field::ResponseValues, event.response_values.as_deref());
    row.registers(Field::PreviousValues, event.previous_values.as_deref());
    row.number(Field::PreviousTime, event.previous_time.map(i64::to_be_bytes));
}

fn spell_decision(row: &mut Spelling<'_>, event: &Event) {
    row.text(Field::Verdict, event.verdict.map(crate::Outcome::word));
    row.text(Field::Rule, event.rule.as_deref());
    row.text(Field::Policy, event.policy.as_deref());
    row.text(Field::Grant, event.grant.as_deref());
    row.text(Field::Reason, event.reason.as_deref());
}

struct Spelling<'a> {
    out: &'a mut Vec<u8>,
}

impl Spelling<'_> {
    fn put(&mut self, field: Field, value: &[u8]) {
        self.out.push(field.id());
        self.out.extend_from_slice(value);
    }

    fn number<const N: usize>(&mut self, field: Field, value: Option<[u8; N]>) {
        if let Some(value) = value {
            self.put(field, &value);
        }
    }

    fn text(&mut self, field: Field, value: Option<&str>) {
        self.bytes(field, value.map(str::as_bytes));
    }

    fn bytes(&mut self, field: Field, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.put(field, &length(value.len()));
            self.out.extend_from_slice(value);
        }
    }

    fn registers(&mut self, field: Field, values: Option<&[u16]>) {
        if let Some(values) = values {
            self.put(field, &length(values.len()));
            self.out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        }
    }

    fn address(&mut self, field: Field, address: Option<IpAddr>) {
        use std::io::Write as _;
        let Some(address) = address else { return };
        self.put(field, &length(0));
        let start = self.out.len();
        // Writing to a vector cannot fail; the length was left open because the text's is not known before.
        let _ = write!(self.out, "{address}");
        let written = length(self.out.len() - start);
        if let Some(open) = self.out.get_mut(start - written.len()..start) {
            open.copy_from_slice(&written);
        }
    }
}

/// A value of four gigabytes is beyond every budget of the guard.
fn length(elements: usize) -> [u8; 4] {
    u32::try_from(elements).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests;
