//! As much of Modbus TCP as a load and its echo need; shares no code with the guard it measures.

/// Of the MBAP header, up to and with `length`.
const PREFIX: usize = 6;
/// Most bytes behind `length` on TCP (MBAP 1.0b: 260 less the prefix).
const LONGEST: usize = 254;
const ILLEGAL_FUNCTION: u8 = 0x01;

/// What a piece of a stream begins with.
pub(crate) enum Cut<'a> {
    Frame(&'a [u8], &'a [u8]),
    Short,
    Broken,
}

/// Take the first frame off a stream.
pub(crate) fn cut(bytes: &[u8]) -> Cut<'_> {
    let [_, _, p0, p1, l0, l1, ..] = bytes else { return Cut::Short };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    if (*p0, *p1) != (0, 0) || !(2..=LONGEST).contains(&length) {
        return Cut::Broken;
    }
    match bytes.split_at_checked(PREFIX + length) {
        Some((frame, rest)) => Cut::Frame(frame, rest),
        None => Cut::Short,
    }
}

/// Transaction id and function code of a frame.
pub(crate) fn name_of(frame: &[u8]) -> Option<(u16, u8)> {
    let [t0, t1, _, _, _, _, _, function_code, ..] = frame else { return None };
    Some((u16::from_be_bytes([*t0, *t1]), *function_code))
}

/// A request the load sends.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) transaction_id: u16,
    pub(crate) unit_id: u8,
    pub(crate) address: u16,
    pub(crate) is_write: bool,
}

/// Registers read by each read.
pub(crate) const READ_QUANTITY: u8 = 5;

impl Request {
    pub(crate) fn function_code(self) -> u8 {
        if self.is_write { 0x10 } else { 0x03 }
    }

    pub(crate) fn put(self, out: &mut Vec<u8>) {
        let [t0, t1] = self.transaction_id.to_be_bytes();
        let [a0, a1] = self.address.to_be_bytes();
        if self.is_write {
            // One float32, the commonest write: two registers whose value changes with each write.
            out.extend_from_slice(&[t0, t1, 0, 0, 0, 11, self.unit_id, 0x10, a0, a1, 0, 2, 4, t0, t1, t1, t0]);
        } else {
            out.extend_from_slice(&[t0, t1, 0, 0, 0, 6, self.unit_id, 0x03, a0, a1, 0, READ_QUANTITY]);
        }
    }
}

/// Answer a request: zeros for what is read, an echo for what is written.
pub(crate) fn answer(frame: &[u8], out: &mut Vec<u8>) {
    let [t0, t1, _, _, _, _, unit_id, pdu @ ..] = frame else { return };
    let head = [*t0, *t1, 0, 0];
    let mut reply = |body: &[u8], zeros: u8| {
        let length = u16::try_from(1 + body.len()).unwrap_or(0) + u16::from(zeros);
        out.extend_from_slice(&head);
        out.extend_from_slice(&length.to_be_bytes());
        out.push(*unit_id);
        out.extend_from_slice(body);
        out.extend(std::iter::repeat_n(0, usize::from(zeros)));
    };
    match pdu {
        [code @ (0x01 | 0x02), _, _, q0, q1] => {
            let bytes = low(u16::from_be_bytes([*q0, *q1]).div_ceil(8));
            reply(&[*code, bytes], bytes);
        }
        [code @ (0x03 | 0x04), _, _, q0, q1] | [code @ 0x17, _, _, q0, q1, ..] => {
            let bytes = low(u16::from_be_bytes([*q0, *q1]).saturating_mul(2));
            reply(&[*code, bytes], bytes);
        }
        [0x05 | 0x06, _, _, _, _] => reply(pdu, 0),
        [code @ (0x0F | 0x10), a0, a1, q0, q1, ..] => reply(&[*code, *a0, *a1, *q0, *q1], 0),
        [code, ..] => reply(&[code | 0x80, ILLEGAL_FUNCTION], 0),
        [] => {}
    }
}

/// A byte count; at most 250 by the limits on quantity.
fn low(bytes: u16) -> u8 {
    u8::try_from(bytes).unwrap_or(u8::MAX - 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply_to(pdu: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x12, 0x34, 0, 0, 0, u8::try_from(pdu.len() + 1).unwrap(), 9];
        frame.extend_from_slice(pdu);
        let mut out = Vec::new();
        answer(&frame, &mut out);
        out
    }

    #[test]
    fn an_unknown_function_is_answered_with_exception_01() {
        assert_eq!(reply_to(&[0x2B, 0x0E, 1, 0]), [0x12, 0x34, 0, 0, 0, 3, 9, 0xAB, 1]);
    }

    #[test]
    fn reads_are_answered_with_zeros() {
        assert_eq!(reply_to(&[3, 0, 0, 0, 2]), [0x12, 0x34, 0, 0, 0, 7, 9, 3, 4, 0, 0, 0, 0]);
        assert_eq!(reply_to(&[1, 0, 0, 0, 9]), [0x12, 0x34, 0, 0, 0, 5, 9, 1, 2, 0, 0]);
        let both = [0x17, 0, 0, 0, 1, 0, 7, 0, 1, 2, 0, 5];
        assert_eq!(reply_to(&both), [0x12, 0x34, 0, 0, 0, 5, 9, 0x17, 2, 0, 0]);
    }

    #[test]
    fn writes_are_answered_with_what_was_asked() {
        assert_eq!(reply_to(&[6, 0, 1, 0, 2]), [0x12, 0x34, 0, 0, 0, 6, 9, 6, 0, 1, 0, 2]);
        let many = [0x10, 0, 1, 0, 1, 2, 0, 5];
        assert_eq!(reply_to(&many), [0x12, 0x34, 0, 0, 0, 6, 9, 0x10, 0, 1, 0, 1]);
    }

    #[test]
    fn a_stream_is_cut_at_every_byte_without_a_frame_lost() {
        let mut stream = Vec::new();
        for is_write in [false, true] {
            Request { transaction_id: 7, unit_id: 1, address: 40, is_write }.put(&mut stream);
        }
        for end in 0..stream.len() {
            let (mut rest, mut frames) = (&stream[..end], 0);
            while let Cut::Frame(_, after) = cut(rest) {
                (rest, frames) = (after, frames + 1);
            }

            assert_eq!(frames, usize::from(end >= 12));
            assert!(matches!(cut(rest), Cut::Short));
        }
        assert!(matches!(cut(&[0, 0, 9, 9, 0, 6]), Cut::Broken));
    }
}
