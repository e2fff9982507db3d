//! One TCP connection that does not block: what can be read and written, and how it ends.
//!
//! Kept true here:
//! * readiness is remembered, because epoll tells each edge only once;
//! * a short read or write means that the kernel has no more, so no call is spent to hear `EAGAIN`,
//!   except where the end of the stream may stand right behind what was read;
//! * a reset is linger 0: a plain close would let the kernel deliver a buffered write later.

use crate::turn::Turn;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use session::OutBuffer;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

pub(crate) struct Socket {
    stream: TcpStream,
    can_read: bool,
    can_write: bool,
    /// The kernel has seen the end of the stream, and told it once.
    is_ending: bool,
    /// The peer will send no more.
    pub(crate) read_ended: bool,
    /// We shall send no more.
    pub(crate) write_ended: bool,
}

/// What epoll says of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    readable: bool,
    writable: bool,
    /// The peer's stream has ended, perhaps behind bytes that are still to be read.
    ending: bool,
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Bytes(usize),
    Finished,
    Nothing,
    Failed,
}

/// What writing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    All,
    Some,
    Failed,
}

impl Readiness {
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            readable: event.is_readable(),
            writable: event.is_writable() || event.is_error(),
            ending: event.is_read_closed() || event.is_error(),
        }
    }
}

#[cfg(test)]
impl Readiness {
    pub(crate) const READABLE: Self = Self { readable: true, writable: false, ending: false };
    pub(crate) const WRITABLE: Self = Self { readable: false, writable: true, ending: false };
}

impl Socket {
    /// Take over an accepted or connecting stream.
    pub(crate) fn register(mut stream: TcpStream, registry: &Registry, token: Token) -> io::Result<Self> {
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, can_read: false, can_write: false, is_ending: false, read_ended: false, write_ended: false })
    }

    /// Start to connect; readiness to write tells the end of it.
    pub(crate) fn connect(to: SocketAddr, turn: &Turn<'_>, token: Token) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        if turn.descriptors.is_beyond_servers(&stream) {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        Self::register(stream, turn.registry, token)
    }

    /// Small requests leave at once; a peer that has gone is noticed.
    pub(crate) fn configure(&self, unacknowledged: Duration) -> io::Result<()> {
        let socket = SockRef::from(&self.stream);
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_PROBES);
        socket.set_tcp_keepalive(&keepalive)?;
        self.limit_unacknowledged(unacknowledged)
    }

    /// What is sent and not acknowledged for as long ends the connection.
    pub(crate) fn limit_unacknowledged(&self, to: Duration) -> io::Result<()> {
        SockRef::from(&self.stream).set_tcp_user_timeout(Some(to))
    }

    /// Whether epoll has said anything since a started connect.
    pub(crate) fn has_stirred(&self) -> bool {
        self.can_write || self.can_read
    }

    /// Whether a started connect ended, and how. `None`: not yet.
    pub(crate) fn connected(&self) -> Option<io::Result<()>> {
        match self.stream.take_error() {
            Ok(Some(error)) | Err(error) => return Some(Err(error)),
            Ok(None) => {}
        }
        match self.stream.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == ErrorKind::NotConnected => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// As though the kernel had no more room.
    #[cfg(test)]
    pub(crate) fn stuff(&mut self) {
        self.can_write = false;
    }

    #[cfg(test)]
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Note what epoll says.
    pub(crate) fn ready(&mut self, is: Readiness) {
        self.can_read |= is.readable || is.ending;
        self.can_write |= is.writable;
        self.is_ending |= is.ending;
    }

    /// Whether the kernel may take bytes.
    pub(crate) fn can_write(&self) -> bool {
        self.can_write
    }

    /// Whether the kernel may hold bytes, or the end of the stream.
    pub(crate) fn has_more(&self) -> bool {
        self.can_read && !self.read_ended
    }

    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Received {
        match self.stream.read(into) {
            Ok(0) => {
                (self.can_read, self.read_ended) = (false, true);
                Received::Finished
            }
            Ok(count) => {
                self.can_read = self.is_ending || count == into.len();
                Received::Bytes(count)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                (self.can_read, self.is_ending) = (false, false);
                Received::Nothing
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Received::Nothing,
            Err(_) => Received::Failed,
        }
    }

    pub(crate) fn flush(&mut self, out: &mut OutBuffer) -> Flushed {
        while self.can_write && !out.is_empty() {
            let pending = out.pending();
            let whole = pending.len();
            match self.stream.write(pending) {
                Ok(count) => {
                    out.consume(count);
                    self.can_write = count == whole;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Flushed::Failed,
            }
        }
        if out.is_empty() { Flushed::All } else { Flushed::Some }
    }

    /// Send FIN: all that was written goes first.
    pub(crate) fn finish(&mut self) {
        self.write_ended = true;
        // A peer that has already gone needs no FIN.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// End at once; nothing unsent is delivered.
    pub(crate) fn reset(self) {
        // Where linger cannot be set the socket is already dead.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}
