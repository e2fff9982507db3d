//! Clients that send without end: others have their turn in between.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod harness;

use guard::Guard;
use harness::{Client, Server, adu, document, free_port, guard};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

const READ: [u8; 5] = [3, 0, 0, 0, 2];
const WRITE: [u8; 5] = [6, 0, 7, 0x12, 0x34];
const FLOODERS: usize = 4;
const QUESTIONS: u16 = 30;

fn refusals(guard: &Guard) -> u64 {
    let status: serde_json::Value = serde_json::from_slice(&guard.status().unwrap()).unwrap();
    status["events"]["request.denied"].as_u64().unwrap_or(0)
}

/// A connection over which refused writes are sent, and their refusals read, until it is shut down.
fn flood(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    let (mut sending, mut hearing) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
    let writes: Vec<u8> = (0..5_000).flat_map(|id| adu(id, 1, &WRITE)).collect();
    std::thread::spawn(move || while sending.write_all(&writes).is_ok() {});
    std::thread::spawn(move || while hearing.read(&mut [0; 65_536]).is_ok_and(|count| count > 0) {});
    stream
}

#[test]
fn a_request_waits_for_some_refusals_of_each_client_that_floods_and_not_for_all_that_were_sent() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", false), directory.path());
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let mut honest = Client::connect(at);
    assert!(honest.asks(0, &READ).is_some());
    let floods: Vec<_> = (0..FLOODERS).map(|_| flood(at)).collect();
    while refusals(&guard) < 50_000 {}

    let before = refusals(&guard);
    for number in 1..=QUESTIONS {
        assert!(honest.asks(number, &READ).is_some());
    }
    let while_waiting = (refusals(&guard) - before) / u64::from(QUESTIONS);
    for stream in floods {
        stream.shutdown(Shutdown::Both).unwrap();
    }
    guard.stop().unwrap();

    // A socket's whole buffer of each would be some 20,000, and eight of them in a row were taken once.
    assert!(while_waiting < 20_000, "{while_waiting} refusals for each question");
}
