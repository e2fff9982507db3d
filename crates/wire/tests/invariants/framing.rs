//! Invariant tested: a stream gives the same ADUs however it is cut, and no byte of it is lost.
//!
//! The first byte says whose stream it is and what is tolerated; the rest is the stream.

use wire::{Adu, FrameError, PduLimit, ReplyTolerance, TransactionId, UnitId, append_adu, parse_adu, parse_reply_adu};

/// Cutting a stream at each of its bytes costs the square of its length.
const MOST_BYTES: usize = 2_048;

#[derive(Clone, Copy)]
struct Reader {
    is_reply: bool,
    over_quantity: bool,
    umas_bytes: u16,
}

/// What became of a stream: its frames, the bytes that no frame has used, and the fault that ended it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    frames: Vec<(u16, u8, Vec<u8>)>,
    rest: Vec<u8>,
    fault: Option<FrameError>,
}

pub fn check(input: &[u8]) {
    let Some((flags, stream)) = input.split_first() else { return };
    let stream = &stream[..stream.len().min(MOST_BYTES)];
    let reader = Reader::of(*flags);
    let whole = reader.read(&[stream]);

    assert_eq!(whole, reader.read_obviously(stream));
    assert_eq!(whole.bytes(), stream, "a byte was lost, added or changed");
    for cut in 0..=stream.len() {
        let (first, second) = stream.split_at(cut);
        assert_eq!(reader.read(&[first, second]), whole, "cut at {cut}");
    }
    assert_eq!(reader.read(&stream.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
}

pub fn seeds() -> Vec<Vec<u8>> {
    let frame = |pdu: &[u8]| {
        let mut stream = Vec::new();
        append_adu(&mut stream, TransactionId(0x0102), UnitId(17), pdu);
        stream
    };
    let (read, long) = (frame(&[3, 0, 0, 0, 10]), frame(&[&[3, 254][..], &[7; 254]].concat()));
    let umas = frame(&[&[0x5A, 0, 2][..], &[7; 400]].concat());
    let streams = [
        vec![0],
        [&[0], &read[..]].concat(),
        [&[0], &read[..], &read[..], &read[..5]].concat(),
        [&[1], &long[..], &read[..]].concat(),
        [&[3], &long[..], &read[..]].concat(),
        [&[0x80], &umas[..], &read[..]].concat(),
        vec![0, 0, 1, 0, 1, 0, 6],
        vec![0, 0, 1, 0, 0, 0, 1],
        vec![0, 0, 1, 0, 0, 0xFF, 0xFF],
    ];
    streams.to_vec()
}

impl Reader {
    fn of(flags: u8) -> Self {
        Self { is_reply: flags & 1 != 0, over_quantity: flags & 2 != 0, umas_bytes: u16::from(flags >> 2) * 20 }
    }

    fn next<'a>(&self, buffer: &'a [u8]) -> Result<Option<Adu<'a>>, FrameError> {
        let limit = PduLimit { umas_bytes: self.umas_bytes };
        match self.is_reply {
            true => parse_reply_adu(
                buffer,
                limit,
                ReplyTolerance { over_quantity: self.over_quantity, trailing_bytes: false },
            ),
            false => parse_adu(buffer, limit),
        }
    }

    /// As a session reads: what no frame has used waits for the next piece.
    fn read(&self, pieces: &[&[u8]]) -> Outcome {
        let mut outcome = Outcome::default();
        for piece in pieces {
            outcome.rest.extend_from_slice(piece);
            while outcome.fault.is_none() {
                let used = match self.next(&outcome.rest) {
                    Ok(Some(adu)) => {
                        outcome.frames.push((adu.transaction_id.0, adu.unit_id.0, adu.pdu.to_vec()));
                        adu.len_bytes()
                    }
                    Ok(None) => break,
                    Err(fault) => {
                        outcome.fault = Some(fault);
                        break;
                    }
                };
                outcome.rest.drain(..used);
            }
        }
        outcome
    }

    /// The header field by field, each fault as soon as its field is there.
    fn read_obviously(&self, stream: &[u8]) -> Outcome {
        let mut outcome = Outcome { rest: stream.to_vec(), ..Outcome::default() };
        let word = |bytes: &[u8], at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        while outcome.fault.is_none() {
            let rest = &outcome.rest;
            let protocol_id = word(rest, 2);
            if let Some(found) = protocol_id.filter(|found| *found != 0) {
                outcome.fault = Some(FrameError::ProtocolId(found));
                break;
            }
            let Some(length) = word(rest, 4) else { break };
            if length < 2 || usize::from(length) - 1 > self.most(rest.get(7).copied()) {
                outcome.fault = Some(FrameError::Length(length));
                break;
            }
            let Some(pdu) = rest.get(7..6 + usize::from(length)) else { break };
            outcome.frames.push((word(rest, 0).unwrap_or_default(), rest[6], pdu.to_vec()));
            outcome.rest.drain(..6 + usize::from(length));
        }
        outcome
    }

    /// The longest PDU with this code; where it is not known yet, of any code.
    fn most(&self, code: Option<u8>) -> usize {
        let (umas, values) = (usize::from(self.umas_bytes).max(253), if self.over_quantity { 257 } else { 253 });
        let values = if self.is_reply { values } else { 253 };
        match code {
            None => umas.max(values),
            Some(0x5A) => umas,
            Some(1..=4 | 0x17) => values,
            Some(_) => 253,
        }
    }
}

impl Outcome {
    fn bytes(&self) -> Vec<u8> {
        let mut stream = Vec::new();
        for (transaction_id, unit_id, pdu) in &self.frames {
            append_adu(&mut stream, TransactionId(*transaction_id), UnitId(*unit_id), pdu);
        }
        [stream, self.rest.clone()].concat()
    }
}
