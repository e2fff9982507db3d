//! The end of a guard: what is open is finished, nothing new is taken, and neither is ever undone.

use super::DataLoop;
use crossbeam_channel::Sender;
use std::time::Instant;

impl DataLoop {
    pub(super) fn drain(&mut self, until: Instant, answer: Sender<bool>) {
        self.listeners.close();
        for key in self.keys() {
            self.with(key, |conversation, turn| {
                conversation.session.drain(&mut turn.context());
                conversation.pump(turn)
            });
        }
        self.draining = Some((until, answer));
        self.next_tick_ns = self.now.monotonic_ns;
    }

    pub(super) fn look_after_drain(&mut self) {
        let Some((until, _)) = &self.draining else { return };
        let is_late = Instant::now() >= *until;
        let is_drained = self.conversations.iter_mut().all(|(_, conversation)| conversation.session.is_drained());
        if (is_drained || is_late)
            && let Some((_, answer)) = self.draining.take()
        {
            // Who asked may have gone away.
            let _ = answer.send(is_drained);
        }
    }

    pub(super) fn close_all(&mut self, reason: &str) {
        for key in self.keys() {
            self.with(key, |conversation, turn| {
                conversation.session.close(reason, &mut turn.context());
                conversation.pump(turn)
            });
            self.remove(key);
        }
    }
}
