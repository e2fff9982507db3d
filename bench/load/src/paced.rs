//! Open loop: each connection polls on a schedule of its own, whatever the answers do.
//!
//! Latency counts from the time at which the request was to be sent. A stall shows in
//! every request it delays, not only in the one that met it.

use crate::asker::{Asker, Asking, Book, nanos, open};
use crate::phases::Phases;
use crate::tally::Report;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Error, Result};
use std::time::Duration;

const SECOND_NS: u64 = 1_000_000_000;
const TIMER: Token = Token(usize::MAX - 1);

/// Who is polled, how often and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    asking: Asking,
    /// Polls a second; connection n takes the (n mod length)th.
    hertz: Vec<f64>,
    warm_up_s: f64,
    seconds: f64,
}

/// Next polls, earliest first: when, and of which connection.
type Schedule = BinaryHeap<Reverse<(u64, usize)>>;

struct Paced<'a> {
    settings: &'a Settings,
    phases: Phases,
    book: Book,
    periods: Vec<u64>,
    schedule: Schedule,
    timer: OwnedFd,
}

pub(crate) fn run(settings: &Settings) -> Result<Report> {
    let mut poll = Poll::new()?;
    let mut askers = open(&settings.asking, &poll)?;
    let mut events = Events::with_capacity(1024);
    let mut run = Paced::new(settings)?;
    poll.registry().register(&mut SourceFd(&run.timer.as_raw_fd()), TIMER, Interest::READABLE)?;
    while run.phases.is_on(run.book.clock.now(), &askers) {
        run.send_due(&mut askers)?;
        // The timer wakes us to the microsecond; the time-out only ends the run.
        poll.poll(&mut events, Some(Duration::from_millis(50)))?;
        for event in &events {
            let Some(slot) = askers.get_mut(event.token().0) else { continue };
            let Some(asker) = slot else { continue };
            let heard = if event.is_readable() { asker.hear(event, &mut run.book) } else { Ok(()) };
            if heard.is_err() || asker.pipe.flush().is_err() {
                run.book.tally.broken += 1;
                *slot = None;
            }
        }
        run.phases.announce(run.book.clock.now())?;
    }
    Ok(run.book.tally.report(run.phases.measured_ns()))
}

impl<'a> Paced<'a> {
    fn new(settings: &'a Settings) -> Result<Self> {
        let phases = Phases::new(settings.warm_up_s, settings.seconds)?;
        let periods: Vec<u64> = settings.hertz.iter().map(|hertz| nanos(1.0 / hertz)).collect::<Result<_>>()?;
        if periods.is_empty() {
            return Err(Error::other("hertz must not be empty"));
        }
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        let (book, schedule) = (Book::new(phases.window())?, spread(&periods, settings.asking.connections));
        Ok(Self { settings, phases, book, periods, schedule, timer })
    }

    fn send_due(&mut self, askers: &mut [Option<Asker>]) -> Result<()> {
        loop {
            let now = self.book.clock.now();
            let Some(&Reverse((due, at))) = self.schedule.peek() else { return Ok(()) };
            if now >= self.phases.sending {
                return Ok(());
            }
            if due > now {
                return self.wake_in(due - now);
            }
            self.schedule.pop();
            self.schedule.push(Reverse((due + period(&self.periods, at), at)));
            self.poll_one(askers, (at, due));
        }
    }

    fn poll_one(&mut self, askers: &mut [Option<Asker>], (at, due): (usize, u64)) {
        let Some(slot) = askers.get_mut(at) else { return };
        let Some(asker) = slot else {
            // Its connection ended: what it would have asked is lost.
            self.book.tally.sent += 1;
            return;
        };
        asker.ask(&self.settings.asking, due, &mut self.book.tally);
        if asker.pipe.flush().is_err() {
            self.book.tally.broken += 1;
            *slot = None;
        }
    }

    fn wake_in(&self, ns: u64) -> Result<()> {
        let part = |ns| i64::try_from(ns).map_err(Error::other);
        let it_value = Timespec { tv_sec: part(ns / SECOND_NS)?, tv_nsec: part(ns % SECOND_NS)? };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        Ok(())
    }
}

/// First polls spread over each connection's period, so that no two schedules begin together.
fn spread(periods: &[u64], connections: usize) -> Schedule {
    let count = u64::try_from(connections.max(1)).unwrap_or(u64::MAX);
    (0u64..).zip(0..connections).map(|(nth, at)| Reverse((period(periods, at) / count * nth, at))).collect()
}

fn period(periods: &[u64], at: usize) -> u64 {
    periods.get(at % periods.len()).copied().unwrap_or(SECOND_NS)
}
