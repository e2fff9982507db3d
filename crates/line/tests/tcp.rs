//! One TCP connection to a server that takes few, as a conversation in simulated time.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod harness;

use harness::{Heard, MS, SECOND, Units, World, answer};
use line::{Failure, Framing, LineConfig, Pace};
use wire::{Table, UnitId, build};

fn config() -> LineConfig {
    LineConfig::new(Framing::Mbap, Pace::tcp(0))
}

fn read(first: u16) -> Vec<u8> {
    build::read(Table::HoldingRegister, first, 1)
}

fn write() -> Vec<u8> {
    build::write_single_register(7, 0x1234)
}

fn after(ns: u64) -> Units {
    Box::new(move |unit_id, pdu| vec![(ns, answer(unit_id, pdu))])
}

fn reply(pdu: &[u8]) -> Heard {
    Heard::Reply(answer(UnitId(1), pdu))
}

#[test]
fn one_request_is_open_at_a_time_unless_the_server_bears_more() {
    for (pipeline, expected) in [(1, 1), (2, 2), (16, 3)] {
        let mut world = World::new(LineConfig { pipeline, ..config() }, after(10 * MS));
        for last in 1..=3 {
            world.client(last, &[(1, read(last.into()))]);
        }
        world.run(5 * MS);

        assert_eq!(world.sent.len(), expected);
    }
}

#[test]
fn replies_in_any_order_go_to_who_asked() {
    let mut turn = 4;
    let units = move |unit_id: UnitId, pdu: &[u8]| {
        turn -= 1;
        vec![(turn * MS, [&answer(unit_id, pdu)[..3], &pdu[2..3]].concat())]
    };
    let mut world = World::new(LineConfig { pipeline: 4, ..config() }, Box::new(units));
    let askers: Vec<usize> = (1..=3).map(|last| world.client(last, &[(1, read(last.into()))])).collect();
    world.run(SECOND);

    for (asker, first) in askers.into_iter().zip(1..) {
        assert_eq!(world.heard(asker), [Heard::Reply(vec![3, 2, 0, first])]);
    }
}

#[test]
fn a_pause_is_kept_between_a_reply_and_the_next_request() {
    let mut world = World::new(LineConfig::new(Framing::Mbap, Pace::tcp(20 * MS)), after(3 * MS));
    world.client(1, &[(1, read(1)), (1, read(2))]);
    world.run(SECOND);

    assert_eq!(world.sent[1].0 - world.sent[0].0, 23 * MS);
}

fn deaf_to(code: u8) -> Units {
    Box::new(move |unit_id, pdu| if pdu[0] == code { vec![] } else { vec![(MS, answer(unit_id, pdu))] })
}

#[test]
fn a_write_without_a_reply_costs_the_connection_and_is_not_sent_again() {
    let mut world = World::new(LineConfig { read_retries: 3, ..config() }, deaf_to(6));
    let asker = world.client(1, &[(1, read(1)), (1, write()), (1, read(1))]);
    world.run(20 * SECOND);

    assert_eq!(world.heard(asker), [reply(&read(1)), Heard::Failed(Failure::Silent), reply(&read(1))]);
    assert_eq!((world.reconnects, world.sent.len()), (1, 3));
}

#[test]
fn a_read_without_a_reply_costs_the_connection_only_of_a_server_that_never_echoed_an_id() {
    let mut unknown = World::new(config(), deaf_to(3));
    unknown.client(1, &[(1, read(1))]);
    unknown.run(10 * SECOND);
    let mut known = World::new(config(), deaf_to(3));
    known.client(1, &[(1, write()), (1, read(1))]);
    known.run(10 * SECOND);

    assert_eq!((unknown.reconnects, known.reconnects), (1, 0));
}

#[test]
fn a_late_reply_is_told_by_its_id() {
    let mut calls = 0;
    let units = move |unit_id: UnitId, pdu: &[u8]| {
        calls += 1;
        let ns = if calls == 2 { 3 * SECOND + 5 * MS } else { 10 * MS };
        vec![(ns, answer(unit_id, pdu))]
    };
    let mut world = World::new(config(), Box::new(units));
    let asker = world.client(1, &[(1, read(1)), (1, read(1)), (1, read(1))]);
    world.run(10 * SECOND);

    assert_eq!(world.heard(asker), [reply(&read(1)), Heard::Failed(Failure::Silent), reply(&read(1))]);
    assert_eq!((world.line.statistics().strays, world.reconnects), (1, 0));
}

#[test]
fn a_header_that_is_none_costs_the_connection_and_what_is_open() {
    let mut world = World::new(config(), deaf_to(3));
    let asker = world.client(1, &[(1, read(1))]);
    world.comes(MS, &[0, 1, 0, 9, 0, 6, 1]);
    world.run(SECOND);

    assert_eq!((world.heard(asker), world.reconnects), (vec![Heard::Failed(Failure::Lost)], 1));
}

#[test]
fn a_connection_is_renewed_when_its_lifetime_is_over_and_nothing_is_open() {
    let mut world = World::new(LineConfig { lifetime_ns: SECOND, ..config() }, after(300 * MS));
    let asker = world.client(1, &[(1, read(1))]);
    world.askers[asker].repeats = true;
    world.run(5 * SECOND);

    assert_eq!(world.reconnects, 4);
    assert!(world.heard(asker).iter().all(|heard| *heard == reply(&read(1))));
}

#[test]
fn unit_zero_of_a_server_is_an_ordinary_unit() {
    let mut world = World::new(LineConfig { has_broadcast: false, ..config() }, after(MS));
    world.client(1, &[(0, read(1))]);
    world.run(100);

    assert_eq!(world.line.open_requests(), 1);
}

#[test]
fn a_read_beside_a_write_is_not_kept_for_others() {
    let mut world = World::new(LineConfig { pipeline: 4, window_ns: SECOND, ..config() }, after(10 * MS));
    world.client(1, &[(1, read(7))]);
    world.run(MS);
    world.client(2, &[(1, write()), (1, read(7))]);
    world.run(500 * MS);

    assert_eq!(world.sent.len(), 3);
}
