//! A timer finer than the poller's milliseconds: the silence between two frames is 1.75 ms long.

use crate::token::ALARM;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

const SECOND_NS: u64 = 1_000_000_000;
const NEVER: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

pub(crate) struct Alarm {
    timer: OwnedFd,
    set_for: Option<u64>,
}

impl Alarm {
    pub(crate) fn new(registry: &Registry) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // Never read: each time that it is set anew, its next end is an edge again.
        registry.register(&mut SourceFd(&timer.as_raw_fd()), ALARM, Interest::READABLE)?;
        Ok(Self { timer, set_for: None })
    }

    /// Wake the loop then. `None`: not at all.
    pub(crate) fn set(&mut self, at_ns: Option<u64>, now_ns: u64) {
        if self.set_for == at_ns {
            return;
        }
        self.set_for = at_ns;
        let it_value = at_ns.map_or(NEVER, |at_ns| timespec(at_ns.saturating_sub(now_ns).max(1)));
        let spec = Itimerspec { it_interval: NEVER, it_value };
        // A timer that was had cannot refuse a time; the loop looks each second all the same.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec);
    }
}

fn timespec(ns: u64) -> Timespec {
    let seconds = i64::try_from(ns / SECOND_NS).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: i64::try_from(ns % SECOND_NS).unwrap_or_default() }
}
