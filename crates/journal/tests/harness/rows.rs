//! Events to record.

use event::{Clock, Event, Kind, Outcome, Sequence, SessionId};
use std::sync::Arc;

/// One poll of one of 200 servers, in steady order, its values unchanged.
pub fn poll(number: u64) -> Event {
    let server = number % 200;
    // Up to a millisecond either way, and a latency of 180 to 435 µs: as a plant's network scatters.
    let jitter = i64::try_from(scatter(number) >> 44).unwrap();
    Event {
        time: 1_700_000_000_000_000_000 + i64::try_from(number).unwrap() * 5_000_000 + jitter,
        clock: Clock::Synchronised,
        kind: Kind::RequestPermitted,
        guard: Some(Arc::from("gate-1")),
        conduit: Some(Arc::from("hvac")),
        session: Some(SessionId(1 + server)),
        client: Some(Arc::from("hmi-1")),
        client_address: Some("10.10.0.5".parse().unwrap()),
        client_port: Some(u16::try_from(40_000 + server * 7 % 20_000).unwrap()),
        identity: Some(Arc::from("address")),
        server: Some(Arc::from(format!("ahu-{:03}", server + 1))),
        server_address: Some(format!("10.11.0.{}", server + 1).parse().unwrap()),
        unit_id: Some(1),
        transaction_id: Some(u16::try_from(number / 200 % 65_536).unwrap()),
        function_code: Some(3),
        address: Some(100),
        quantity: Some(2),
        verdict: Some(Outcome::Permit),
        rule: Some(Arc::from("hmi-reads")),
        policy: Some(Arc::from("5f".repeat(32))),
        latency_us: Some(180 + u32::try_from(scatter(!number) >> 56).unwrap()),
        ..Event::default()
    }
}

/// SplitMix64: as good as random to a compressor, and the same each time.
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The same polls, but the servers in no order.
pub fn poll_out_of_order(number: u64) -> Event {
    let other = poll(number - number % 200 + scatter(number ^ 0x55) % 200);
    Event { time: poll(number).time, latency_us: poll(number).latency_us, ..other }
}

pub fn denied(number: u64) -> Event {
    Event {
        kind: Kind::RequestDenied,
        verdict: Some(Outcome::Deny),
        reason: Some(Arc::from("no_rule: write holding_register 7")),
        values: Some(Arc::from([u16::try_from(number % 65_536).unwrap()])),
        ..poll(number)
    }
}

/// Every field in use.
pub fn full(number: u64) -> Event {
    Event {
        role: Some(Arc::from("engineer")),
        client_address: Some("2001:db8::5".parse().unwrap()),
        sub_function: Some(0xFFFF),
        write_address: Some(0),
        write_quantity: Some(121),
        values: Some(Arc::from([0, 1, 65_535])),
        response_values: Some(Arc::from([])),
        previous_values: Some(Arc::from([7])),
        previous_time: Some(-1),
        grant: Some(Arc::from("")),
        reason: Some(Arc::from("max_step: Zulufttemperatur 25 °C")),
        exception_code: Some(6),
        request_sequence: Some(Sequence(u64::MAX)),
        pdu: Some(Arc::from([0u8, 255])),
        count: Some(u64::MAX),
        ..poll(number)
    }
}
