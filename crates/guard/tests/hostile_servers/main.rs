//! *Invariant tested: no reply reaches a request that it does not answer, no write reaches a server twice, and
//! every request ends.* A real guard between many clients and servers that misbehave in every named way.
//!
//! `MIXED=1000000 SEED=7 cargo test -p guard --test hostile_servers -- --nocapture` asks for more.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod client;
#[path = "../harness/mod.rs"]
mod harness;
mod plan;
mod random;
mod server;
mod truth;

use client::{Seen, Work};
use plan::{CLIENTS_PER_LISTENER, Plant};
use std::sync::atomic::Ordering;
use truth::Mischief;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn no_reply_reaches_a_request_that_it_does_not_answer_however_servers_misbehave() {
    let (mixed, seed, directory) = (number("MIXED", 20_000), number("SEED", 1), tempfile::tempdir().unwrap());
    let plant = Plant::start(seed);
    let guard = harness::guard(&plant.document(), directory.path());
    let work = &Work::of(mixed, seed);

    let seen = std::thread::scope(|scope| {
        let listeners = plant.listeners.iter().flat_map(|listener| (0..CLIENTS_PER_LISTENER).map(move |_| listener));
        let clients: Vec<_> = (0_u16..)
            .zip(listeners)
            .map(|(number, listener)| scope.spawn(move || work.play(number, listener)))
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).fold(Seen::default(), Seen::and)
    });
    let status: serde_json::Value = serde_json::from_slice(&guard.status().unwrap()).unwrap();
    guard.stop().unwrap();

    let (twice, mischief) = (plant.book.written_twice(), plant.book.mischief());
    println!("seed {seed}: {seen:?}; mischief {mischief:?}; {}", status["conduits"][0]["requests"]["unsolicited"]);
    assert_eq!(seen.wrong, Vec::<String>::new());
    assert_eq!(twice, Vec::<u32>::new());
    assert_eq!(seen.hung, 0);
    assert_eq!(seen.sent, seen.replies + seen.exceptions + seen.closed);
    assert!(seen.sent >= mixed);
    assert!(seen.replies > seen.sent / 2, "most requests are answered, or nothing was tested");
    for kind in Mischief::ALL {
        assert!(mischief.get(&kind).is_some_and(|count| *count > 0), "{kind:?} never happened");
    }
    assert!(plant.book.writes.load(Ordering::SeqCst) > 0);
}
