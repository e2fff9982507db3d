//! A client on a serial port of the guard's, who asks units on another port, behind TCP, and behind a device server.

use super::harness::{Server, document, guard};
use super::unit::{Bus, Manner, answer, device_server, honest, rtu, terminal};
use super::{READ, WRITE, bus_document, over_tcp, serial, status};
use guard::Guard;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const CLIENT: &str = "100::7";
/// A busy machine's disk must not fail a test about a bus.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than a guard needs to refuse, or to read what it must not answer.
const SILENCE: Duration = Duration::from_millis(150);

/// The client's end of its bus.
struct Master {
    line: File,
    heard: Receiver<Vec<u8>>,
    port: String,
    _far: OwnedFd,
}

impl Master {
    fn new() -> Self {
        let (near, port, far) = terminal();
        let (line, (told, heard)) = (File::from(near), channel());
        let mut from = line.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut piece = [0; 300];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                if told.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { line, heard, port, _far: far }
    }

    fn says(&mut self, frame: &[u8]) {
        self.line.write_all(frame).unwrap();
    }

    /// What is heard until so many bytes are there, or nothing comes for so long.
    fn hears(&mut self, bytes: usize, patience: Duration) -> Vec<u8> {
        let (mut heard, until) = (Vec::new(), Instant::now() + patience);
        while heard.len() < bytes {
            let Ok(piece) = self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) else { break };
            heard.extend(piece);
        }
        heard
    }

    fn asks(&mut self, unit: u8, pdu: &[u8]) -> Vec<u8> {
        self.says(&rtu(unit, pdu));
        self.hears(rtu(unit, &answer(unit, pdu)).len(), PATIENCE)
    }

    /// Whether the bus stays silent.
    fn hears_nothing(&mut self) -> bool {
        self.hears(1, SILENCE).is_empty()
    }
}

/// Put a client on a serial port in the place of a listener.
fn on_a_bus(mut document: Value, master: &Master, echo: bool) -> Value {
    document["assets"] = json!([{"name": "plc-1", "addresses": [CLIENT]}]);
    let conduit = &mut document["conduits"][0];
    let bus = json!({"echo": echo, "serial": {"port": master.port, "baud": 115_200, "data_bits": 8, "parity": "none",
        "stop_bits": 2}});
    conduit["listeners"] = json!([{"address": CLIENT, "port": 0, "bus": bus, "servers": [0]}]);
    conduit["deadline_ms"] = json!(10_000);
    conduit["rules"][0]["clients"] = json!([format!("{CLIENT}/128")]);
    document
}

fn awaits_port(guard: &Guard) {
    let until = Instant::now() + PATIENCE;
    while status(guard)["client_ports"][0]["up"] != true {
        assert!(Instant::now() < until, "the port was not opened");
    }
}

struct Plant {
    bus: Bus,
    master: Master,
    guard: Guard,
    journal: tempfile::TempDir,
}

impl Plant {
    fn start(manner: Manner) -> Self {
        Self::with(manner, false, |_| {})
    }

    fn with(manner: Manner, echo: bool, change: impl FnOnce(&mut Value)) -> Self {
        let (bus, master, journal) = (Bus::start(manner), Master::new(), tempfile::tempdir().unwrap());
        let mut document = on_a_bus(bus_document(1, json!({"serial": serial(&bus, 115_200)})), &master, echo);
        change(&mut document);
        let guard = guard(&document, journal.path());
        let plant = Self { bus, master, guard, journal };
        awaits_port(&plant.guard);
        plant
    }

    fn port(&self) -> Value {
        status(&self.guard)["client_ports"][0].clone()
    }

    /// The guard's log of what passed, as pairs of kind and reason.
    fn rows(self) -> Vec<(String, String)> {
        self.guard.stop().unwrap();
        let rows = journal::read(&self.journal.path().join("journal")).unwrap();
        rows.iter()
            .map(|row| (row.kind.name().to_owned(), row.reason.as_deref().unwrap_or_default().to_owned()))
            .collect()
    }
}

#[test]
fn a_client_on_a_bus_reads_and_writes_units_on_another() {
    let mut plant = Plant::start(honest());

    assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));
    assert_eq!(plant.master.asks(4, &WRITE), rtu(4, &WRITE));
    assert_eq!(plant.bus.requests(), [(3, READ.to_vec()), (4, WRITE.to_vec())]);
    assert_eq!((&plant.port()["requests"], &plant.port()["replies"]), (&json!(2), &json!(2)));
}

#[test]
fn a_client_on_a_bus_reads_and_writes_a_server_of_modbus_tcp() {
    let (server, mut master, journal) = (Server::start(), Master::new(), tempfile::tempdir().unwrap());
    let guard = guard(&on_a_bus(document(1, server.address, "enforce", true), &master, false), journal.path());
    awaits_port(&guard);

    assert_eq!(master.asks(1, &READ), rtu(1, &[3, 4, 0, 0, 0, 1]));
    assert_eq!(master.asks(1, &WRITE), rtu(1, &WRITE));
    assert_eq!((server.requests(), server.writes()), (2, 1));
}

#[test]
fn a_client_on_a_bus_reads_and_writes_units_behind_a_device_server() {
    let (to, mut master, journal) = (device_server(honest), Master::new(), tempfile::tempdir().unwrap());
    let guard = guard(&on_a_bus(over_tcp(1, to, json!({})), &master, false), journal.path());
    awaits_port(&guard);

    assert_eq!(master.asks(5, &READ), rtu(5, &answer(5, &READ)));
    assert_eq!(master.asks(5, &WRITE), rtu(5, &WRITE));
}

#[test]
fn what_the_policy_refuses_gets_its_exception_on_the_bus_and_reaches_no_unit() {
    let mut plant = Plant::start(honest());

    assert_eq!(plant.master.asks(3, &[6, 1, 7, 0, 0]), rtu(3, &[0x86, 1]));
    assert!(plant.bus.requests().is_empty());
}

#[test]
fn where_the_conduit_says_silence_the_bus_stays_silent() {
    let mut plant = Plant::with(honest(), false, |document| document["conduits"][0]["denial"] = json!("silence"));
    plant.master.says(&rtu(3, &[6, 1, 7, 0, 0]));
    assert!(plant.master.hears_nothing());

    assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));
}

#[test]
fn a_reset_for_denial_is_silence_on_a_bus_and_ends_nothing() {
    let mut plant = Plant::with(honest(), false, |document| document["conduits"][0]["denial"] = json!("reset"));
    plant.master.says(&rtu(3, &[6, 1, 7, 0, 0]));
    assert!(plant.master.hears_nothing());

    assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));
}

#[test]
fn units_that_are_not_declared_are_never_answered_for_and_recorded() {
    let mut plant = Plant::start(honest());
    plant.master.says(&rtu(99, &READ));
    assert!(plant.master.hears_nothing());

    let rows = plant.rows();
    let denied: Vec<_> = rows.iter().filter(|(kind, _)| kind == "request.denied").collect();
    assert_eq!(denied.len(), 1, "{rows:?}");
    assert!(denied[0].1.contains("99"), "{denied:?}");
}

#[test]
fn a_broadcast_is_denied_in_silence_unless_a_rule_names_unit_0() {
    let mut plant = Plant::start(honest());
    plant.master.says(&rtu(0, &WRITE));
    assert!(plant.master.hears_nothing());
    assert!(plant.bus.requests().is_empty());

    let mut plant = Plant::with(honest(), false, |document| {
        document["conduits"][0]["rules"][0]["unit_ids"] = json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });
    plant.master.says(&rtu(0, &WRITE));
    assert!(plant.master.hears_nothing());
    assert_eq!(plant.bus.requests(), [(0, WRITE.to_vec())]);
}

/// Units that answer unit 1 late, and everybody else at once.
fn late(pause: Duration) -> Manner {
    Box::new(move |unit, pdu| {
        let pause = if unit == 1 { pause } else { Duration::ZERO };
        vec![(pause, rtu(unit, &answer(unit, pdu)))]
    })
}

#[test]
fn a_reply_that_comes_after_the_client_has_asked_again_is_not_put_on_its_bus_and_is_recorded() {
    let mut plant = Plant::start(late(Duration::from_millis(200)));
    plant.master.says(&rtu(1, &READ));
    assert!(plant.master.hears(1, Duration::from_millis(100)).is_empty());
    // The client's patience ends; the unit answers while the next request waits for the line.
    let other = [3, 0, 50, 0, 2];
    assert_eq!(plant.master.asks(2, &other), rtu(2, &answer(2, &other)));
    assert!(plant.master.hears_nothing());

    let rows = plant.rows();
    let late = rows.iter().filter(|(kind, reason)| kind == "response.unsolicited" && reason.starts_with("late"));
    assert_eq!(late.count(), 1, "{rows:?}");
}

#[test]
fn a_write_that_waits_for_its_line_does_not_leave_once_its_client_asks_again() {
    let mut plant = Plant::start(late(Duration::from_millis(250)));
    plant.master.says(&rtu(1, &READ));
    std::thread::sleep(Duration::from_millis(50));
    plant.master.says(&rtu(2, &WRITE));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));

    assert_eq!(plant.bus.requests(), [(1, READ.to_vec()), (3, READ.to_vec())]);
    assert_eq!(plant.port()["given_up"], 2);
}

#[test]
fn a_silent_unit_is_told_of_where_the_client_still_waits() {
    let mut plant = Plant::start(Box::new(|_, _| Vec::new()));

    assert_eq!(plant.master.asks(3, &READ), rtu(3, &[0x83, 0x0B]));
}

#[test]
fn damaged_frames_and_noise_reach_no_unit_and_get_no_answer() {
    let mut plant = Plant::start(honest());
    let mut damaged = rtu(3, &WRITE);
    damaged[3] ^= 1;
    plant.master.says(&damaged);
    assert!(plant.master.hears_nothing());
    plant.master.says(&[0xFF, 0xFE, 0x00]);
    assert!(plant.master.hears_nothing());

    assert!(plant.bus.requests().is_empty());
    assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));
    assert_eq!(plant.port()["crc_errors"], 1);
}

#[test]
fn a_request_in_pieces_is_one_request() {
    let mut plant = Plant::start(honest());
    for piece in rtu(3, &WRITE).chunks(3) {
        plant.master.says(piece);
        std::thread::sleep(Duration::from_millis(5));
    }

    assert_eq!(plant.master.hears(8, PATIENCE), rtu(3, &WRITE));
    assert_eq!(plant.bus.requests(), [(3, WRITE.to_vec())]);
}

#[test]
fn an_adapter_that_hears_itself_causes_no_second_write_told_of_or_not() {
    for is_told in [true, false] {
        let mut plant = Plant::with(honest(), is_told, |_| {});
        let reply = plant.master.asks(3, &WRITE);
        plant.master.says(&reply);
        assert!(plant.master.hears_nothing());

        assert_eq!(plant.bus.requests(), [(3, WRITE.to_vec())]);
        assert_eq!(plant.port()["echoes"], 1);
        assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));
    }
}

#[test]
fn a_client_goes_on_after_its_session_was_idle_and_after_a_reload() {
    let mut plant = Plant::with(honest(), false, |document| {
        document["conduits"][0]["idle_timeout_ms"] = json!(100);
    });
    assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(status(&plant.guard)["sessions"], 0);
    assert_eq!(plant.master.asks(4, &READ), rtu(4, &answer(4, &READ)));

    let document = on_a_bus(bus_document(1, json!({"serial": serial(&plant.bus, 115_200)})), &plant.master, true);
    plant.guard.reload(document.to_string().as_bytes()).unwrap();
    plant.master.says(&rtu(5, &READ));
    assert_eq!(plant.master.hears(9, PATIENCE), rtu(5, &answer(5, &READ)));
    assert_eq!(status(&plant.guard)["sessions"], 1);
}

#[test]
fn a_port_that_is_a_clients_no_more_is_silent_after_a_reload() {
    let mut plant = Plant::start(honest());
    assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));
    let document = bus_document(super::free_port(), json!({"serial": serial(&plant.bus, 115_200)}));
    plant.guard.reload(document.to_string().as_bytes()).unwrap();
    plant.master.says(&rtu(3, &WRITE));

    assert!(plant.master.hears_nothing());
    assert_eq!(plant.bus.requests().len(), 1);
}

#[test]
fn a_guard_that_drains_answers_what_was_asked_and_takes_nothing_new() {
    let mut plant = Plant::start(late(Duration::from_millis(150)));
    plant.master.says(&rtu(1, &READ));
    std::thread::sleep(Duration::from_millis(50));
    assert!(plant.guard.drain(Duration::from_secs(2)).unwrap());
    assert_eq!(plant.master.hears(9, PATIENCE), rtu(1, &answer(1, &READ)));
    plant.master.says(&rtu(2, &WRITE));

    assert!(plant.master.hears_nothing());
    assert_eq!(plant.bus.requests(), [(1, READ.to_vec())]);
}

#[test]
fn sessions_name_the_port_and_no_address() {
    let mut plant = Plant::start(honest());
    assert_eq!(plant.master.asks(3, &READ), rtu(3, &answer(3, &READ)));
    let sessions: Value = serde_json::from_slice(&plant.guard.sessions().unwrap()).unwrap();
    let session = &sessions[0];

    assert_eq!((&session["client"], &session["identity"]), (&json!("plc-1"), &json!("port")));
    assert_eq!((&session["client_address"], &session["listener"]), (&Value::Null, &json!(plant.master.port)));
}
