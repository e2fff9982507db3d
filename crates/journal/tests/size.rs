//! How much room steady polling takes once sealed.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::Event;
use harness::{Disk, Place, poll, poll_out_of_order, settle, until};
use journal::Options;

const EVENTS: u64 = 100_000;

/// Sealed bytes per hundred events.
fn sealed_bytes_per_hundred(event: impl Fn(u64) -> Event) -> u64 {
    let place = Place::new();
    let options = Options { segment_bytes: 1 << 40, checkpoint_interval_ms: 1, ..place.options() };
    let (journal, _) = place.open_with(options.clone(), Disk::careless());
    for number in 0..EVENTS {
        journal.append(event(number));
        // 200 servers polled each second, and a checkpoint with each second's rows.
        if number % 200 == 199 {
            settle(&journal);
        }
    }
    journal.close();
    let (journal, _) = place.open_with(options, Disk::careless());
    until("it is sealed", || place.files(".arrows").len() == 1);
    journal.close();

    let kept = journal::read(&place.directory()).unwrap();
    assert_eq!(kept.iter().filter(|row| row.rule.is_some()).count() as u64, EVENTS);
    std::fs::metadata(&place.files(".parquet")[0]).unwrap().len() * 100 / EVENTS
}

#[test]
fn steady_polling_of_unchanged_values_takes_at_most_12_bytes_an_event() {
    let steady = sealed_bytes_per_hundred(poll);

    println!("bytes per 100 events: {steady}");
    assert!(steady <= 1_200);
}

#[test]
fn polling_in_no_order_takes_at_most_12_bytes_an_event_too() {
    let scattered = sealed_bytes_per_hundred(poll_out_of_order);

    println!("bytes per 100 events, servers in no order: {scattered}");
    assert!(scattered <= 1_200);
}
