//! Invariant tested: whatever happens to a session in whatever order, the promises hold.
#![no_main]

#[path = "../../tests/promises/asked.rs"]
mod asked;
#[path = "../../tests/promises/ledger.rs"]
mod ledger;
#[path = "../../tests/promises/limits.rs"]
mod limits;
#[path = "../../tests/promises/notes.rs"]
mod notes;
#[path = "../../tests/promises/replies.rs"]
mod replies;
#[path = "../../tests/promises/scene.rs"]
mod scene;
#[path = "../../tests/promises/site.rs"]
mod site;
#[path = "../../tests/promises/steps.rs"]
mod steps;
#[path = "../../tests/promises/talk.rs"]
mod talk;
#[path = "../../tests/promises/watch.rs"]
mod watch;
#[path = "../../tests/promises/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| talk::check(bytes));
