//! Rows as the chain spells them, one behind the other: what waits, is hashed, and becomes columns.
//!
//! An event is spelled where it is made. It holds many shared texts, and to let go of those on another core
//! costs more than to copy them.

use crate::gap::Gap;
use crate::row::{Proof, Seam};
use event::{Clock, Event, Sequence, advance_number, append_numbered};
use std::ops::RangeInclusive;

/// Some 0.15 ms of the writer's work.
const ROWS_IN_A_ROW: usize = 128;

/// Memory that is worth keeping for the next rows: a few of them ask for it anew, a burst must not hold it.
const WORTH_KEEPING: RangeInclusive<usize> = 16 << 10..=1 << 20;

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
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// In portions, one behind the other: rows are not moved to stand in one piece.
    pub(crate) rows: Vec<Spelled>,
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

    /// Empty, with its room kept: steady traffic then neither moves what it has written nor asks for memory. `None`
    /// where the room is not worth keeping.
    pub(crate) fn emptied(mut self) -> Option<Self> {
        self.bytes.clear();
        self.ends.clear();
        let is_worth_it = WORTH_KEEPING.contains(&self.bytes.capacity());
        is_worth_it.then_some(Self { bytes: self.bytes, ends: self.ends, ..Self::default() })
    }

    /// Numbers were counted from 0 until it was known which are free.
    pub(crate) fn advance_numbers(&mut self, by: u64) {
        let mut rest = self.bytes.as_mut_slice();
        let mut start = 0;
        for end in &self.ends {
            let (row, behind) = rest.split_at_mut(end - start);
            advance_number(row, by);
            (rest, start) = (behind, *end);
        }
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

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.rows.iter().map(Spelled::len).sum()
    }

    /// Each row, as [`Spelled::iter`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.rows.iter().flat_map(Spelled::iter)
    }

    /// Add one row.
    pub(crate) fn push(&mut self, event: &Event) {
        let mut row = Spelled::default();
        row.push(event.sequence, event);
        self.rows.push(row);
    }
}
