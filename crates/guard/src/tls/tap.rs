//! What OpenSSL reads and writes: the wire, with two things remembered that its own errors do not tell.

use crate::wire::Wire;
use std::io::{self, ErrorKind, Read, Write};

/// RFC 8446 §5.1: content types of records.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// The first byte of every version since SSL 3.
const MAJOR: u8 = 3;

pub(super) struct Tap {
    pub(super) wire: Wire,
    /// The first bytes that the peer ever sent.
    first: [u8; 2],
    seen: usize,
    /// How much more may be read before others have their turn.
    pub(super) allowance: usize,
    /// An alert was sent in the clear type of TLS 1.2: since the handshake only a refusal to renegotiate is one.
    pub(super) has_alerted: bool,
}

impl Tap {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, first: [0; 2], seen: 0, allowance: usize::MAX, has_alerted: false }
    }

    /// Whether the peer spoke, and what it said cannot be the beginning of TLS.
    pub(super) fn is_no_tls(&self) -> bool {
        self.seen > 0 && !(self.first.starts_with(&[HANDSHAKE]) && (self.seen < 2 || self.first == [HANDSHAKE, MAJOR]))
    }

    pub(super) fn began_with_alert(&self) -> bool {
        self.seen == self.first.len() && self.first == [ALERT, MAJOR]
    }

    fn look_at(&mut self, bytes: &[u8]) {
        if self.seen >= self.first.len() {
            return;
        }
        for (place, byte) in self.first.iter_mut().skip(self.seen).zip(bytes) {
            *place = *byte;
        }
        self.seen = (self.seen + bytes.len()).min(self.first.len());
    }
}

impl Read for Tap {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.allowance == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        loop {
            match self.wire.read(into) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(count) => {
                    self.allowance = self.allowance.saturating_sub(count);
                    self.look_at(into.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.has_alerted |= bytes.first() == Some(&ALERT);
        loop {
            match self.wire.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
