//! The policy: one compiled document, and a verdict for every request. No I/O, no clock.
//!
//! Kept true here, and tested against a slow and obvious model:
//! * deny is the default, and a permit is a value that only deciding makes;
//! * permits are a set: order never matters, and a matching `never` beats every permit;
//! * the cost of a verdict is constant or logarithmic in the number of rules.

mod cells;
mod decide;
pub mod document;
mod explain;
mod function;
mod guarding;
mod moment;
mod pages;
mod past;
mod plant;
mod points;
mod policy;
mod prefix;
mod reason;
mod rules;
mod schedule;
mod stretches;
mod target;
mod validate;
mod value;
mod verdict;
mod view;

pub use document::{Answer, Document};
pub use explain::{
    Explanation, FailedOperand, KnownValues, Nearest, Question, QuestionError, RuleFit, explain, explain_json,
};
pub use moment::Moment;
pub use plant::Plant;
pub use policy::{Policy, Principal};
pub use reason::{Reason, Write};
pub use schedule::LocalTime;
pub use target::Target;
pub use validate::{DocumentError, Flaw, Problem};
pub use value::Quantity;
pub use verdict::{Denial, Permit, Verdict};
pub use view::View;
