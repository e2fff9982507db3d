//! One TCP connection that does not block, in the clear or under TLS: what can be read and written, and how it ends.
//!
//! Kept true here: a reset is linger 0, because a plain close would let the kernel deliver a buffered write later.

use crate::diverted::{self, Route};
use crate::tls::TlsStream;
use crate::turn::Turn;
use crate::wire::Wire;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use session::OutBuffer;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

pub(crate) struct Socket {
    link: Link,
    /// The peer will send no more.
    pub(crate) read_ended: bool,
    /// We shall send no more.
    pub(crate) write_ended: bool,
}

enum Link {
    Plain(Wire),
    Tls(Box<TlsStream>),
}

/// What epoll says of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer's stream has ended, perhaps behind bytes that are still to be read.
    pub(crate) ending: bool,
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Bytes(usize),
    Finished,
    Nothing,
    /// Nothing yet, and much was read for it.
    Spent,
    Failed,
    /// The peer broke TLS: the word for it.
    Broken(&'static str),
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
        Ok(Self::over(Link::Plain(Wire::new(stream))))
    }

    /// Take over a stream whose handshake is done, under a token of its conversation. Epoll says anew what is ready.
    pub(crate) fn secured(mut stream: Box<TlsStream>, registry: &Registry, token: Token) -> io::Result<Self> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        registry.reregister(&mut stream.wire_mut().stream, token, interests)?;
        Ok(Self::over(Link::Tls(stream)))
    }

    /// Take over a stream whose handshake with a server is done, watched as it was before.
    pub(crate) fn dialed(stream: Box<TlsStream>) -> Self {
        Self::over(Link::Tls(stream))
    }

    /// What is under it, for a handshake to go on.
    pub(crate) fn into_wire(self) -> Option<Wire> {
        match self.link {
            Link::Plain(wire) => Some(wire),
            Link::Tls(_) => None,
        }
    }

    /// Why TLS ended, as far as it is known.
    pub(crate) fn words(&self) -> &str {
        match &self.link {
            Link::Plain(_) => "",
            Link::Tls(tls) => tls.words(),
        }
    }

    fn over(link: Link) -> Self {
        Self { link, read_ended: false, write_ended: false }
    }

    /// Start to connect; readiness to write tells the end of it.
    pub(crate) fn connect(route: Route, turn: &Turn<'_>, token: Token) -> io::Result<Self> {
        let stream = diverted::connect(route)?;
        if turn.descriptors.is_beyond_servers(&stream) {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        Self::register(stream, turn.registry, token)
    }

    /// Small requests leave at once; a peer that has gone is noticed.
    pub(crate) fn configure(&self, unacknowledged: Duration) -> io::Result<()> {
        let socket = SockRef::from(&self.wire().stream);
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
        SockRef::from(&self.wire().stream).set_tcp_user_timeout(Some(to))
    }

    /// Whether epoll has said anything since a started connect.
    pub(crate) fn has_stirred(&self) -> bool {
        self.wire().can_write || self.wire().can_read
    }

    /// Whether a started connect ended, and how. `None`: not yet.
    pub(crate) fn connected(&self) -> Option<io::Result<()>> {
        match self.wire().stream.take_error() {
            Ok(Some(error)) | Err(error) => return Some(Err(error)),
            Ok(None) => {}
        }
        match self.wire().stream.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == ErrorKind::NotConnected => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// As though the kernel had no more room.
    #[cfg(test)]
    pub(crate) fn stuff(&mut self) {
        self.wire_mut().can_write = false;
    }

    #[cfg(test)]
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.wire().stream
    }

    /// Note what epoll says.
    pub(crate) fn ready(&mut self, is: Readiness) {
        match &mut self.link {
            Link::Plain(wire) => wire.ready(is),
            Link::Tls(tls) => tls.ready(is),
        }
    }

    /// Whether the kernel may take bytes.
    pub(crate) fn can_write(&self) -> bool {
        self.wire().can_write
    }

    /// Whether bytes may wait, or the end of the stream.
    pub(crate) fn has_more(&self) -> bool {
        let may_read = match &self.link {
            Link::Plain(wire) => wire.can_read,
            Link::Tls(tls) => tls.may_read,
        };
        may_read && !self.read_ended
    }

    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Received {
        let received = match &mut self.link {
            Link::Plain(wire) => receive(wire, into),
            Link::Tls(tls) => tls.receive(into),
        };
        self.read_ended |= received == Received::Finished;
        received
    }

    pub(crate) fn flush(&mut self, out: &mut OutBuffer) -> Flushed {
        match &mut self.link {
            Link::Plain(wire) => flush(wire, out),
            Link::Tls(tls) => tls.flush(out),
        }
    }

    /// Send FIN: all that was written goes first.
    pub(crate) fn finish(&mut self) {
        self.write_ended = true;
        if let Link::Tls(tls) = &mut self.link {
            tls.notify_close();
        }
        // A peer that has already gone needs no FIN.
        let _ = self.wire().stream.shutdown(Shutdown::Write);
    }

    /// End at once; nothing unsent is delivered.
    pub(crate) fn reset(self) {
        // Where linger cannot be set the socket is already dead.
        let _ = SockRef::from(&self.wire().stream).set_linger(Some(Duration::ZERO));
    }

    fn wire(&self) -> &Wire {
        match &self.link {
            Link::Plain(wire) => wire,
            Link::Tls(tls) => tls.wire(),
        }
    }

    #[cfg(test)]
    fn wire_mut(&mut self) -> &mut Wire {
        match &mut self.link {
            Link::Plain(wire) => wire,
            Link::Tls(tls) => tls.wire_mut(),
        }
    }
}

fn receive(wire: &mut Wire, into: &mut [u8]) -> Received {
    match wire.read(into) {
        Ok(0) => Received::Finished,
        Ok(count) => Received::Bytes(count),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Received::Nothing,
        Err(_) => Received::Failed,
    }
}

fn flush(wire: &mut Wire, out: &mut OutBuffer) -> Flushed {
    while wire.can_write && !out.is_empty() {
        match wire.write(out.pending()) {
            Ok(count) => out.consume(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return Flushed::Failed,
        }
    }
    if out.is_empty() { Flushed::All } else { Flushed::Some }
}
