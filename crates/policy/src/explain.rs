//! Explaining a verdict: slowly, over every rule, which operand failed; and the rule that came nearest.

mod fit;
mod question;

pub use question::{KnownValues, Question, QuestionError};

use crate::document::{Answer, RuleKind};
use crate::function::Part;
use crate::moment::Moment;
use crate::plant::Plant;
use crate::policy::Policy;
use crate::rules::Reach;
use crate::target::Target;
use crate::verdict::{Denial, Verdict};
use crate::view::View;
use fit::Fitting;
use serde::Serialize;
use std::sync::Arc;
use wire::{Request, RequestError, UnitId, parse_request};

/// The verdict on a question, and what each rule has to do with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The conduit that decided.
    pub conduit: String,
    /// `permit` or `deny`.
    pub verdict: &'static str,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why it is denied.
    pub reason: Option<String>,
    /// The reason in one word.
    pub word: Option<&'static str>,
    /// What the client of a denied request sees.
    pub answer: Option<Answer>,
    /// Whether the request passes while the journal fails.
    pub essential: bool,
    /// The permit that came nearest to a denied request.
    pub nearest: Option<Nearest>,
    /// Every rule of the conduit.
    pub rules: Vec<RuleFit>,
}

/// The permit that came nearest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nearest {
    /// Its name.
    pub rule: String,
    /// What stood against it.
    pub failed: Vec<FailedOperand>,
}

/// How a rule fits a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleFit {
    /// Its name.
    pub rule: String,
    /// Permit or never.
    pub kind: RuleKind,
    /// Permit: it alone permits the request. Never: it forbids it.
    pub matched: bool,
    /// What stood against it, in the order in which operands are compared.
    pub failed: Vec<FailedOperand>,
}

/// A part of a rule that a request did not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedOperand {
    /// `client`, `role`, `server`, `unit_id`, `function`, `address`, `value` or `when`.
    pub operand: &'static str,
    /// What the rule names.
    pub wanted: String,
    /// What the request has.
    pub found: String,
}

/// Operands in the order in which they are compared: the later one fails, the nearer a rule came.
const OPERANDS: [&str; 8] = ["client", "role", "server", "unit_id", "function", "address", "value", "when"];

/// A question asked of one listener.
struct Inquiry<'a> {
    question: &'a Question,
    view: Arc<View>,
    target: Option<Target>,
    unit: UnitId,
    server: usize,
    plant: Plant,
    now: Moment,
}

/// Say what a policy does with a request, and why.
///
/// # Errors
///
/// The question names what the policy does not know.
pub fn explain(policy: &Policy, question: &Question) -> Result<Explanation, QuestionError> {
    if question.server.is_none() {
        return explain_undeclared(policy, question);
    }
    let place = question.place(policy)?;
    let pdu = question.pdu_bytes()?;
    let tolerates = policy
        .document()
        .servers
        .get(place.server)
        .is_some_and(|server| server.tolerate.contains(&crate::document::Tolerance::OverQuantity));
    let request = parse_request(&pdu, tolerates);
    let listeners = question.listeners(policy, place.server)?;
    let inquiries: Vec<_> =
        listeners.into_iter().map(|listener| Inquiry::new(policy, question, (listener, place))).collect();
    let verdicts = inquiries.iter().map(|inquiry| (inquiry, inquiry.verdict(request.as_ref())));
    let (inquiry, verdict) = verdicts
        .min_by_key(|(inquiry, verdict)| (!matches!(verdict, Ok(Verdict::Permit(_))), !inquiry.view.names_client()))
        .ok_or_else(|| question.no_listener())?;
    Ok(inquiry.explanation(request.as_ref().ok(), verdict))
}

/// Where a unit id leads to nobody no rule is asked: the refusal is the same for every request.
fn explain_undeclared(policy: &Policy, question: &Question) -> Result<Explanation, QuestionError> {
    let (conduit, unit) = question.undeclared(policy)?;
    let listeners = policy.document().conduits.get(conduit).map_or(0, |conduit| conduit.listeners.len());
    let mut views = (0..listeners).map(|listener| policy.view(conduit, listener, &question.principal()));
    let view = views.find(|view| view.target(unit).is_none()).ok_or(QuestionError::Declared(unit.0))?;
    let mut explanation = Explanation::of(&view, Vec::new());
    explanation.deny(view.undeclared(unit));
    Ok(explanation)
}

/// [`explain`], from JSON to JSON.
///
/// # Errors
///
/// The question is no question, or names what the policy does not know.
pub fn explain_json(policy: &Policy, question: &[u8]) -> Result<Vec<u8>, QuestionError> {
    let question = serde_json::from_slice(question).map_err(|error| QuestionError::Json(error.to_string()))?;
    let explanation = explain(policy, &question)?;
    serde_json::to_vec(&explanation).map_err(|error| QuestionError::Json(error.to_string()))
}

// === impl Inquiry ===

impl<'a> Inquiry<'a> {
    fn new(
        policy: &Policy,
        question: &'a Question,
        ((conduit, listener), place): ((usize, usize), question::Place),
    ) -> Self {
        let view = policy.view(conduit, listener, &question.principal());
        let target = view.target(place.unit);
        let mut plant = Plant::new(policy);
        let now = question.moment();
        for unit in target.into_iter().flat_map(|target| units_of(&view, target)) {
            question.teach(&mut plant, unit, now);
        }
        Self { question, view, target, unit: place.unit, server: place.server, plant, now }
    }

    fn verdict(&self, request: Result<&Request<'_>, &RequestError>) -> Result<Verdict, RequestError> {
        let request = request.map_err(|error| *error)?;
        Ok(match self.target {
            Some(target) => self.view.decide(request, target, self.unit, &self.plant, self.now),
            None => Verdict::Deny(self.view.undeclared(self.unit)),
        })
    }

    fn explanation(&self, request: Option<&Request<'_>>, verdict: Result<Verdict, RequestError>) -> Explanation {
        let rules = request.map(|request| self.fits(request)).unwrap_or_default();
        let mut explanation = Explanation::of(&self.view, rules);
        match verdict {
            Ok(Verdict::Permit(permit)) => {
                explanation.verdict = "permit";
                explanation.rule = Some(permit.rule().to_string());
                explanation.essential = permit.is_essential();
            }
            Ok(Verdict::Deny(denial)) => explanation.deny(denial),
            Err(error) => {
                explanation.reason = Some(format!("{}: {error:?}", error.anomaly().name()));
                explanation.word = Some(error.anomaly().name());
                explanation.answer = Some(Answer::Exception(error.exception_code().0));
            }
        }
        explanation
    }

    fn fits(&self, request: &Request<'_>) -> Vec<RuleFit> {
        let fitting = Fitting::new(self, request);
        let rules = self.view.conduit().map(|conduit| conduit.rules.as_slice()).unwrap_or_default();
        rules.iter().map(|rule| fitting.fit(rule)).collect()
    }

    fn reach(&self) -> Reach {
        match self.target {
            Some(target) if target.is_broadcast() => Reach::Broadcast,
            _ => Reach::Unit(self.unit.0),
        }
    }
}

/// The units a target stands for.
fn units_of(view: &View, target: Target) -> Vec<Target> {
    if !target.is_broadcast() {
        return vec![target];
    }
    view.compiled.unit_slots(target.server()).map(|slot| target.at_unit(slot)).collect()
}

// === impl Explanation ===

impl Explanation {
    fn of(view: &View, rules: Vec<RuleFit>) -> Self {
        Self {
            conduit: view.conduit().map(|conduit| conduit.name.to_string()).unwrap_or_default(),
            verdict: "deny",
            rule: None,
            reason: None,
            word: None,
            answer: None,
            essential: false,
            nearest: None,
            rules,
        }
    }

    fn deny(&mut self, denial: Denial) {
        self.word = Some(denial.reason.word());
        self.reason = Some(denial.reason.to_string());
        self.rule = denial.rule.map(|rule| rule.to_string());
        self.answer = Some(denial.answer);
        let permits = self.rules.iter().filter(|fit| fit.kind == RuleKind::Permit && !fit.matched);
        let nearest = permits.min_by_key(|fit| (fit.failed.len(), std::cmp::Reverse(fit.depth())));
        self.nearest = nearest.map(|fit| Nearest { rule: fit.rule.clone(), failed: fit.failed.clone() });
    }
}

// === impl RuleFit ===

impl RuleFit {
    /// How far the rule fitted before its first operand failed.
    fn depth(&self) -> usize {
        let first = self.failed.first().map(|failed| failed.operand);
        OPERANDS.iter().position(|operand| Some(*operand) == first).unwrap_or(OPERANDS.len())
    }
}

/// What a request does, as explanations name it.
fn parts(request: &Request<'_>) -> Vec<Part> {
    Part::all(request).into_iter().flatten().collect()
}
