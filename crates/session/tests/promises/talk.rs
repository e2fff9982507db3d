//! Invariant tested: whatever happens in whatever order, the promises hold. Nothing reaches a server without a permit or
//! an observed row; a write leaves only after its row is durable, before its deadline, once; a reply reaches the one
//! request it answers; buffers and queues stay within their budgets; each request has its rows.
//!
//! The first byte is the operator's choices, the second the policy in force, the rest what happens.

use super::site::{Choices, Variant};
use super::steps::Feed;
use super::world::World;

/// Enough for every queue to fill and every timer to run out.
const MOST_STEPS: usize = 300;

pub fn check(input: &[u8]) {
    let mut feed = Feed(input);
    let (choices, variant) = (Choices::of(feed.byte()), Variant::of(feed.byte()));
    let mut world = World::open(choices, variant);
    for _ in 0..MOST_STEPS {
        let Some(step) = feed.step().filter(|_| !world.is_closed()) else { break };
        world.take(step);
    }
    world.end();
}
