//! What the only right answer to a request is, and what servers did instead.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The registers of a read tell server, unit and address, so that no other request's reply fits.
pub fn registers(server: u8, unit: u8, address: u16, quantity: u16) -> Vec<u8> {
    let value = |at: u16| {
        let place = (u32::from(server) << 24) ^ (u32::from(unit) << 16) ^ u32::from(address.wrapping_add(at));
        (place.wrapping_mul(0x9E37_79B1) >> 16) as u16
    };
    let mut values = address.to_be_bytes().to_vec();
    values.extend((1..quantity).flat_map(|at| value(at).to_be_bytes()));
    values
}

/// The answer to a request that this plant's clients send.
pub fn answer(server: u8, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let word = |at: usize| u16::from_be_bytes([pdu[at], pdu[at + 1]]);
    match pdu[0] {
        3 | 4 => {
            let registers = registers(server, unit, word(1), word(3));
            [vec![pdu[0], registers.len() as u8], registers].concat()
        }
        6 => pdu.to_vec(),
        _ => pdu[..5].to_vec(),
    }
}

/// What a server does to one request or one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mischief {
    Refuses,
    AcceptsAndIsSilent,
    NeverAnswers,
    ResetsInMidReply,
    EndsInMidReply,
    WrongTransactionId,
    TwoReplies,
    Late,
    AnotherUnit,
    AnotherFunction,
    AnotherLength,
    BrokenHeader,
    InPieces,
}

impl Mischief {
    pub const ALL: [Self; 13] = [
        Self::Refuses,
        Self::AcceptsAndIsSilent,
        Self::NeverAnswers,
        Self::ResetsInMidReply,
        Self::EndsInMidReply,
        Self::WrongTransactionId,
        Self::TwoReplies,
        Self::Late,
        Self::AnotherUnit,
        Self::AnotherFunction,
        Self::AnotherLength,
        Self::BrokenHeader,
        Self::InPieces,
    ];
    /// Those that befall one request.
    pub const OF_A_REQUEST: &[Self] = Self::ALL.split_at(2).1;
}

/// What happened at the servers.
#[derive(Default)]
pub struct Book {
    pub writes: AtomicU64,
    written: Mutex<BTreeMap<u32, u32>>,
    mischief: Mutex<BTreeMap<Mischief, u64>>,
}

impl Book {
    /// A write arrived; its two registers are its number.
    pub fn note_write(&self, pdu: &[u8]) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let number = u32::from_be_bytes([pdu[6], pdu[7], pdu[8], pdu[9]]);
        *self.written.lock().unwrap().entry(number).or_default() += 1;
    }

    pub fn note(&self, kind: Mischief) {
        *self.mischief.lock().unwrap().entry(kind).or_default() += 1;
    }

    pub fn written_twice(&self) -> Vec<u32> {
        self.written.lock().unwrap().iter().filter(|(_, times)| **times > 1).map(|(number, _)| *number).collect()
    }

    pub fn mischief(&self) -> BTreeMap<Mischief, u64> {
        self.mischief.lock().unwrap().clone()
    }
}
