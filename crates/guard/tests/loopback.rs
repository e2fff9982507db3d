//! The guard on real sockets: what passes, what does not, and what is in the record.

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
use guard::{Guard, GuardError};
use harness::{Client, Server, adu, at, document, free_port, guard};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

const READ: [u8; 5] = [3, 0, 0, 0, 2];
const WRITE: [u8; 5] = [6, 0, 7, 0x12, 0x34];

fn rows(directory: &Path, kind: Kind) -> Vec<Event> {
    let rows = journal::read(&directory.join("journal")).unwrap();
    rows.into_iter().filter(|event| event.kind == kind).collect()
}

#[test]
fn a_write_that_no_rule_permits_is_refused_recorded_and_never_reaches_the_server() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", false), directory.path());

    let answer = Client::connect(at(port)).asks(7, &WRITE);
    guard.stop().unwrap();

    assert_eq!(answer, Some((7, vec![0x86, 1])));
    assert_eq!(server.requests(), 0);
    let denied = rows(directory.path(), Kind::RequestDenied);
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0].address, Some(7));
    assert_eq!(denied[0].client.as_deref(), Some("hmi-1"));
}

#[test]
fn a_permitted_read_passes_and_is_recorded() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", false), directory.path());

    let answer = Client::connect(at(port)).asks(0, &READ);
    guard.stop().unwrap();

    assert_eq!(answer, Some((0, vec![3, 4, 0, 0, 0, 1])));
    let permitted = rows(directory.path(), Kind::RequestPermitted);
    assert_eq!(permitted.len(), 1);
    assert_eq!(permitted[0].response_values.as_deref(), Some([0, 1].as_slice()));
}

#[test]
fn a_permitted_write_has_its_row_before_and_its_outcome_after() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", true), directory.path());

    let answer = Client::connect(at(port)).asks(9, &WRITE);
    guard.stop().unwrap();

    assert_eq!(answer, Some((9, WRITE.to_vec())));
    assert_eq!(server.writes(), 1);
    let permitted = rows(directory.path(), Kind::RequestPermitted);
    let outcome = rows(directory.path(), Kind::RequestOutcome);
    assert_eq!(outcome[0].request_sequence, Some(permitted[0].sequence));
}

#[test]
fn an_observing_conduit_lets_everything_pass_and_says_what_it_would_refuse() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "observe", false), directory.path());

    let answer = Client::connect(at(port)).asks(3, &WRITE);
    guard.stop().unwrap();

    assert_eq!(answer, Some((3, WRITE.to_vec())));
    let observed = rows(directory.path(), Kind::RequestObserved);
    assert_eq!(observed[0].verdict, Some(event::Outcome::Deny));
}

#[test]
fn a_reload_changes_the_verdict_of_an_open_session() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", false), directory.path());
    let mut client = Client::connect(at(port));

    let before = client.asks(1, &WRITE);
    guard.reload(document(port, server.address, "enforce", true).to_string().as_bytes()).unwrap();
    let after = client.asks(2, &WRITE);
    guard.stop().unwrap();

    assert_eq!(before, Some((1, vec![0x86, 1])));
    assert_eq!(after, Some((2, WRITE.to_vec())));
}

#[test]
fn a_policy_that_cannot_be_read_leaves_the_old_one_in_force() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", false), directory.path());
    let digest = guard.digest().to_owned();

    assert!(guard.reload(b"{\"format\": 2}").is_err());
    assert_eq!(guard.digest(), digest);
    assert_eq!(Client::connect(at(port)).asks(0, &READ), Some((0, vec![3, 4, 0, 0, 0, 1])));
    guard.stop().unwrap();
    assert_eq!(rows(directory.path(), Kind::PolicyRejected).len(), 1);
}

#[test]
fn a_client_over_its_budget_of_sessions_is_turned_away_and_others_are_served() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let mut document = document(port, server.address, "enforce", false);
    document["conduits"][0]["budgets"]["sessions_per_client"] = 2.into();
    let guard = guard(&document, directory.path());
    let mut first = Client::connect(at(port));
    assert!(first.asks(1, &READ).is_some());
    let mut second = Client::connect(at(port));
    assert!(second.asks(1, &READ).is_some());

    assert_eq!(Client::connect(at(port)).asks(1, &READ), None);
    assert!(first.asks(2, &READ).is_some());
    guard.stop().unwrap();
    assert_eq!(rows(directory.path(), Kind::SessionRefused).len(), 1);
}

#[test]
fn draining_answers_what_is_open_and_accepts_no_more() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, server.address, "enforce", false), directory.path());
    let mut client = Client::connect(at(port));
    assert!(client.asks(1, &READ).is_some());

    assert!(guard.drain(Duration::from_secs(2)).unwrap());
    assert!(TcpStream::connect(at(port)).is_err());
    guard.stop().unwrap();
}

#[test]
fn a_reload_while_draining_is_refused_and_opens_no_listener_again() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, another, directory) = (free_port(), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&document(port, silent.local_addr().unwrap(), "enforce", false), directory.path());
    let mut client = Client::connect(at(port));
    client.0.write_all(&adu(1, 1, &READ)).unwrap();
    let (mut stream, _) = silent.accept().unwrap();
    // From here on the request is open.
    stream.read_exact(&mut [0; 12]).unwrap();
    let reload = || {
        let next = document(another, silent.local_addr().unwrap(), "enforce", false);
        guard.reload(next.to_string().as_bytes()).unwrap_err().to_string()
    };

    std::thread::scope(|scope| {
        let drained = scope.spawn(|| guard.drain(Duration::from_secs(5)).unwrap());
        while TcpStream::connect(at(port)).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(reload().starts_with("draining: "));
        assert!(!drained.is_finished());
        assert!(drained.join().unwrap());
    });
    assert!(reload().starts_with("draining: "));

    assert!(TcpStream::connect(at(port)).is_err());
    assert!(TcpStream::connect(at(another)).is_err());
    guard.stop().unwrap();
    assert_eq!(rows(directory.path(), Kind::PolicyRejected).len(), 2);
}

#[test]
fn a_syslog_that_cannot_be_found_is_told_and_does_not_stop_the_start() {
    let (server, port) = (Server::start(), free_port());
    let options = r#"{"syslog": {"address": "without-a-port"}}"#;
    let document = document(port, server.address, "enforce", false);

    let guard = Guard::start(document.to_string().as_bytes(), options.as_bytes()).unwrap();

    assert!(guard.opening().iter().any(|line| line.starts_with("syslog: without-a-port: ")));
    assert!(Client::connect(at(port)).asks(1, &READ).is_some());
    guard.stop().unwrap();
}

#[test]
fn budgets_that_need_more_descriptors_than_the_system_gives_are_told_at_the_start() {
    let (server, port) = (Server::start(), free_port());
    let mut document = document(port, server.address, "enforce", false);
    document["conduits"][0]["budgets"]["sessions"] = u32::MAX.into();

    let guard = Guard::start(document.to_string().as_bytes(), b"{}").unwrap();

    assert!(guard.opening().iter().any(|line| line.contains("LimitNOFILE=")));
    guard.stop().unwrap();
}

#[test]
fn a_journal_that_cannot_be_opened_prevents_no_start_and_comes_up_by_itself() {
    let (server, port, directory) = (Server::start(), free_port(), tempfile::tempdir().unwrap());
    std::fs::write(directory.path().join("journal"), b"a plain file").unwrap();
    let guard = guard(&document(port, server.address, "enforce", true), directory.path());

    let mut client = Client::connect(at(port));
    let (refused, was_read) = (client.asks(1, &WRITE), client.asks(2, &READ));
    std::fs::remove_file(directory.path().join("journal")).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    let mut passed = client.asks(3, &WRITE);
    while passed.as_ref().is_some_and(|(_, pdu)| pdu[0] == 0x86) {
        assert!(std::time::Instant::now() < end, "the journal does not come up");
        std::thread::sleep(Duration::from_millis(20));
        passed = client.asks(4, &WRITE);
    }
    let opening = guard.opening().to_vec();
    guard.stop().unwrap();

    assert!(opening.iter().any(|line| line.starts_with("journal: alarm: down: ")), "{opening:?}");
    assert_eq!(refused, Some((1, vec![0x86, 6])));
    assert_eq!(was_read, Some((2, vec![3, 4, 0, 0, 0, 1])));
    assert_eq!(passed.unwrap().1, WRITE);
    assert_eq!(server.writes(), 1);
    assert_eq!(rows(directory.path(), Kind::JournalGap).len(), 0);
}

#[test]
fn keys_inside_the_journal_prevent_a_start() {
    let (port, directory) = (free_port(), tempfile::tempdir().unwrap());
    let options =
        serde_json::json!({"journal": {"directory": directory.path(), "key_directory": directory.path().join("keys")}});
    let document = document(port, at(port), "enforce", false);

    let started = Guard::start(document.to_string().as_bytes(), options.to_string().as_bytes());

    let refused = started.err().unwrap();
    assert!(
        matches!(&refused, GuardError::Options(what) if what.contains("keys must lie outside the journal")),
        "{refused}"
    );
}
