//! Invariant tested: a reply is taken only by the request it answers, in its whole length.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

#[path = "../../tests/invariants/response.rs"]
mod response;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| response::check(bytes));
