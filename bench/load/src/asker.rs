//! A client as the load plays it: what it asks next, what it waits for, and what an answer means.

use crate::frame::{Request, name_of};
use crate::link::{Link, Secured};
use crate::pipe::{After, Pipe, SCRATCH};
use crate::socket::connect;
use crate::tally::Tally;
use mio::event::Event;
use mio::{Interest, Poll, Token};
use openssl::ssl::SslContext;
use serde::Deserialize;
use std::collections::VecDeque;
use std::io::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Who asks whom for what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asking {
    /// Connection n takes the (n mod length)th of each.
    pub(crate) targets: Vec<SocketAddr>,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) connections: usize,
    /// Writes among a hundred requests.
    #[serde(default)]
    pub(crate) writes_percent: u32,
    #[serde(default)]
    pub(crate) addresses: Addresses,
    /// Every connection under TLS.
    #[serde(default)]
    pub(crate) tls: Option<Secured>,
}

/// Source n asks for `first + n * per_source + k * step`, k below `count`, in turn.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Addresses {
    #[serde(default)]
    first: u16,
    per_source: u16,
    step: u16,
    count: u16,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { first: 0, per_source: 0, step: 0, count: 1 }
    }
}

/// The run's own clock, in nanoseconds since it began.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Instant);

/// What answers are held against.
pub(crate) struct Book {
    pub(crate) clock: Clock,
    /// Only answers in here are measured.
    pub(crate) window: Range<u64>,
    pub(crate) tally: Tally,
    pub(crate) scratch: Box<[u8; SCRATCH]>,
}

pub(crate) struct Asker {
    pub(crate) pipe: Pipe,
    /// Requests without an answer, and when each was to be sent.
    pub(crate) open: VecDeque<(Request, u64)>,
    first_address: u16,
    turn: u32,
}

/// Open every connection, registered under its index.
pub(crate) fn open(asking: &Asking, poll: &Poll) -> Result<Vec<Option<Asker>>> {
    let context = asking.tls.as_ref().map(Secured::context).transpose()?;
    let one = |at| Asker::open(asking, at, (poll, context.as_ref())).map(Some);
    (0..asking.connections).map(one).collect()
}

fn around<T: Copy>(all: &[T], at: usize) -> Result<T> {
    all.get(at % all.len().max(1)).copied().ok_or_else(|| Error::other("targets and sources must not be empty"))
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Book {
    pub(crate) fn new(window: Range<u64>) -> Result<Self> {
        Ok(Self { clock: Clock::start(), window, tally: Tally::new()?, scratch: Box::new([0; SCRATCH]) })
    }
}

impl Asker {
    fn open(asking: &Asking, at: usize, (poll, context): (&Poll, Option<&SslContext>)) -> Result<Self> {
        let (target, source) = (around(&asking.targets, at)?, around(&asking.sources, at)?);
        let mut stream = connect(Some(source), target)?;
        poll.registry().register(&mut stream, Token(at), Interest::READABLE | Interest::WRITABLE)?;
        let link = match context {
            None => Link::Plain(stream),
            Some(context) => Link::secure(stream, context)?,
        };
        let place = u16::try_from(at % asking.sources.len()).unwrap_or(0);
        let addresses = asking.addresses;
        let first_address = addresses.first.saturating_add(place.saturating_mul(addresses.per_source));
        // Each begins at a place of its own in the round of addresses and of reads and writes.
        let turn = u32::try_from(at).unwrap_or(0).wrapping_mul(37);
        Ok(Self { pipe: Pipe::new(link), open: VecDeque::new(), first_address, turn })
    }

    /// Put the next request into the pipe; it counts as sent at `due_ns`.
    pub(crate) fn ask(&mut self, asking: &Asking, due_ns: u64, tally: &mut Tally) {
        let request = self.next(asking);
        request.put(&mut self.pipe.out);
        self.open.push_back((request, due_ns));
        tally.sent += 1;
    }

    /// Take every answer that is there.
    pub(crate) fn hear(&mut self, event: &Event, book: &mut Book) -> Result<()> {
        let (open, tally) = (&mut self.open, &mut book.tally);
        let (window, clock) = (&book.window, book.clock);
        let after = self.pipe.receive(&mut book.scratch, event.is_read_closed(), |frame, _| {
            note(frame, open, tally, (window, clock.now()));
        })?;
        if after == After::Closed { Err(Error::other("closed")) } else { Ok(()) }
    }

    fn next(&mut self, asking: &Asking) -> Request {
        self.turn = self.turn.wrapping_add(1);
        let addresses = asking.addresses;
        let place = self.turn % u32::from(addresses.count.max(1));
        let offset = u16::try_from(place).unwrap_or(0).wrapping_mul(addresses.step);
        // 37 is coprime to 100: the writes are spread evenly over each hundred.
        let is_write = self.turn.wrapping_mul(37) % 100 < asking.writes_percent;
        let [_, _, high, low] = self.turn.to_be_bytes();
        let address = self.first_address.wrapping_add(offset);
        Request { transaction_id: u16::from_be_bytes([high, low]), unit_id: 1, address, is_write }
    }
}

/// An answer belongs to the open request of its connection that has its id, or to none.
fn note(frame: &[u8], open: &mut VecDeque<(Request, u64)>, tally: &mut Tally, (window, now): (&Range<u64>, u64)) {
    let Some((transaction_id, function_code)) = name_of(frame) else { return };
    let found = open.iter().position(|(request, _)| request.transaction_id == transaction_id);
    let Some((request, due_ns)) = found.and_then(|at| open.remove(at)) else {
        tally.strays += 1;
        return;
    };
    tally.answered += 1;
    if function_code != request.function_code() {
        tally.exceptions += 1;
    } else if window.contains(&now) {
        tally.measure(now.saturating_sub(due_ns));
    }
}

/// Seconds as the clock counts them.
pub(crate) fn nanos(seconds: f64) -> Result<u64> {
    let duration = Duration::try_from_secs_f64(seconds).map_err(Error::other)?;
    u64::try_from(duration.as_nanos()).map_err(Error::other)
}
