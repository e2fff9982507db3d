//! Invariant tested: a verdict is what a slow and obvious model says, address by address and rule by rule.
//!
//! A fuzzer's bytes are seeds of chance, two for the setting, for the points, for each rule and for each step: so a
//! change of one changes one thing, and all draw from the same strategies. A policy is compiled once for all talks
//! that begin alike, a rule or a step made once for all that have its seed.

use crate::pair::{Twins, compiled, talk};
use crate::tried::{POINTS, Step, any_limits, any_points, any_rule, any_setting, any_step, maybe};
use proptest::prelude::{Strategy, prop};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;

/// Bytes of a seed: 65,536 rules and as many steps are more than a run meets, and few enough to meet again.
const SEED: usize = 2;
const MOST_RULES: usize = 9;
const MOST_STEPS: usize = 40;
/// Kept ready; a policy with its views takes some hundred KiB.
const MOST_POLICIES: usize = 256;
const MOST_DRAWN: usize = 65_536;

thread_local! {
    static POLICIES: RefCell<HashMap<Vec<u8>, Twins>> = RefCell::default();
    static RULES: RefCell<HashMap<Vec<u8>, Value>> = RefCell::default();
    static STEPS: RefCell<HashMap<Vec<u8>, Step>> = RefCell::default();
}

/// A policy, and what is asked under it.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    setting: Value,
    points: Value,
    rules: Vec<Value>,
    steps: Vec<Step>,
}

pub(crate) fn check(bytes: &[u8]) {
    let Some(head) = bytes.first() else { return };
    let policy_bytes = 1 + SEED * (2 + usize::from(*head) % MOST_RULES);
    let (policy, steps) = bytes.split_at(policy_bytes.min(bytes.len()));
    let policies = kept(&POLICIES, MOST_POLICIES, policy, drawn_policy);
    let steps = steps.chunks(SEED).take(MOST_STEPS);
    let steps: Vec<Step> =
        steps.map(|seed| kept(&STEPS, MOST_DRAWN, seed, |seed| drawn(any_step(), Some(seed)))).collect();
    talk(policies, &steps);
}

type Kept<T> = std::thread::LocalKey<RefCell<HashMap<Vec<u8>, T>>>;

fn kept<T: Clone>(all: &'static Kept<T>, most: usize, key: &[u8], make: impl Fn(&[u8]) -> T) -> T {
    all.with_borrow_mut(|all| {
        if !all.contains_key(key) {
            if all.len() >= most {
                all.clear();
            }
            all.insert(key.to_vec(), make(key));
        }
        all[key].clone()
    })
}

fn drawn_policy(bytes: &[u8]) -> Twins {
    let mut seeds = bytes[1..].chunks(SEED);
    let setting = drawn(any_setting(), seeds.next());
    let points = drawn(any_points(), seeds.next());
    let rules: Vec<Value> =
        seeds.map(|seed| kept(&RULES, MOST_DRAWN, seed, |seed| drawn(any_rule(), Some(seed)))).collect();
    compiled(&setting, &points, &rules)
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
    (any_setting(), any_points(), rules, prop::collection::vec(any_step(), 1..12))
        .prop_map(|(setting, points, rules, steps)| Talk { setting, points, rules, steps })
}

/// One rule with limits, and a long past.
pub(crate) fn any_busy_talk() -> impl Strategy<Value = Talk> {
    let limits = maybe((0..POINTS.len(), any_limits()));
    (any_setting(), any_points(), limits, prop::collection::vec(any_step(), 20..60)).prop_map(
        |(setting, points, limits, steps)| {
            let limits = limits.map_or(json!({}), |(point, limits)| json!({POINTS[point]: limits}));
            let busy = |step: Step| Step { unit: 1, wait_s: step.wait_s % 1800, client: 0, ..step };
            Talk {
                setting,
                points,
                rules: vec![json!({"kind": "permit", "functions": ["read", "write"], "limits": limits})],
                steps: steps.into_iter().map(busy).collect(),
            }
        },
    )
}

/// Two rules that share the registers between them, so that a request over the border needs both.
pub(crate) fn any_split_talk() -> impl Strategy<Value = Talk> {
    let steps = prop::collection::vec(any_step(), 4..16);
    (any_setting(), any_points(), 1..14_u16, any_rule(), steps).prop_map(|(setting, points, border, rule, steps)| {
        let half = |first: u16, last: u16| {
            json!({"kind": "permit", "functions": ["read", "write"], "ranges": [["holding_register", first, last]]})
        };
        Talk { setting, points, rules: vec![half(0, border - 1), half(border, 30), rule], steps }
    })
}

impl Talk {
    /// Hold it against the model.
    pub(crate) fn hold(&self) {
        talk(compiled(&self.setting, &self.points, &self.rules), &self.steps);
    }
}
