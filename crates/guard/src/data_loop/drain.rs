//! The end of a guard: what is open is finished, nothing new is taken, and no command undoes that.

use super::DataLoop;
use crossbeam_channel::Sender;
use std::time::{Duration, Instant};

/// How long clients that were answered and told FIN may take to end their side. A socket that is
/// dropped with bytes unread is reset, and a reset can overtake an answer on its way.
const FAREWELL: Duration = Duration::from_millis(300);

/// Whether the guard still takes what is new.
#[derive(Default)]
pub(crate) enum Intake {
    #[default]
    Open,
    /// Somebody waits to hear whether all that is open was finished in time.
    Draining {
        until: Instant,
        answer: Sender<bool>,
        /// When the last open request was finished.
        drained: Option<Instant>,
    },
    Closed,
}

impl Intake {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self, Self::Draining { .. })
    }
}

impl DataLoop {
    pub(super) fn drain(&mut self, until: Instant, answer: Sender<bool>) {
        self.listeners.close();
        self.stations.close();
        self.refuse_handshakes();
        for key in self.keys() {
            self.with(key, |conversation, turn| {
                conversation.session.drain(&mut turn.context());
                conversation.pump(turn)
            });
        }
        self.intake = Intake::Draining { until, answer, drained: None };
        self.next_tick_ns = self.now.monotonic_ns;
    }

    pub(super) fn look_after_drain(&mut self) {
        let Intake::Draining { until, answer, drained } = &mut self.intake else { return };
        let now = Instant::now();
        let is_drained = self.conversations.iter_mut().all(|(_, conversation)| conversation.session.is_drained())
            && self.stations.are_quiet(self.now.monotonic_ns);
        if is_drained {
            drained.get_or_insert(now);
        }
        let are_gone = self.conversations.is_empty() || drained.is_some_and(|at| now >= at + FAREWELL);
        if (is_drained && are_gone) || now >= *until {
            // Who asked may have gone away.
            let _ = answer.send(is_drained);
            self.intake = Intake::Closed;
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
