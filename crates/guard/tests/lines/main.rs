//! Lines that sessions share, over pseudo-terminals and loopback: a real guard between clients and units.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

#[path = "../harness/mod.rs"]
mod harness;
mod many;
mod shared;
mod speed;
mod station;
mod unit;

use guard::Guard;
use harness::{Client, adu, at, document, free_port, guard, receive_adu};
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use unit::{Bus, Manner, answer, device_server, honest, paced, rtu};

const READ: [u8; 5] = [3, 0, 7, 0, 2];
const WRITE: [u8; 5] = [6, 0, 7, 0x12, 0x34];

/// A guard's policy with a bus of units 1 to 9 in place of a server.
fn bus_document(listen: u16, line: Value) -> Value {
    let mut document = document(listen, at(1), "enforce", true);
    document["servers"][0] = json!({"name": "bus-1", "gateway": true, "reply_timeout_ms": 300,
        "units": (1..=9).map(|unit| json!({"asset": format!("unit-{unit}"), "unit_ids": [unit]})).collect::<Vec<_>>()});
    let mut whole = json!({"framing": "rtu", "pipeline": 1, "pause_ms": 0, "lifetime_ms": 0, "turnaround_ms": 20,
        "window_ms": 0, "read_retries": 0, "echo": false, "client_share": 100});
    whole.as_object_mut().unwrap().extend(line.as_object().unwrap().clone());
    document["servers"][0]["line"] = whole;
    document["conduits"][0]["rules"][0]["ranges"] = json!([["holding_register", 0, 200]]);
    document["conduits"][0]["deadline_ms"] = json!(2000);
    document
}

fn serial(bus: &Bus, baud: u32) -> Value {
    json!({"port": bus.port, "baud": baud, "data_bits": 8, "parity": "even", "stop_bits": 1})
}

fn over_tcp(listen: u16, to: SocketAddr, line: Value) -> Value {
    let mut document = bus_document(listen, line);
    document["servers"][0]["address"] = json!("127.0.0.1");
    document["servers"][0]["port"] = json!(to.port());
    document
}

/// A guard before a bus on a pseudo-terminal, and where it listens.
struct Plant {
    bus: Bus,
    guard: Guard,
    port: u16,
    _journal: tempfile::TempDir,
}

impl Plant {
    fn start(manner: Manner, baud: u32, line: Value) -> Self {
        let (bus, port, journal) = (Bus::start(manner), free_port(), tempfile::tempdir().unwrap());
        let mut line = line;
        line["serial"] = serial(&bus, baud);
        let guard = guard(&bus_document(port, line), journal.path());
        Self { bus, guard, port, _journal: journal }
    }

    fn client(&self) -> Client {
        Client::connect(at(self.port))
    }

    fn line(&self) -> Value {
        status(&self.guard)["lines"][0].clone()
    }
}

fn status(guard: &Guard) -> Value {
    serde_json::from_slice(&guard.status().unwrap()).unwrap()
}

fn asks(client: &mut Client, id: u16, unit: u8, pdu: &[u8]) -> Option<(u16, u8, Vec<u8>)> {
    client.0.write_all(&adu(id, unit, pdu)).ok()?;
    let (header, pdu) = receive_adu(&mut client.0)?;
    Some((u16::from_be_bytes([header[0], header[1]]), header[6], pdu))
}

#[test]
fn reads_and_writes_reach_their_units_on_a_serial_port() {
    let plant = Plant::start(honest(), 115_200, json!({}));
    let mut client = plant.client();

    assert_eq!(asks(&mut client, 70, 3, &READ), Some((70, 3, answer(3, &READ))));
    assert_eq!(asks(&mut client, 70, 4, &WRITE), Some((70, 4, WRITE.to_vec())));
    assert_eq!(plant.bus.requests(), [(3, READ.to_vec()), (4, WRITE.to_vec())]);
    plant.guard.stop().unwrap();
}

#[test]
fn what_the_policy_refuses_never_reaches_the_bus() {
    let plant = Plant::start(honest(), 115_200, json!({}));
    let mut client = plant.client();

    assert_eq!(asks(&mut client, 1, 3, &[6, 1, 7, 0, 0]), Some((1, 3, vec![0x86, 1])));
    assert_eq!(asks(&mut client, 2, 200, &READ), Some((2, 200, vec![0x83, 1])));
    assert!(plant.bus.requests().is_empty());
}

#[test]
fn units_behind_a_device_server_are_reached_over_one_connection() {
    let (to, port, journal) = (device_server(honest), free_port(), tempfile::tempdir().unwrap());
    let guard = guard(&over_tcp(port, to, json!({})), journal.path());
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(at(port))).collect();
    for round in 0..10 {
        for (unit, client) in (1..).zip(&mut clients) {
            assert_eq!(asks(client, round, unit, &READ), Some((round, unit, answer(unit, &READ))));
        }
    }

    assert_eq!(status(&guard)["lines"][0]["sessions"], 3);
}

/// Three clients that ask their units as fast as they can; how many replies were right.
fn crowd(port: u16, rounds: u16) -> usize {
    let ask = move |last: u8| {
        let mut client = Client::connect_from([127, 0, 0, 1], at(port));
        let asked = (0..rounds).map(|round| {
            let (unit, first) = (1 + (round % 3) as u8 * 3 + last, (round % 100) as u8);
            let pdu = if round % 10 == 9 { vec![6, 0, first, last, unit] } else { vec![3, 0, first, 0, 3] };
            assert_eq!(asks(&mut client, round, unit, &pdu), Some((round, unit, answer(unit, &pdu))));
        });
        asked.count()
    };
    let clients: Vec<_> = (0..3).map(|last| std::thread::spawn(move || ask(last))).collect();
    clients.into_iter().map(|client| client.join().unwrap()).sum()
}

#[test]
fn among_three_clients_and_nine_units_no_reply_is_lost_crossed_or_doubled() {
    let plant = Plant::start(honest(), 4_000_000, json!({}));
    let rounds = 700;
    let right = crowd(plant.port, rounds);
    let line = plant.line();

    assert_eq!(right, 3 * usize::from(rounds));
    assert_eq!(plant.bus.requests().len(), right);
    assert_eq!((&line["strays"], &line["crc_errors"], &line["time_outs"]), (&json!(0), &json!(0), &json!({})));
}

/// Units that answer well after `bad` has had its way with so many requests.
fn first(times: usize, mut bad: impl FnMut(u8, &[u8]) -> Vec<(Duration, Vec<u8>)> + Send + 'static) -> Manner {
    let mut calls = 0;
    Box::new(move |unit, pdu| {
        calls += 1;
        if calls <= times { bad(unit, pdu) } else { vec![(Duration::ZERO, rtu(unit, &answer(unit, pdu)))] }
    })
}

#[test]
fn a_frame_that_comes_in_pieces_is_one() {
    let piecewise = |unit: u8, pdu: &[u8]| {
        let bytes = rtu(unit, &answer(unit, pdu));
        bytes.into_iter().map(|byte| (Duration::from_millis(5), vec![byte])).collect()
    };
    let plant = Plant::start(first(1, piecewise), 19_200, json!({}));

    assert_eq!(asks(&mut plant.client(), 1, 3, &READ), Some((1, 3, answer(3, &READ))));
}

#[test]
fn noise_before_a_reply_costs_no_reply() {
    let noisy =
        |unit: u8, pdu: &[u8]| vec![(Duration::ZERO, [&[0xFF, 0x7F][..], &rtu(unit, &answer(unit, pdu))].concat())];
    let plant = Plant::start(first(1, noisy), 19_200, json!({}));

    assert_eq!(asks(&mut plant.client(), 1, 3, &READ), Some((1, 3, answer(3, &READ))));
    assert_eq!(plant.line()["noise_bytes"], 2);
}

#[test]
fn a_wrong_check_is_answered_0b_and_counted() {
    let damaged = |unit: u8, pdu: &[u8]| {
        let mut frame = rtu(unit, &answer(unit, pdu));
        frame[3] ^= 0x40;
        vec![(Duration::ZERO, frame)]
    };
    let plant = Plant::start(first(1, damaged), 19_200, json!({}));
    let mut client = plant.client();

    assert_eq!(asks(&mut client, 1, 3, &READ), Some((1, 3, vec![0x83, 0x0B])));
    assert_eq!(asks(&mut client, 2, 3, &READ), Some((2, 3, answer(3, &READ))));
    assert_eq!(plant.line()["crc_errors"], 1);
}

#[test]
fn an_echo_is_told_from_a_reply_where_the_adapter_is_known_for_it() {
    let echo = |unit: u8, pdu: &[u8]| {
        vec![(Duration::ZERO, rtu(unit, pdu)), (Duration::from_millis(5), rtu(unit, &answer(unit, pdu)))]
    };
    let plant = Plant::start(first(usize::MAX, echo), 19_200, json!({"echo": true}));
    let mut client = plant.client();

    assert_eq!(asks(&mut client, 1, 3, &READ), Some((1, 3, answer(3, &READ))));
    assert_eq!(asks(&mut client, 2, 3, &WRITE), Some((2, 3, WRITE.to_vec())));
    assert_eq!((plant.line()["echoes"].as_u64(), plant.line()["strays"].as_u64()), (Some(2), Some(0)));
}

#[test]
fn a_late_reply_reaches_nobody_and_the_next_request_gets_its_own() {
    let late = |unit: u8, _: &[u8]| vec![(Duration::from_millis(340), rtu(unit, &[3, 4, 9, 9, 9, 9]))];
    let plant = Plant::start(first(1, late), 19_200, json!({}));
    let mut client = plant.client();

    assert_eq!(asks(&mut client, 1, 3, &READ), Some((1, 3, vec![0x83, 0x0B])));
    assert_eq!(asks(&mut client, 2, 3, &READ), Some((2, 3, answer(3, &READ))));
    let line = plant.line();
    assert_eq!((&line["strays"], &line["time_outs"]), (&json!(1), &json!({"3": 1})));
}

#[test]
fn a_unit_that_answers_for_another_is_not_believed() {
    let other = |_: u8, pdu: &[u8]| vec![(Duration::ZERO, rtu(8, &answer(8, pdu)))];
    let plant = Plant::start(first(1, other), 19_200, json!({}));

    assert_eq!(asks(&mut plant.client(), 1, 3, &READ), Some((1, 3, vec![0x83, 0x0B])));
    assert_eq!(plant.line()["strays"], 1);
}

#[test]
fn a_silent_unit_costs_others_no_reply_and_a_write_to_it_is_sent_once() {
    let plant = Plant::start(
        Box::new(|unit, pdu| match unit {
            1 => vec![],
            _ => vec![(Duration::ZERO, rtu(unit, &answer(unit, pdu)))],
        }),
        19_200,
        json!({"read_retries": 2}),
    );
    let (mut one, mut two) = (plant.client(), plant.client());
    one.0.write_all(&adu(1, 1, &WRITE)).unwrap();

    assert_eq!(asks(&mut two, 2, 2, &READ), Some((2, 2, answer(2, &READ))));
    assert_eq!(one.hears(), Some((1, vec![0x86, 0x0B])));
    assert_eq!(plant.bus.requests().iter().filter(|(unit, _)| *unit == 1).count(), 1);
}

#[test]
fn a_port_that_is_not_there_refuses_clients_until_it_is() {
    let (port, journal) = (free_port(), tempfile::tempdir().unwrap());
    let link = journal.path().join("ttyUSB0");
    let serial = json!({"port": link, "baud": 19200, "data_bits": 8, "parity": "none", "stop_bits": 2});
    let guard = guard(&bus_document(port, json!({"serial": serial})), journal.path());
    // The first client may come before the first attempt.
    let refused = (0..20).any(|_| asks(&mut Client::connect(at(port)), 1, 3, &READ).is_none());
    assert!(refused);

    let bus = Bus::start(honest());
    std::os::unix::fs::symlink(&bus.port, &link).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while asks(&mut Client::connect(at(port)), 1, 3, &READ).is_none() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    guard.stop().unwrap();
    let rows = journal::read_on(&journal::FileSystem, &journal.path().join("journal")).unwrap();
    let told = |kind: &str| rows.iter().filter(|row| row.kind.name() == kind).count();
    assert_eq!((told("line.lost"), told("line.opened")), (1, 1));
}

#[test]
fn a_bus_that_is_cut_off_answers_0b_once_and_is_found_again_when_it_is_back() {
    let (port, journal) = (free_port(), tempfile::tempdir().unwrap());
    let link = journal.path().join("ttyUSB0");
    let cut = first(2, |unit, pdu| match pdu[0] {
        6 => vec![(Duration::ZERO, vec![])],
        _ => vec![(Duration::ZERO, rtu(unit, &answer(unit, pdu)))],
    });
    let bus = Bus::start(cut);
    std::os::unix::fs::symlink(&bus.port, &link).unwrap();
    let serial = json!({"port": link, "baud": 19200, "data_bits": 8, "parity": "even", "stop_bits": 1});
    let guard = guard(&bus_document(port, json!({"serial": serial})), journal.path());
    let mut client = Client::connect(at(port));
    assert_eq!(asks(&mut client, 1, 3, &READ), Some((1, 3, answer(3, &READ))));
    assert_eq!(asks(&mut client, 2, 3, &WRITE), Some((2, 3, vec![0x86, 0x0B])));

    let other = Bus::start(honest());
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&other.port, &link).unwrap();
    let found = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        asks(&mut Client::connect(at(port)), 1, 3, &READ).is_some()
    });
    assert!(found);
    assert_eq!(other.requests().iter().filter(|(_, pdu)| pdu[0] == 6).count(), 0);
    assert!(status(&guard)["lines"][0]["losses"].as_u64() >= Some(1));
}

#[test]
fn three_clients_that_poll_with_a_window_cost_the_bus_no_more_than_one() {
    let plant = Plant::start(paced(115_200), 115_200, json!({"window_ms": 1000}));
    let mut clients: Vec<Client> = (0..3).map(|_| plant.client()).collect();
    for _ in 0..10 {
        for client in &mut clients {
            client.0.write_all(&adu(1, 3, &READ)).unwrap();
        }
        for client in &mut clients {
            assert_eq!(client.hears(), Some((1, answer(3, &READ))));
        }
    }

    assert!(plant.bus.requests().len() <= 2, "{}", plant.bus.requests().len());
}

#[test]
fn a_reload_keeps_the_line_and_what_waits_for_it() {
    let plant = Plant::start(paced(9_600), 9_600, json!({}));
    let mut client = plant.client();
    assert_eq!(asks(&mut client, 1, 3, &READ), Some((1, 3, answer(3, &READ))));
    client.0.write_all(&adu(2, 3, &[3, 0, 0, 0, 100])).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let mut other = bus_document(plant.port, json!({"serial": serial(&plant.bus, 9_600), "window_ms": 100}));
    other["site"] = json!("changed");
    plant.guard.reload(other.to_string().as_bytes()).unwrap();

    assert_eq!(client.hears().map(|(id, pdu)| (id, pdu.len())), Some((2, 202)));
    assert_eq!(plant.line()["losses"], 0);
}

#[test]
fn a_reload_that_changes_the_speed_opens_the_port_anew_and_keeps_the_sessions() {
    let plant = Plant::start(honest(), 9_600, json!({}));
    let mut client = plant.client();
    assert_eq!(asks(&mut client, 1, 3, &READ), Some((1, 3, answer(3, &READ))));
    let other = bus_document(plant.port, json!({"serial": serial(&plant.bus, 19_200)}));
    plant.guard.reload(other.to_string().as_bytes()).unwrap();

    assert_eq!(asks(&mut client, 2, 3, &READ), Some((2, 3, answer(3, &READ))));
    assert_eq!(plant.line()["losses"], 1);
}

#[test]
fn more_clients_than_a_line_serves_in_one_turn_all_hear_their_reply() {
    let plant = Plant::start(paced(19_200), 19_200, json!({"window_ms": 2000}));
    let mut clients: Vec<Client> = (0..32).map(|_| plant.client()).collect();
    for client in &mut clients {
        client.0.write_all(&adu(1, 3, &READ)).unwrap();
    }

    assert!(clients.iter_mut().all(|client| client.hears() == Some((1, answer(3, &READ)))));
    assert_eq!(plant.bus.requests().len(), 1);
}

#[test]
fn what_a_line_does_stands_in_the_metrics() {
    let plant = Plant::start(honest(), 115_200, json!({}));
    asks(&mut plant.client(), 1, 3, &READ).unwrap();
    let metrics = String::from_utf8(plant.guard.metrics().unwrap()).unwrap();

    assert!(metrics.contains("modwarden_line_up{line=\"bus-1\"} 1\n"), "{metrics}");
    assert!(metrics.contains("modwarden_line_requests_total{line=\"bus-1\"} 1\n"), "{metrics}");
}
