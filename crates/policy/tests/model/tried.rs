//! What is tried: points, rules and steps, small enough that they often meet.

use crate::asks::{Ask, any_ask};
use policy::document::Table;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Sets, parts of sets and single codes; those with addresses often.
const FUNCTIONS: [&str; 24] = [
    "read",
    "write",
    "read",
    "write",
    "read",
    "write",
    "3",
    "5",
    "6",
    "16",
    "22",
    "23",
    "24",
    "diagnostics",
    "diagnostics.*",
    "diagnostics.restart",
    "8/4",
    "identify",
    "identify.server_id",
    "43/14",
    "umas",
    "umas.read",
    "files.read",
    "90/65",
];
const CLIENTS: [&str; 5] = ["10.0.0.0/24", "10.0.0.5/32", "0.0.0.0/0", "fd00::/8", "10.0.0.4/31"];
pub(crate) const ADDRESSES: [&str; 4] = ["10.0.0.5", "10.0.0.9", "::ffff:10.0.0.4", "fd00::1"];
pub(crate) const TABLES: [Table; 3] = [Table::Coil, Table::InputRegister, Table::HoldingRegister];
pub(crate) const POINTS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
const ANSWERS: [&str; 4] = ["silence", "reset", "02", "04"];

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
    let one = || (maybe(any_limits()), any::<bool>(), any::<[bool; 2]>());
    let g = prop::sample::select(vec!["float64", "int64", "uint64"]);
    ([one(), one(), one(), one(), one(), one(), one()], g).prop_map(|([a, b, c, d, e, f, g], long)| {
        json!([
            {"name": "a", "table": "holding_register", "address": 1, "type": "uint16", "limits": a.0, "partial": a.1},
            {"name": "b", "table": "holding_register", "address": 3, "type": "uint32", "limits": b.0, "partial": b.1,
             "aliases": [["holding_register", 6], ["input_register", 2]]},
            {"name": "c", "table": "coil", "address": 2, "type": "bit", "limits": c.0, "partial": c.1},
            {"name": "d", "table": "holding_register", "address": 9, "type": "uint16", "offset": 1.0,
             "limits": d.0, "partial": d.1, "aliases": [["holding_register", 4]]},
            ordered(e, json!({"name": "e", "address": 10, "type": "float32", "scale": 0.5, "offset": -2.0})),
            ordered(f, json!({"name": "f", "address": 12, "type": "int16", "scale": -2.0})),
            ordered(g, json!({"name": "g", "address": 13, "type": long})),
        ])
    })
}

fn ordered((limits, partial, orders): (Option<Value>, bool, [bool; 2]), mut point: Value) -> Value {
    let [word, byte] = orders.map(|is_big| if is_big { "big" } else { "little" });
    point["table"] = json!("holding_register");
    (point["limits"], point["partial"]) = (json!(limits), json!(partial));
    (point["word_order"], point["byte_order"]) = (json!(word), json!(byte));
    point
}

/// What stands around the rules: time zone, mode, denial, and whether a direct server has a unit id 0.
pub(crate) fn any_setting() -> impl Strategy<Value = Value> {
    // A step on the Monday of the talks: half an hour, an hour and two hours after they begin.
    let step = |after_s: i64| json!([[0, 3600], [crate::harness::MONDAY_NOON_S + after_s, 7200]]);
    let zones = vec![json!([[0, 0]]), json!([[0, -12600]]), step(1800), step(3600), step(7200)];
    let verdicts = prop::sample::select(vec!["enforce", "enforce", "observe"]);
    (prop::sample::select(zones), verdicts, any_answer(), prop::bool::weighted(0.2)).prop_map(
        |(zone, verdicts, denial, has_zero)| {
            json!({"utc_offsets": zone, "verdicts": verdicts, "denial": denial, "has_zero": has_zero})
        },
    )
}

fn any_answer() -> impl Strategy<Value = Value> {
    prop::sample::select(ANSWERS.to_vec()).prop_map(|answer| match answer.parse::<u8>() {
        Ok(code) => json!({"exception": code}),
        Err(_) => json!(answer),
    })
}

pub(crate) fn any_rule() -> impl Strategy<Value = Value> {
    let functions = prop::sample::subsequence(FUNCTIONS.to_vec(), 1..5);
    let range = (prop::sample::select(TABLES.to_vec()), 0..14_u16, 0..16_u16);
    let range = range.prop_map(|(table, first, more)| json!([wire::Table::from(table).name(), first, first + more]));
    let target = (0..2_usize, any::<bool>());
    let target = target.prop_map(|(server, all)| match (server, all) {
        (_, true) => json!({"server": server}),
        (0, false) => json!({"server": 0, "unit_ids": [1]}),
        (_, false) => json!({"server": 1, "unit_ids": [11]}),
    });
    let who = (maybe(some_of(&CLIENTS)), maybe(some_of(&["operator", "engineer"])));
    let what = (functions, maybe(prop::collection::vec(range, 0..3)), maybe(some_of(&POINTS)));
    let place = (maybe(prop::collection::vec(target, 0..3)), maybe(some_of(&[0_u8, 1, 11, 12])));
    let own_limits = maybe((0..POINTS.len(), any_limits()));
    let how = (prop::bool::weighted(0.85), any::<bool>(), own_limits, maybe(any_answer()));
    (who, what, place, how, maybe(prop::collection::vec(any_window(), 0..3))).prop_map(
        |(who, what, place, how, when)| {
            let (is_permit, essential, limits, denial) = how;
            let limits = limits.filter(|_| is_permit).map(|(point, limits)| json!({POINTS[point]: limits}));
            json!({"kind": if is_permit { "permit" } else { "never" }, "essential": essential && is_permit,
                   "clients": who.0, "roles": who.1, "functions": what.0, "ranges": what.1, "points": what.2,
                   "targets": place.0, "unit_ids": place.1, "when": when, "denial": denial,
                   "limits": limits.unwrap_or(json!({}))})
        },
    )
}

fn any_window() -> impl Strategy<Value = Value> {
    let window = (some_of(&[0_u8, 1, 6]), 0..48_u32, 1..48_u32).prop_filter("days", |(days, ..)| !days.is_empty());
    window.prop_map(
        |(days, from, length)| json!({"days": days, "from_s": from * 1800, "to_s": (from + length) % 48 * 1800}),
    )
}

/// One step of a talk: what is seen of the plant, then what a client asks.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) wait_s: u64,
    pub(crate) synchronised: bool,
    pub(crate) read: Option<See>,
    /// How long ago the read was asked.
    pub(crate) asked_s: u64,
    pub(crate) client: usize,
    pub(crate) role: Option<&'static str>,
    pub(crate) unit: u8,
    pub(crate) ask: Ask,
    pub(crate) fails: bool,
    /// Another policy comes into force, which says the same.
    pub(crate) reloads: bool,
}

/// What a read has shown.
#[derive(Clone, Debug)]
pub(crate) enum See {
    Raw(Table, u16, Vec<u16>),
    /// A point's number.
    Number(usize, f64),
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let raw = (prop::sample::select(TABLES.to_vec()), 0..14_u16, prop::collection::vec(0..6_u16, 1..8));
    let raw = raw.prop_map(|(table, first, values)| See::Raw(table, first, values));
    let read = prop_oneof![raw, any_number().prop_map(|(point, value)| See::Number(point, value))];
    let unit = prop::sample::select(vec![1_u8, 1, 255, 11, 12, 0, 77]);
    let role = maybe(prop::sample::select(vec!["operator", "engineer"]));
    let asked_s = prop::sample::select(vec![0_u64, 0, 1, 20]);
    let wait_s = prop::sample::select(vec![0_u64, 1, 15, 45, 1800, 7200]);
    let world = (wait_s, prop::bool::weighted(0.9), maybe(read), asked_s, prop::bool::weighted(0.05));
    (world, (0..4_usize, role), unit, any_ask(), prop::bool::weighted(0.1)).prop_map(
        |(world, who, unit, ask, fails)| {
            let (wait_s, synchronised, read, asked_s, reloads) = world;
            Step { wait_s, synchronised, read, asked_s, client: who.0, role: who.1, unit, ask, fails, reloads }
        },
    )
}

/// A number of one of the points whose types have an order, now and then none.
pub(crate) fn any_number() -> impl Strategy<Value = (usize, f64)> {
    let values = vec![-4.0, -2.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 4.5, 6.0, 8.0, f64::NAN, f64::INFINITY];
    (4..POINTS.len(), prop::sample::select(values))
}
