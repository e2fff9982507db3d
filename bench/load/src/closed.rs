//! Closed loop: each connection sends its next request when an answer has come.

use crate::frame::{Request, name_of};
use crate::pipe::{After, Pipe, SCRATCH};
use crate::socket::connect;
use crate::tally::{Report, Tally};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use serde::Deserialize;
use std::collections::VecDeque;
use std::io::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Longest wait for answers when nothing more is sent.
const DRAIN_S: f64 = 5.0;
/// Load goes on so long after the measured time, so that whoever reads counters at its end finds it under load.
const COOL_DOWN_S: f64 = 0.1;

/// What is asked, of whom, from where and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Connection n takes the (n mod length)th of each.
    targets: Vec<SocketAddr>,
    sources: Vec<IpAddr>,
    connections: usize,
    #[serde(default = "one")]
    depth: usize,
    /// Writes among a hundred requests.
    #[serde(default)]
    writes_percent: u32,
    #[serde(default)]
    addresses: Addresses,
    warm_up_s: f64,
    seconds: f64,
}

/// Source n asks for `n * per_source + k * step`, k below `count`, in turn.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Addresses {
    per_source: u16,
    step: u16,
    count: u16,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { per_source: 0, step: 0, count: 1 }
    }
}

fn one() -> usize {
    1
}

struct Asker {
    pipe: Pipe,
    open: VecDeque<(Request, u64)>,
    first_address: u16,
    turn: u32,
}

/// Nanoseconds since the run began at which each part of it ends.
#[derive(Clone, Copy)]
struct Parts {
    warm_up: u64,
    measured: u64,
    sending: u64,
    all: u64,
}

struct Loop<'a> {
    settings: &'a Settings,
    began: Instant,
    parts: Parts,
    tally: Tally,
    scratch: Box<[u8; SCRATCH]>,
}

pub(crate) fn run(settings: &Settings) -> Result<Report> {
    let mut poll = Poll::new()?;
    let mut askers = open(settings, &poll)?;
    let mut events = Events::with_capacity(1024);
    let mut run = Loop::new(settings)?;
    for asker in askers.iter_mut().flatten() {
        run.ask(asker, 0);
        asker.pipe.flush()?;
    }
    let mut announced = 0;
    while run.is_on(&askers) {
        poll.poll(&mut events, Some(Duration::from_millis(5)))?;
        for event in &events {
            run.turn(&mut askers, event);
        }
        announced = run.announce(announced)?;
    }
    Ok(run.tally.report(run.parts.measured - run.parts.warm_up))
}

fn open(settings: &Settings, poll: &Poll) -> Result<Vec<Option<Asker>>> {
    let mut askers = Vec::new();
    for at in 0..settings.connections {
        let target = around(&settings.targets, at)?;
        let (source, place) = (around(&settings.sources, at)?, at % settings.sources.len());
        let mut stream = connect(Some(source), target)?;
        poll.registry().register(&mut stream, Token(at), Interest::READABLE | Interest::WRITABLE)?;
        let first_address = u16::try_from(place).unwrap_or(0).saturating_mul(settings.addresses.per_source);
        // Each begins at a place of its own in the round of addresses and of reads and writes.
        let turn = u32::try_from(at).unwrap_or(0).wrapping_mul(37);
        askers.push(Some(Asker { pipe: Pipe::new(stream), open: VecDeque::new(), first_address, turn }));
    }
    Ok(askers)
}

fn around<T: Copy>(all: &[T], at: usize) -> Result<T> {
    all.get(at % all.len().max(1)).copied().ok_or_else(|| Error::other("targets and sources must not be empty"))
}

impl<'a> Loop<'a> {
    fn new(settings: &'a Settings) -> Result<Self> {
        let warm_up = nanos(settings.warm_up_s)?;
        let measured = warm_up + nanos(settings.seconds)?;
        let sending = measured + nanos(COOL_DOWN_S)?;
        let parts = Parts { warm_up, measured, sending, all: sending + nanos(DRAIN_S)? };
        Ok(Self { settings, began: Instant::now(), parts, tally: Tally::new()?, scratch: Box::new([0; SCRATCH]) })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn is_on(&self, askers: &[Option<Asker>]) -> bool {
        let now = self.now();
        let is_waiting = || askers.iter().flatten().any(|asker| !asker.open.is_empty());
        now < self.parts.sending || (now < self.parts.all && is_waiting())
    }

    /// Tell the runner when the measured time begins and ends.
    fn announce(&self, announced: usize) -> Result<usize> {
        let passed = [self.parts.warm_up, self.parts.measured];
        let due = passed.iter().filter(|end| self.now() >= **end).count();
        for line in ["begin", "end"].iter().take(due).skip(announced) {
            crate::say(line)?;
        }
        Ok(due)
    }

    fn turn(&mut self, askers: &mut [Option<Asker>], event: &Event) {
        let Some(slot) = askers.get_mut(event.token().0) else { return };
        let Some(mut asker) = slot.take() else { return };
        if self.serve(&mut asker, event).is_ok() {
            *slot = Some(asker);
        } else {
            self.tally.broken += 1;
        }
    }

    fn serve(&mut self, asker: &mut Asker, event: &Event) -> Result<()> {
        if event.is_readable() {
            let (open, tally, parts, began) = (&mut asker.open, &mut self.tally, self.parts, self.began);
            let after = asker.pipe.receive(&mut self.scratch, event.is_read_closed(), |frame, _| {
                note(frame, open, tally, (parts, began));
            })?;
            if after == After::Closed {
                return Err(Error::other("closed"));
            }
            let now = self.now();
            if now < self.parts.sending {
                self.ask(asker, now);
            }
        }
        asker.pipe.flush()
    }

    fn ask(&mut self, asker: &mut Asker, now: u64) {
        while asker.open.len() < self.settings.depth {
            let request = asker.next(self.settings);
            request.put(&mut asker.pipe.out);
            asker.open.push_back((request, now));
            self.tally.sent += 1;
        }
    }
}

/// An answer, to the oldest open request of its connection or to none.
fn note(frame: &[u8], open: &mut VecDeque<(Request, u64)>, tally: &mut Tally, (parts, began): (Parts, Instant)) {
    let now = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let Some((transaction_id, function_code)) = name_of(frame) else { return };
    let Some(at) = open.iter().position(|(request, _)| request.transaction_id == transaction_id) else {
        tally.strays += 1;
        return;
    };
    let Some((request, sent_ns)) = open.remove(at) else { return };
    tally.answered += 1;
    if function_code != request.function_code() {
        tally.exceptions += 1;
    } else if (parts.warm_up..parts.measured).contains(&now) {
        tally.measure(now - sent_ns);
    }
}

impl Asker {
    fn next(&mut self, settings: &Settings) -> Request {
        self.turn = self.turn.wrapping_add(1);
        let addresses = settings.addresses;
        let place = self.turn % u32::from(addresses.count.max(1));
        let offset = u16::try_from(place).unwrap_or(0).wrapping_mul(addresses.step);
        // 37 is coprime to 100: the writes are spread evenly over each hundred.
        let is_write = self.turn.wrapping_mul(37) % 100 < settings.writes_percent;
        let [_, _, high, low] = self.turn.to_be_bytes();
        let address = self.first_address.wrapping_add(offset);
        Request { transaction_id: u16::from_be_bytes([high, low]), unit_id: 1, address, is_write }
    }
}

fn nanos(seconds: f64) -> Result<u64> {
    let duration = Duration::try_from_secs_f64(seconds).map_err(Error::other)?;
    u64::try_from(duration.as_nanos()).map_err(Error::other)
}
