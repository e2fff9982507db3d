//! A moment, as the caller's clocks show it: time is an argument everywhere in this crate.

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// When something happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Never steps; ages and rates are measured with it.
    pub monotonic_ns: u64,
    /// Wall clock; `when` windows are read from it.
    pub utc_ns: i64,
    /// Whether the wall clock can be trusted; without it no `when` permit holds.
    pub synchronised: bool,
}
