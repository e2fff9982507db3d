//! Turns for conversations: each is served, looked after, and taken out when it is over.
//!
//! Kept true here: a panic while one conversation is served ends that conversation only, and
//! one that floods gets no more turns than others.

use super::DataLoop;
use crate::conversation::{Conversation, Pumped};
use crate::timers::Key;
use crate::turn::Turn;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Unfinished conversations resumed before the loop looks for others again.
const RESUMED: usize = 8;

/// Conversations served by one look at the clock, so that deadlines are not judged by the moment in which a long
/// turn began. One that took a whole scratch memory's worth counts for all of them.
const OLD: u8 = 16;

impl DataLoop {
    /// Give a conversation its turn, and look after what it leaves behind.
    pub(crate) fn serve(&mut self, key: Key) {
        self.with(key, |conversation, turn| conversation.pump(turn));
    }

    /// Run `work` on a conversation, then pump what it caused.
    pub(crate) fn with(&mut self, key: Key, work: impl FnOnce(&mut Conversation, &mut Turn<'_>) -> Pumped) {
        let Some(conversation) = self.conversations.get_mut(key.place).filter(|found| found.key == key) else {
            return;
        };
        let mut turn = Turn {
            now: self.now,
            clock: &self.clock,
            plant: &mut self.plant,
            ledger: &mut self.ledger,
            lines: &mut self.lines,
            keyring: &self.keyring,
            dials: &mut self.dials,
            stations: &mut self.stations,
            registry: self.poll.registry(),
            descriptors: self.descriptors,
            scratch: &mut self.scratch,
            is_spent: false,
        };
        let pumped = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            super::panics::in_turn(conversation.peer.port());
            work(conversation, &mut turn)
        }));
        self.now = turn.now;
        self.age = if turn.is_spent { OLD } else { self.age.saturating_add(1) };
        for sequence in self.ledger.take_ahead() {
            self.waiting.insert(sequence, key);
        }
        self.look_after(key, pumped);
        if self.age >= OLD {
            self.read_clock();
        }
    }

    /// What a turn leaves behind; a panic is an `Err`.
    fn look_after(&mut self, key: Key, pumped: std::thread::Result<Pumped>) {
        match pumped {
            Ok(Pumped::Idle) => self.set_timer(key),
            Ok(Pumped::Unfinished) => {
                self.set_timer(key);
                self.postpone(key);
            }
            Ok(Pumped::Ended) => self.remove(key),
            Err(_) => self.end_broken(key),
        }
    }

    /// Look again in the next turn; once, or one that floods would get more turns than others.
    fn postpone(&mut self, key: Key) {
        if let Some(conversation) = self.conversations.get_mut(key.place)
            && !std::mem::replace(&mut conversation.is_unfinished, true)
        {
            self.unfinished.push_back(key);
        }
    }

    fn set_timer(&mut self, key: Key) {
        let Some(conversation) = self.conversations.get_mut(key.place) else { return };
        let next = conversation.next_deadline().unwrap_or(u64::MAX);
        if next < conversation.timer_ns {
            conversation.timer_ns = next;
            self.timers.add(next, key);
        }
    }

    pub(super) fn remove(&mut self, key: Key) {
        drop(self.take_out(key));
    }

    pub(super) fn take_out(&mut self, key: Key) -> Option<Conversation> {
        self.conversations.get(key.place).filter(|found| found.key == key)?;
        let gone = self.conversations.remove(key.place);
        self.population.leave(gone.guest);
        self.lines.forget(key, self.now.monotonic_ns);
        self.stations.forget(key);
        Some(gone)
    }

    pub(super) fn deliver_commits(&mut self) {
        for (sequence, is_durable) in self.ledger.take_commits() {
            let Some(key) = self.waiting.remove(&sequence) else { continue };
            self.with(key, |conversation, turn| {
                if is_durable {
                    conversation.session.journal_durable(sequence, &mut turn.context());
                } else {
                    conversation.session.journal_failed(sequence, &mut turn.context());
                }
                conversation.pump(turn)
            });
        }
    }

    pub(super) fn resume_unfinished(&mut self) {
        for _ in 0..self.unfinished.len().min(RESUMED) {
            let Some(key) = self.unfinished.pop_front() else { return };
            if let Some(found) = self.conversations.get_mut(key.place).filter(|found| found.key == key) {
                found.is_unfinished = false;
                self.serve(key);
            }
        }
    }
}
