//! The guard on a client's own bus: talks in which the client speaks, and the guard answers or holds its tongue.

#![allow(clippy::unwrap_used, reason = "tests")]

use line::{Pace, Station, StationAction};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};
use wire::{TransactionId, UnitId, append_rtu_adu};

const MS: u64 = 1_000_000;
/// 9,600 baud: a byte takes 1.146 ms, the silence between frames 4.01 ms.
const READ: [u8; 5] = [3, 0, 7, 0, 2];
const WRITE: [u8; 5] = [6, 0, 7, 0x12, 0x34];
const REPLY: [u8; 6] = [3, 4, 0, 1, 0, 2];

struct Talk {
    station: Station,
    now_ns: u64,
}

fn rtu(unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    append_rtu_adu(&mut frame, UnitId(unit), pdu);
    frame
}

impl Talk {
    fn new(has_echo: bool) -> Self {
        Self { station: Station::new(Pace::serial(9_600, 11), has_echo), now_ns: 1_000 * MS }
    }

    fn client_says(&mut self, bytes: &[u8]) {
        self.station.received(bytes, self.now_ns);
    }

    fn passes(&mut self, ns: u64) {
        self.now_ns += ns;
    }

    /// All that the station wants now.
    fn wants(&mut self) -> Vec<StationAction> {
        std::iter::from_fn(|| self.station.next(self.now_ns)).collect()
    }

    /// The station hands on one request, and gets its reply.
    fn is_answered(&mut self, unit: u8, pdu: &[u8]) {
        let wants = self.wants();
        let [StationAction::Ask { id, .. }] = wants.as_slice() else { panic!("one request, but {wants:?}") };
        assert!(self.station.reply(*id, UnitId(unit), pdu));
    }
}

fn ask(id: u16, unit: u8, pdu: &[u8]) -> StationAction {
    StationAction::Ask { id: TransactionId(id), unit_id: UnitId(unit), pdu: pdu.to_vec() }
}

fn gave_up(id: u16, late: Option<(u8, u8)>) -> StationAction {
    let late = late.map(|(unit, code)| (UnitId(unit), code));
    StationAction::GaveUp { id: TransactionId(id), late }
}

#[test]
fn a_request_is_handed_on_as_soon_as_it_is_whole_and_answered_after_the_silence() {
    let mut talk = Talk::new(false);
    for byte in rtu(3, &READ) {
        assert_eq!(talk.wants(), []);
        talk.client_says(&[byte]);
    }
    talk.is_answered(3, &REPLY);
    talk.passes(4 * MS);
    assert_eq!(talk.wants(), [], "3.5 bytes of silence are 4.01 ms");
    talk.passes(MS / 10);

    assert_eq!(talk.wants(), [StationAction::Send(rtu(3, &REPLY))]);
    assert_eq!(talk.wants(), []);
}

#[test]
fn a_reply_that_comes_after_the_client_has_asked_again_is_nobodys() {
    let mut talk = Talk::new(false);
    talk.client_says(&rtu(3, &READ));
    assert_eq!(talk.wants(), [ask(1, 3, &READ)]);
    talk.passes(1_000 * MS);
    talk.client_says(&rtu(4, &READ));

    assert_eq!(talk.wants(), [gave_up(1, None), ask(2, 4, &READ)]);
    assert!(!talk.station.reply(TransactionId(1), UnitId(3), &REPLY));
    assert_eq!(talk.wants(), []);
    assert!(talk.station.reply(TransactionId(2), UnitId(4), &REPLY));
    talk.passes(5 * MS);
    assert_eq!(talk.wants(), [StationAction::Send(rtu(4, &REPLY))]);
}

#[test]
fn a_reply_that_waits_for_the_line_is_not_sent_into_the_clients_next_words() {
    let mut talk = Talk::new(false);
    talk.client_says(&rtu(3, &READ));
    assert_eq!(talk.wants(), [ask(1, 3, &READ)]);
    talk.passes(1_000 * MS);
    assert!(talk.station.reply(TransactionId(1), UnitId(3), &REPLY));
    // The first byte of the next request comes in the same moment, and its rest is damaged.
    talk.client_says(&[4]);

    assert_eq!(talk.wants(), [gave_up(1, Some((3, 3)))]);
    talk.client_says(&[3, 0xFF, 0xFF, 0xFF]);
    talk.passes(100 * MS);
    assert_eq!(talk.wants(), []);
    assert_eq!(talk.station.statistics().crc_errors, 1);
}

#[test]
fn a_spike_right_behind_a_request_costs_no_reply() {
    let mut talk = Talk::new(false);
    talk.client_says(&rtu(3, &READ));
    talk.passes(MS);
    talk.client_says(&[0]);
    talk.is_answered(3, &REPLY);
    talk.passes(21 * MS);

    assert_eq!(talk.wants(), [StationAction::Send(rtu(3, &REPLY))]);
    assert_eq!(talk.station.statistics().noise_bytes, 1);
}

#[test]
fn a_broadcast_is_handed_on_and_never_answered() {
    let mut talk = Talk::new(false);
    talk.client_says(&rtu(0, &WRITE));

    assert_eq!(talk.wants(), [ask(1, 0, &WRITE)]);
    assert!(!talk.station.reply(TransactionId(1), UnitId(0), &WRITE));
    talk.passes(1_000 * MS);
    talk.client_says(&rtu(3, &READ));
    assert_eq!(talk.wants(), [ask(2, 3, &READ)], "nobody gave the broadcast up");
}

#[test]
fn damaged_foreign_and_impossible_frames_are_no_requests() {
    let mut damaged = rtu(3, &READ);
    damaged[4] ^= 0x10;
    for frame in [damaged, rtu(3, &[0x83, 2]), vec![0xFF; 40], vec![3]] {
        let mut talk = Talk::new(false);
        talk.client_says(&frame);
        talk.passes(50 * MS);

        assert_eq!(talk.wants(), [], "{frame:02x?}");
    }
}

#[test]
fn a_request_behind_noise_is_found_when_the_line_is_quiet() {
    let mut talk = Talk::new(false);
    let noisy: Vec<u8> = [0xFF, 0x00].into_iter().chain(rtu(3, &READ)).collect();
    talk.client_says(&noisy);
    assert_eq!(talk.wants(), []);
    talk.passes(20 * MS);

    assert_eq!(talk.wants(), [ask(1, 3, &READ)]);
    assert_eq!(talk.station.statistics().noise_bytes, 2);
}

#[test]
fn codes_without_a_known_length_end_by_silence() {
    let mut talk = Talk::new(false);
    talk.client_says(&rtu(3, &[0x42, 1, 2, 3]));
    assert_eq!(talk.wants(), []);
    talk.passes(20 * MS);

    assert_eq!(talk.wants(), [ask(1, 3, &[0x42, 1, 2, 3])]);
}

#[test]
fn an_echo_that_was_told_of_is_dropped_and_the_same_write_again_is_not() {
    let mut talk = Talk::new(true);
    talk.client_says(&rtu(3, &WRITE));
    talk.is_answered(3, &WRITE);
    talk.passes(5 * MS);
    assert_eq!(talk.wants(), [StationAction::Send(rtu(3, &WRITE))]);
    for byte in rtu(3, &WRITE) {
        talk.passes(MS);
        talk.client_says(&[byte]);
    }
    assert_eq!(talk.wants(), []);

    talk.passes(10 * MS);
    talk.client_says(&rtu(3, &WRITE));
    assert_eq!(talk.wants(), [ask(2, 3, &WRITE)]);
    assert_eq!(talk.station.statistics().echoes, 1);
}

#[test]
fn an_echo_that_nobody_told_of_writes_nothing_twice() {
    let mut talk = Talk::new(false);
    talk.client_says(&rtu(3, &WRITE));
    talk.is_answered(3, &WRITE);
    talk.passes(5 * MS);
    assert_eq!(talk.wants(), [StationAction::Send(rtu(3, &WRITE))]);
    // A USB adapter hands the echo over 16 ms after its end.
    talk.passes(26 * MS);
    talk.client_says(&rtu(3, &WRITE));
    assert_eq!(talk.wants(), []);
    assert_eq!(talk.station.statistics().echoes, 1);

    talk.passes(100 * MS);
    talk.client_says(&rtu(3, &WRITE));
    assert_eq!(talk.wants(), [ask(2, 3, &WRITE)], "a client that writes the same again is heard");
}

#[test]
fn two_requests_in_one_breath_are_two_and_only_the_last_is_answered() {
    let mut talk = Talk::new(false);
    let both: Vec<u8> = rtu(3, &READ).into_iter().chain(rtu(4, &READ)).collect();
    talk.client_says(&both);

    assert_eq!(talk.wants(), [ask(1, 3, &READ), gave_up(1, None), ask(2, 4, &READ)]);
}

#[test]
fn a_line_that_is_lost_takes_its_open_request_with_it() {
    let mut talk = Talk::new(false);
    talk.client_says(&rtu(3, &READ));
    assert_eq!(talk.wants(), [ask(1, 3, &READ)]);
    talk.station.lost();

    assert_eq!(talk.wants(), [gave_up(1, None)]);
    assert!(!talk.station.reply(TransactionId(1), UnitId(3), &REPLY));
}

#[test]
fn a_pause_within_a_request_does_not_break_it_and_half_a_request_does_not_spoil_the_next() {
    let (mut talk, frame) = (Talk::new(false), rtu(3, &READ));
    talk.client_says(&frame[..3]);
    talk.passes(60 * MS);
    assert_eq!(talk.wants(), []);
    talk.client_says(&frame[3..]);
    assert_eq!(talk.wants(), [ask(1, 3, &READ)]);

    talk.passes(1_000 * MS);
    talk.client_says(&frame[..5]);
    talk.passes(150 * MS);
    assert_eq!(talk.wants(), [gave_up(1, None)]);
    talk.client_says(&frame);
    assert_eq!(talk.wants(), [ask(2, 3, &READ)]);
}

/// Invariant tested: whatever is heard and whenever replies come, what is said is the reply to the request that was
/// asked last, once, not to a broadcast, and only while nothing was heard since.
fn keeps_its_tongue(steps: &[u8]) {
    let (mut talk, mut last) = (Talk::new(steps.len().is_multiple_of(2)), None);
    let mut sent = 0;
    for [kind, value] in steps.as_chunks::<2>().0 {
        let unit = value % 3;
        match kind % 6 {
            0 | 1 => talk.client_says(&rtu(unit, if kind & 8 == 0 { &READ } else { &WRITE })),
            2 => talk.client_says(rtu(unit, &READ).get(..usize::from(value % 8)).unwrap_or_default()),
            3 => talk.client_says(&[*value]),
            4 => talk.passes(u64::from(*value) * MS),
            _ => {
                let id = u16::from(value % 4) + sent;
                let _ = talk.station.reply(TransactionId(id), UnitId(unit), &REPLY);
            }
        }
        for action in talk.wants() {
            match action {
                StationAction::Ask { id, unit_id, .. } => last = (unit_id.0 != 0).then_some((id, unit_id)).or(last),
                StationAction::GaveUp { id, .. } => last = last.filter(|(asked, _)| *asked != id),
                StationAction::Send(frame) => {
                    let (id, unit_id) = last.take().expect("somebody waits for it");
                    assert_eq!(frame, rtu(unit_id.0, &REPLY));
                    sent = id.0;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: corpus::cases(512), ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_said_that_nobody_waits_for(steps in vec(any::<u8>(), 0..300)) {
        keeps_its_tongue(&steps);
    }
}
