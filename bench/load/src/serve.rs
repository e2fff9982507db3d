//! The server behind every candidate: answers at once, remembers nothing.

use crate::frame::answer;
use crate::link::Link;
use crate::pipe::{After, Pipe, SCRATCH};
use crate::socket::listen;
use mio::event::Event;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use serde::Deserialize;
use std::io::Result;
use std::net::SocketAddr;

/// Where to listen; `0.0.0.0:PORT` stands for every address of 127/8.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    listen: Vec<SocketAddr>,
}

struct Server {
    poll: Poll,
    listeners: Vec<TcpListener>,
    /// By token less the number of listeners.
    pipes: Vec<Option<Pipe>>,
    free: Vec<usize>,
    scratch: Box<[u8; SCRATCH]>,
}

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let mut server = Server::open(settings)?;
    let mut events = Events::with_capacity(1024);
    crate::say(&"ready")?;
    loop {
        server.poll.poll(&mut events, None)?;
        for event in &events {
            let at = event.token().0;
            if at < server.listeners.len() {
                server.accept(at)?;
            } else {
                server.turn(at, event);
            }
        }
    }
}

impl Server {
    fn open(settings: &Settings) -> Result<Self> {
        let poll = Poll::new()?;
        let mut listeners = Vec::new();
        for (at, address) in settings.listen.iter().enumerate() {
            let mut listener = listen(*address)?;
            poll.registry().register(&mut listener, Token(at), Interest::READABLE)?;
            listeners.push(listener);
        }
        Ok(Self { poll, listeners, pipes: Vec::new(), free: Vec::new(), scratch: Box::new([0; SCRATCH]) })
    }

    fn accept(&mut self, at: usize) -> Result<()> {
        let Some(listener) = self.listeners.get(at) else { return Ok(()) };
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_nodelay(true)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            let place = self.free.pop().unwrap_or_else(|| {
                self.pipes.push(None);
                self.pipes.len() - 1
            });
            self.poll.registry().register(&mut stream, Token(self.listeners.len() + place), both)?;
            if let Some(free) = self.pipes.get_mut(place) {
                *free = Some(Pipe::new(Link::Plain(stream)));
            }
        }
        Ok(())
    }

    fn turn(&mut self, at: usize, event: &Event) {
        let place = at - self.listeners.len();
        let Some(slot) = self.pipes.get_mut(place) else { return };
        let Some(pipe) = slot else { return };
        let mut after = Ok(After::Open);
        if event.is_readable() {
            after = pipe.receive(&mut self.scratch, event.is_read_closed(), answer);
        }
        if pipe.flush().is_err() || !matches!(after, Ok(After::Open)) {
            *slot = None;
            self.free.push(place);
        }
    }
}
