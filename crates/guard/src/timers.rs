//! When to look at a conversation again.
//!
//! A conversation remembers the one moment it stands here for. A request that moves its deadline later
//! therefore costs nothing: the entry fires, finds nothing due, and is put back for
//! the new moment. One that moves it earlier adds an entry, and the older one is dropped when it fires:
//! put back each time, such entries would grow without end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Names a conversation: its place in the table, and its session id, since places are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) place: usize,
    pub(crate) session: u64,
}

#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(u64, Key)>>,
}

impl Timers {
    pub(crate) fn add(&mut self, at_ns: u64, key: Key) {
        self.heap.push(Reverse((at_ns, key)));
    }

    /// The earliest moment, monotonic nanoseconds.
    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// What is due: the moment asked for, and who asked.
    pub(crate) fn due(&mut self, now_ns: u64) -> Vec<(u64, Key)> {
        let mut due = Vec::new();
        while let Some(Reverse((at, key))) = self.heap.peek().copied() {
            if at > now_ns {
                break;
            }
            self.heap.pop();
            due.push((at, key));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_due_comes_out_with_the_moment_it_was_asked_for() {
        let mut timers = Timers::default();
        let (early, late) = (Key { place: 1, session: 7 }, Key { place: 2, session: 8 });
        timers.add(20, late);
        timers.add(10, early);
        timers.add(11, early);

        assert_eq!(timers.due(15), [(10, early), (11, early)]);
        assert_eq!(timers.next(), Some(20));
        assert!(timers.due(19).is_empty());
    }
}
