//! The fuzz target's invariant, held against every input that is kept in `fuzz/corpus`, and against chance.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod shared;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_kept_line_keeps_the_promises() {
    corpus::replay(HERE, "promises", shared::check);
}

#[test]
#[ignore = "writes the corpora's seeds anew"]
fn seeds_are_sown() {
    corpus::sow(HERE, "promises", &shared::seeds());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: corpus::cases(512), ..ProptestConfig::default() })]

    #[test]
    fn no_reply_is_lost_crossed_or_doubled_whatever_happens(steps in vec(any::<u8>(), 0..400)) {
        shared::check(&steps);
    }
}
