//! Requests whose first row stands and whose end does not. They are remembered outside the sessions, so that one
//! that breaks leaves none of them without an end.
//!
//! Kept true here: what is remembered is what sessions have open, and goes with the session at the latest.

use event::{Event, Sequence, SessionId};
use policy::Target;
use session::Begun;
use std::collections::HashMap;
use wire::Span;

#[derive(Default)]
pub(crate) struct OpenWrites {
    sessions: HashMap<SessionId, Vec<OpenWrite>>,
}

/// One of them.
pub(crate) struct OpenWrite {
    /// Its first row, without what only that row shows.
    row: Event,
    pub(crate) writes: Option<(Target, Span)>,
}

impl OpenWrites {
    pub(crate) fn begin(&mut self, begun: Begun<'_>) {
        let Some(session) = begun.row.session else { return };
        let open = self.sessions.entry(session).or_default();
        if let Some(lost) = begun.instead_of {
            open.retain(|write| write.first() != lost);
        }
        open.push(OpenWrite::of(begun));
    }

    /// A row that ends a request.
    pub(crate) fn end(&mut self, row: &Event) {
        let Some(open) = row.session.and_then(|session| self.sessions.get_mut(&session)) else { return };
        // Rows that got no number are told apart by their transaction id alone.
        let first = row.request_sequence.unwrap_or_default();
        let is_its = |write: &OpenWrite| write.first() == first && write.row.transaction_id == row.transaction_id;
        if let Some(at) = open.iter().position(is_its) {
            open.remove(at);
        }
    }

    /// Those of a session that records nothing more.
    pub(crate) fn take(&mut self, session: SessionId) -> Vec<OpenWrite> {
        self.sessions.remove(&session).unwrap_or_default()
    }
}

impl OpenWrite {
    fn of(begun: Begun<'_>) -> Self {
        let row = Event {
            sequence: begun.first,
            values: None,
            previous_values: None,
            previous_time: None,
            pdu: None,
            ..begun.row.clone()
        };
        Self { row, writes: begun.writes }
    }

    /// The number of its first row.
    pub(crate) fn first(&self) -> Sequence {
        self.row.sequence
    }

    /// The row that ends it, but for its time and the reason.
    pub(crate) fn into_end(self) -> Event {
        let first = Some(self.row.sequence).filter(|first| *first != Sequence::default());
        let kind = event::Kind::RequestOutcome;
        Event { kind, sequence: Sequence::default(), request_sequence: first, ..self.row }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId(7);

    fn begin(open: &mut OpenWrites, (first, id): (u64, u16), instead_of: Option<u64>) {
        let row = Event { session: Some(SESSION), transaction_id: Some(id), ..Event::default() };
        let (first, instead_of) = (Sequence(first), instead_of.map(Sequence));
        open.begin(Begun { row: &row, first, instead_of, writes: None });
    }

    fn end(open: &mut OpenWrites, (first, id): (Option<u64>, u16)) {
        let request_sequence = first.map(Sequence);
        open.end(&Event { session: Some(SESSION), transaction_id: Some(id), request_sequence, ..Event::default() });
    }

    fn left(open: &mut OpenWrites) -> Vec<u64> {
        open.take(SESSION).iter().map(|write| write.first().0).collect()
    }

    #[test]
    fn what_has_ended_is_not_remembered() {
        let mut open = OpenWrites::default();
        begin(&mut open, (3, 1), None);
        begin(&mut open, (4, 1), None);
        end(&mut open, (Some(3), 1));

        assert_eq!(left(&mut open), [4]);
        assert_eq!(left(&mut open), [0; 0]);
    }

    #[test]
    fn a_row_that_was_lost_is_not_remembered_beside_the_one_that_stands_for_it() {
        let mut open = OpenWrites::default();
        begin(&mut open, (3, 1), None);
        begin(&mut open, (5, 1), Some(3));

        assert_eq!(left(&mut open), [5]);
    }

    #[test]
    fn rows_without_numbers_are_told_apart_by_their_ids() {
        let mut open = OpenWrites::default();
        begin(&mut open, (0, 1), None);
        begin(&mut open, (0, 2), None);
        end(&mut open, (None, 1));
        let [left] = <[OpenWrite; 1]>::try_from(open.take(SESSION)).ok().unwrap();

        let row = left.into_end();
        assert_eq!((row.transaction_id, row.request_sequence), (Some(2), None));
    }
}
