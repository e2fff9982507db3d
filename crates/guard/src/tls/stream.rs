//! A connection under TLS: what can be read and written, and how it ends.
//!
//! Kept true here:
//! * OpenSSL is asked until it wants the wire, since it may hold records that epoll knows nothing of;
//! * the end of the TCP stream without `close_notify` ends a session like any end: a Modbus frame has its own length,
//!   so that a cut stream can hide no part of a request;
//! * a peer that asks to renegotiate is cut;
//! * what was taken back after its deadline does not leave out of OpenSSL's memory either;
//! * records without content cost their peer its turn, and nobody else's.

use super::tap::Tap;
use crate::socket::{Flushed, Readiness, Received};
use crate::wire::Wire;
use mio::net::TcpStream;
use openssl::error::ErrorStack;
use openssl::ssl::{Error, ErrorCode, Ssl, SslRef, SslStream};
use session::OutBuffer;
use std::io::{self, ErrorKind};

/// Taken from the wire at once: as much as OpenSSL reads ahead. A client can fill that with some 600 records that
/// bring no bytes of Modbus, such as changes of keys.
const AT_ONCE_BYTES: usize = 16 * 1024;
/// RFC 8446 §5.1: the most that one record carries.
const RECORD_BYTES: usize = 16 * 1024;

pub(crate) struct TlsStream {
    stream: SslStream<Tap>,
    /// Asking may bring bytes, or the end of the stream.
    pub(crate) may_read: bool,
    /// What OpenSSL has taken and the wire has not: it leaves as it is, or with the connection never.
    held: usize,
    /// Why OpenSSL gave the connection up.
    words: Option<String>,
}

impl TlsStream {
    pub(super) fn new(ssl: Ssl, stream: TcpStream) -> Result<Self, ErrorStack> {
        Self::over(ssl, Wire::new(stream))
    }

    /// Over a wire of which epoll has already said something.
    pub(super) fn over(ssl: Ssl, wire: Wire) -> Result<Self, ErrorStack> {
        let stream = SslStream::new(ssl, Tap::new(wire))?;
        Ok(Self { stream, may_read: false, held: 0, words: None })
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.tap().wire
    }

    pub(crate) fn wire_mut(&mut self) -> &mut Wire {
        &mut self.stream.get_mut().wire
    }

    pub(super) fn tap(&self) -> &Tap {
        self.stream.get_ref()
    }

    pub(super) fn ssl(&self) -> &SslRef {
        self.stream.ssl()
    }

    /// Go on with the handshake as the client.
    pub(super) fn connect(&mut self) -> Result<(), Error> {
        self.stream.connect()
    }

    /// Go on with the handshake as the server.
    pub(super) fn accept(&mut self) -> Result<(), Error> {
        self.stream.accept()
    }

    /// The handshake is done: what follows is the peer's own.
    pub(super) fn open(&mut self) {
        self.may_read = true;
        self.stream.get_mut().has_alerted = false;
    }

    /// Note what epoll says.
    pub(crate) fn ready(&mut self, is: Readiness) {
        self.wire_mut().ready(is);
        // What is to be read may have waited for room to write.
        self.may_read = true;
    }

    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Received {
        self.stream.get_mut().allowance = AT_ONCE_BYTES;
        match self.stream.ssl_read(into) {
            Ok(count) => Received::Bytes(count),
            Err(error) if wants_wire(&error) => {
                // Where the wire could give more, only the allowance is spent.
                self.may_read = self.wire().can_read;
                if self.tap().has_alerted {
                    return Received::Broken("renegotiation");
                }
                if self.may_read { Received::Spent } else { Received::Nothing }
            }
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => Received::Finished,
            Err(_) if self.wire().has_ended => Received::Finished,
            Err(error) if error.code() == ErrorCode::SSL => {
                let first = error.ssl_error().and_then(|stack| stack.errors().first());
                self.words = first.and_then(openssl::error::Error::reason).map(str::to_owned);
                Received::Broken("tls_broken")
            }
            Err(_) => Received::Failed,
        }
    }

    pub(crate) fn flush(&mut self, out: &mut OutBuffer) -> Flushed {
        while self.wire().can_write && (!out.is_empty() || self.held > 0) {
            match self.write(out.pending()) {
                Some(Ok(count)) => out.consume(count),
                Some(Err(_)) => return Flushed::Failed,
                None => break,
            }
        }
        if out.is_empty() { Flushed::All } else { Flushed::Some }
    }

    /// Give OpenSSL the first of what waits, and hear how much has left. `None`: the wire takes no more.
    ///
    /// What OpenSSL holds must still be the first of what waits: where its owner has taken that back, for its deadline
    /// is over, the connection cannot be used any more, and what is held ends with it.
    pub(crate) fn write(&mut self, pending: &[u8]) -> Option<io::Result<usize>> {
        if pending.len() < self.held || pending.is_empty() {
            return Some(Err(ErrorKind::InvalidData.into()));
        }
        match self.stream.ssl_write(pending) {
            Ok(count) => {
                self.held = 0;
                Some(Ok(count))
            }
            Err(error) if wants_wire(&error) => {
                self.held = pending.len().min(RECORD_BYTES);
                None
            }
            Err(_) => Some(Err(ErrorKind::ConnectionAborted.into())),
        }
    }

    /// What the peer said when it gave the connection up, or what OpenSSL did.
    pub(crate) fn words(&self) -> &str {
        self.words.as_deref().unwrap_or("the server closed the connection")
    }

    /// Tell the peer that nothing follows.
    pub(crate) fn notify_close(&mut self) {
        // A peer that has already gone needs no word.
        let _ = self.stream.shutdown();
    }
}

pub(super) fn wants_wire(error: &Error) -> bool {
    error.code() == ErrorCode::WANT_READ || error.code() == ErrorCode::WANT_WRITE
}
