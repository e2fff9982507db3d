//! The journal, in memory.

use event::{Event, Kind, Sequence};
use session::{Begun, Recorder, Unrecorded};
use std::collections::{BTreeSet, VecDeque};

#[derive(Default)]
pub struct Notes {
    pub events: Vec<Event>,
    /// Rows that wait to become durable.
    pub ahead: VecDeque<Sequence>,
    pub is_down: bool,
    /// What an owner would have to end, should the session break now.
    pub begun: BTreeSet<Sequence>,
}

// === impl Notes ===

impl Recorder for Notes {
    fn record(&mut self, event: &Event) -> Sequence {
        let mut event = event.clone();
        event.sequence = Sequence(self.events.len() as u64 + 1);
        let sequence = event.sequence;
        if event.kind == Kind::RequestOutcome {
            let first = event.request_sequence.unwrap();
            assert!(self.begun.remove(&first), "the end of what never began: {event:?}");
        }
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

    fn begun(&mut self, request: Begun<'_>) {
        if let Some(lost) = request.instead_of {
            assert!(self.begun.remove(&lost), "in place of what never began");
        }
        self.begun.insert(request.first);
    }

    fn journal_is_up(&self) -> bool {
        !self.is_down
    }

    fn segment(&self) -> u64 {
        0
    }
}
