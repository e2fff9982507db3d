//! How long a start takes with a journal of 100 GB behind it: `cargo test -p journal --test huge -- --ignored --nocapture`.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

mod harness;

use harness::{Place, poll, settle, until};
use journal::{FileSystem, Options};
use std::fs;
use std::sync::Arc;
use std::time::Instant;

/// A segment of the default size is sealed to about 10 MB.
const SEGMENTS: u64 = 10_000;

/// A stopped journal: many sealed segments, all of them names of one file, and a live one of so many rows.
fn old_journal(place: &Place, rows: u64) {
    let (journal, _) = place.open_with(Options { segment_bytes: 1, ..place.options() }, Arc::new(FileSystem));
    journal.append(poll(1));
    until("a segment is sealed", || !place.files(".parquet").is_empty() && place.files(".arrows").len() == 1);
    journal.close();
    let sealed = place.files(".parquet").remove(0);
    (10_000..10_000 + SEGMENTS).for_each(|number| {
        fs::hard_link(&sealed, place.directory().join(format!("{number:020}-{number:020}.parquet"))).unwrap();
    });
    let (journal, _) = place.open();
    for number in 0..rows {
        journal.append(poll(number));
        if number % 1_000 == 0 {
            settle(&journal);
        }
    }
    settle(&journal);
    journal.close();
}

#[test]
#[ignore = "measures"]
fn a_start_with_a_huge_journal_behind_it() {
    for (rows, is_clean) in [(10, true), (700_000, true), (700_000, false)] {
        let place = Place::new();
        old_journal(&place, rows);
        if !is_clean {
            fs::remove_file(place.directory().join("closed")).unwrap();
        }
        let live = place.files(".arrows").iter().map(|path| fs::metadata(path).unwrap().len()).max();
        let began = Instant::now();
        let (journal, _) = place.open();
        until("the journal is up", || journal.is_up());
        println!(
            "{SEGMENTS} segments, live file {live:?} bytes, closed well {is_clean}: up after {:?}",
            began.elapsed()
        );
        journal.close();
    }
}
