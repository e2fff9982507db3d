//! Bytes on their way to a socket: a queue with a cursor, which says when it is too full.
//!
//! Kept true here:
//! * bytes leave in the order in which they came, each once;
//! * positions count all bytes that ever entered, so that the owner can ask whether
//!   a request has left the guard.

/// What may wait for a slow peer before the guard stops reading for it. Holds more than
/// two hundred of the largest ADUs, and is a quarter of a usual socket buffer.
const BOUND_BYTES: usize = 64 * 1024;

/// Memory kept while nothing waits; anything larger is given back, for idle sessions are many.
const KEPT_BYTES: usize = 4 * 1024;

/// A queue of bytes for one socket.
#[derive(Debug, Default)]
pub struct OutBuffer {
    bytes: Vec<u8>,
    sent: usize,
    left: u64,
}

impl OutBuffer {
    /// What is still to be written.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// The first `written` pending bytes are with the socket.
    pub fn consume(&mut self, written: usize) {
        let written = written.min(self.len());
        self.sent = self.sent.saturating_add(written);
        self.left = self.left.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        if self.sent >= self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
            self.sent = 0;
        }
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.sent)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether so much waits that no more should be read for this socket.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= BOUND_BYTES
    }

    /// Position after the last byte that entered; a request's end, right after it was appended.
    pub(crate) fn end(&self) -> u64 {
        self.left.saturating_add(u64::try_from(self.len()).unwrap_or(u64::MAX))
    }

    /// Whether every byte before `position` is with the socket.
    pub(crate) fn has_sent(&self, position: u64) -> bool {
        self.left >= position
    }

    /// Throw away what waits: the connection it was for is gone.
    pub(crate) fn clear(&mut self) {
        let waiting = self.len();
        self.consume(waiting);
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.tail().extend_from_slice(bytes);
    }

    /// Where to append; what was sent is dropped first once it is the larger part.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent.min(self.bytes.len()));
            self.sent = 0;
        }
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_order_and_once() {
        let mut out = OutBuffer::default();
        out.append(b"abcdef");
        out.consume(4);
        out.append(b"gh");

        assert_eq!(out.pending(), b"efgh");
    }

    #[test]
    fn a_position_is_sent_only_after_its_last_byte() {
        let mut out = OutBuffer::default();
        out.append(b"abc");
        let end = out.end();
        out.consume(2);
        let early = out.has_sent(end);
        out.consume(1);

        assert_eq!((early, out.has_sent(end)), (false, true));
    }

    #[test]
    fn consuming_more_than_waits_is_harmless() {
        let mut out = OutBuffer::default();
        out.append(b"abc");
        out.consume(10);
        out.append(b"d");

        assert_eq!((out.pending(), out.end()), (&b"d"[..], 4));
    }

    #[test]
    fn a_buffer_over_its_bound_says_so() {
        let mut out = OutBuffer::default();
        out.append(&[0; BOUND_BYTES - 1]);
        let before = out.is_full();
        out.append(&[0]);

        assert_eq!((before, out.is_full()), (false, true));
    }
}
