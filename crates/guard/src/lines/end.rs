//! The near end of a line: a serial port, or a TCP connection with or without TLS, that does not block.

use super::serial::{forget_unsent, open_port};
use crate::socket::{Readiness, Received};
use crate::tls::{Credential, Dial, Reason, Refusal, ServerGate, Step, TlsStream, When};
use crate::wire::Wire;
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
use std::sync::Arc;
use std::time::Duration;

const KEEPALIVE: Duration = Duration::from_secs(30);

/// Where a line leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Serial(Serial),
    /// Under TLS where the server's certificate is to name somebody.
    Tcp {
        to: SocketAddr,
        unacknowledged: Duration,
        expects: Option<String>,
    },
}

pub(crate) struct End {
    port: Port,
    can_read: bool,
    can_write: bool,
    /// Bytes the kernel did not take at once.
    unsent: Vec<u8>,
    is_spent: bool,
}

enum Port {
    Serial(File),
    Tcp(TcpStream),
    /// Its handshake is under way.
    Dialing(Box<Dial>),
    Tls(Box<TlsStream>),
    /// A handshake could not even begin.
    None,
}

/// How far a handshake with a server came.
pub(crate) enum Secured {
    Waiting,
    /// Others come first.
    Later,
    Done(Arc<Credential>, Vec<String>),
    Refused(Refusal),
}

impl Way {
    pub(crate) fn is_secured(&self) -> bool {
        matches!(self, Self::Tcp { expects: Some(_), .. })
    }
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
            Way::Tcp { to, unacknowledged, .. } => {
                let mut stream = TcpStream::connect(*to)?;
                configure(&stream, *unacknowledged)?;
                registry.register(&mut stream, token, both)?;
                Port::Tcp(stream)
            }
        };
        Ok(Self { port, can_read: false, can_write: false, unsent: Vec::new(), is_spent: false })
    }

    pub(crate) fn ready(&mut self, event: &Event) {
        self.can_read |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.can_write |= event.is_writable() || event.is_error();
        match &mut self.port {
            Port::Dialing(dial) => dial.ready(Readiness::of(event)),
            Port::Tls(tls) => tls.ready(Readiness::of(event)),
            Port::Serial(_) | Port::Tcp(_) | Port::None => {}
        }
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

    /// Go on with the handshake, or begin it.
    pub(crate) fn secure(&mut self, gate: &Arc<ServerGate>, when: When, dials: &mut usize) -> Secured {
        if let Port::Tcp(_) = &self.port
            && let Err(refusal) = self.begin_handshake(gate, when)
        {
            return Secured::Refused(refusal);
        }
        let Port::Dialing(dial) = &mut self.port else { return Secured::Waiting };
        if !dial.can_step() {
            return Secured::Waiting;
        }
        let Some(left) = dials.checked_sub(1) else { return Secured::Later };
        *dials = left;
        match dial.step(when) {
            Step::Waiting => Secured::Waiting,
            Step::Refused(refusal) => Secured::Refused(refusal),
            Step::Done(credential, complaints) => {
                if let Port::Dialing(dial) = std::mem::replace(&mut self.port, Port::None) {
                    self.port = Port::Tls(dial.into_stream());
                }
                Secured::Done(credential, complaints.iter().map(|one| one.told()).collect())
            }
        }
    }

    /// A responder said something, perhaps about this server.
    pub(crate) fn stir_settled(&mut self) {
        if let Port::Dialing(dial) = &mut self.port {
            dial.stir();
        }
    }

    /// Why a handshake is given up when its time is over.
    pub(crate) fn late(&self) -> Refusal {
        match &self.port {
            Port::Dialing(dial) => dial.late(),
            _ => Refusal::new(Reason::HandshakeTimeout, ""),
        }
    }

    fn begin_handshake(&mut self, gate: &Arc<ServerGate>, when: When) -> Result<(), Refusal> {
        let Port::Tcp(stream) = std::mem::replace(&mut self.port, Port::None) else { return Ok(()) };
        let mut wire = Wire::new(stream);
        wire.ready(Readiness { readable: self.can_read, writable: self.can_write, ending: false });
        let dial = Dial::begin(wire, Arc::clone(gate), when);
        let dial = dial.map_err(|error| Refusal::new(Reason::Internal, error.to_string()))?;
        self.port = Port::Dialing(Box::new(dial));
        Ok(())
    }

    /// Why TLS ended, as far as it is known.
    pub(crate) fn words(&self) -> Option<&str> {
        match &self.port {
            Port::Tls(tls) => Some(tls.words()),
            Port::Serial(_) | Port::Tcp(_) | Port::Dialing(_) | Port::None => None,
        }
    }

    /// Whether much was read for nothing, and more could be.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent
    }

    fn receive_secured(&mut self, into: &mut [u8]) -> Option<io::Result<usize>> {
        let Port::Tls(tls) = &mut self.port else { return None };
        if !tls.may_read {
            return None;
        }
        match tls.receive(into) {
            Received::Bytes(count) => Some(Ok(count)),
            Received::Nothing => None,
            Received::Spent => {
                self.is_spent = true;
                None
            }
            Received::Finished => Some(Err(ErrorKind::UnexpectedEof.into())),
            Received::Broken(_) => Some(Err(ErrorKind::InvalidData.into())),
            Received::Failed => Some(Err(ErrorKind::ConnectionReset.into())),
        }
    }

    /// What came; `None`: nothing more.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Option<io::Result<usize>> {
        self.is_spent = false;
        if matches!(self.port, Port::Tls(_)) {
            return self.receive_secured(into);
        }
        while self.can_read {
            let read = match &mut self.port {
                Port::Serial(file) => file.read(into),
                Port::Tcp(stream) => stream.read(into),
                Port::Dialing(_) | Port::Tls(_) | Port::None => return None,
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
                Port::Tls(tls) => tls.write(&self.unsent).unwrap_or_else(|| Err(ErrorKind::WouldBlock.into())),
                Port::Dialing(_) | Port::None => return Ok(()),
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
        match self.port {
            Port::Serial(file) => forget_unsent(&file),
            Port::Tcp(stream) => cut(&stream),
            Port::Dialing(dial) => cut(&dial.into_stream().wire().stream),
            Port::Tls(tls) => cut(&tls.wire().stream),
            Port::None => {}
        }
    }
}

fn cut(stream: &TcpStream) {
    // Where linger cannot be set the socket is already dead.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

fn configure(stream: &TcpStream, unacknowledged: Duration) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3).with_retries(3))?;
    socket.set_tcp_user_timeout(Some(unacknowledged))
}
