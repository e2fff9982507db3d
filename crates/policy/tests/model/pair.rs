//! The policy and its model, held against each other step by step.

use crate::harness::{self, SECOND, document, span};
use crate::judge::Model;
use crate::known::{History, What};
use crate::tried::{ADDRESSES, Step};
use policy::document::Table;
use policy::{Moment, Plant, Policy, Principal, Verdict, View};
use serde_json::{Value, json};
use std::sync::Arc;
use wire::{UnitId, parse_request};

/// One conversation under one policy.
pub(crate) fn talk(points: Value, rules: &[Value], steps: &[Step]) {
    let named = |(index, rule): (usize, &Value)| {
        let mut rule = rule.clone();
        rule["name"] = json!(format!("rule-{index}"));
        rule
    };
    let rules: Vec<Value> = rules.iter().enumerate().map(named).collect();
    let policy = Policy::parse(document(points, json!(rules)).to_string().as_bytes()).unwrap();
    let utc_ns = harness::MONDAY_NOON_S * 1_000_000_000;
    let now = Moment { monotonic_ns: 1_000_000 * SECOND, utc_ns, synchronised: true };
    let mut pair = Pair { plant: Plant::new(&policy), policy, history: History::default(), now };
    for step in steps {
        pair.step(step);
    }
}

/// The policy beside its model.
struct Pair {
    policy: Policy,
    plant: Plant,
    history: History,
    now: Moment,
}

impl Pair {
    fn step(&mut self, step: &Step) {
        self.now.monotonic_ns += step.wait_s * SECOND;
        self.now.utc_ns += i64::try_from(step.wait_s * SECOND).unwrap();
        self.now.synchronised = step.synchronised;
        let who = Principal { address: ADDRESSES[step.client].parse().unwrap(), role: step.role.map(Into::into) };
        let view = self.policy.view(0, 1, &who);
        self.see(&view, step);
        let request = parse_request(&step.pdu, false).unwrap();
        let target = view.target(UnitId(step.unit)).unwrap();
        let verdict = view.decide(&request, target, UnitId(step.unit), &self.plant, self.now);
        let model = Model { document: self.policy.document(), history: &self.history, now: self.now };
        let expected = model.decide(&request, &who, target.server(), step.unit);
        let actual = match &verdict {
            Verdict::Permit(permit) => Some(permit.is_essential()),
            Verdict::Deny(_) => None,
        };
        assert_eq!(actual, expected, "{step:?} {verdict:?}");
        if actual.is_some() && request.writes().is_some() {
            self.plant.value_forwarded(target, &request, self.now);
            let units = units(step.unit);
            self.history
                .0
                .extend(units.iter().map(|unit| (self.now.monotonic_ns, *unit, What::Write(step.pdu.clone()))));
            if step.fails {
                self.plant.forget_written(target, &request);
                let failed = |unit: &usize| (self.now.monotonic_ns, *unit, What::Failed(request.writes().unwrap()));
                self.history.0.extend(units.iter().map(failed));
            }
        }
    }

    fn see(&mut self, view: &Arc<View>, step: &Step) {
        let Some((table, first, values)) = step.read.as_ref().filter(|_| step.unit != 0) else { return };
        let values: Vec<u16> =
            values.iter().map(|value| if *table == Table::Coil { value % 2 } else { *value }).collect();
        let span = span((*table).into(), *first, u16::try_from(values.len()).unwrap());
        let asked = self.now.monotonic_ns - step.asked_s * SECOND;
        self.plant.observe_read(view.target(UnitId(step.unit)).unwrap(), span, &values, (asked, self.now));
        self.history.0.push((self.now.monotonic_ns, units(step.unit)[0], What::Read(asked, span, values)));
    }
}

fn units(unit_id: u8) -> &'static [usize] {
    match unit_id {
        0 => &[1, 2],
        11 => &[1],
        12 => &[2],
        _ => &[0],
    }
}
