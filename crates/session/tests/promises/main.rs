//! The promises of a session, held against whatever happens: made up by chance here, by a fuzzer in `fuzz`, and
//! what the fuzzer kept in `fuzz/corpus`.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod asked;
mod ledger;
mod limits;
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

/// A read, a write and a refusal, with their ends, under several choices; and long ways that chance seldom goes.
fn seeds() -> Vec<Vec<u8>> {
    let talks: [&[u8]; 4] = [
        &[22, 0, 0, 9, 0, 7, 1, 8, 15, 9, 0, 7, 2, 15, 3, 16],
        &[22, 0, 8, 18, 1, 8, 19, 2, 8, 15, 20, 255, 9, 0, 7],
        &[22, 28, 3, 0, 8, 15, 20, 120, 28, 255, 0, 0, 20, 255, 20, 255, 27, 1, 0, 8],
        &[0, 0, 22, 32, 8, 64, 104, 22, 150, 15, 15, 9, 0, 7, 137, 0, 7, 31, 0, 24],
    ];
    let heads = [[0, 0], [1, 0], [2, 2], [4, 0], [0x81, 0], [0, 2]];
    let usual = heads.iter().flat_map(|head| talks.iter().map(|talk| [&head[..], talk].concat()));
    usual.chain(long_ways()).collect()
}

fn long_ways() -> [Vec<u8>; 6] {
    let idle = [&[0, 0, 22, 0, 0, 9, 0, 7][..], &[20, 255].repeat(30)].concat();
    // Three writes wait for the disk at once, and only two may go.
    let counted = vec![0, 0, 22, 0, 28, 32, 28, 64, 28, 15, 15, 15, 9, 0, 7, 9, 1, 7];
    // A read, a write near it that the server refuses, and another one near what is not known any more.
    let stepped = vec![0, 0, 22, 0, 30, 9, 0, 7, 20, 1, 32, 31, 15, 9, 0, 0x24, 64, 31, 15];
    // The first connection echoes ids, the second is silent.
    let silent = vec![1, 0, 0, 0, 22, 9, 0, 7, 24, 0, 0, 22, 20, 255, 20, 255];
    let broadcast = vec![1, 4, 0, 0xC8, 22, 15, 20, 1, 0, 0xC8, 15, 9, 0, 7, 20, 255];
    // A write stands in a server's buffer past its deadline, and the server takes bytes before a timer is served.
    let stalled = vec![0, 0, 22, 28, 3, 0, 8, 15, 31, 7, 120, 9, 0, 7];
    [idle, counted, stepped, silent, broadcast, stalled]
}
