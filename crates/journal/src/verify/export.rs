//! An export: a stretch of the record in one Parquet file, with the keys that prove it beside it.
//!
//! Kept true here:
//! * the stretch begins at a signed row. What lies before it is not there, so of that first row the
//!   signed digest is believed and nothing else; every row behind it is checked as in a journal;
//! * segments follow each other in the file as they did in the journal, each by its signed first row.

use super::report::Place;
use super::walk::Walk;
use super::{VerifyOptions, files, new_walk, outcome, report::Verification};
use crate::error::JournalError;
use crate::read::{Piece, SegmentRows};
use crate::storage::{FileSystem, Storage};
use event::Kind;
use std::io;
use std::path::Path;

/// The file of an export that holds its rows.
const EVENTS: &str = "events.parquet";

/// Check every row, link and signature of an export that was written with its chain.
///
/// # Errors
/// The folder cannot be read, or the options hold no key or digest where one is expected.
pub fn verify_export(folder: &Path, options: &VerifyOptions) -> Result<Verification, JournalError> {
    let mut walk = new_walk(&FileSystem, folder, options)?;
    walk_export(&FileSystem, folder, &mut walk).map_err(JournalError::at(folder))?;
    let mut report = outcome(walk, options.first_public_key.is_some());
    let limit = "rows before the first and after the last one here: this is an excerpt of a journal";
    report.limits.insert(0, limit.to_owned());
    Ok(report)
}

fn walk_export(storage: &dyn Storage, folder: &Path, walk: &mut Walk) -> io::Result<()> {
    let mut rows = SegmentRows::open_parquet(storage, &folder.join(EVENTS))?;
    walk.begin_within(EVENTS);
    loop {
        match rows.next()? {
            Piece::Rows(batch) => {
                for row in &batch {
                    if row.event.kind == Kind::JournalSegmentOpened && !walk.is_at_first_row() {
                        walk.end();
                        walk.begin(EVENTS);
                    }
                    walk.visit(row);
                }
            }
            Piece::Damaged(_) => {
                let place = Place::file(EVENTS).rows_from(walk.proven().saturating_add(1));
                walk.report.error(place, "rows from here on cannot be read", "ask for the export anew");
                break;
            }
            Piece::End => break,
        }
    }
    walk.end();
    if walk.report.rows == 0 {
        walk.report.error(
            Place::file(EVENTS),
            "no rows at all",
            "an export that proves something has its first checkpoint",
        );
    }
    files::check_holes(walk);
    files::check_policies(storage, folder, walk);
    Ok(())
}
