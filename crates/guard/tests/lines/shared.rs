//! Servers that take one connection: many clients, and one connection to them.

use super::harness::{Client, Server, at, document, free_port, guard, receive_adu};
use super::{READ, WRITE, asks, status};
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn shared(listen: u16, server: SocketAddr, line: Value) -> Value {
    let mut document = document(listen, server, "enforce", true);
    let mut whole = json!({"framing": "mbap", "pipeline": 1, "pause_ms": 0, "lifetime_ms": 0, "turnaround_ms": 100,
        "window_ms": 0, "read_retries": 0, "echo": false, "client_share": 100});
    whole.as_object_mut().unwrap().extend(line.as_object().unwrap().clone());
    document["servers"][0]["line"] = whole;
    document
}

/// A server that serves one connection and counts them; `deaf_to` gets no answer.
fn single(deaf_to: u8) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let requests = Arc::<AtomicUsize>::default();
    let counts = (Arc::clone(&connections), Arc::clone(&requests));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counts.0.fetch_add(1, Ordering::SeqCst);
            while let Some((header, pdu)) = receive_adu(&mut stream) {
                counts.1.fetch_add(1, Ordering::SeqCst);
                if pdu[0] == deaf_to {
                    continue;
                }
                let reply = super::unit::answer(header[6], &pdu);
                let id = u16::from_be_bytes([header[0], header[1]]);
                if stream.write_all(&super::adu(id, header[6], &reply)).is_err() {
                    break;
                }
            }
        }
    });
    (address, connections, requests)
}

#[test]
fn many_clients_of_a_server_are_one_connection() {
    let (server, connections, _) = single(0);
    let (port, journal) = (free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&shared(port, server, json!({})), journal.path());
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(at(port))).collect();
    for round in 0..20 {
        for client in &mut clients {
            assert_eq!(asks(client, round, 1, &READ), Some((round, 1, super::unit::answer(1, &READ))));
        }
    }

    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(status(&guard)["lines"][0]["requests"], 160);
}

#[test]
fn a_write_without_a_reply_costs_the_connection_and_no_other_client_its_session() {
    let (server, connections, requests) = single(6);
    let (port, journal) = (free_port(), tempfile::tempdir().unwrap());
    let _guard = guard(&shared(port, server, json!({})), journal.path());
    let (mut one, mut two) = (Client::connect(at(port)), Client::connect(at(port)));
    assert_eq!(asks(&mut two, 1, 1, &READ).map(|(id, ..)| id), Some(1));

    assert_eq!(asks(&mut one, 2, 1, &WRITE), Some((2, 1, vec![0x86, 0x0B])));
    assert_eq!(asks(&mut two, 3, 1, &READ), Some((3, 1, super::unit::answer(1, &READ))));
    assert_eq!((connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst)), (2, 3));
}

#[test]
fn a_server_that_is_not_there_refuses_clients_and_is_found_again() {
    let (port, journal) = (free_port(), tempfile::tempdir().unwrap());
    let server = at(free_port());
    let _guard = guard(&shared(port, server, json!({})), journal.path());
    let refused = (0..20).any(|_| asks(&mut Client::connect(at(port)), 1, 1, &READ).is_none());
    assert!(refused);

    let _server = Server::start_at(server);
    let found = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        asks(&mut Client::connect(at(port)), 1, 1, &READ).is_some()
    });
    assert!(found);
}

#[test]
fn a_connection_is_renewed_after_its_lifetime_and_nobody_notices() {
    let (server, connections, _) = single(0);
    let (port, journal) = (free_port(), tempfile::tempdir().unwrap());
    let _guard = guard(&shared(port, server, json!({"lifetime_ms": 100})), journal.path());
    let mut client = Client::connect(at(port));
    for round in 0..40 {
        assert_eq!(asks(&mut client, round, 1, &READ).map(|(id, ..)| id), Some(round));
        std::thread::sleep(Duration::from_millis(10));
    }

    assert!(connections.load(Ordering::SeqCst) >= 3);
}

#[test]
fn a_client_beyond_the_limit_is_told_so_and_comes_in_once_another_has_gone() {
    let (server, _, _) = single(0);
    let (port, journal) = (free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&shared(port, server, json!({"clients": 2})), journal.path());
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(at(port))).collect();
    for client in &mut clients {
        assert_eq!(asks(client, 1, 1, &READ).map(|(id, ..)| id), Some(1));
    }
    assert_eq!(asks(&mut Client::connect(at(port)), 1, 1, &READ), None);
    assert_eq!(status(&guard)["limits"]["line_clients"], 1);

    drop(clients.pop());
    let is_in = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        asks(&mut Client::connect(at(port)), 2, 1, &READ).is_some()
    });
    assert!(is_in);
    guard.stop().unwrap();
    let rows = journal::read(&journal.path().join("journal")).unwrap();
    assert!(rows.iter().any(|row| row.reason.as_deref() == Some("server_full")));
}
