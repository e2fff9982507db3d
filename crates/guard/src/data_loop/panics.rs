//! A panic on purpose, for tests only: it ends one session and nothing else.

use super::harness::{Client, Server, at, document, free_port, guard};
use crate::Guard;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    let now = || serde_json::from_slice::<serde_json::Value>(&guard.status().unwrap()).unwrap()["sessions"].as_u64();
    while now() != Some(wanted) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    now() == Some(wanted)
}

fn internal_errors(directory: &Path) -> usize {
    let rows = journal::read(&directory.join("journal")).unwrap();
    rows.iter().filter(|row| row.kind == event::Kind::InternalError).count()
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
