//! Invariant tested: a verdict is what a slow and obvious model says, address by address and rule by rule.
//!
//! A fuzzer's bytes are seeds of chance, four for the points, for each rule and for each step: so a change of one
//! changes one thing, and all draw from the same strategies.

use crate::pair::talk;
use crate::tried::{POINTS, Step, any_limits, any_points, any_rule, any_step, maybe};
use proptest::prelude::{Strategy, prop};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

const MOST_RULES: u8 = 9;
const MOST_STEPS: usize = 60;

/// A policy, and what is asked under it.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    points: Value,
    rules: Vec<Value>,
    steps: Vec<Step>,
}

pub(crate) fn check(bytes: &[u8]) {
    let Some((head, seeds)) = bytes.split_first() else { return };
    let mut seeds = seeds.chunks(4);
    let points = drawn(any_points(), seeds.next());
    let rules = (0..head % MOST_RULES).map(|_| drawn(any_rule(), seeds.next())).collect();
    let steps = seeds.take(MOST_STEPS).map(|seed| drawn(any_step(), Some(seed))).collect();
    Talk { points, rules, steps }.hold();
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // Bytes without a pattern, the same each time.
    let mix = |at: u32| at.wrapping_add(1).wrapping_mul(2_654_435_761).to_be_bytes()[0];
    (0..12).map(|seed| (0..9 + seed * 20).map(|at| mix(at + seed * 7919)).collect()).collect()
}

/// What chance gives from this seed on.
fn drawn<T>(strategy: impl Strategy<Value = T>, seed: Option<&[u8]>) -> T {
    let mut whole = [0; 32];
    whole.iter_mut().zip(seed.unwrap_or_default()).for_each(|(to, from)| *to = *from);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &whole);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    strategy.new_tree(&mut runner).unwrap().current()
}

/// Rules of every kind, and a few requests.
pub(crate) fn any_talk() -> impl Strategy<Value = Talk> {
    let rules = prop::collection::vec(any_rule(), 0..9);
    (any_points(), rules, prop::collection::vec(any_step(), 1..12)).prop_map(|(points, rules, steps)| Talk {
        points,
        rules,
        steps,
    })
}

/// One rule with limits, and a long past.
pub(crate) fn any_busy_talk() -> impl Strategy<Value = Talk> {
    let limits = maybe((0..4_usize, any_limits()));
    (any_points(), limits, prop::collection::vec(any_step(), 20..60)).prop_map(|(points, limits, steps)| {
        let limits = limits.map_or(json!({}), |(point, limits)| json!({POINTS[point]: limits}));
        let busy = |step: Step| Step { unit: 1, wait_s: step.wait_s % 7200, client: 0, ..step };
        Talk {
            points,
            rules: vec![json!({"kind": "permit", "functions": ["read", "write"], "limits": limits})],
            steps: steps.into_iter().map(busy).collect(),
        }
    })
}

impl Talk {
    /// Hold it against the model.
    pub(crate) fn hold(self) {
        talk(self.points, &self.rules, &self.steps);
    }
}
