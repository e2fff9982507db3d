//! Handshakes that are none, never end, or are too many.

use crate::harness::{adu, at};
use crate::stage::{READ, Stage, tcp};
use event::Kind;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn is_ended(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    // An alert may come first; a reset is an end as well.
    stream.read_to_end(&mut bytes).is_ok() || bytes.is_empty()
}

#[test]
fn modbus_in_the_clear_is_not_answered_and_told_so() {
    let stage = Stage::set();
    let mut plain = tcp(stage.port);
    plain.write_all(&adu(1, 1, &READ)).unwrap();

    assert!(is_ended(&mut plain));
    assert_eq!(stage.server.requests(), 0);
    assert_eq!(stage.refusals(), ["not_tls"]);
}

#[test]
fn garbage_ends_its_own_connection_only() {
    let stage = Stage::set();
    let mut client = stage.client("Operator").unwrap();
    let garbage: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5],
        &[0x16, 3, 3, 0xFF, 0xFF, 0, 0],
        &[0x80, 0x2E, 1, 0, 2],
        &[0xFF; 600],
        &[0x15, 3, 3, 0, 2, 2, 40],
    ];
    for bytes in garbage {
        let mut stream = tcp(stage.port);
        let _ = stream.write_all(bytes);
        assert!(is_ended(&mut stream), "{bytes:02x?}");
    }

    assert!(client.asks(1, &READ).is_some());
    assert_eq!(stage.refusals().len(), garbage.len());
}

#[test]
fn a_client_that_leaves_in_its_handshake_is_told_of() {
    let stage = Stage::set();
    drop(tcp(stage.port));
    let until = Instant::now() + Duration::from_secs(5);
    while stage.status()["events"]["tls.refused"].is_null() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }

    assert_eq!(stage.refusals(), ["client_closed"]);
}

#[test]
fn a_handshake_that_does_not_end_is_given_up_after_ten_seconds() {
    let stage = Stage::set();
    let began = Instant::now();
    let mut slow = tcp(stage.port);
    slow.write_all(&[0x16, 3, 1]).unwrap();

    assert!(is_ended(&mut slow));
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(14), "{took:?}");
    assert_eq!(stage.status()["limits"]["handshake_timeout"], 1);
    assert_eq!(stage.refusals(), ["handshake_timeout"]);
}

#[test]
fn one_client_cannot_take_all_places_for_handshakes() {
    let mut stage = Stage::set();
    stage.document["conduits"][0]["budgets"]["sessions_per_client"] = 64.into();
    stage.document["conduits"][0]["budgets"]["sessions"] = 256.into();
    stage.reload().unwrap();
    let mut crowd: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(at(stage.port)).unwrap()).collect();
    let ended = crowd.iter_mut().filter_map(|stream| {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.read(&mut [0; 8]).is_ok_and(|count| count == 0).then_some(())
    });

    assert_eq!(ended.count(), 8);
    assert_eq!(stage.status()["limits"]["tls_handshakes"], 8);
    drop(crowd);
    let rows = stage.rows();
    assert_eq!(rows.iter().filter(|row| row.kind == Kind::SessionRefused).count(), 8);
}

#[test]
fn a_handshake_counts_against_its_clients_budget_of_sessions() {
    let mut stage = Stage::set();
    stage.document["conduits"][0]["budgets"]["sessions_per_client"] = 2.into();
    stage.reload().unwrap();
    let _held = (stage.client("Operator").unwrap(), TcpStream::connect(at(stage.port)).unwrap());

    assert!(stage.client("Operator").is_none());
    assert_eq!(stage.status()["limits"]["sessions_per_client"], 1);
}

#[test]
fn a_drain_does_not_wait_for_handshakes() {
    let stage = Stage::set();
    let _slow = TcpStream::connect(at(stage.port)).unwrap();
    std::thread::sleep(Duration::from_millis(100));

    assert!(stage.guard.drain(Duration::from_secs(3)).unwrap());
    assert_eq!(stage.refusals(), ["draining"]);
}
