//! Invariant tested: a verdict is what a slow and obvious model says, address by address and rule by rule.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

#[path = "../../tests/model/asks.rs"]
mod asks;
#[path = "../../tests/model/decide.rs"]
mod decide;
#[path = "../../tests/harness/mod.rs"]
mod harness;
#[path = "../../tests/model/hits.rs"]
mod hits;
#[path = "../../tests/model/judge.rs"]
mod judge;
#[path = "../../tests/model/known.rs"]
mod known;
#[path = "../../tests/model/limited.rs"]
mod limited;
#[path = "../../tests/model/number.rs"]
mod number;
#[path = "../../tests/model/pair.rs"]
mod pair;
#[path = "../../tests/model/tried.rs"]
mod tried;
#[path = "../../tests/model/week.rs"]
mod week;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decide::check(bytes));
