//! The journal, in memory.

use event::{Event, Sequence};
use session::{Recorder, Unrecorded};
use std::collections::VecDeque;

#[derive(Default)]
pub struct Notes {
    pub events: Vec<Event>,
    /// Rows that wait to become durable.
    pub ahead: VecDeque<Sequence>,
    pub is_down: bool,
}

// === impl Notes ===

impl Recorder for Notes {
    fn record(&mut self, event: &Event) -> Sequence {
        let mut event = event.clone();
        event.sequence = Sequence(self.events.len() as u64 + 1);
        let sequence = event.sequence;
        self.events.push(event);
        sequence
    }

    fn record_ahead(&mut self, event: &Event) -> Result<Sequence, Unrecorded> {
        if self.is_down {
            return Err(Unrecorded::Down);
        }
        let row = self.record(event);
        self.ahead.push_back(row);
        Ok(row)
    }

    fn journal_is_up(&self) -> bool {
        !self.is_down
    }

    fn segment(&self) -> u64 {
        0
    }
}
