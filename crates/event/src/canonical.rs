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

use crate::{Clock, Event, Field, Sequence};
use std::net::{IpAddr, Ipv4Addr};

/// A row of steady polling takes about 240.
const USUAL_BYTES: usize = 512;

/// Append the canonical spelling of `event` to `out`.
pub fn append_canonical(event: &Event, out: &mut Vec<u8>) {
    append_numbered(event.sequence, event, out);
}

/// As [`append_canonical`], under another number: whoever gives it need not own the event.
pub fn append_numbered(sequence: Sequence, event: &Event, out: &mut Vec<u8>) {
    out.reserve(USUAL_BYTES);
    let mut row = Spelling { out };
    row.put(Field::Sequence, &sequence.0.to_be_bytes());
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

/// Add to the number of a row that was spelled before it was known from where on numbers are free.
pub fn advance_number(row: &mut [u8], by: u64) {
    if let Some((_, rest)) = row.split_first_mut()
        && let Some(number) = rest.first_chunk_mut::<8>()
    {
        *number = u64::from_be_bytes(*number).saturating_add(by).to_be_bytes();
    }
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

    /// A field's number and how many elements follow, in one piece: each append has its price.
    fn lead(&mut self, field: Field, elements: usize) {
        let [a, b, c, d] = length(elements);
        self.out.extend_from_slice(&[field.id(), a, b, c, d]);
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
            self.lead(field, value.len());
            self.out.extend_from_slice(value);
        }
    }

    fn registers(&mut self, field: Field, values: Option<&[u16]>) {
        if let Some(values) = values {
            self.lead(field, values.len());
            self.out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        }
    }

    fn address(&mut self, field: Field, address: Option<IpAddr>) {
        use std::io::Write as _;
        let Some(address) = address else { return };
        self.lead(field, 0);
        let start = self.out.len();
        match address {
            IpAddr::V4(address) => self.dotted(address),
            // Writing to a vector cannot fail.
            IpAddr::V6(address) => drop(write!(self.out, "{address}")),
        }
        // It was left open because the text's length is not known before.
        let written = length(self.out.len() - start);
        if let Some(open) = self.out.get_mut(start - written.len()..start) {
            open.copy_from_slice(&written);
        }
    }

    /// As the formatter spells it, several times faster: it stands twice in every row.
    fn dotted(&mut self, address: Ipv4Addr) {
        for (place, octet) in address.octets().into_iter().enumerate() {
            if place > 0 {
                self.out.push(b'.');
            }
            if octet >= 100 {
                self.out.push(b'0' + octet / 100);
            }
            if octet >= 10 {
                self.out.push(b'0' + octet / 10 % 10);
            }
            self.out.push(b'0' + octet % 10);
        }
    }
}

/// The fields of a spelled row in their order, each with its value; what leads a text or list to say its
/// length is left out. Ends early where the bytes are no spelling.
#[derive(Clone, Debug)]
pub struct SpelledFields<'a> {
    rest: &'a [u8],
}

impl<'a> SpelledFields<'a> {
    /// Read what [`append_canonical`] wrote.
    #[must_use]
    pub const fn new(row: &'a [u8]) -> Self {
        Self { rest: row }
    }
}

impl<'a> Iterator for SpelledFields<'a> {
    type Item = (Field, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, rest) = self.rest.split_first()?;
        let field = Field::of_id(*id)?;
        let (bytes, rest) = match width(field) {
            Width::Fixed(bytes) => (bytes, rest),
            Width::Counted(each) => {
                let (count, rest) = rest.split_first_chunk::<4>()?;
                (usize::try_from(u32::from_be_bytes(*count)).ok()?.checked_mul(each)?, rest)
            }
        };
        let (value, rest) = rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some((field, value))
    }
}

/// How long a field's value is.
enum Width {
    Fixed(usize),
    /// As many elements of this many bytes as its first four bytes say.
    Counted(usize),
}

const fn width(field: Field) -> Width {
    match field {
        Field::Sequence
        | Field::Time
        | Field::Session
        | Field::PreviousTime
        | Field::RequestSequence
        | Field::Count => Width::Fixed(8),
        Field::LatencyUs => Width::Fixed(4),
        Field::ClientPort
        | Field::TransactionId
        | Field::SubFunction
        | Field::Address
        | Field::Quantity
        | Field::WriteAddress
        | Field::WriteQuantity => Width::Fixed(2),
        Field::Clock | Field::UnitId | Field::FunctionCode | Field::ExceptionCode => Width::Fixed(1),
        Field::Values | Field::ResponseValues | Field::PreviousValues => Width::Counted(2),
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
        | Field::Reason
        | Field::Pdu => Width::Counted(1),
    }
}

/// A value of four gigabytes is beyond every budget of the guard.
fn length(elements: usize) -> [u8; 4] {
    u32::try_from(elements).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests;
