//! Rows as the chain spells them, one behind the other: what waits, is hashed, and becomes columns.
//!
//! An event is spelled where it is made. It holds many shared texts, and to let go of those on another core
//! costs more than to copy them.

use crate::queue::Gap;
use crate::row::{Proof, Seam};
use event::{Clock, Event, Sequence, append_numbered};

/// Some 0.15 ms of the writer's work.
const ROWS_IN_A_ROW: usize = 128;

/// After a burst no more memory than this is kept for the next.
const MOST_ROOM_BYTES: usize = 1 << 20;

/// A row of steady polling takes about as much.
const USUAL_BYTES: usize = 240;

/// Rows in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spelled {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
    /// What must be told if these rows are lost.
    gap: Gap,
    last_clock: Option<Clock>,
}

/// What one commit writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Spelled,
    /// Of the signed rows, by place.
    pub(crate) proofs: Vec<(usize, Proof)>,
    /// On the last row.
    pub(crate) seam: Option<Seam>,
}

impl Spelled {
    pub(crate) fn push(&mut self, sequence: Sequence, event: &Event) {
        append_numbered(sequence, event, &mut self.bytes);
        self.ends.push(self.bytes.len());
        self.gap.add(event.time);
        self.last_clock = Some(event.clock);
    }

    /// Empty, with room for as much as `other` holds: steady traffic then never moves what it has written.
    pub(crate) fn with_room_for(other: &Self) -> Self {
        let bytes = Vec::with_capacity(other.bytes.len().min(MOST_ROOM_BYTES));
        let ends = Vec::with_capacity(other.ends.len().min(MOST_ROOM_BYTES / USUAL_BYTES));
        Self { bytes, ends, ..Self::default() }
    }

    pub(crate) fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| start + end));
        self.gap.merge(other.gap);
        self.last_clock = other.last_clock.or(self.last_clock);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Memory in use.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + size_of_val(self.ends.as_slice())
    }

    pub(crate) fn gap(&self) -> Gap {
        self.gap
    }

    /// What the last row says of the guard's clock.
    pub(crate) fn last_clock(&self) -> Option<Clock> {
        self.last_clock
    }

    /// Each row. Whoever walks through many lets the data loop have the core in between, where both share one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).enumerate().map(|(place, (start, end))| {
            if place % ROWS_IN_A_ROW == ROWS_IN_A_ROW - 1 {
                std::thread::yield_now();
            }
            self.bytes.get(start..*end).unwrap_or_default()
        })
    }
}
