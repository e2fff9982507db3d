//! Checks that a document can be enforced as it stands; all problems at once, each with its place.

mod plant;
mod rules;
mod tls;

use crate::document::{Answer, Document};
use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

/// Everything that is wrong with a document.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentError {
    problems: Vec<Problem>,
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where: `conduits[0].rules[3].clients[1]`.
    pub place: String,
    /// What.
    pub flaw: Flaw,
}

/// What is wrong with a part of a document.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Flaw {
    /// Not the JSON of a document; the parser's words.
    Json(String),
    /// A format this core does not know.
    Format(u32),
    /// An index that refers to nothing.
    Index(usize),
    /// The same name, id, address or socket twice.
    Duplicate(String),
    /// Nothing where something must be.
    Empty,
    /// A number that is none, or has no meaning here.
    Number(f64),
    /// A lower bound above its upper bound.
    Inverted,
    /// Addresses beyond 65535.
    PastEnd,
    /// A type that its table cannot hold.
    TypeOfTable,
    /// Text that names nothing of the expected kind.
    Unknown(String),
    /// Steps of the time zone out of order.
    Unordered,
    /// Unit id 0 behind a gateway is broadcast and belongs to no unit.
    BroadcastUnit,
    /// A `never` has no use for this.
    NotOnNever,
    /// More than the core keeps.
    TooMany(usize),
}

/// Collects problems.
#[derive(Default)]
pub(super) struct Findings(Vec<Problem>);

/// Parse a document and check all of it.
pub(crate) fn parse_document(json: &[u8]) -> Result<Document, DocumentError> {
    let document: Document = serde_json::from_slice(json).map_err(|error| DocumentError {
        problems: vec![Problem { place: "document".to_owned(), flaw: Flaw::Json(error.to_string()) }],
    })?;
    let mut findings = Findings::default();
    check_head(&document, &mut findings);
    plant::check(&document, &mut findings);
    rules::check(&document, &mut findings);
    tls::check(&document, &mut findings);
    if findings.0.is_empty() {
        return Ok(document);
    }
    Err(DocumentError { problems: findings.0 })
}

fn check_head(document: &Document, findings: &mut Findings) {
    findings.check(document.format == 1, "format", || Flaw::Format(document.format));
    let offsets = &document.utc_offsets;
    findings.check(offsets.is_sorted_by(|a, b| a.0 < b.0), "utc_offsets", || Flaw::Unordered);
    for (index, (_, offset_s)) in offsets.iter().enumerate() {
        let place = format!("utc_offsets[{index}]");
        findings.check(offset_s.abs() <= 86_400, &place, || Flaw::Number(f64::from(*offset_s)));
    }
    let mut rules = document.conduits.iter().flat_map(|conduit| &conduit.rules);
    let knows_time = !offsets.is_empty() || rules.all(|rule| rule.when.is_none());
    findings.check(knows_time, "utc_offsets", || Flaw::Empty);
}

// === impl Findings ===

impl Findings {
    pub(super) fn check(&mut self, holds: bool, place: &str, flaw: impl FnOnce() -> Flaw) {
        if !holds {
            self.0.push(Problem { place: place.to_owned(), flaw: flaw() });
        }
    }

    pub(super) fn check_unique<K: Eq + Hash + fmt::Display>(&mut self, keys: impl Iterator<Item = (String, K)>) {
        let mut seen = HashSet::new();
        for (place, key) in keys {
            let text = key.to_string();
            self.check(seen.insert(key), &place, || Flaw::Duplicate(text));
        }
    }

    pub(super) fn check_answer(&mut self, answer: Answer, place: &str) {
        if let Answer::Exception(code) = answer {
            self.check((1..=127).contains(&code), place, || Flaw::Number(f64::from(code)));
        }
    }
}

// === impl DocumentError ===

impl DocumentError {
    /// Every problem found; at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", problem.place, problem.flaw)?;
        }
        Ok(())
    }
}

impl std::error::Error for DocumentError {}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "{error}"),
            Self::Format(format) => write!(f, "format {format} is not known here, only 1"),
            Self::Index(index) => write!(f, "index {index} refers to nothing"),
            Self::Duplicate(what) => write!(f, "{what} stands twice"),
            Self::Empty => write!(f, "must not be empty"),
            Self::Number(number) => write!(f, "{number} has no meaning here"),
            Self::Inverted => write!(f, "the lower bound is above the upper"),
            Self::PastEnd => write!(f, "reaches beyond address 65535"),
            Self::TypeOfTable => write!(f, "a type that this table cannot hold"),
            Self::Unknown(text) => write!(f, "{text:?} names nothing known"),
            Self::Unordered => write!(f, "must ascend"),
            Self::BroadcastUnit => write!(f, "unit id 0 behind a gateway is broadcast"),
            Self::NotOnNever => write!(f, "has no meaning in a never rule"),
            Self::TooMany(most) => write!(f, "more than {most}"),
        }
    }
}

#[cfg(test)]
mod tests;
