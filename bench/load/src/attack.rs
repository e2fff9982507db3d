//! Connections that mean no good: they are opened, say what their owner was told to, and are opened again.

use crate::asker::nanos;
use crate::frame::Request;
use crate::socket::begin;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};
use socket2::SockRef;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Connections begun in one turn: to begin all at once would overrun the target's backlog, not its guard.
const BEGUN_A_TURN: usize = 64;
const TURN: Duration = Duration::from_millis(5);
const PIECE: usize = 16 * 1024;
const GARBAGE_BYTES: usize = 300;

/// What a connection says.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Says {
    Nothing,
    /// One byte of a request each time, and never the last one.
    Trickle,
    Reads,
    /// A write, which no rule permits this client.
    Writes,
    Garbage,
    WrongProtocol,
    /// Headers whose `length` is not that of what follows, or more than any request may have.
    WrongLength,
}

/// Who, whom, how many and how.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    target: SocketAddr,
    sources: Vec<IpAddr>,
    /// Held open at once.
    connections: usize,
    address: u16,
    says: Says,
    /// Between two words of one connection; 0: whenever the kernel takes more.
    every_s: f64,
    /// Whether answers are read.
    reads: bool,
    /// Whether a connection that ended is opened again.
    reopens: bool,
    seconds: f64,
}

/// What came of it.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    /// Begun, those that replaced others too.
    opened: u64,
    /// Most that stood open at once.
    most_open: usize,
    /// Ended by the other side.
    ended: u64,
    refused: u64,
    bytes_sent: u64,
    bytes_heard: u64,
}

struct Foe {
    stream: TcpStream,
    is_open: bool,
    can_write: bool,
    due_ns: u64,
    said: usize,
    waiting: Vec<u8>,
}

struct Attack<'a> {
    settings: &'a Settings,
    poll: Poll,
    foes: Vec<Option<Foe>>,
    began: Instant,
    every_ns: u64,
    next: usize,
    seed: u64,
    report: Report,
    scratch: Box<[u8; PIECE]>,
}

pub(crate) fn run(settings: &Settings) -> Result<Report> {
    let (whole, mut events) = (Duration::from_secs_f64(settings.seconds), Events::with_capacity(1024));
    let mut attack = Attack::new(settings)?;
    let mut is_announced = false;
    while attack.began.elapsed() < whole {
        attack.begin_some();
        attack.speak_all();
        attack.poll.poll(&mut events, Some(TURN))?;
        for event in &events {
            attack.turn(event);
        }
        if !is_announced && attack.next >= settings.connections {
            is_announced = true;
            crate::say(&"full")?;
        }
    }
    if !is_announced {
        crate::say(&"full")?;
    }
    attack.leave();
    Ok(attack.report)
}

impl<'a> Attack<'a> {
    fn new(settings: &'a Settings) -> Result<Self> {
        Ok(Self {
            settings,
            poll: Poll::new()?,
            foes: (0..settings.connections).map(|_| None).collect(),
            began: Instant::now(),
            every_ns: nanos(settings.every_s)?,
            next: 0,
            seed: 0x9E37_79B9_7F4A_7C15,
            report: Report::default(),
            scratch: Box::new([0; PIECE]),
        })
    }

    /// Fill some of the places that are empty.
    fn begin_some(&mut self) {
        let count = self.foes.len();
        let mut begun = 0;
        for _ in 0..count {
            if begun >= BEGUN_A_TURN || (self.next >= count && !self.settings.reopens) {
                return;
            }
            let place = self.next % count.max(1);
            self.next += 1;
            if self.foes.get(place).is_some_and(Option::is_none) {
                self.begin(place);
                begun += 1;
            }
        }
    }

    fn begin(&mut self, place: usize) {
        let sources = &self.settings.sources;
        let Some(source) = sources.get(place % sources.len().max(1)) else { return };
        let foe = begin(*source, self.settings.target, self.settings.reads).and_then(|mut stream| {
            self.poll.registry().register(&mut stream, Token(place), Interest::READABLE | Interest::WRITABLE)?;
            Ok(Foe { stream, is_open: false, can_write: false, due_ns: 0, said: 0, waiting: Vec::new() })
        });
        match (foe, self.foes.get_mut(place)) {
            (Ok(foe), Some(slot)) => {
                *slot = Some(foe);
                self.report.opened += 1;
            }
            _ => self.report.refused += 1,
        }
    }

    fn speak_all(&mut self) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut open = 0;
        for slot in &mut self.foes {
            let Some(foe) = slot else { continue };
            open += usize::from(foe.is_open);
            if foe.can_write && foe.due_ns <= now {
                foe.due_ns = now + self.every_ns;
                if foe.speak(self.settings, &mut self.seed, &mut self.report).is_err() {
                    self.report.ended += 1;
                    *slot = None;
                }
            }
        }
        self.report.most_open = self.report.most_open.max(open);
    }

    fn turn(&mut self, event: &Event) {
        let Some(slot) = self.foes.get_mut(event.token().0) else { return };
        let Some(foe) = slot else { return };
        foe.is_open |= event.is_writable() && !event.is_error();
        foe.can_write |= event.is_writable();
        let is_heard = self.settings.reads || event.is_error() || event.is_read_closed();
        if is_heard && foe.hear(&mut self.scratch, &mut self.report).is_err() {
            self.report.ended += u64::from(foe.is_open);
            self.report.refused += u64::from(!foe.is_open);
            *slot = None;
        }
    }

    /// Reset all: whoever attacks says no farewell.
    fn leave(&mut self) {
        for foe in self.foes.iter().flatten() {
            // A connection that is gone already needs no reset.
            let _ = SockRef::from(&foe.stream).set_linger(Some(Duration::ZERO));
        }
        self.foes.clear();
    }
}

impl Foe {
    fn speak(&mut self, settings: &Settings, seed: &mut u64, report: &mut Report) -> Result<()> {
        if self.waiting.is_empty() {
            self.waiting = words(settings, self.said, seed);
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.waiting) {
            Ok(count) => {
                self.can_write = count == self.waiting.len();
                self.waiting.drain(..count);
                self.said += count;
                report.bytes_sent += u64::try_from(count).unwrap_or(0);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.can_write = false;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn hear(&mut self, scratch: &mut [u8; PIECE], report: &mut Report) -> Result<()> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => report.bytes_heard += u64::try_from(count).unwrap_or(0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// What is said next by a connection that has said so many bytes.
fn words(settings: &Settings, said: usize, seed: &mut u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut transaction_id = u16::try_from(said & 0xFFFF).unwrap_or(0);
    let mut request = |is_write| {
        transaction_id = transaction_id.wrapping_add(1);
        Request { transaction_id, unit_id: 1, address: settings.address, is_write }
    };
    match settings.says {
        Says::Nothing => {}
        Says::Trickle => {
            request(true).put(&mut out);
            let last = out.len() - 1;
            out = out.into_iter().take(last).skip(said).take(1).collect();
        }
        Says::Reads | Says::Writes => {
            while out.len() < PIECE && (settings.every_s == 0.0 || out.is_empty()) {
                request(settings.says == Says::Writes).put(&mut out);
            }
        }
        Says::Garbage => out.extend((0..GARBAGE_BYTES).map(|_| noise(seed))),
        Says::WrongProtocol => out.extend([0, 1, 0, 7, 0, 6, 1, 3, 0, 0, 0, 1]),
        Says::WrongLength => {
            let lies = [[0, 1, 0, 0, 0, 2], [0, 1, 0, 0, 0, 254], [0, 1, 0, 0, 1, 44], [0, 1, 0, 0, 255, 255]];
            let at = usize::from(noise(seed)) % lies.len();
            out.extend(lies.get(at).into_iter().flatten());
            out.extend((0..GARBAGE_BYTES).map(|_| noise(seed)));
        }
    }
    out
}

/// Xorshift: noise needs no better source.
pub(crate) fn noise(seed: &mut u64) -> u8 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    let [first, ..] = seed.to_be_bytes();
    first
}
