//! Invariant tested: a stream gives the same ADUs however it is cut, and no byte of it is lost.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

#[path = "../../tests/invariants/framing.rs"]
mod framing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| framing::check(bytes));
