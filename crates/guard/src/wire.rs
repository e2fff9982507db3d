//! A TCP stream that does not block, and what epoll has said of it.
//!
//! Kept true here:
//! * readiness is remembered, because epoll tells each edge only once;
//! * a short read or write means that the kernel has no more, so no call is spent to hear `EAGAIN`,
//!   except where the end of the stream may stand right behind what was read.

use crate::socket::Readiness;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};

pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    pub(crate) can_read: bool,
    pub(crate) can_write: bool,
    /// The kernel has seen the end of the stream, and told it once.
    is_ending: bool,
    /// The end of the stream was read.
    pub(crate) has_ended: bool,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, can_read: false, can_write: false, is_ending: false, has_ended: false }
    }

    /// Note what epoll says.
    pub(crate) fn ready(&mut self, is: Readiness) {
        self.can_read |= is.readable || is.ending;
        self.can_write |= is.writable;
        self.is_ending |= is.ending;
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.can_read {
            return Err(ErrorKind::WouldBlock.into());
        }
        let read = self.stream.read(into);
        match &read {
            Ok(0) => (self.can_read, self.has_ended) = (false, true),
            Ok(count) => self.can_read = self.is_ending || *count == into.len(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => (self.can_read, self.is_ending) = (false, false),
            Err(_) => {}
        }
        read
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.can_write {
            return Err(ErrorKind::WouldBlock.into());
        }
        let written = self.stream.write(bytes);
        match &written {
            Ok(count) => self.can_write = *count == bytes.len(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
            Err(_) => {}
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
