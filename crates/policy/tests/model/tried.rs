//! What is tried: points, rules and steps, small enough that they often meet.

use policy::document::Table;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::build;

const FUNCTIONS: [&str; 12] =
    ["read", "write", "3", "6", "16", "22", "23", "24", "diagnostics", "8/4", "identify.server_id", "umas"];
const CLIENTS: [&str; 5] = ["10.0.0.0/24", "10.0.0.5/32", "0.0.0.0/0", "fd00::/8", "10.0.0.4/31"];
pub(crate) const ADDRESSES: [&str; 4] = ["10.0.0.5", "10.0.0.9", "::ffff:10.0.0.4", "fd00::1"];
const TABLES: [Table; 3] = [Table::Coil, Table::InputRegister, Table::HoldingRegister];
pub(crate) const POINTS: [&str; 4] = ["a", "b", "c", "d"];

pub(crate) fn maybe<T: std::fmt::Debug + Clone + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![2 => Just(None), 1 => strategy.prop_map(Some)]
}

fn some_of<T: std::fmt::Debug + Clone + 'static>(all: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    let most = all.len().min(3);
    prop::sample::subsequence(all.to_vec(), 0..=most)
}

pub(crate) fn any_limits() -> impl Strategy<Value = Value> {
    let range = maybe((0..4_u8, 2..9_u8).prop_filter("ordered", |(low, high)| low <= high));
    let allowed = maybe(prop::collection::vec(0..6_u8, 0..4));
    let change = maybe((0..4_u8, prop::sample::select(vec![5_000_u32, 40_000, 100_000])));
    (range, allowed, maybe(0..4_u8), change, maybe(0..3_u8), maybe(prop::sample::select(vec![0_u32, 20_000, 90_000])))
        .prop_map(|(range, allowed, max_step, change, per_minute, max_age_ms)| {
            let change = change.map(|(by, in_ms)| json!({"by": by, "in_ms": in_ms}));
            json!({"range": range, "allowed": allowed, "max_step": max_step, "max_change": change,
                   "per_minute": per_minute, "max_age_ms": max_age_ms})
        })
}

pub(crate) fn any_points() -> impl Strategy<Value = Value> {
    let one = || (maybe(any_limits()), any::<bool>());
    [one(), one(), one(), one()].prop_map(|[a, b, c, d]| {
        json!([
            {"name": "a", "table": "holding_register", "address": 1, "type": "uint16", "limits": a.0, "partial": a.1},
            {"name": "b", "table": "holding_register", "address": 3, "type": "uint32", "limits": b.0, "partial": b.1,
             "aliases": [["holding_register", 6], ["input_register", 2]]},
            {"name": "c", "table": "coil", "address": 2, "type": "bit", "limits": c.0, "partial": c.1},
            {"name": "d", "table": "holding_register", "address": 9, "type": "uint16", "offset": 1.0,
             "limits": d.0, "partial": d.1, "aliases": [["holding_register", 4]]},
        ])
    })
}

pub(crate) fn any_rule() -> impl Strategy<Value = Value> {
    let functions = prop::sample::subsequence(FUNCTIONS.to_vec(), 1..4);
    let range = (prop::sample::select(TABLES.to_vec()), 0..10_u16, 0..6_u16);
    let range = range.prop_map(|(table, first, more)| json!([wire::Table::from(table).name(), first, first + more]));
    let target = (0..2_usize, any::<bool>());
    let target = target.prop_map(|(server, all)| match (server, all) {
        (_, true) => json!({"server": server}),
        (0, false) => json!({"server": 0, "unit_ids": [1]}),
        (_, false) => json!({"server": 1, "unit_ids": [11]}),
    });
    let window = (some_of(&[0_u8, 1, 6]), 0..24_u32, 1..24_u32).prop_filter("days", |(days, ..)| !days.is_empty());
    let window = window.prop_map(
        |(days, from, length)| json!({"days": days, "from_s": from * 3600, "to_s": (from + length) % 24 * 3600}),
    );
    let who = (maybe(some_of(&CLIENTS)), maybe(some_of(&["operator", "engineer"])));
    let what = (functions, maybe(prop::collection::vec(range, 0..3)), maybe(some_of(&POINTS)));
    let place = (maybe(prop::collection::vec(target, 0..3)), maybe(some_of(&[0_u8, 1, 11, 12])));
    let how = (prop::bool::weighted(0.85), any::<bool>(), maybe((0..4_usize, any_limits())));
    (who, what, place, how, maybe(prop::collection::vec(window, 0..3))).prop_map(|(who, what, place, how, when)| {
        let (is_permit, essential, limits) = how;
        let limits = limits.filter(|_| is_permit).map(|(point, limits)| json!({POINTS[point]: limits}));
        json!({"kind": if is_permit { "permit" } else { "never" }, "essential": essential && is_permit,
               "clients": who.0, "roles": who.1, "functions": what.0, "ranges": what.1, "points": what.2,
               "targets": place.0, "unit_ids": place.1, "when": when, "limits": limits.unwrap_or(json!({}))})
    })
}

fn any_pdu() -> impl Strategy<Value = Vec<u8>> {
    let registers = prop::collection::vec(0..6_u16, 1..5);
    let coils = prop::collection::vec(any::<bool>(), 1..4);
    let mask = prop::sample::select(vec![0_u16, 0xFFFE, 0xFFFF, 0x0003]);
    prop_oneof![
        (prop::sample::select(TABLES.to_vec()), 0..10_u16, 1..6_u16).prop_map(|(t, f, q)| build::read(t.into(), f, q)),
        (0..10_u16, 0..6_u16).prop_map(|(address, value)| build::write_single_register(address, value)),
        (0..10_u16, registers.clone()).prop_map(|(first, values)| build::write_registers(first, &values)),
        (0..4_u16, any::<bool>()).prop_map(|(address, on)| build::write_single_coil(address, on)),
        (0..4_u16, coils).prop_map(|(first, coils)| build::write_coils(first, &coils)),
        (0..10_u16, mask, 0..4_u16).prop_map(|(address, and, or)| build::mask_write_register(address, and, or)),
        (0..9_u16, 0..9_u16, registers).prop_map(|(r, w, values)| build::read_write_registers(r, 2, w, &values)),
        prop::sample::select(vec![vec![17], vec![24, 0, 3], vec![90, 0, 4], vec![7]]),
        prop::sample::select(vec![1, 4]).prop_map(|sub| build::diagnostics(sub, 0)),
    ]
}

/// One step of a talk: what is seen of the plant, then what a client asks.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) wait_s: u64,
    pub(crate) synchronised: bool,
    pub(crate) read: Option<(Table, u16, Vec<u16>)>,
    /// How long ago the read was asked.
    pub(crate) asked_s: u64,
    pub(crate) client: usize,
    pub(crate) role: Option<&'static str>,
    pub(crate) unit: u8,
    pub(crate) pdu: Vec<u8>,
    pub(crate) fails: bool,
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let read = (prop::sample::select(TABLES.to_vec()), 0..10_u16, prop::collection::vec(0..6_u16, 1..6));
    let unit = prop::sample::select(vec![1_u8, 255, 11, 12, 0]);
    let role = maybe(prop::sample::select(vec!["operator", "engineer"]));
    let asked_s = prop::sample::select(vec![0_u64, 0, 1, 20]);
    let world = (prop::sample::select(vec![0_u64, 1, 15, 45, 7200]), prop::bool::weighted(0.9), maybe(read), asked_s);
    (world, (0..4_usize, role), unit, any_pdu(), prop::bool::weighted(0.1)).prop_map(
        |(world, who, unit, pdu, fails)| {
            let (wait_s, synchronised, read, asked_s) = world;
            Step { wait_s, synchronised, read, asked_s, client: who.0, role: who.1, unit, pdu, fails }
        },
    )
}
