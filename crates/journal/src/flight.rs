//! What the writer has under way: who waits for it, what must be told again if it is lost, how long the disk takes.

use crate::gap::Gap;
use crate::own::OwnRow;
use event::Sequence;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct Flight {
    waited_for: Vec<Sequence>,
    own: Vec<OwnRow>,
    /// Counts the rows under way, and what they count.
    gap: Gap,
    io: Option<Io>,
    is_late: bool,
}

struct Io {
    since: Instant,
    syncs: u32,
}

impl Flight {
    pub(crate) fn board(&mut self, waited_for: Vec<Sequence>, own: Vec<OwnRow>, gap: Gap) {
        (self.waited_for, self.own, self.gap) = (waited_for, own, gap);
    }

    /// The disk's time for this many syncs runs from here.
    pub(crate) fn begin_io(&mut self, syncs: u32) {
        self.io = Some(Io { since: Instant::now(), syncs });
        self.is_late = false;
    }

    /// The disk has answered, or nobody waits for its answer any more. How long it took.
    pub(crate) fn end_io(&mut self) -> Duration {
        self.io.take().map(|io| io.since.elapsed()).unwrap_or_default()
    }

    /// Whether the disk has just become late: true once.
    pub(crate) fn becomes_late(&mut self, deadline: Duration) -> bool {
        let is_over = |io: &Io| io.since.elapsed() > deadline * io.syncs;
        !self.is_late && self.io.as_ref().is_some_and(is_over) && {
            self.is_late = true;
            true
        }
    }

    pub(crate) fn is_late(&self) -> bool {
        self.is_late
    }

    pub(crate) fn take_waited_for(&mut self) -> Vec<Sequence> {
        std::mem::take(&mut self.waited_for)
    }

    /// The journal's own rows under way, and the gap if they are lost.
    pub(crate) fn land(&mut self) -> (Vec<OwnRow>, Gap) {
        (std::mem::take(&mut self.own), std::mem::take(&mut self.gap))
    }
}
