//! Invariant tested: a frame is found on a line only where its check is right, however the bytes are cut.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

#[path = "../../tests/invariants/rtu.rs"]
mod rtu;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rtu::check(bytes));
