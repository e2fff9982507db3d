//! Invariant tested: a list of keys can break the proof of a journal, but never make one.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

mod decoders;
#[path = "../../tests/hostile/folder.rs"]
mod folder;
#[path = "../../tests/hostile/keys.rs"]
mod keys;

libfuzzer_sys::fuzz_target!(init: decoders::expect_panics(), |bytes: &[u8]| keys::check(bytes));
