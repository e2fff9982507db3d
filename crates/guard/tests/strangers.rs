//! Clients that no rule names take what they can get; those that one names are served all the same.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod harness;

use event::Kind;
use guard::Guard;
use harness::{Client, Server, at, document, free_port, guard};
use std::io::Read as _;
use std::time::{Duration, Instant};

const READ: [u8; 5] = [3, 0, 0, 0, 2];
const SESSIONS: usize = 16;
/// A quarter.
const FOR_STRANGERS: usize = 4;

fn refused(guard: &Guard, limit: &str) -> usize {
    let status: serde_json::Value = serde_json::from_slice(&guard.status().unwrap()).unwrap();
    status["limits"][limit].as_u64().unwrap_or(0) as usize
}

fn wait_until(is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(5);
    while !is_so() {
        assert!(Instant::now() < until, "it does not come to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_client_that_a_rule_names_connects_again_while_strangers_hold_all_the_sessions_they_can() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let mut document = document(port, server.address, "enforce", false);
    document["conduits"][0]["budgets"]["sessions"] = SESSIONS.into();
    document["conduits"][0]["budgets"]["sessions_per_client"] = SESSIONS.into();
    let guard = guard(&document, directory.path());
    let mut honest: Vec<_> = (FOR_STRANGERS..SESSIONS).map(|_| Client::connect(at(port))).collect();
    assert!(honest.iter_mut().all(|client| client.asks(1, &READ).is_some()));

    // Four addresses with a whole conduit's worth each; what is refused is tried again.
    let mut strangers: Vec<_> =
        (2..6).flat_map(|last| (0..SESSIONS).map(move |_| Client::connect_from([127, 0, 0, last], at(port)))).collect();
    wait_until(|| refused(&guard, "sessions") + refused(&guard, "sessions_unnamed") >= 4 * SESSIONS - FOR_STRANGERS);
    honest.clear();
    strangers.extend((0..SESSIONS).map(|_| Client::connect_from([127, 0, 0, 6], at(port))));
    wait_until(|| refused(&guard, "sessions") + refused(&guard, "sessions_unnamed") >= 4 * SESSIONS);

    honest.extend((FOR_STRANGERS..SESSIONS).map(|_| Client::connect(at(port))));
    assert!(honest.iter_mut().all(|client| client.asks(1, &READ).is_some()));
    // Who is in is heard, and told why nothing of it passes.
    assert_eq!(strangers[0].asks(1, &READ), Some((1, vec![0x83, 1])));
    assert!(matches!(strangers[5 * SESSIONS - 1].0.read(&mut [0]), Ok(0) | Err(_)));
    guard.stop().unwrap();
    let rows = journal::read(&directory.path().join("journal")).unwrap();
    let told = rows.iter().filter(|row| row.kind == Kind::SessionRefused);
    assert!(told.filter_map(|row| row.reason.as_deref()).any(|reason| reason == "budget: sessions_unnamed"));
}

#[test]
fn where_nothing_is_refused_nobody_is_a_stranger() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let mut document = document(port, server.address, "observe", false);
    document["conduits"][0]["budgets"]["sessions"] = SESSIONS.into();
    document["conduits"][0]["rules"] = serde_json::json!([]);
    let guard = guard(&document, directory.path());

    let mut clients: Vec<_> = (0..SESSIONS).map(|_| Client::connect(at(port))).collect();
    assert!(clients.iter_mut().all(|client| client.asks(1, &READ).is_some()));
    guard.stop().unwrap();
}
