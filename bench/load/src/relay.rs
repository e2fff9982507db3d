//! The floor: what a proxy costs that does nothing but copy bytes.

use crate::pipe::SCRATCH;
use crate::socket::{connect, listen};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use serde::Deserialize;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::SocketAddr;

/// Pairs of a listener and the server behind it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pairs: Vec<(SocketAddr, SocketAddr)>,
}

/// One direction's end: where bytes come from, and what could not go on yet.
struct End {
    stream: TcpStream,
    waiting: Vec<u8>,
}

/// A client's and a server's end; an odd token is the server's.
struct Link {
    client: End,
    server: End,
}

struct Relay {
    poll: Poll,
    listeners: Vec<(TcpListener, SocketAddr)>,
    /// By half their token less `first`: a floor must not pay for hashing.
    links: Vec<Option<Link>>,
    first: usize,
    free: Vec<usize>,
    scratch: Box<[u8; SCRATCH]>,
}

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let mut relay = Relay::open(settings)?;
    let mut events = Events::with_capacity(1024);
    crate::say(&"ready")?;
    loop {
        relay.poll.poll(&mut events, None)?;
        for event in &events {
            let at = event.token().0;
            if at < relay.listeners.len() {
                relay.accept(at)?;
            } else {
                relay.turn(at, event.is_read_closed());
            }
        }
    }
}

impl Relay {
    fn open(settings: &Settings) -> Result<Self> {
        let poll = Poll::new()?;
        let mut listeners = Vec::new();
        for (at, (near, far)) in settings.pairs.iter().enumerate() {
            let mut listener = listen(*near)?;
            poll.registry().register(&mut listener, Token(at), Interest::READABLE)?;
            listeners.push((listener, *far));
        }
        let first = listeners.len().div_ceil(2);
        Ok(Self { poll, listeners, links: Vec::new(), first, free: Vec::new(), scratch: Box::new([0; SCRATCH]) })
    }

    fn accept(&mut self, at: usize) -> Result<()> {
        let Some((listener, far)) = self.listeners.get(at) else { return Ok(()) };
        while let Ok((mut near, _)) = listener.accept() {
            near.set_nodelay(true)?;
            let Ok(mut server) = connect(None, *far) else { continue };
            let place = self.free.pop().unwrap_or_else(|| {
                self.links.push(None);
                self.links.len() - 1
            });
            let (both, token) = (Interest::READABLE | Interest::WRITABLE, 2 * (self.first + place));
            self.poll.registry().register(&mut near, Token(token), both)?;
            self.poll.registry().register(&mut server, Token(token + 1), both)?;
            let link = Link { client: End::new(near), server: End::new(server) };
            if let Some(free) = self.links.get_mut(place) {
                *free = Some(link);
            }
        }
        Ok(())
    }

    fn turn(&mut self, at: usize, is_closing: bool) {
        let place = at / 2 - self.first;
        let Some(slot) = self.links.get_mut(place) else { return };
        let Some(link) = slot else { return };
        let (from, to) = if at.is_multiple_of(2) {
            (&mut link.client, &mut link.server)
        } else {
            (&mut link.server, &mut link.client)
        };
        let is_over = from.flush().is_err() || copy(from, to, &mut self.scratch, is_closing).is_err();
        if is_over {
            *slot = None;
            self.free.push(place);
        }
    }
}

/// Copy all there is; an end of either side ends both.
fn copy(from: &mut End, to: &mut End, scratch: &mut [u8; SCRATCH], is_closing: bool) -> Result<()> {
    loop {
        let count = match from.stream.read(scratch) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        to.send(scratch.get(..count).unwrap_or_default())?;
        if count < SCRATCH && !is_closing {
            return Ok(());
        }
    }
}

impl End {
    fn new(stream: TcpStream) -> Self {
        Self { stream, waiting: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.waiting.is_empty() {
            self.waiting.extend_from_slice(bytes);
            return self.flush();
        }
        match self.stream.write(bytes) {
            Ok(count) => self.waiting.extend_from_slice(bytes.get(count..).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.waiting.extend_from_slice(bytes),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.send(&waiting)
    }
}
