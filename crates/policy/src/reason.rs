//! Why a request is refused: values, not sentences; one word each for machines.

use crate::schedule::LocalTime;
use crate::value::Quantity;
use std::fmt;
use std::sync::Arc;
use wire::{Span, UnitId};

/// Why a request is refused.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// No rule names the client, as it stands before the guard.
    ClientUnnamed,
    /// Rules name the client, for servers of other listeners.
    ServerUnnamed,
    /// Rules name the client's address, and want a role that it does not have.
    RoleUnnamed,
    /// No asset is declared under this unit id.
    UnitUndeclared(UnitId),
    /// Every rule lacks this function for this client and unit.
    FunctionUnnamed(&'static str),
    /// No rule permits the function on these addresses; the first refused part.
    AddressUnnamed(&'static str, Span),
    /// A `never` rule matches.
    Never(Arc<str>),
    /// Broadcast is for writes that a rule with `unit_ids: [0]` permits.
    Broadcast(&'static str),
    /// The only rules that fit hold at other times.
    When(Arc<str>, LocalTime),
    /// The only rules that fit have a `when`, and the guard's clock is not valid.
    ClockInvalid(Arc<str>),
    /// A write would leave a point half old, half new.
    Partial(Arc<str>),
    /// The request writes the point at two of its addresses, and not with one whole value.
    Contradiction(Arc<str>),
    /// NaN or infinity.
    NotFinite(Arc<str>),
    /// Outside the range.
    Range {
        /// What was to be written.
        write: Write,
        /// Smallest permitted.
        low: f64,
        /// Largest permitted.
        high: f64,
    },
    /// Not among the permitted values.
    Allowed(Write),
    /// Too far from the last known value.
    MaxStep {
        /// What was to be written.
        write: Write,
        /// The last known value.
        known: f64,
        /// The largest step.
        limit: f64,
    },
    /// Too far from a value known within the window.
    MaxChange {
        /// What was to be written.
        write: Write,
        /// The known value farthest from it.
        known: f64,
        /// The largest change.
        limit: f64,
        /// The window.
        in_ms: u64,
    },
    /// The limit needs a last known value, and there is none.
    ValueUnknown(Arc<str>),
    /// The last known value is too old for the limit.
    ValueStale {
        /// The point.
        point: Arc<str>,
        /// The value's age.
        age_ms: u64,
        /// The oldest that counts.
        max_age_ms: u64,
    },
    /// No value was known within the window of `max_change`.
    ChangeUnknown {
        /// The point.
        point: Arc<str>,
        /// The window.
        in_ms: u64,
    },
    /// Written as often as permitted.
    PerMinute {
        /// The point.
        point: Arc<str>,
        /// Most writes in 60 s.
        limit: u32,
    },
}

/// A value that was to be written to a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The point's name.
    pub point: Arc<str>,
    /// In engineering units.
    pub value: f64,
    /// The engineering unit's name.
    pub engineering_unit: Option<Arc<str>>,
}

impl Reason {
    /// One machine-readable word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::ClientUnnamed
            | Self::ServerUnnamed
            | Self::RoleUnnamed
            | Self::FunctionUnnamed(_)
            | Self::AddressUnnamed(..) => "no_rule",
            Self::UnitUndeclared(_) => "unit_undeclared",
            Self::Never(_) => "never",
            Self::Broadcast(_) => "broadcast",
            Self::When(..) => "when",
            Self::ClockInvalid(_) => "clock_invalid",
            Self::Partial(_) => "partial",
            Self::Contradiction(_) => "contradiction",
            Self::NotFinite(_) => "not_finite",
            Self::Range { .. } => "range",
            Self::Allowed(_) => "allowed",
            Self::MaxStep { .. } => "max_step",
            Self::MaxChange { .. } => "max_change",
            Self::ValueUnknown(_) => "value_unknown",
            Self::ValueStale { .. } => "value_stale",
            Self::ChangeUnknown { .. } => "change_unknown",
            Self::PerMinute { .. } => "per_minute",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.word())?;
        match self {
            Self::ClientUnnamed => write!(f, "none names this client"),
            Self::ServerUnnamed => write!(f, "none names this client for this server"),
            Self::RoleUnnamed => write!(f, "those that name this client want a role that it does not have"),
            Self::UnitUndeclared(unit) => write!(f, "unit id {}", unit.0),
            Self::FunctionUnnamed(function) => write!(f, "none permits {function} for this client and unit"),
            Self::AddressUnnamed(function, span) => write!(f, "none permits {function} of {}", Place(*span)),
            Self::Never(rule) => write!(f, "{rule}"),
            Self::Broadcast(function) => write!(f, "no rule permits {function} to unit id 0"),
            Self::When(rule, local) => write!(f, "{rule} does not hold on {local}"),
            Self::ClockInvalid(rule) => write!(f, "{rule} depends on the time, and the clock is not valid"),
            Self::Partial(point) => write!(f, "the write covers only part of {point}"),
            Self::Contradiction(point) => write!(f, "{point} is written twice, and not with the same value"),
            Self::NotFinite(point) => write!(f, "{point} is written with what is no number"),
            Self::Range { .. } | Self::Allowed(_) | Self::MaxStep { .. } | Self::MaxChange { .. } => self.fmt_write(f),
            Self::ValueUnknown(point) => write!(f, "no value of {point} is known"),
            Self::ValueStale { point, age_ms, max_age_ms } => {
                write!(f, "the value of {point} is {} old, limit {}", Duration(*age_ms), Duration(*max_age_ms))
            }
            Self::ChangeUnknown { point, in_ms } => {
                write!(f, "no value of {point} was known in the last {}", Duration(*in_ms))
            }
            Self::PerMinute { point, limit } => write!(f, "{point} was written {limit} times in the last minute"),
        }
    }
}

impl Reason {
    /// What the limit that failed would have permitted, for the nearest rule of an explanation.
    #[must_use]
    pub fn wanted(&self) -> String {
        match self {
            Self::Range { low, high, .. } => format!("{} to {}", Quantity(*low), Quantity(*high)),
            Self::Allowed(_) => "one of the permitted values".to_owned(),
            Self::MaxStep { known, limit, .. } => {
                format!("a step of at most {} from {}", Quantity(*limit), Quantity(*known))
            }
            Self::MaxChange { limit, in_ms, .. } => {
                format!("a change of at most {} within {}", Quantity(*limit), Duration(*in_ms))
            }
            Self::ValueUnknown(_) => "a known value to measure the step from".to_owned(),
            Self::ValueStale { max_age_ms, .. } => format!("a known value at most {} old", Duration(*max_age_ms)),
            Self::ChangeUnknown { in_ms, .. } => format!("a value known in the last {}", Duration(*in_ms)),
            Self::PerMinute { limit, .. } => format!("at most {limit} writes a minute"),
            Self::Partial(_) => "a write of the whole point".to_owned(),
            Self::Contradiction(_) => "one value for the point".to_owned(),
            Self::NotFinite(_) => "a number".to_owned(),
            _ => self.word().to_owned(),
        }
    }

    fn fmt_write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { write, low, high } => {
                write!(f, "{write} is outside {} to {}", Quantity(*low), Quantity(*high))
            }
            Self::Allowed(write) => write!(f, "{write} is not among the permitted values"),
            Self::MaxStep { write, known, limit } => {
                write!(f, "{write} is {}, limit {}", Step(write.value, *known), Quantity(*limit))
            }
            Self::MaxChange { write, known, limit, in_ms } => {
                let step = Step(write.value, *known);
                write!(f, "{write} is {step} within {}, limit {}", Duration(*in_ms), Quantity(*limit))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.point, Quantity(self.value))?;
        self.engineering_unit.as_ref().map_or(Ok(()), |unit| write!(f, " {unit}"))
    }
}

/// `3.8 from 21.2`.
struct Step(f64, f64);

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, known) = (Quantity(self.0).rounded(), Quantity(self.1).rounded());
        write!(f, "{} from {known}", Quantity((value - known).abs()))
    }
}

/// Milliseconds in the largest unit that divides them.
pub(crate) struct Duration(pub(crate) u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ms) = *self;
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
        match units.into_iter().find(|(unit_ms, _)| ms != 0 && ms.is_multiple_of(*unit_ms)) {
            Some((unit_ms, name)) => write!(f, "{} {name}", ms / unit_ms),
            None if ms > 10_000 => write!(f, "{} s", Quantity((ms / 100) as f64 / 10.0)),
            None => write!(f, "{ms} ms"),
        }
    }
}

/// `holding_register 100-101`.
pub(crate) struct Place(pub(crate) Span);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = self.0.range;
        write!(f, "{} {}", self.0.table.name(), range.first())?;
        if range.quantity() == 1 {
            return Ok(());
        }
        write!(f, "-{}", range.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_too_far_names_value_step_and_limit() {
        let write = Write { point: "temperature_setpoint".into(), value: 25.0, engineering_unit: Some("degC".into()) };
        let reason = Reason::MaxStep { write, known: f64::from(21.2_f32), limit: 0.5 };

        assert_eq!(reason.word(), "max_step");
        assert_eq!(reason.to_string(), "max_step: temperature_setpoint 25 degC is 3.8 from 21.2, limit 0.5");
    }

    #[test]
    fn ages_read_in_the_unit_that_fits() {
        let text = [0, 999, 60_000, 61_234, 3_600_000].map(|ms| Duration(ms).to_string());

        assert_eq!(text, ["0 ms", "999 ms", "1 min", "61.2 s", "1 h"]);
    }
}
