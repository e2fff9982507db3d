//! Invariant tested: whatever files stand in a journal's folder, verifying them ends with an answer, and proves nothing forged.
#![no_main]
#![allow(dead_code, reason = "a crate's tests use more of the modules they share with its fuzz targets")]

mod decoders;
#[path = "../../tests/hostile/directory.rs"]
mod directory;
#[path = "../../tests/hostile/folder.rs"]
mod folder;

libfuzzer_sys::fuzz_target!(init: decoders::expect_panics(), |bytes: &[u8]| directory::check(bytes));
