//! Invariant tested: a verdict is what a slow and obvious model says, address by address and rule by rule.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a model is a test, outside `#[test]`")]

mod decide;
#[path = "../harness/mod.rs"]
mod harness;
mod judge;
mod known;
mod pair;
mod tried;

use decide::{any_busy_talk, any_talk};
use proptest::prelude::{ProptestConfig, proptest};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_verdict_is_the_models(talk in any_talk()) {
        talk.hold();
    }

    #[test]
    fn every_limit_remembers_what_the_model_does(talk in any_busy_talk()) {
        talk.hold();
    }
}

#[test]
fn every_kept_talk_is_decided_as_the_model_does() {
    corpus::replay(env!("CARGO_MANIFEST_DIR"), "decide", decide::check);
}

#[test]
#[ignore = "writes the corpora's seeds anew"]
fn seeds_are_sown() {
    corpus::sow(env!("CARGO_MANIFEST_DIR"), "decide", &decide::seeds());
}
