//! A panic on purpose, for tests only: it ends one session and nothing else.

use super::harness::{Client, Server, adu, at, document, free_port, guard, receive_adu};
use crate::Guard;
use event::{Event, Kind};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use storage_double::Disk;

const READ: [u8; 5] = [3, 0, 0, 0, 2];
const READ_BACK: [u8; 6] = [3, 4, 0, 0, 0, 1];
const WRITE: [u8; 5] = [6, 0, 7, 0x12, 0x34];
const NOBODY: u16 = 0;

/// The client whose next turn goes wrong.
static IN_TURN_OF: AtomicU16 = AtomicU16::new(NOBODY);
static AT_OPENING: AtomicBool = AtomicBool::new(false);
/// One guard at a time, for all share the two above.
static ALONE: Mutex<()> = Mutex::new(());

/// Where a turn begins.
pub(super) fn in_turn(client_port: u16) {
    let is_asked = IN_TURN_OF.compare_exchange(client_port, NOBODY, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    assert!(!is_asked, "a bug, on purpose");
}

/// Where a session opens.
pub(super) fn at_opening() {
    assert!(!AT_OPENING.swap(false, Ordering::SeqCst), "a bug at opening, on purpose");
}

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn port_of(client: &Client) -> u16 {
    client.0.local_addr().unwrap().port()
}

/// How many sessions are open, once there are so many.
fn sessions_become(guard: &Guard, wanted: u64) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    let now = || serde_json::from_slice::<Value>(&guard.status().unwrap()).unwrap()["sessions"].as_u64();
    while now() != Some(wanted) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    now() == Some(wanted)
}

fn rows(directory: &Path, kind: Kind) -> Vec<Event> {
    let rows = journal::read(&directory.join("journal")).unwrap();
    rows.into_iter().filter(|row| row.kind == kind).collect()
}

fn internal_errors(directory: &Path) -> usize {
    rows(directory, Kind::InternalError).len()
}

/// Whether a row says whose it is: session, conduit, client and peer.
fn names(row: &Event, session: Option<event::SessionId>, port: u16) -> bool {
    let whose = (row.conduit.as_deref(), row.client.as_deref(), row.client_port);
    row.session.is_some()
        && row.session == session
        && row.client_address == Some([127, 0, 0, 1].into())
        && whose == (Some("hvac"), Some("hmi-1"), Some(port))
}

/// A server that answers reads with zero, and no write ever; and word of each write.
fn mute_to_writes() -> (SocketAddr, Receiver<()>) {
    let (arrives, arrived) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let arrives = arrives.clone();
            std::thread::spawn(move || answer_reads(stream, &arrives));
        }
    });
    (address, arrived)
}

fn answer_reads(mut stream: TcpStream, arrives: &Sender<()>) {
    while let Some((header, pdu)) = receive_adu(&mut stream) {
        if pdu[0] == 3 {
            let reply = adu(u16::from_be_bytes([header[0], header[1]]), 1, &[3, 2, 0, 0]);
            stream.write_all(&reply).unwrap();
        } else {
            arrives.send(()).unwrap();
        }
    }
}

/// Register 7 may change by 5 at a time, from a value that is known.
fn stepped(port: u16, server: SocketAddr) -> Value {
    let mut document = document(port, server, "enforce", true);
    document["point_maps"] = json!([{"name": "map", "points": [{"name": "stepped", "table": "holding_register",
        "address": 7, "type": "uint16", "limits": {"max_step": 5}}]}]);
    document["servers"][0]["units"][0]["point_map"] = 0.into();
    document
}

/// One more byte of a client's, in whose turn the bug is met.
fn breaks(client: &mut Client) {
    IN_TURN_OF.store(port_of(client), Ordering::SeqCst);
    client.0.write_all(&[0]).unwrap();
    assert!(is_ended(client));
}

/// Wait until so many rows of permitted requests were made.
fn permitted_become(guard: &Guard, wanted: u64) {
    let until = Instant::now() + Duration::from_secs(5);
    let now = || {
        let status: Value = serde_json::from_slice(&guard.status().unwrap()).unwrap();
        status["conduits"][0]["requests"]["permitted"].as_u64()
    };
    while now() != Some(wanted) {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_ended(client: &mut Client) -> bool {
    matches!(client.0.read(&mut [0]), Ok(0) | Err(_))
}

#[test]
fn a_panic_in_one_session_ends_that_session_and_its_write_reaches_no_server() {
    let _alone = alone();
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", true), directory.path());
    let (mut honest, mut broken) = (Client::connect(at(port)), Client::connect(at(port)));
    assert_eq!(honest.asks(1, &READ), Some((1, READ_BACK.to_vec())));
    assert_eq!(broken.asks(1, &READ), Some((1, READ_BACK.to_vec())));

    IN_TURN_OF.store(port_of(&broken), Ordering::SeqCst);
    assert_eq!(broken.asks(2, &WRITE), None);

    assert!(is_ended(&mut broken));
    assert!(sessions_become(&guard, 1));
    assert_eq!(honest.asks(2, &WRITE), Some((2, WRITE.to_vec())));
    assert_eq!(Client::connect(at(port)).asks(1, &READ), Some((1, READ_BACK.to_vec())));
    assert!(guard.is_alive());
    guard.stop().unwrap();
    assert_eq!((server.writes(), internal_errors(directory.path())), (1, 1));
}

#[test]
fn a_panic_while_a_session_opens_costs_that_connection_only() {
    let _alone = alone();
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", true), directory.path());
    let mut honest = Client::connect(at(port));
    assert_eq!(honest.asks(1, &READ), Some((1, READ_BACK.to_vec())));

    AT_OPENING.store(true, Ordering::SeqCst);
    assert!(is_ended(&mut Client::connect(at(port))));

    assert!(sessions_become(&guard, 1));
    assert_eq!(honest.asks(2, &READ), Some((2, READ_BACK.to_vec())));
    assert_eq!(Client::connect(at(port)).asks(1, &READ), Some((1, READ_BACK.to_vec())));
    guard.stop().unwrap();
    assert_eq!(internal_errors(directory.path()), 1);
}

#[test]
fn the_rows_of_a_session_that_panicked_say_whose_it_was() {
    let _alone = alone();
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", true), directory.path());
    let mut broken = Client::connect(at(port));
    assert_eq!(broken.asks(1, &READ), Some((1, READ_BACK.to_vec())));
    breaks(&mut broken);
    AT_OPENING.store(true, Ordering::SeqCst);
    let mut unopened = Client::connect(at(port));
    assert!(is_ended(&mut unopened));
    guard.stop().unwrap();

    let (errors, closed) = (rows(directory.path(), Kind::InternalError), rows(directory.path(), Kind::SessionClosed));
    for (at, client) in [&broken, &unopened].into_iter().enumerate() {
        assert!(names(&errors[at], errors[at].session, port_of(client)), "{:?}", errors[at]);
        assert!(names(&closed[at], errors[at].session, port_of(client)), "{:?}", closed[at]);
        assert_eq!(closed[at].reason.as_deref(), Some("internal_error"));
    }
}

#[test]
fn a_write_that_is_open_when_its_session_panics_has_an_end_and_its_value_is_unknown() {
    let _alone = alone();
    let (port, directory) = (free_port(), tempfile::tempdir().unwrap());
    let (server, arrived) = mute_to_writes();
    let guard = guard(&stepped(port, server), directory.path());
    let (mut honest, mut broken) = (Client::connect(at(port)), Client::connect(at(port)));
    assert!(honest.asks(1, &[3, 0, 7, 0, 1]).is_some());
    broken.0.write_all(&adu(2, 1, &[6, 0, 7, 0, 5])).unwrap();
    permitted_become(&guard, 2);
    arrived.recv_timeout(Duration::from_secs(5)).unwrap();
    breaks(&mut broken);

    let after = Client::connect(at(port)).asks(4, &[6, 0, 7, 0, 8]);
    guard.stop().unwrap();

    assert_eq!(after, Some((4, vec![0x86, 1])));
    let (permitted, outcomes) =
        (rows(directory.path(), Kind::RequestPermitted), rows(directory.path(), Kind::RequestOutcome));
    let first = permitted.iter().find(|row| row.transaction_id == Some(2)).unwrap();
    let ends: Vec<_> = outcomes.iter().filter(|row| row.request_sequence == Some(first.sequence)).collect();
    assert_eq!(ends.len(), 1);
    assert!(names(ends[0], first.session, port_of(&broken)));
    let told = (ends[0].transaction_id, ends[0].address, ends[0].reason.as_deref());
    assert_eq!(told, (Some(2), Some(7), Some("internal_error: outcome unknown")));
}

#[test]
fn a_write_that_waits_for_the_disk_when_its_session_panics_is_told_as_never_sent() {
    let _alone = alone();
    let (server, port, disk) = (Server::start(), free_port(), Disk::new());
    let options = json!({"journal": {"directory": "/plant/journal", "key_directory": "/plant/keys",
                                     "sync_deadline_ms": 5000}});
    let policy = document(port, server.address, "enforce", true).to_string();
    let guard = Guard::start_on(policy.as_bytes(), options.to_string().as_bytes(), Arc::new(disk.clone())).unwrap();
    let mut broken = Client::connect(at(port));
    assert_eq!(broken.asks(1, &READ), Some((1, READ_BACK.to_vec())));
    disk.stall_syncs();
    broken.0.write_all(&adu(2, 1, &WRITE)).unwrap();
    permitted_become(&guard, 2);
    breaks(&mut broken);
    disk.release_syncs();
    guard.stop().unwrap();

    let rows = journal::read_on(&disk, Path::new("/plant/journal")).unwrap();
    let outcome = rows.iter().find(|row| row.kind == Kind::RequestOutcome).unwrap();
    assert_eq!((outcome.transaction_id, outcome.reason.as_deref()), (Some(2), Some("internal_error: never sent")));
    assert_eq!(server.writes(), 0);
}
