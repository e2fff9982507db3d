//! How much of a line's time is used: against units that take as long as the line does.

use super::unit::paced;
use super::{Plant, adu, receive_adu};
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(4);

/// The part of what a line allows that three clients get out of it, per mille.
fn used(baud: u32) -> u64 {
    let plant = Plant::start(paced(baud.into()), baud, json!({}));
    let (began, byte) = (Instant::now(), Duration::from_nanos(11 * 1_000_000_000 / u64::from(baud)));
    let gap = if baud > 19_200 { Duration::from_micros(1_750) } else { byte * 7 / 2 };
    let clients: Vec<_> = (1..=3_u8)
        .map(|unit| {
            let mut client = plant.client();
            std::thread::spawn(move || {
                let mut replies = 0;
                while began.elapsed() < SPAN {
                    client.0.write_all(&adu(1, unit, &[3, 0, 0, 0, 50])).unwrap();
                    receive_adu(&mut client.0).unwrap();
                    replies += 1;
                }
                replies
            })
        })
        .collect();
    let replies: u32 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    let took = began.elapsed();
    let exchange = byte * (8 + 105) + 2 * gap;
    u64::try_from((exchange * replies).as_micros() * 1000 / took.as_micros()).unwrap()
}

/// The unit double's own sleeps are late on a busy machine, so a figure is for a quiet one.
#[test]
#[ignore = "measures"]
fn a_busy_serial_port_is_used_to_98_percent_of_what_its_line_allows() {
    for baud in [9_600, 19_200, 115_200] {
        let per_mille = used(baud);
        tell(baud, per_mille);
        assert!(baud > 19_200 || per_mille >= 980, "{baud}: {per_mille}");
    }
}

#[expect(clippy::print_stderr, reason = "this is a test's own voice")]
fn tell(baud: u32, per_mille: u64) {
    eprintln!("{baud} baud: {per_mille} per mille of what the line allows");
}
