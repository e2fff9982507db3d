//! The promises of a session, held against whatever happens: made up by chance here, by a fuzzer in `fuzz`, and
//! what the fuzzer kept in `fuzz/corpus`.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod asked;
mod ledger;
mod notes;
mod replies;
mod scene;
mod site;
mod steps;
mod talk;
mod watch;
mod world;

use proptest::prelude::{ProptestConfig, any, prop, proptest};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

proptest! {
    #![proptest_config(ProptestConfig { cases: corpus::cases(512), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_promises_hold(bytes in prop::collection::vec(any::<u8>(), 2..400)) {
        talk::check(&bytes);
    }
}

#[test]
fn every_kept_talk_keeps_the_promises() {
    corpus::replay(HERE, "promises", talk::check);
}

#[test]
#[ignore = "writes the corpora's seeds anew"]
fn seeds_are_sown() {
    corpus::sow(HERE, "promises", &seeds());
}

/// A read, a write and a refusal, with their ends, under several choices.
fn seeds() -> Vec<Vec<u8>> {
    let talks: [&[u8]; 4] = [
        &[22, 0, 0, 9, 0, 7, 1, 8, 15, 9, 0, 7, 2, 15, 3, 16],
        &[22, 0, 8, 18, 1, 8, 19, 2, 8, 15, 20, 255, 9, 0, 7],
        &[22, 28, 3, 0, 8, 15, 20, 120, 28, 255, 0, 0, 20, 255, 20, 255, 27, 1, 0, 8],
        &[0, 0, 22, 32, 8, 64, 104, 22, 150, 15, 15, 9, 0, 7, 137, 0, 7, 31, 0, 24],
    ];
    let heads = [[0, 0], [1, 0], [2, 2], [4, 0], [0x81, 0], [0, 2]];
    heads.iter().flat_map(|head| talks.iter().map(|talk| [&head[..], talk].concat())).collect()
}
