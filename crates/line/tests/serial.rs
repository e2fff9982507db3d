//! A serial line, as a conversation in simulated time.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod harness;

use harness::{Heard, MS, SECOND, World, answer, honest, rtu};
use line::{Failure, Framing, LineConfig, Pace};
use wire::{AddressRange, Span, Table, UnitId, build};

fn config() -> LineConfig {
    LineConfig::new(Framing::Rtu, Pace::serial(19_200, 11))
}

fn gap() -> u64 {
    config().pace.gap_ns
}

fn read(quantity: u16) -> Vec<u8> {
    build::read(Table::HoldingRegister, 0, quantity)
}

fn write() -> Vec<u8> {
    build::write_single_register(7, 0x1234)
}

fn reply(unit_id: u8, pdu: &[u8]) -> Heard {
    Heard::Reply(answer(UnitId(unit_id), pdu))
}

#[test]
fn each_client_hears_its_own_units_reply() {
    let mut world = World::new(config(), honest(gap()));
    let (one, two) = (world.client(1, &[(1, read(2)), (1, write())]), world.client(2, &[(2, read(2))]));
    world.run(10 * SECOND);

    assert_eq!(world.heard(one), [reply(1, &read(2)), reply(1, &write())]);
    assert_eq!(world.heard(two), [reply(2, &read(2))]);
}

#[test]
fn a_request_leaves_only_after_the_silence_behind_the_last_reply() {
    let mut world = World::new(config(), honest(gap()));
    world.client(1, &[(1, read(2)), (2, read(2))]);
    world.run(10 * SECOND);

    let reply_bytes = 9;
    let exchange = config().pace.bytes_ns(8 + reply_bytes) + 2 * gap();
    assert_eq!(world.sent[1].0 - world.sent[0].0, exchange);
}

#[test]
fn a_write_goes_before_anothers_long_read_and_not_before_its_own_clients() {
    let mut world = World::new(config(), honest(gap()));
    let poller = world.client(1, &[(1, read(100)), (2, read(100)), (3, write())]);
    world.client(3, &[(5, read(100)), (6, read(100))]);
    world.run(MS);
    let writer = world.client(2, &[(4, read(1)), (4, write())]);
    world.run(SECOND * 10);

    let order: Vec<u8> = world.requests().iter().map(|(unit, _)| *unit).collect();
    let place = |unit: u8| order.iter().position(|found| *found == unit).unwrap();
    let write_at = world.requests().iter().position(|request| *request == (4, write())).unwrap();
    assert!(write_at < place(6), "{order:?}");
    assert!(place(2) < place(3) && place(4) < write_at, "{order:?}");
    assert_eq!((world.heard(writer).len(), world.heard(poller).len()), (2, 3));
}

#[test]
fn time_on_the_line_is_shared_among_clients_whatever_each_asks_for() {
    let mut world = World::new(config(), honest(gap()));
    let (long, short) = (world.client(1, &[(1, read(125))]), world.client(2, &[(2, read(1))]));
    for asker in [long, short] {
        world.askers[asker].repeats = true;
    }
    world.run(60 * SECOND);

    let cost = |quantity: usize| config().pace.bytes_ns(8 + 5 + 2 * quantity) + 2 * gap();
    let used = [(long, 125), (short, 1)].map(|(asker, quantity)| {
        u64::try_from(world.heard(asker).len()).unwrap() * cost(quantity) / (60 * SECOND / 1000)
    });
    assert!(used.iter().all(|per_mille| (480..=520).contains(per_mille)), "{used:?}");
}

#[test]
fn connections_of_one_client_share_its_time() {
    let mut world = World::new(config(), honest(gap()));
    let many: Vec<usize> = (0..5).map(|_| world.client(1, &[(1, read(10))])).collect();
    let other = world.client(2, &[(2, read(10))]);
    (0..6).for_each(|asker| world.askers[asker].repeats = true);
    world.run(20 * SECOND);

    let of_many: usize = many.iter().map(|asker| world.heard(*asker).len()).sum();
    assert!(of_many.abs_diff(world.heard(other).len()) < 5);
}

#[test]
fn a_client_over_its_share_waits_though_the_line_is_free() {
    let mut world = World::new(LineConfig { client_share: 20, ..config() }, honest(gap()));
    let asker = world.client(1, &[(1, read(50))]);
    world.askers[asker].repeats = true;
    world.run(50 * SECOND);

    let cost = config().pace.bytes_ns(8 + 105) + 2 * gap();
    let per_cent = u64::try_from(world.heard(asker).len()).unwrap() * cost * 100 / (50 * SECOND);
    assert!((20..=22).contains(&per_cent), "{per_cent}");
}

#[test]
fn a_broadcast_has_no_reply_and_the_line_is_left_alone_after_it() {
    let mut world = World::new(config(), honest(gap()));
    world.client(1, &[(0, write()), (1, read(1))]);
    world.run(10 * SECOND);

    let quiet = world.sent[1].0 - world.sent[0].0 - config().pace.bytes_ns(8);
    assert_eq!(quiet, config().turnaround_ns);
}

#[test]
fn a_silent_unit_costs_its_asker_a_time_out_and_is_left_alone_for_a_while() {
    let quiet = |unit_id: UnitId, pdu: &[u8]| match unit_id {
        UnitId(1) => vec![],
        UnitId(unit) => vec![(gap(), rtu(unit, &answer(unit_id, pdu)))],
    };
    let mut world = World::new(config(), Box::new(quiet));
    let (one, two) = (world.client(1, &[(1, read(1)), (1, read(1))]), world.client(2, &[(2, read(1))]));
    world.run(60 * SECOND);

    let silent = Heard::Failed(Failure::Silent);
    assert_eq!((world.heard(one), world.heard(two)), (vec![silent.clone(), silent], vec![reply(2, &read(1))]));
    assert_eq!(world.line.statistics().time_outs.get(&1), Some(&2));
    assert!(world.sent[2].0 - world.sent[0].0 > config().reply_timeout_ns + config().drain_ns);
}

#[test]
fn a_late_reply_reaches_nobody() {
    let late = config().reply_timeout_ns + 50 * MS;
    let mut calls = 0;
    let units = move |unit_id: UnitId, pdu: &[u8]| {
        calls += 1;
        let after = if calls == 1 { late } else { gap() };
        let value = [3, 2, 0, calls];
        let reply = if pdu[0] == 3 { value.to_vec() } else { answer(unit_id, pdu) };
        vec![(after, rtu(unit_id.0, &reply))]
    };
    let mut world = World::new(config(), Box::new(units));
    let asker = world.client(1, &[(1, read(1)), (1, read(1))]);
    world.run(20 * SECOND);

    assert_eq!(world.heard(asker), [Heard::Failed(Failure::Silent), Heard::Reply(vec![3, 2, 0, 2])]);
    assert_eq!(world.line.statistics().strays, 1);
}

#[test]
fn the_reply_of_another_unit_or_function_or_length_is_not_delivered() {
    let units = |unit_id: UnitId, pdu: &[u8]| {
        vec![
            (gap(), rtu(9, &answer(UnitId(9), pdu))),
            (20 * MS, rtu(unit_id.0, &[4, 2, 0, 1])),
            (40 * MS, rtu(unit_id.0, &[3, 4, 0, 1, 0, 1])),
            (60 * MS, rtu(unit_id.0, &answer(unit_id, pdu))),
        ]
    };
    let mut world = World::new(config(), Box::new(units));
    let asker = world.client(1, &[(1, read(1))]);
    world.run(10 * SECOND);

    assert_eq!(world.heard(asker), [reply(1, &read(1))]);
    assert_eq!(world.line.statistics().strays, 3);
}

#[test]
fn noise_before_a_reply_costs_a_silence_and_no_reply() {
    let units = |unit_id: UnitId, pdu: &[u8]| {
        vec![(gap(), [&[0xFF, 0x00][..], &rtu(unit_id.0, &answer(unit_id, pdu))].concat())]
    };
    let mut world = World::new(config(), Box::new(units));
    let asker = world.client(1, &[(1, read(1))]);
    world.run(10 * SECOND);

    assert_eq!(world.heard(asker), [reply(1, &read(1))]);
    assert_eq!(world.line.statistics().noise_bytes, 2);
}

fn damaged_first(times: u32) -> harness::Units {
    let mut calls = 0;
    Box::new(move |unit_id: UnitId, pdu: &[u8]| {
        calls += 1;
        let mut frame = rtu(unit_id.0, &answer(unit_id, pdu));
        if calls <= times {
            *frame.last_mut().unwrap() ^= 1;
        }
        vec![(gap(), frame)]
    })
}

#[test]
fn a_wrong_check_ends_the_request_once_the_line_is_quiet() {
    let mut world = World::new(config(), damaged_first(1));
    let asker = world.client(1, &[(1, read(1))]);
    world.run(SECOND);

    assert_eq!(world.heard(asker), [Heard::Failed(Failure::Garbled)]);
    assert_eq!((world.line.statistics().crc_errors, world.requests().len()), (1, 1));
}

#[test]
fn a_read_is_repeated_as_often_as_configured_and_a_write_never() {
    let mut world = World::new(LineConfig { read_retries: 2, ..config() }, damaged_first(2));
    let reader = world.client(1, &[(1, read(1))]);
    world.run(10 * SECOND);
    let mut other = World::new(LineConfig { read_retries: 2, ..config() }, damaged_first(2));
    let writer = other.client(1, &[(1, write())]);
    other.run(10 * SECOND);

    assert_eq!((world.heard(reader), world.requests().len()), (vec![reply(1, &read(1))], 3));
    assert_eq!((other.heard(writer), other.requests().len()), (vec![Heard::Failed(Failure::Garbled)], 1));
}

#[test]
fn an_echo_is_heard_where_it_is_configured_also_of_a_write_that_looks_like_its_reply() {
    let mut world = World::new(LineConfig { has_echo: true, ..config() }, honest(gap()));
    let asker = world.client(1, &[(1, read(1)), (1, write())]);
    world.run(SECOND);

    assert_eq!(world.heard(asker), [reply(1, &read(1)), reply(1, &write())]);
    assert_eq!((world.line.statistics().echoes, world.line.statistics().strays), (2, 0));
    assert!(world.sent[1].0 - world.sent[0].0 >= config().pace.bytes_ns(15) + 2 * gap());
}

#[test]
fn a_code_that_says_nothing_of_its_length_is_answered_after_silence() {
    let mut world = World::new(config(), honest(gap()));
    let asker = world.client(1, &[(1, vec![0x41, 1, 2, 3])]);
    world.run(SECOND);

    assert_eq!(world.heard(asker), [Heard::Reply(vec![0x41, 1, 2, 3])]);
}

#[test]
fn what_a_client_had_open_when_it_left_is_answered_to_nobody() {
    let mut world = World::new(config(), honest(gap()));
    let (gone, other) = (world.client(1, &[(1, read(9))]), world.client(2, &[(2, read(1))]));
    world.run(MS * 5);
    world.line.leave(world.askers[gone].id, world.now);
    world.run(SECOND);

    assert!(world.heard(gone).is_empty());
    assert_eq!(world.heard(other), [reply(2, &read(1))]);
}

#[test]
fn a_line_that_is_lost_fails_what_is_open_and_nothing_that_waits() {
    let mut world = World::new(config(), honest(gap()));
    let (one, two) = (world.client(1, &[(1, read(9))]), world.client(2, &[(2, read(1))]));
    world.run(MS * 5);
    world.line.lost(world.now);
    world.run(SECOND);
    assert_eq!((world.heard(one), world.heard(two)), (vec![Heard::Failed(Failure::Lost)], vec![]));

    world.line.opened(world.now);
    world.run(2 * SECOND);
    assert_eq!(world.heard(two), [reply(2, &read(1))]);
}

#[test]
fn somebody_who_never_stops_speaking_fills_no_memory_and_stops_the_line() {
    let mut world = World::new(config(), honest(gap()));
    let asker = world.client(1, &[(1, read(1))]);
    for at in 0..1000 {
        world.comes(at * MS, &[0x55; 64]);
    }
    world.run(SECOND);
    assert!(world.sent.iter().all(|(at, _)| *at > 999 * MS) && world.heard(asker).is_empty());

    world.run(2 * SECOND);
    assert_eq!(world.heard(asker), [reply(1, &read(1))]);
}

fn windowed() -> LineConfig {
    LineConfig { window_ns: 500 * MS, ..config() }
}

#[test]
fn the_same_read_of_several_clients_costs_the_bus_one() {
    let mut world = World::new(windowed(), honest(gap()));
    let askers: Vec<usize> = (1..=3).map(|last| world.client(last, &[(1, read(100))])).collect();
    world.run(400 * MS);

    assert_eq!(world.requests().len(), 1);
    assert!(askers.iter().all(|asker| world.heard(*asker) == [reply(1, &read(100))]));
    assert_eq!(world.line.statistics().shared, 2);
}

#[test]
fn a_write_ends_what_is_kept_of_its_unit_and_of_no_other() {
    let mut world = World::new(windowed(), honest(gap()));
    let requests = [(1, read(1)), (2, read(1)), (1, write()), (1, read(1)), (2, read(1))];
    world.client(1, &requests);
    world.run(SECOND);

    let expected = [(1, read(1)), (2, read(1)), (1, write()), (1, read(1))];
    assert_eq!(world.requests(), expected);
}

#[test]
fn a_write_under_another_id_of_the_same_device_ends_what_is_kept() {
    let twins = vec![vec![UnitId(1), UnitId(2)]];
    let mut world = World::new(LineConfig { twins, ..windowed() }, honest(gap()));
    world.client(1, &[(1, read(1)), (2, write()), (1, read(1))]);
    world.run(SECOND);

    assert_eq!(world.requests().len(), 3);
}

#[test]
fn a_broadcast_ends_all_that_is_kept() {
    let mut world = World::new(windowed(), honest(gap()));
    world.client(1, &[(1, read(1)), (0, write()), (1, read(1))]);
    world.run(SECOND);

    assert_eq!(world.requests().len(), 3);
}

#[test]
fn a_read_with_an_effect_is_never_answered_from_the_window() {
    let span = Span::new(Table::HoldingRegister, AddressRange::new(5, 2).unwrap());
    let mut world = World::new(LineConfig { side_effects: vec![(UnitId(1), span)], ..windowed() }, honest(gap()));
    for last in 1..=3 {
        world.client(last, &[(1, read(6))]);
    }
    world.run(SECOND);

    assert_eq!(world.requests().len(), 3);
}

#[test]
fn a_reply_older_than_the_window_is_asked_anew() {
    let mut world = World::new(windowed(), honest(gap()));
    world.client(1, &[(1, read(1))]);
    world.run(SECOND);
    world.client(2, &[(1, read(1))]);
    world.run(2 * SECOND);

    assert_eq!(world.requests().len(), 2);
}

#[test]
fn three_clients_that_poll_with_a_window_cost_the_bus_no_more_than_one() {
    let polls: Vec<(u8, Vec<u8>)> = (1..=10).map(|unit| (unit, read(50))).collect();
    let requests = |clients: u8| {
        let mut world = World::new(LineConfig { window_ns: SECOND, ..config() }, honest(gap()));
        for last in 1..=clients {
            world.client(last, &polls);
        }
        let mut at = 0;
        for _ in 0..30 {
            at += 2 * SECOND;
            world.run(at);
            for asker in &mut world.askers {
                asker.to_ask = polls.iter().cloned().collect();
            }
        }
        world.run(at + 2 * SECOND);
        assert!(world.askers.iter().all(|asker| asker.heard.len() == 310));
        world.requests().len()
    };

    assert_eq!(requests(3), requests(1));
}

#[test]
fn a_busy_line_is_used_to_98_percent_of_what_it_allows() {
    for baud in [9_600, 19_200, 115_200] {
        let config = LineConfig::new(Framing::Rtu, Pace::serial(baud, 11));
        let pace = config.pace;
        let mut world = World::new(config, honest(pace.gap_ns));
        for last in 1..=3_u8 {
            let asker = world.client(last, &[(last, read(1)), (last + 3, read(20)), (last + 6, read(100))]);
            world.askers[asker].repeats = true;
        }
        world.run(60 * SECOND);

        let frames: u64 = world.sent.iter().filter_map(|(_, frame)| wire::parse_rtu_adu(frame)).fold(0, |sum, adu| {
            sum + pace.bytes_ns(adu.len_bytes() + 3 + answer(adu.unit_id, adu.pdu).len()) + 2 * pace.gap_ns
        });
        let per_mille = frames / (60 * SECOND / 1000);
        assert!(per_mille >= 980, "{baud}: {per_mille}");
    }
}
