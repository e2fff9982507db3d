//! Invariant tested: whatever happens in whatever order, the promises hold. Nothing reaches a server without a permit or
//! an observed row; a write leaves only after its row is durable, before its deadline, once, in order; a right reply
//! reaches the one request it answers, and no other; nobody waits past a time or a budget; each request has its rows,
//! and each refusal says why. `asked` has the requests, `ledger` what goes to servers and comes back.
//!
//! The first two bytes are the operator's choices and the policy in force, the rest what happens.

use super::site::{Choices, Variant};
use super::steps::Feed;
use super::world::World;

/// Enough for every queue to fill and every timer to run out.
const MOST_STEPS: usize = 200;

pub fn check(input: &[u8]) {
    let mut feed = Feed(input);
    let (choices, more) = (feed.byte(), feed.byte());
    let (choices, variant) = (Choices::of(choices, more), Variant::of(more));
    let mut world = World::open(choices, variant);
    for _ in 0..MOST_STEPS {
        let Some(step) = feed.step().filter(|_| !world.is_closed()) else { break };
        world.take(step);
    }
    world.end();
}
