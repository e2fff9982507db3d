//! How connections end: nobody is left hanging, and each ending is recorded.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod harness;

use event::{Event, Kind};
use guard::Guard;
use harness::{Client, Server, adu, at, document, free_port, guard};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const READ: [u8; 5] = [3, 0, 0, 0, 2];

fn rows(directory: &Path, kind: Kind) -> Vec<Event> {
    let rows = journal::read(&directory.join("journal")).unwrap();
    rows.into_iter().filter(|event| event.kind == kind).collect()
}

fn open_sessions(guard: &Guard) -> u64 {
    let status: serde_json::Value = serde_json::from_slice(&guard.status().unwrap()).unwrap();
    status["sessions"].as_u64().unwrap()
}

/// A server until it is told to go; then it is gone with all its connections.
fn serve_until(address: SocketAddr, is_gone: &AtomicBool) {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut streams: Vec<TcpStream> = Vec::new();
    while !is_gone.load(Ordering::SeqCst) {
        streams.extend(listener.accept().into_iter().map(|(stream, _)| stream));
        for stream in &mut streams {
            stream.set_nonblocking(true).unwrap();
            let mut request = [0; 12];
            if stream.read(&mut request).is_ok_and(|count| count == request.len()) {
                // Who asked may have gone.
                let _ = stream.write_all(&adu(u16::from_be_bytes([request[0], request[1]]), 1, &[3, 4, 0, 0, 0, 1]));
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Ask until told to stop; the longest time without an answer, an exception or the end of the connection.
fn longest_wait(to: SocketAddr, is_over: &AtomicBool) -> Duration {
    let (mut client, mut longest) = (None, Duration::ZERO);
    while !is_over.load(Ordering::SeqCst) {
        let began = Instant::now();
        let answer = client.get_or_insert_with(|| Client::connect(to)).asks(1, &READ);
        longest = longest.max(began.elapsed());
        if answer.is_none() {
            client = None;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    longest
}

/// Whether no session is open soon, well before any time-out.
fn is_soon_empty(guard: &Guard) -> bool {
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        if open_sessions(guard) == 0 {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn a_client_that_asks_and_ends_its_stream_in_one_breath_is_answered_and_leaves_no_session() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", false), directory.path());

    for number in 0..20 {
        let mut client = Client::connect(at(port));
        client.0.write_all(&adu(number, 1, &READ)).unwrap();
        client.0.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.hears(), Some((number, vec![3, 4, 0, 0, 0, 1])));
        assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    }

    assert!(is_soon_empty(&guard));
    guard.stop().unwrap();
    assert_eq!(rows(directory.path(), Kind::SessionClosed).len(), 20);
}

#[test]
fn a_server_that_answers_and_ends_its_stream_in_one_breath_ends_the_client_s() {
    let (listener, port, directory) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, listener.local_addr().unwrap(), "observe", false), directory.path());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 12];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(&adu(7, 1, &[3, 4, 0, 0, 0, 1])).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap()
    });

    let mut client = Client::connect(at(port));
    assert_eq!(client.asks(7, &READ), Some((7, vec![3, 4, 0, 0, 0, 1])));
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    drop(client);
    server.join().unwrap();

    assert!(is_soon_empty(&guard));
    guard.stop().unwrap();
    assert_eq!(rows(directory.path(), Kind::SessionClosed).len(), 1);
}

#[test]
fn a_session_that_the_guard_ended_is_gone_as_soon_as_its_client_is() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let mut document = document(port, server.address, "enforce", false);
    document["conduits"][0]["idle_timeout_ms"] = 100.into();
    let guard = guard(&document, directory.path());

    let mut client = Client::connect(at(port));
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    drop(client);

    assert!(is_soon_empty(&guard));
    guard.stop().unwrap();
}

#[test]
fn a_client_that_reads_nothing_for_long_gets_every_byte_when_it_reads_again() {
    const BYTES: usize = 24 << 20;
    let (listener, port, directory) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, listener.local_addr().unwrap(), "observe", false), directory.path());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
        // No Modbus: the reader gives up at once and the bytes pass on.
        stream.write_all(&vec![0xFF; BYTES]).unwrap();
        stream.read(&mut [0]).unwrap()
    });

    let mut client = Client::connect(at(port));
    client.0.write_all(&adu(7, 1, &READ)).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let mut heard = vec![0; BYTES];
    client.0.read_exact(&mut heard).unwrap();
    drop(client);

    server.join().unwrap();
    guard.stop().unwrap();
}

#[test]
fn a_reload_that_moves_the_server_costs_no_request_that_is_open() {
    let (listener, port, directory) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, listener.local_addr().unwrap(), "enforce", false), directory.path());
    let mut client = Client::connect(at(port));
    client.0.write_all(&adu(7, 1, &READ)).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 12];
    stream.read_exact(&mut request).unwrap();

    let elsewhere = Server::start();
    guard.reload(document(port, elsewhere.address, "enforce", false).to_string().as_bytes()).unwrap();
    stream.write_all(&adu(u16::from_be_bytes([request[0], request[1]]), 1, &[3, 4, 0, 0, 0, 1])).unwrap();

    assert_eq!(client.hears(), Some((7, vec![3, 4, 0, 0, 0, 1])));
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    assert!(Client::connect(at(port)).asks(1, &READ).is_some());
    guard.stop().unwrap();
}

#[test]
fn a_reload_that_closes_the_listener_costs_no_request_that_is_open() {
    let (listener, port, directory) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, listener.local_addr().unwrap(), "enforce", false), directory.path());
    let mut client = Client::connect(at(port));
    client.0.write_all(&adu(7, 1, &READ)).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 12];
    stream.read_exact(&mut request).unwrap();

    guard
        .reload(document(free_port(), listener.local_addr().unwrap(), "enforce", false).to_string().as_bytes())
        .unwrap();
    stream.write_all(&adu(u16::from_be_bytes([request[0], request[1]]), 1, &[3, 4, 0, 0, 0, 1])).unwrap();

    assert_eq!(client.hears(), Some((7, vec![3, 4, 0, 0, 0, 1])));
    assert!(TcpStream::connect(at(port)).is_err());
    guard.stop().unwrap();
}

#[test]
fn while_its_server_comes_and_goes_no_client_waits_for_nothing_and_each_is_served_once_it_is_back() {
    const CLIENTS: usize = 4;
    let (port, directory) = (free_port(), tempfile::tempdir().unwrap());
    // An address of its own: a connection of the many below must not take its port while it is gone.
    let server = SocketAddr::from(([127, 0, 0, 7], free_port()));
    let mut document = document(port, server, "enforce", false);
    document["servers"][0]["address"] = server.ip().to_string().into();
    let guard = guard(&document, directory.path());
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || longest_wait(at(port), &is_over))
        })
        .collect();

    for _ in 0..10 {
        let is_gone = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| serve_until(server, &is_gone));
            std::thread::sleep(Duration::from_millis(100));
            is_gone.store(true, Ordering::SeqCst);
        });
        std::thread::sleep(Duration::from_millis(50));
    }
    is_over.store(true, Ordering::SeqCst);
    let longest = clients.into_iter().map(|client| client.join().unwrap()).max().unwrap();
    let back = Server::start_at(server);
    let answers: Vec<_> = (0..CLIENTS).map(|_| Client::connect(at(port)).asks(1, &READ)).collect();
    guard.stop().unwrap();

    // Far under any time-out of the guard's, and far over what a busy machine takes.
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    assert!(answers.iter().all(|answer| *answer == Some((1, vec![3, 4, 0, 0, 0, 1]))), "{answers:?}");
    assert_eq!(back.requests(), CLIENTS);
}
