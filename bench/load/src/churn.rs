//! A client that opens connections at a steady rate, says one thing on each and leaves.

use crate::asker::nanos;
use crate::attack::noise;
use crate::frame::Request;
use crate::socket::connect;
use serde::{Deserialize, Serialize};
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::{Result, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Connections held open before the oldest leaves.
const HELD: usize = 32;
const GARBAGE_BYTES: usize = 300;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Says {
    Nothing,
    Read,
    Garbage,
}

/// Where, from where, how often and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    target: SocketAddr,
    source: IpAddr,
    address: u16,
    per_second: f64,
    seconds: f64,
    says: Says,
}

/// What came of it.
#[derive(Serialize)]
pub(crate) struct Report {
    connected: u64,
    refused: u64,
    per_second: f64,
}

pub(crate) fn run(settings: &Settings) -> Result<Report> {
    let (period, whole) = (nanos(1.0 / settings.per_second)?, nanos(settings.seconds)?);
    let (began, mut held, mut seed) = (Instant::now(), VecDeque::new(), 0x9E37_79B9_7F4A_7C15);
    let mut report = Report { connected: 0, refused: 0, per_second: 0.0 };
    let mut due = 0;
    while due < whole {
        std::thread::sleep(Duration::from_nanos(due).saturating_sub(began.elapsed()));
        due += period;
        let Ok(mut stream) = connect(Some(settings.source), settings.target) else {
            report.refused += 1;
            continue;
        };
        report.connected += 1;
        // A reset: closed ports would wait a minute each, and the rate would end with them.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        // Whoever answers or closes first does not matter to this client.
        let _ = stream.write(&said(settings, &mut seed));
        held.push_back(stream);
        if held.len() > HELD {
            held.pop_front();
        }
    }
    report.per_second = count(report.connected) / began.elapsed().as_secs_f64();
    Ok(report)
}

fn said(settings: &Settings, seed: &mut u64) -> Vec<u8> {
    let mut out = Vec::new();
    match settings.says {
        Says::Nothing => {}
        Says::Read => {
            Request { transaction_id: 1, unit_id: 1, address: settings.address, is_write: false }.put(&mut out);
        }
        Says::Garbage => out.extend((0..GARBAGE_BYTES).map(|_| noise(seed))),
    }
    out
}

fn count(connected: u64) -> f64 {
    // Exact far beyond any count of a run.
    connected as f64
}
