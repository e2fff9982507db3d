//! Twelve buses with 150 units behind one guard, and three clients that ask all of them.

use super::harness::{Client, adu, at, free_port, guard};
use super::unit::{Bus, answer, paced};
use super::{bus_document, receive_adu, serial, status};
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};

const BUSES: u8 = 12;
const UNITS: u8 = 13;
/// Two thousand requests in a second or two. `LINES_REQUESTS` asks for more: an hour of three clients that poll each
/// of 150 units once a second are 1,620,000. `LINES_SECONDS` goes on for so long instead, and `make bus` does both.
const REQUESTS: usize = 2_000;
const BAUD: u32 = 1_000_000;

/// How long each client goes on.
#[derive(Clone, Copy)]
enum Extent {
    Rounds(usize),
    Until(Instant),
}

#[test]
fn twelve_buses_with_150_units_lose_cross_and_double_no_reply() {
    let (began, baud) = (Instant::now(), told("LINES_BAUD").map_or(BAUD, |baud| u32::try_from(baud).unwrap()));
    let buses: Vec<Bus> = (0..BUSES).map(|_| Bus::start(paced(baud.into()))).collect();
    let ports: Vec<u16> = (0..BUSES).map(|_| free_port()).collect();
    let journal = tempfile::tempdir().unwrap();
    let guard = guard(&document(&buses, &ports, baud), journal.path());
    let extent = extent();
    let clients: Vec<_> = (0..BUSES)
        .flat_map(|bus| (1..=3_u8).map(move |client| (bus, client)))
        .map(|(bus, client)| {
            let port = ports[usize::from(bus)];
            std::thread::spawn(move || {
                (0..).take_while(|round| extent.holds(*round) && is_answered(port, client, *round)).count()
            })
        })
        .collect();
    let right: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();

    if let Extent::Rounds(rounds) = extent {
        assert_eq!(right, rounds * 3 * usize::from(BUSES));
    }
    let heard: usize = buses.iter().map(|bus| bus.requests().len()).sum();
    assert_eq!(heard, right);
    report(&format!("{right} requests on {BUSES} buses at {baud} baud in {:.0?}", began.elapsed()));
    for line in status(&guard)["lines"].as_array().unwrap() {
        assert_eq!((&line["strays"], &line["crc_errors"], &line["given_up"]), (&json!(0), &json!(0), &json!(0)));
    }
}

fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|told| told.parse().unwrap())
}

fn extent() -> Extent {
    if let Some(seconds) = told("LINES_SECONDS") {
        return Extent::Until(Instant::now() + Duration::from_secs(seconds));
    }
    let asked = told("LINES_REQUESTS").map_or(REQUESTS, |asked| usize::try_from(asked).unwrap());
    Extent::Rounds(asked / usize::from(BUSES) / 3 + 1)
}

impl Extent {
    fn holds(self, round: usize) -> bool {
        match self {
            Self::Rounds(rounds) => round < rounds,
            Self::Until(end) => Instant::now() < end,
        }
    }
}

#[expect(clippy::print_stderr, reason = "the figures of a long run")]
fn report(figures: &str) {
    eprintln!("{figures}: no reply lost, crossed or doubled");
}

thread_local! {
    static CLIENT: std::cell::RefCell<Option<Client>> = const { std::cell::RefCell::new(None) };
}

/// Ask one unit, which must answer as only it does.
fn is_answered(port: u16, client: u8, round: usize) -> bool {
    CLIENT.with_borrow_mut(|open| {
        let stream = open.get_or_insert_with(|| Client::connect_from([127, 0, 0, 1], at(port)));
        let unit = 1 + (round % usize::from(UNITS)) as u8;
        let first = (round % 50) as u8 * 2 + client % 2;
        let pdu = if round % 20 == 19 { vec![6, 0, first, client, unit] } else { vec![3, 0, first, 0, 5] };
        let id = (round % 60_000) as u16;
        stream.0.write_all(&adu(id, unit, &pdu)).unwrap();
        let (header, reply) = receive_adu(&mut stream.0).expect("a reply");
        let heard = (header[..2].to_vec(), header[6], reply);
        assert_eq!(heard, (id.to_be_bytes().to_vec(), unit, answer(unit, &pdu)), "to {pdu:?}");
        true
    })
}

fn document(buses: &[Bus], ports: &[u16], baud: u32) -> serde_json::Value {
    let mut document = bus_document(ports[0], json!({"serial": serial(&buses[0], baud)}));
    let template = document["servers"][0].clone();
    let servers = (0..).zip(buses).map(|(index, bus): (usize, &Bus)| {
        let mut server = template.clone();
        server["name"] = json!(format!("bus-{index}"));
        server["line"]["serial"] = serial(bus, baud);
        let unit = |unit: u8| json!({"asset": format!("bus-{index}-unit-{unit}"), "unit_ids": [unit]});
        server["units"] = (1..=UNITS).map(unit).collect();
        server["reply_timeout_ms"] = json!(3000);
        server
    });
    document["servers"] = servers.collect();
    let listener = |(index, port): (usize, &u16)| json!({"address": "127.0.0.1", "port": port, "servers": [index]});
    document["conduits"][0]["listeners"] = (0..).zip(ports).map(listener).collect();
    document["conduits"][0]["budgets"]["sessions_per_client"] = json!(64);
    document
}
