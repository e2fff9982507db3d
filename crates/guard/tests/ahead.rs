//! *Invariant tested: the sync that covers a write's row returns before the write's first byte reaches the
//! server.* A real guard between real sockets, its journal on a disk in memory that notes each step.

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
use harness::{Client, adu, document, free_port};
use journal::Storage as _;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storage_double::{Disk, Operation};

const CLIENTS: u16 = 8;
const WRITES: u16 = 40;

/// When each write's first byte was there, by the value written.
type Arrivals = Arc<Mutex<BTreeMap<u16, u64>>>;

/// A server that looks at the disk's clock at the first byte of each request.
fn server(clock: Arc<AtomicU64>) -> (SocketAddr, Arrivals) {
    let (listener, arrivals) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arrivals::default());
    let (address, seen) = (listener.local_addr().unwrap(), Arc::clone(&arrivals));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (clock, seen) = (Arc::clone(&clock), Arc::clone(&seen));
            std::thread::spawn(move || while serve(&stream, &clock, &seen).is_some() {});
        }
    });
    (address, arrivals)
}

fn serve(mut stream: &TcpStream, clock: &AtomicU64, seen: &Arrivals) -> Option<()> {
    // MBAP header, then function code, address and value.
    let mut request = [0; 12];
    stream.read_exact(&mut request[..1]).ok()?;
    let order = clock.fetch_add(1, Ordering::SeqCst);
    stream.read_exact(&mut request[1..]).ok()?;
    let before = seen.lock().unwrap().insert(u16::from_be_bytes([request[10], request[11]]), order);
    assert_eq!(before, None, "a write arrived twice");
    stream.write_all(&request).ok()
}

fn write_all(to: SocketAddr, client: u16) {
    let mut connection = Client::connect(to);
    for number in 0..WRITES {
        let value = (client * WRITES + number).to_be_bytes();
        let pdu = [6, 0, 7, value[0], value[1]];
        assert_eq!(connection.asks(number, &pdu), Some((number, pdu.to_vec())));
    }
}

/// When each written value's row became durable: the return of the first sync that covers it.
fn durable(disk: &Disk, directory: &Path) -> BTreeMap<u16, u64> {
    let mut when = BTreeMap::new();
    for step in disk.trace() {
        let Operation::SyncReturned { end } = step.operation else { continue };
        if step.path.extension().is_none_or(|end| end != "arrows") {
            continue;
        }
        for value in values_in(&start_of(disk, &step.path, end), directory) {
            when.entry(value).or_insert(step.order);
        }
    }
    when
}

/// A disk with nothing on it but the first bytes of one file: what its sync made durable.
fn start_of(disk: &Disk, path: &Path, end: usize) -> Disk {
    let mut bytes = Vec::new();
    disk.read(path).unwrap().take(end as u64).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), end);
    let only = Disk::new();
    journal::ensure_directory(&only, path.parent().unwrap(), false).unwrap();
    only.create(path, false).unwrap().append(&bytes).unwrap();
    only
}

fn values_in(disk: &Disk, directory: &Path) -> Vec<u16> {
    let rows = journal::read_on(disk, directory).unwrap();
    let written = rows.iter().filter(|row| row.kind == event::Kind::RequestPermitted);
    written.map(|row| row.values.as_deref().unwrap()[0]).collect()
}

#[test]
fn the_sync_of_a_write_s_row_returns_before_the_write_s_first_byte_reaches_the_server() {
    let (disk, directory) = (Disk::new(), Path::new("/plant/journal"));
    disk.set_sync_cost(Duration::from_millis(2));
    let (address, arrivals) = server(disk.start_trace());
    let port = free_port();
    let options =
        json!({"journal": {"directory": directory, "key_directory": "/plant/keys", "sync_deadline_ms": 5000}});
    let policy = document(port, address, "enforce", true).to_string();
    let guard = Guard::start_on(policy.as_bytes(), options.to_string().as_bytes(), Arc::new(disk.clone())).unwrap();

    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || write_all(SocketAddr::from(([127, 0, 0, 1], port)), client));
        }
    });
    guard.stop().unwrap();

    let (arrived, durable) = (arrivals.lock().unwrap(), durable(&disk, directory));
    assert_eq!(arrived.len(), usize::from(CLIENTS * WRITES));
    let too_early: Vec<_> =
        arrived.iter().filter(|(value, at)| durable.get(value).is_none_or(|sync| sync >= *at)).collect();
    assert!(too_early.is_empty(), "value and order of arrival: {too_early:?}");
}

#[test]
fn a_write_whose_sync_does_not_return_never_reaches_the_server() {
    let (disk, directory) = (Disk::new(), Path::new("/plant/journal"));
    let (address, arrivals) = server(disk.start_trace());
    let port = free_port();
    let options = json!({"journal": {"directory": directory, "key_directory": "/plant/keys", "sync_deadline_ms": 100}});
    let policy = document(port, address, "enforce", true).to_string();
    let guard = Guard::start_on(policy.as_bytes(), options.to_string().as_bytes(), Arc::new(disk.clone())).unwrap();
    disk.stall_syncs();

    let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], port)));
    client.0.write_all(&adu(1, 1, &[6, 0, 7, 0, 42])).unwrap();
    let answer = client.hears();
    disk.release_syncs();
    guard.stop().unwrap();

    assert_eq!(answer, Some((1, vec![0x86, 6])));
    assert!(arrivals.lock().unwrap().is_empty());
}
