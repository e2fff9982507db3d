//! A live file byte for byte: each checkpoint says what the file held before its own batch.
//!
//! The chain is over rows. Lengths and offsets between them decide what a reader sees, so they are
//! held against signed digests too.

use super::report::Place;
use super::walk::Walk;
use crate::own::{Statement, parse};
use crate::row::{Row, Written};

const HINT: &str = "rows may still read as written; compare the file with a copy kept elsewhere";

/// How far one live file's bytes are proven.
#[derive(Default)]
pub(super) struct Layout {
    proven: u64,
    is_broken: bool,
}

impl Layout {
    /// Hold the checkpoints of a batch against the bytes before it; only the first difference of a file is told.
    pub(super) fn check(&mut self, walk: &mut Walk, before: Option<Written>, batch: &[Row]) {
        let Some(before) = before else { return };
        for row in batch {
            let Statement::Checkpoint(said) = parse(&row.event) else { continue };
            let sequence = row.event.sequence.0;
            if said == before {
                self.proven = sequence;
            } else if !std::mem::replace(&mut self.is_broken, true) {
                let file = walk.file().to_owned();
                let place = Place::file(&file).rows(self.proven.saturating_add(1), sequence);
                walk.report.error(place, "bytes of the file altered", HINT);
            }
        }
    }
}
