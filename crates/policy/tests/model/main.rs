//! Invariant tested: a verdict is what a slow and obvious model says, address by address and rule by rule.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a model is a test, outside `#[test]`")]

mod asks;
mod decide;
#[path = "../harness/mod.rs"]
mod harness;
mod hits;
mod judge;
mod known;
mod limited;
mod number;
mod pair;
mod tried;
mod week;

use decide::{any_busy_talk, any_split_talk, any_talk};
use proptest::prelude::{ProptestConfig, Strategy, proptest};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: corpus::cases(400), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn every_verdict_is_the_models(talk in any_talk()) {
        talk.hold();
    }

    #[test]
    fn every_request_over_two_rules_needs_both(talk in any_split_talk()) {
        talk.hold();
    }

    #[test]
    fn every_limit_remembers_what_the_model_does(talk in any_busy_talk()) {
        talk.hold();
    }
}

/// All that rules can say and all reasons there are; the site file's own names where it has one.
const FEATURES: [&str; 32] = [
    "a number in its orders",
    "a reload with a past",
    "a rule's own denial",
    "alias",
    "allowed",
    "broadcast",
    "broadcast permitted",
    "change_unknown",
    "client and role",
    "client without its role",
    "clock_invalid",
    "code 22",
    "code 23",
    "contradiction",
    "essential",
    "its hours",
    "max_change",
    "max_step",
    "never",
    "no address",
    "no_rule",
    "not_finite",
    "observe",
    "own limits let it pass",
    "partial",
    "per_minute",
    "range",
    "several rules together",
    "unit_undeclared",
    "value_stale",
    "value_unknown",
    "when",
];

/// The same talks in every run: chance must not decide whether a feature is tried.
#[test]
fn the_talks_reach_all_that_rules_can_say() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        any_talk().new_tree(&mut runner).unwrap().current().hold();
        any_split_talk().new_tree(&mut runner).unwrap().current().hold();
        any_busy_talk().new_tree(&mut runner).unwrap().current().hold();
    }
    let hits = hits::take_hits();
    let seldom: Vec<_> =
        FEATURES.into_iter().filter(|feature| hits.get(feature).is_none_or(|hits| *hits < 3)).collect();

    assert!(seldom.is_empty(), "{seldom:?} of {hits:#?}");
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
