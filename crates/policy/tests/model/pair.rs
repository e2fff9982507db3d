//! The policy and its model, held against each other step by step.

use crate::harness::{self, SECOND, document, span};
use crate::hits::hit;
use crate::judge::{Model, Passage, Refusal, names_client};
use crate::known::{History, What};
use crate::number::registers;
use crate::tried::{ADDRESSES, See, Step};
use policy::document::{Point, RuleKind, Table};
use policy::{Denial, Moment, Permit, Plant, Policy, Principal, Target, Verdict, View};
use serde_json::{Value, json};
use std::rc::Rc;
use std::sync::Arc;
use wire::{Request, Span, UnitId, parse_request};

/// A policy, and another one that says the same.
pub(crate) type Twins = [Rc<Policy>; 2];

pub(crate) fn compiled(setting: &Value, points: &Value, rules: &[Value]) -> Twins {
    let named = |(index, rule): (usize, &Value)| {
        let mut rule = rule.clone();
        rule["name"] = json!(format!("rule-{index}"));
        rule
    };
    let rules: Vec<Value> = rules.iter().enumerate().map(named).collect();
    let mut site = document(points.clone(), json!(rules));
    site["utc_offsets"] = setting["utc_offsets"].clone();
    for key in ["verdicts", "denial"] {
        site["conduits"][0][key] = setting[key].clone();
    }
    if setting["has_zero"] == json!(true) {
        site["servers"][0]["units"][0]["unit_ids"] = json!([1, 255, 0]);
    }
    let text = site.to_string();
    [(); 2].map(|()| Rc::new(Policy::parse(text.as_bytes()).unwrap()))
}

/// One conversation under one policy.
pub(crate) fn talk(policies: Twins, steps: &[Step]) {
    let utc_ns = harness::MONDAY_NOON_S * 1_000_000_000;
    let now = Moment { monotonic_ns: 1_000_000 * SECOND, utc_ns, synchronised: true };
    let mut pair = Pair { plant: Plant::new(&policies[0]), policies, history: History::default(), now };
    for step in steps {
        pair.step(step);
    }
}

/// The policy beside its model.
struct Pair {
    policies: Twins,
    plant: Plant,
    history: History,
    now: Moment,
}

// === impl Pair ===

impl Pair {
    fn step(&mut self, step: &Step) {
        self.now.monotonic_ns += step.wait_s * SECOND;
        self.now.utc_ns += i64::try_from(step.wait_s * SECOND).unwrap();
        self.now.synchronised = step.synchronised;
        if step.reloads {
            self.reload();
        }
        let policy = Rc::clone(&self.policies[0]);
        let who = Principal { address: ADDRESSES[step.client].parse().unwrap(), role: step.role.map(Into::into) };
        let view = policy.view(0, 1, &who);
        let pdu = step.ask.pdu(&policy.document().point_maps[0].points);
        let request = parse_request(&pdu, false).unwrap();
        let model = Model { document: policy.document(), history: &self.history, now: self.now };
        let Some(target) = view.target(UnitId(step.unit)) else {
            assert_eq!(model.decide(&request, &who, step.unit).unwrap_err(), [("unit_undeclared", None)].into());
            return hit("unit_undeclared", true);
        };
        self.see(target, step);
        let model = Model { document: policy.document(), history: &self.history, now: self.now };
        let expected = model.decide(&request, &who, step.unit);
        let actual = view.decide(&request, target, UnitId(step.unit), &self.plant, self.now);
        match (&actual, &expected) {
            (Verdict::Permit(permit), Ok(passage)) => self.compare_permits(permit, passage),
            (Verdict::Deny(denial), Err(refusal)) => self.compare_denials((denial, refusal), (&view, &who)),
            _ => panic!("{actual:?}, the model says {expected:?}: {step:?}"),
        }
        if expected.is_ok() {
            count(step, &request);
            self.forward(step, target, (&request, &pdu));
        }
    }

    fn reload(&mut self) {
        let plant = std::mem::replace(&mut self.plant, Plant::new(&self.policies[0]));
        self.plant = plant.rebind(&self.policies[0], &self.policies[1]);
        self.policies.swap(0, 1);
        hit("a reload with a past", !self.history.0.is_empty());
    }

    fn compare_permits(&self, permit: &Permit, passage: &Passage) {
        assert_eq!(permit.is_essential(), passage.is_essential, "{permit:?} {passage:?}");
        assert!(passage.rules.contains(&**permit.rule()), "{permit:?} {passage:?}");
        hit("essential", permit.is_essential());
        hit("observe", self.policies[0].document().conduits[0].verdicts == policy::document::Verdicts::Observe);
    }

    /// The reason must be one that the model finds, of the rule that it is about, and look as that rule says.
    fn compare_denials(&self, (denial, refusal): (&Denial, &Refusal), (view, who): (&Arc<View>, &Principal)) {
        let conduit = &self.policies[0].document().conduits[0];
        let reason = (denial.reason.word(), denial.rule.as_ref().map(ToString::to_string));
        let is_named = conduit.rules.iter().any(|rule| rule.kind == RuleKind::Permit && names_client(rule, who));
        // Whom no permit names is told that and no more, but for a `never`, which beats everything.
        let is_forbidden = refusal.iter().any(|(word, _)| *word == "never");
        let is_stranger = !view.names_client() && !is_forbidden && reason == ("no_rule", None);
        assert!(is_stranger || refusal.contains(&reason), "{denial:?}, the model says {refusal:?}");
        assert!(is_named || is_stranger || is_forbidden, "a client that no rule names is told more: {denial:?}");
        let own = conduit.rules.iter().find(|rule| Some(&rule.name) == reason.1.as_ref()).and_then(|rule| rule.denial);
        assert_eq!(denial.answer, own.unwrap_or(conduit.denial), "{denial:?}");
        hit(reason.0, true);
        hit("a rule's own denial", own.is_some());
    }

    fn forward(&mut self, step: &Step, target: Target, (request, pdu): (&Request<'_>, &[u8])) {
        let Some(written) = request.writes() else { return };
        self.plant.value_forwarded(target, request, self.now);
        let units = units(target, step.unit);
        let at_ns = self.now.monotonic_ns;
        self.history.0.extend(units.iter().map(|unit| (at_ns, *unit, What::Write(pdu.to_vec()))));
        if step.fails {
            self.plant.forget_written(target, request);
            self.history.0.extend(units.iter().map(|unit| (at_ns, *unit, What::Failed(written))));
        }
    }

    fn see(&mut self, target: Target, step: &Step) {
        let Some(read) = step.read.as_ref().filter(|_| !target.is_broadcast()) else { return };
        let (span, values) = seen(&self.policies[0].document().point_maps[0].points, read);
        let asked = self.now.monotonic_ns - step.asked_s * SECOND;
        self.plant.observe_read(target, span, &values, (asked, self.now));
        self.history.0.push((self.now.monotonic_ns, units(target, step.unit)[0], What::Read(asked, span, values)));
    }
}

fn seen(points: &[Point], read: &See) -> (Span, Vec<u16>) {
    let (table, first, values) = match read {
        See::Raw(Table::Coil, first, values) => (Table::Coil, *first, values.iter().map(|value| value % 2).collect()),
        See::Raw(table, first, values) => (*table, *first, values.clone()),
        See::Number(point, value) => {
            let point = &points[*point];
            (point.table, point.address, registers(point, *value))
        }
    };
    (span(table.into(), first, u16::try_from(values.len()).unwrap()), values)
}

fn units(target: Target, unit_id: u8) -> &'static [usize] {
    match unit_id {
        0 if target.is_broadcast() => &[1, 2],
        11 => &[1],
        12 => &[2],
        _ => &[0],
    }
}

fn count(step: &Step, request: &Request<'_>) {
    hit("broadcast permitted", step.unit == 0 && request.writes().is_some());
    hit("code 22", matches!(request, Request::MaskWriteRegister { .. }));
    hit("code 23", matches!(request, Request::ReadWriteRegisters { .. }));
    hit("no address", request.reads().is_none() && request.writes().is_none());
    hit("a number in its orders", matches!(step.ask, crate::asks::Ask::Number(..)));
}
