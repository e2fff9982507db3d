//! Invariant tested: whatever bytes stand in for a live segment, a start goes on from it and gives no number twice.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

mod decoders;
#[path = "../../tests/hostile/folder.rs"]
mod folder;
#[path = "../../tests/harness/mod.rs"]
mod harness;
#[path = "../../tests/hostile/segment.rs"]
mod segment;

libfuzzer_sys::fuzz_target!(init: decoders::expect_panics(), |bytes: &[u8]| segment::check(bytes));
