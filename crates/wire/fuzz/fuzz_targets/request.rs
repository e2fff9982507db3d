//! Invariant tested: a request is accepted or refused as the standard's diagrams say, and building what was parsed gives its bytes.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

#[path = "../../tests/invariants/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request::check(bytes));
