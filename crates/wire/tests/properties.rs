//! Invariants of the parsers, tried with whatever bytes chance brings.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use wire::{
    Expectation, FrameError, PduLimit, ReplyTolerance, TransactionId, UnitId, append_adu, append_rtu_adu, parse_adu,
    parse_reply_adu, parse_request, parse_response,
};

#[path = "invariants/rtu.rs"]
#[allow(dead_code, unreachable_pub, clippy::indexing_slicing, reason = "shared with the fuzz target")]
mod rtu;

type Frame = (u16, u8, Vec<u8>);

/// Bytes that often begin like a request, so that chance gets past the first check.
fn pdus() -> impl Strategy<Value = Vec<u8>> {
    let codes = prop_oneof![any::<u8>(), 1_u8..25, Just(0x2B), Just(0x5A)];
    let words = vec(prop_oneof![Just(0_u8), 0_u8..16, any::<u8>()], 0..64);
    (codes, words).prop_map(|(code, mut bytes)| {
        bytes.insert(0, code);
        bytes
    })
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    vec((any::<u16>(), any::<u8>(), vec(any::<u8>(), 1..=253)), 0..6)
}

fn stream_of(frames: &[Frame]) -> Vec<u8> {
    let mut stream = Vec::new();
    for (transaction_id, unit_id, pdu) in frames {
        append_adu(&mut stream, TransactionId(*transaction_id), UnitId(*unit_id), pdu);
    }
    stream
}

/// Take all whole frames from the front, and leave the rest.
fn take_frames(stream: &mut Vec<u8>, found: &mut Vec<Frame>) -> Result<(), FrameError> {
    while let Some(adu) = parse_adu(stream, PduLimit { umas_bytes: 300 })? {
        found.push((adu.transaction_id.0, adu.unit_id.0, adu.pdu.to_vec()));
        let used = adu.len_bytes();
        stream.drain(..used);
    }
    Ok(())
}

fn parse_in_pieces(stream: &[u8], pieces: &[usize]) -> (Vec<Frame>, Result<Vec<u8>, FrameError>) {
    let (mut waiting, mut found, mut rest) = (Vec::new(), Vec::new(), stream);
    for piece in pieces.iter().copied().chain([usize::MAX]) {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        (rest, waiting) = (later, [waiting, now.to_vec()].concat());
        if let Err(error) = take_frames(&mut waiting, &mut found) {
            return (found, Err(error));
        }
    }
    (found, Ok(waiting))
}

proptest! {
    /// Invariant tested: no bytes make a parser panic, and what parses can be asked everything.
    #[test]
    fn parsing_never_panics(pdu in prop_oneof![vec(any::<u8>(), 0..300), pdus()], reply in pdus(), tolerant: bool) {
        let tolerate = ReplyTolerance { trailing_bytes: tolerant, over_quantity: tolerant };
        let limit = PduLimit { umas_bytes: 280 };
        let _ = (parse_adu(&pdu, limit), parse_reply_adu(&pdu, limit, tolerate));
        if let Ok(request) = parse_request(&pdu, tolerant) {
            prop_assert!(request.parts().count() >= 1);
            let written = request.written_values().count();
            let announced = request.writes().map_or(0, |span| usize::from(span.range.quantity()));
            prop_assert!(written == announced || pdu.first() == Some(&0x16) && written == 2);
            let expected = Expectation::of(&request);
            for bytes in [&reply, &pdu] {
                let told = parse_response(&expected, bytes, tolerate).ok().and_then(|reply| reply.values());
                let asked = request.reads().map(|span| usize::from(span.range.quantity()));
                prop_assert!(told.is_none_or(|values| Some(values.count()) == asked));
                let _ = expected.reply_bytes(bytes);
            }
        }
    }

    /// Invariant tested: a request that parses is the same with any byte cut off its end only if it may carry anything.
    #[test]
    fn what_has_a_length_has_one_length(pdu in pdus(), extra in 0_u8..) {
        let is_free = matches!(pdu.first(), Some(8 | 0x2B | 0x5A)) || pdu.first().is_some_and(|code| *code > 24)
            || matches!(pdu.first(), Some(9 | 10 | 13 | 14 | 18 | 19));
        if !is_free && parse_request(&pdu, false).is_ok() {
            let longer = [&pdu[..], &[extra]].concat();
            prop_assert!(parse_request(&longer, false).is_err());
            prop_assert!(parse_request(&pdu[..pdu.len() - 1], false).is_err());
        }
    }

    /// Invariant tested: a frame that is written is the frame that is read.
    #[test]
    fn a_written_frame_is_read_back(transaction_id: u16, unit_id: u8, pdu in vec(any::<u8>(), 1..=253)) {
        let stream = stream_of(&[(transaction_id, unit_id, pdu.clone())]);
        let adu = parse_adu(&stream, PduLimit::default()).unwrap().unwrap();

        prop_assert_eq!((adu.transaction_id.0, adu.unit_id.0, adu.pdu), (transaction_id, unit_id, &pdu[..]));
        prop_assert_eq!(adu.len_bytes(), stream.len());
    }

    /// Invariant tested: where a stream is split changes nothing about its frames.
    #[test]
    fn split_streams_parse_like_whole_ones(frames in frames(), pieces in vec(0_usize..80, 0..40)) {
        let (found, rest) = parse_in_pieces(&stream_of(&frames), &pieces);

        prop_assert_eq!((found, rest), (frames, Ok(Vec::new())));
    }

    /// Invariant tested: where a broken stream is split changes neither the frames before the fault nor the fault.
    #[test]
    fn split_broken_streams_fail_like_whole_ones(
        frames in frames(),
        noise in vec(prop_oneof![Just(0_u8), any::<u8>()], 0..40),
        pieces in vec(0_usize..80, 0..40),
    ) {
        let stream = [stream_of(&frames), noise].concat();

        prop_assert_eq!(parse_in_pieces(&stream, &pieces), parse_in_pieces(&stream, &[]));
    }
}

proptest! {
    #[test]
    fn whatever_is_heard_on_a_line_gives_only_frames_that_were_there(heard in vec(any::<u8>(), 0..80)) {
        rtu::check(&heard);
    }

    #[test]
    fn frames_among_noise_on_a_line_are_found_alike_however_they_are_cut(
        (flags, noise, unit, pdu) in (any::<u8>(), vec(any::<u8>(), 0..6), 1_u8..6, pdus())
    ) {
        let mut heard = [&[flags][..], &noise].concat();
        append_rtu_adu(&mut heard, UnitId(unit), &pdu);
        rtu::check(&heard);
    }
}
