//! The near end of a line: a serial port, or a TCP connection, that does not block.

use super::serial::{forget_unsent, open_port};
use mio::event::Event;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use policy::document::Serial;
use socket2::{SockRef, TcpKeepalive};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

const KEEPALIVE: Duration = Duration::from_secs(30);

/// Where a line leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Serial(Serial),
    Tcp { to: SocketAddr, unacknowledged: Duration },
}

pub(crate) struct End {
    port: Port,
    can_read: bool,
    can_write: bool,
    /// Bytes the kernel did not take at once.
    unsent: Vec<u8>,
}

enum Port {
    Serial(File),
    Tcp(TcpStream),
}

impl End {
    /// Open a port, or begin to connect.
    pub(crate) fn open(way: &Way, registry: &Registry, token: Token) -> io::Result<Self> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let port = match way {
            Way::Serial(serial) => {
                let file = open_port(serial)?;
                registry.register(&mut SourceFd(&file.as_raw_fd()), token, both)?;
                Port::Serial(file)
            }
            Way::Tcp { to, unacknowledged } => {
                let mut stream = TcpStream::connect(*to)?;
                configure(&stream, *unacknowledged)?;
                registry.register(&mut stream, token, both)?;
                Port::Tcp(stream)
            }
        };
        Ok(Self { port, can_read: false, can_write: false, unsent: Vec::new() })
    }

    pub(crate) fn ready(&mut self, event: &Event) {
        self.can_read |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.can_write |= event.is_writable() || event.is_error();
    }

    /// Whether it can be used. `None`: not yet.
    pub(crate) fn opened(&self) -> Option<io::Result<()>> {
        let Port::Tcp(stream) = &self.port else { return Some(Ok(())) };
        if !self.can_write && !self.can_read {
            return None;
        }
        match stream.take_error() {
            Ok(Some(error)) | Err(error) => return Some(Err(error)),
            Ok(None) => {}
        }
        match stream.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == ErrorKind::NotConnected => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// What came; `None`: nothing more.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Option<io::Result<usize>> {
        while self.can_read {
            let read = match &mut self.port {
                Port::Serial(file) => file.read(into),
                Port::Tcp(stream) => stream.read(into),
            };
            match read {
                Ok(0) => return Some(Err(ErrorKind::UnexpectedEof.into())),
                Ok(count) => return Some(Ok(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_read = false,
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    pub(crate) fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.unsent.extend_from_slice(frame);
        // The kernel says that there is room only when it has changed; to ask costs one call.
        self.can_write = true;
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.can_write && !self.unsent.is_empty() {
            let written = match &mut self.port {
                Port::Serial(file) => file.write(&self.unsent),
                Port::Tcp(stream) => stream.write(&self.unsent),
            };
            match written {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the kernel did not take all at once.
    pub(crate) fn is_holding(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// End at once; nothing unsent is delivered.
    pub(crate) fn reset(self) {
        match &self.port {
            Port::Serial(file) => forget_unsent(file),
            Port::Tcp(stream) => {
                // Where linger cannot be set the socket is already dead.
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
        }
    }
}

fn configure(stream: &TcpStream, unacknowledged: Duration) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3).with_retries(3))?;
    socket.set_tcp_user_timeout(Some(unacknowledged))
}
