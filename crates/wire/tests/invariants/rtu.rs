//! Invariant tested: a frame is found on a line only where its check is right; how the bytes are cut changes
//! nothing; and every byte is a frame's or noise.
//!
//! The first byte says who was asked for what; the rest was heard.

use wire::{
    Expectation, RtuFound, UnitId, append_rtu_adu, build, crc16, find_rtu_reply, find_rtu_request, is_broken_rtu_reply,
    parse_request,
};

/// Cutting at each byte costs the square of the length.
const MOST_BYTES: usize = 600;

struct Listener {
    asked: Option<(UnitId, Expectation)>,
    hears_requests: bool,
}

/// Frames, and bytes that were noise.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    frames: Vec<(u8, Vec<u8>)>,
    noise: usize,
}

pub fn check(input: &[u8]) {
    let Some((flags, heard)) = input.split_first() else { return };
    let heard = &heard[..heard.len().min(MOST_BYTES)];
    let listener = Listener::of(*flags);
    let whole = listener.listen(&[heard]);

    let framed: usize = whole.frames.iter().map(|(_, pdu)| pdu.len() + 3).sum();
    assert_eq!(framed + whole.noise, heard.len(), "a byte was lost or added");
    for (unit_id, pdu) in &whole.frames {
        let mut frame = vec![*unit_id];
        frame.extend_from_slice(pdu);
        frame.extend_from_slice(&crc16(&frame).to_le_bytes());
        assert!(heard.windows(frame.len()).any(|bytes| bytes == frame), "a frame that was never heard");
    }
    for cut in 0..=heard.len() {
        let (first, second) = heard.split_at(cut);
        assert_eq!(listener.listen(&[first, second]), whole, "cut at {cut}");
    }
    if let Some((unit_id, expectation)) = &listener.asked {
        let _ = is_broken_rtu_reply(heard, *unit_id, expectation);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let frame = |unit_id: u8, pdu: &[u8]| {
        let mut out = Vec::new();
        append_rtu_adu(&mut out, UnitId(unit_id), pdu);
        out
    };
    let reply = frame(3, &[3, 4, 0, 1, 0, 2]);
    vec![
        vec![0],
        [&[1], &reply[..]].concat(),
        [&[1, 0xFF, 3], &reply[..]].concat(),
        [&[1], &reply[..], &frame(4, &[0x83, 2])].concat(),
        [&[2], &frame(3, &[6, 0, 1, 0, 2])[..]].concat(),
        [&[3], &frame(3, &[0x41, 1, 2, 3])[..]].concat(),
        [&[0x80], &frame(3, &build::write_registers(0, &[1, 2, 3]))[..]].concat(),
        [&[0x80, 9], &frame(3, &[0x41, 7])[..]].concat(),
    ]
}

impl Listener {
    fn of(flags: u8) -> Self {
        let requests: [&[u8]; 4] = [&[], &[3, 0, 0, 0, 2], &[6, 0, 1, 0, 2], &[0x41, 1]];
        let request = requests[usize::from(flags & 3)];
        let expectation = parse_request(request, false).ok().map(|request| Expectation::of(&request));
        Self { asked: expectation.map(|expected| (UnitId(3), expected)), hears_requests: flags & 0x80 != 0 }
    }

    fn find<'a>(&self, heard: &'a [u8], is_silent: bool) -> Option<RtuFound<'a>> {
        if self.hears_requests {
            return find_rtu_request(heard, is_silent);
        }
        find_rtu_reply(heard, self.asked.as_ref().map(|(unit_id, expected)| (*unit_id, expected)), is_silent)
    }

    /// As a line listens: pieces without a pause between them, silence at the end.
    fn listen(&self, pieces: &[&[u8]]) -> Outcome {
        let (mut outcome, mut heard) = (Outcome::default(), Vec::new());
        for piece in pieces {
            heard.extend_from_slice(piece);
            while self.take(&mut heard, false, &mut outcome) {}
        }
        while self.take(&mut heard, true, &mut outcome) {}
        outcome.noise += heard.len();
        outcome
    }

    fn take(&self, heard: &mut Vec<u8>, is_silent: bool, outcome: &mut Outcome) -> bool {
        let Some(found) = self.find(heard, is_silent) else { return false };
        outcome.frames.push((found.adu.unit_id.0, found.adu.pdu.to_vec()));
        outcome.noise += found.skipped;
        let used = found.skipped + found.adu.len_bytes();
        heard.drain(..used);
        true
    }
}
