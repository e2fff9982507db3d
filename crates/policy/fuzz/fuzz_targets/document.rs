//! Invariant tested: whatever bytes stand in for a policy document, parsing them ends in a policy or in all that is wrong.
#![no_main]

#[path = "../../tests/hostile/document.rs"]
mod document;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| document::check(bytes));
