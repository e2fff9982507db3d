//! A stream's incomplete tail: bytes wait here until the rest of their ADU arrives.
//!
//! Kept true here:
//! * a segment that begins and ends with an ADU is never copied;
//! * what waits is shorter than one ADU, so a peer cannot make it grow.

use std::borrow::Cow;

/// The bytes of an ADU that has begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    tail: Vec<u8>,
}

impl Inbox {
    /// The stream from the first byte of the unfinished ADU on.
    pub(crate) fn join<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.tail.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut stream = core::mem::take(&mut self.tail);
        stream.extend_from_slice(bytes);
        Cow::Owned(stream)
    }

    /// Keep what no ADU has used yet.
    pub(crate) fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.tail = rest.to_vec();
        }
    }

    /// Whether no ADU is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.tail.is_empty()
    }

    /// Give up what waits.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_after_whole_adus_is_borrowed() {
        let mut inbox = Inbox::default();

        assert!(matches!(inbox.join(b"whole"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_tail_stands_before_the_next_segment() {
        let mut inbox = Inbox::default();
        inbox.keep(b"be");

        assert_eq!(&*inbox.join(b"gun"), b"begun");
        assert!(inbox.is_empty());
    }
}
