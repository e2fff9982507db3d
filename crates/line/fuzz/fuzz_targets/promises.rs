//! Invariant tested: whatever clients, units and the line do, each request ends once, with its own reply or a failure.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

#[path = "../../tests/promises/shared.rs"]
mod shared;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shared::check(bytes));
