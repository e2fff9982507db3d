//! A guard that starts after a kill, while its journal still has a long file to make sure of.

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
use harness::{Client, Server, document, free_port};
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage_double::Disk;

const READ: [u8; 5] = [3, 0, 0, 0, 2];
const WRITE: [u8; 5] = [6, 0, 7, 0, 42];

fn directory() -> &'static Path {
    Path::new("/plant/journal")
}

/// What a journal leaves that is killed with so many mebibytes in its live file.
fn killed_with(mebibytes: usize) -> Disk {
    let disk = Disk::new();
    let options = journal::Options {
        segment_bytes: 1 << 40,
        sync_deadline_ms: 60_000,
        start_patience_ms: 20_000,
        ..journal::Options::new(directory(), Path::new("/plant/keys"), "gate-1")
    };
    let (journal, _) = journal::open(options, Arc::new(disk.clone()), Arc::new(|| {})).unwrap();
    let row = Event { pdu: Some(vec![7; 32 << 10].into()), ..Event::default() };
    for number in 1..=mebibytes * 32 {
        let sequence = journal.append(&row);
        while number % 256 == 0 && journal.state().durable_sequence < sequence.0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    while journal.state().queued_rows > 0 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let left = disk.kill();
    drop(journal);
    left
}

fn start(disk: &Disk, server: &Server) -> (Guard, SocketAddr) {
    let port = free_port();
    let options =
        json!({"journal": {"directory": directory(), "key_directory": "/plant/keys", "sync_deadline_ms": 5000}});
    let policy = document(port, server.address, "enforce", true).to_string();
    let guard = Guard::start_on(policy.as_bytes(), options.to_string().as_bytes(), Arc::new(disk.clone())).unwrap();
    (guard, SocketAddr::from(([127, 0, 0, 1], port)))
}

fn rows(disk: &Disk, kind: Kind) -> Vec<Event> {
    journal::read_on(disk, directory()).unwrap().into_iter().filter(|row| row.kind == kind).collect()
}

/// Ask again until the write is not refused, within reason.
fn write_until_it_passes(client: &mut Client) -> Vec<u8> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, answer) = client.asks(9, &WRITE).unwrap();
        if answer[0] == WRITE[0] || Instant::now() > end {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn reads_are_answered_and_recorded_while_the_journal_has_not_come_up_after_a_kill() {
    let (disk, server) = (killed_with(4), Server::start());
    disk.stall_syncs();

    let (guard, at) = start(&disk, &server);
    let mut client = Client::connect(at);
    let (read, refused) = (client.asks(1, &READ), client.asks(2, &WRITE));
    disk.release_syncs();
    let written = write_until_it_passes(&mut client);
    guard.stop().unwrap();

    assert_eq!(read, Some((1, vec![3, 4, 0, 0, 0, 1])));
    assert_eq!(refused, Some((2, vec![0x86, 6])));
    assert_eq!(written, WRITE);
    let read = |row: &Event| row.function_code == Some(3) && row.transaction_id == Some(1);
    assert!(rows(&disk, Kind::RequestPermitted).iter().any(read), "the row of the early read is lost");
    assert_eq!(rows(&disk, Kind::JournalGap), []);
}

/// `cargo test --release -p guard --test opening -- --ignored --nocapture` prints what docs/reliability.md tells.
#[test]
#[ignore = "a measurement; it asserts no time"]
fn from_a_start_after_a_kill_with_a_full_live_segment_to_the_first_read_and_the_first_write() {
    let (disk, server) = (killed_with(256), Server::start());
    disk.set_sync_cost(Duration::from_millis(50));

    let begun = Instant::now();
    let (guard, at) = start(&disk, &server);
    let started = begun.elapsed();
    let mut client = Client::connect(at);
    assert!(client.asks(1, &READ).is_some());
    let read = begun.elapsed();
    assert_eq!(write_until_it_passes(&mut client), WRITE);
    println!("started after {started:?}, first read after {read:?}, first write after {:?}", begun.elapsed());
    guard.stop().unwrap();
}

#[test]
fn the_state_of_the_clock_is_recorded_at_start_and_when_it_changes_and_no_oftener() {
    let (server, port, journal) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = harness::guard(&document(port, server.address, "enforce", true), journal.path());
    for is in [false, false, true, true, true, false] {
        guard.clock_synchronised(is);
    }
    guard.stop().unwrap();

    let rows = journal::read(&journal.path().join("journal")).unwrap();
    let told = rows.iter().filter(|row| row.kind.name().starts_with("clock.")).map(|row| (row.kind, row.clock));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (Kind::ClockUnsynchronised, event::Clock::Unsynchronised),
            (Kind::ClockSynchronised, event::Clock::Synchronised),
            (Kind::ClockUnsynchronised, event::Clock::Unsynchronised),
        ]
    );
}
