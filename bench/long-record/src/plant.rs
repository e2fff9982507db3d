//! What a plant of 200 servers does all day: two clients poll, engineers write, and now and then somebody is refused.

use event::{Clock, Event, Kind, Outcome, Sequence, SessionId};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const SERVERS: u64 = 200;
const DAY_NS: u64 = 86_400_000_000_000;
/// One row in so many is a write, the one after it that write's outcome.
const WRITE_EVERY: u64 = 50;
const REFUSAL_EVERY: u64 = 1_000;
/// The second client asks for every fifth row.
const TREND_EVERY: u64 = 5;
/// Of a server's polls one in so many finds other values.
const CHANGE_EVERY: u64 = 8;

pub(crate) struct Plant {
    began: i64,
    step_ns: u64,
    names: Names,
    servers: Vec<Arc<str>>,
}

struct Names {
    guard: Arc<str>,
    conduit: Arc<str>,
    identity: Arc<str>,
    policy: Arc<str>,
    reads: Arc<str>,
    writes: Arc<str>,
    refused: Arc<str>,
    clients: [Arc<str>; 3],
}

/// Who asks, by place in the names.
#[derive(Clone, Copy)]
enum Who {
    Hmi,
    Trend,
    Engineer,
}

impl Plant {
    pub(crate) fn new(began: i64, events: u64, policy: &str) -> Self {
        let servers = (1..=SERVERS).map(|number| Arc::from(format!("ahu-{number:03}"))).collect();
        Self { began, step_ns: DAY_NS / events.max(1), names: Names::under(policy), servers }
    }

    /// The nth event of the day; `before` is the sequence of the one before.
    pub(crate) fn event(&self, number: u64, before: Sequence) -> Event {
        match number % WRITE_EVERY {
            0 => self.write(number),
            1 => self.outcome(number, before),
            _ if number % REFUSAL_EVERY == 7 => self.refusal(number),
            _ => self.read(number),
        }
    }

    fn read(&self, number: u64) -> Event {
        let who = if number.is_multiple_of(TREND_EVERY) { Who::Trend } else { Who::Hmi };
        let server = number % SERVERS;
        let has_changed = scatter(number).is_multiple_of(CHANGE_EVERY);
        let values: Option<Arc<[u16]>> = has_changed.then(|| Arc::from([word(210, number), word(212, !number)]));
        Event {
            function_code: Some(4),
            address: Some(0),
            verdict: Some(Outcome::Permit),
            rule: Some(Arc::clone(&self.names.reads)),
            latency_us: Some(180 + u32::from(low_byte(!number))),
            response_values: values,
            ..self.request(number, server, who)
        }
    }

    fn write(&self, number: u64) -> Event {
        let server = scatter(number) % SERVERS;
        Event {
            function_code: Some(16),
            address: Some(100),
            values: Some(Arc::from([0x41A8, word(0, number)])),
            verdict: Some(Outcome::Permit),
            rule: Some(Arc::clone(&self.names.writes)),
            ..self.request(number, server, Who::Engineer)
        }
    }

    fn outcome(&self, number: u64, request: Sequence) -> Event {
        Event {
            kind: Kind::RequestOutcome,
            latency_us: Some(400 + u32::from(low_byte(number))),
            request_sequence: Some(request),
            values: None,
            ..self.write(number - 1)
        }
    }

    fn refusal(&self, number: u64) -> Event {
        Event {
            kind: Kind::RequestDenied,
            verdict: Some(Outcome::Deny),
            rule: None,
            reason: Some(Arc::clone(&self.names.refused)),
            ..self.write(number)
        }
    }

    fn request(&self, number: u64, server: u64, who: Who) -> Event {
        let [.., host] = (server + 1).to_be_bytes();
        let place = usize::try_from(server).unwrap_or(0);
        Event {
            time: self.began + signed(number * self.step_ns + (scatter(number) >> 44)),
            clock: Clock::Synchronised,
            kind: Kind::RequestPermitted,
            guard: Some(Arc::clone(&self.names.guard)),
            conduit: Some(Arc::clone(&self.names.conduit)),
            session: Some(SessionId(1 + server * 3 + who as u64)),
            client: self.names.clients.get(who as usize).cloned(),
            client_address: Some(IpAddr::V4(Ipv4Addr::new(10, 10, 0, 5 + who as u8))),
            client_port: Some(40_000 + word(0, server * 7) % 20_000),
            identity: Some(Arc::clone(&self.names.identity)),
            server: self.servers.get(place).cloned(),
            server_address: Some(IpAddr::V4(Ipv4Addr::new(10, 11, 0, host))),
            unit_id: Some(1),
            transaction_id: Some(word(0, number / SERVERS)),
            quantity: Some(2),
            policy: Some(Arc::clone(&self.names.policy)),
            ..Event::default()
        }
    }
}

impl Names {
    fn under(policy: &str) -> Self {
        Self {
            guard: Arc::from("gate-1"),
            conduit: Arc::from("hvac"),
            identity: Arc::from("address"),
            policy: Arc::from(policy),
            reads: Arc::from("hmi-reads"),
            writes: Arc::from("hmi-climate"),
            refused: Arc::from("no_rule: write holding_register 100-101"),
            clients: [Arc::from("hmi-1"), Arc::from("trend-1"), Arc::from("eng-1")],
        }
    }
}

/// `SplitMix64`: as good as random to a compressor, and the same each time.
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn low_byte(number: u64) -> u8 {
    let [first, ..] = scatter(number).to_be_bytes();
    first
}

/// A word near `base`.
fn word(base: u16, number: u64) -> u16 {
    base.wrapping_add(u16::from(low_byte(number) % 16))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
