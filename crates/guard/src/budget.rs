//! How many rows of its own making one source may fill the journal with: refusals, and sessions it opens.
//!
//! Kept true here: a row over the budget is counted, never forgotten; the memory for
//! sources is bounded, and those beyond it share one place.

use crate::limits::Limit;
use event::Kind;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

const SECOND_NS: u64 = 1_000_000_000;
/// At ~100 bytes each a few hundred kilobytes; a plant has tens of clients.
const MOST_SOURCES: usize = 4096;

/// Rows that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    Refusal,
    Response,
    Session,
}

/// What one source did beyond its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    pub(crate) source: IpAddr,
    pub(crate) class: Class,
    pub(crate) count: u64,
    pub(crate) first_utc_ns: i64,
}

#[derive(Default)]
pub(crate) struct RefusalBudget {
    sources: HashMap<(IpAddr, Class), Source>,
}

struct Source {
    window_ns: u64,
    rows: u32,
    excess: u64,
    first_utc_ns: i64,
}

impl Class {
    /// The kind of the row that sums it up.
    pub(crate) fn summary(self) -> Kind {
        match self {
            Self::Refusal => Kind::RequestSummary,
            Self::Response => Kind::ResponseSummary,
            Self::Session => Kind::SessionSummary,
        }
    }

    /// The limit that its source met.
    pub(crate) fn limit(self) -> Limit {
        match self {
            Self::Refusal => Limit::DenialRows,
            Self::Response => Limit::ResponseRows,
            Self::Session => Limit::SessionRows,
        }
    }
}

impl RefusalBudget {
    /// Whether the source may have one more row of its own this second; else it is counted.
    pub(crate) fn permits(&mut self, (source, class): (IpAddr, Class), per_second: u32, now: policy::Moment) -> bool {
        let has_place = self.sources.len() < MOST_SOURCES || self.sources.contains_key(&(source, class));
        let source = if has_place { source } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let fresh = Source { window_ns: now.monotonic_ns, rows: 0, excess: 0, first_utc_ns: 0 };
        let entry = self.sources.entry((source, class)).or_insert(fresh);
        if now.monotonic_ns.saturating_sub(entry.window_ns) >= SECOND_NS {
            (entry.window_ns, entry.rows) = (now.monotonic_ns, 0);
        }
        if entry.rows < per_second {
            entry.rows += 1;
            return true;
        }
        if entry.excess == 0 {
            entry.first_utc_ns = now.utc_ns;
        }
        entry.excess += 1;
        false
    }

    /// What was counted since the last call; quiet sources are forgotten.
    pub(crate) fn take_excess(&mut self, now_ns: u64) -> Vec<Excess> {
        let mut taken = Vec::new();
        self.sources.retain(|&(source, class), entry| {
            if entry.excess > 0 {
                let (count, first_utc_ns) = (std::mem::take(&mut entry.excess), entry.first_utc_ns);
                taken.push(Excess { source, class, count, first_utc_ns });
                return true;
            }
            now_ns.saturating_sub(entry.window_ns) < SECOND_NS
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::Moment;

    fn at(seconds: u64) -> Moment {
        Moment { monotonic_ns: seconds * SECOND_NS, utc_ns: 5, synchronised: true }
    }

    #[test]
    fn rows_over_the_budget_are_counted_not_forgotten() {
        let source = IpAddr::from([127, 0, 0, 9]);
        let mut budget = RefusalBudget::default();
        let kept = (0..10).filter(|_| budget.permits((source, Class::Refusal), 3, at(0))).count();

        assert_eq!(kept, 3);
        assert_eq!(budget.take_excess(0), [Excess { source, class: Class::Refusal, count: 7, first_utc_ns: 5 }]);
        assert_eq!(budget.take_excess(0), []);
        assert!(budget.permits((source, Class::Refusal), 3, at(1)));
    }

    #[test]
    fn a_client_that_reconnects_often_keeps_the_rows_of_its_refusals() {
        let source = IpAddr::from([127, 0, 0, 9]);
        let mut budget = RefusalBudget::default();
        while budget.permits((source, Class::Session), 3, at(0)) {}

        assert!(budget.permits((source, Class::Refusal), 3, at(0)));
    }

    #[test]
    fn sources_beyond_the_memory_share_one_place() {
        let mut budget = RefusalBudget::default();
        for number in 0..5000_u32 {
            let source = IpAddr::V4(number.into());
            budget.permits((source, Class::Refusal), 1, at(0));
            budget.permits((source, Class::Refusal), 1, at(0));
        }

        assert!(budget.sources.len() <= MOST_SOURCES + 1);
        let counted: u64 = budget.take_excess(0).iter().map(|excess| excess.count).sum();
        assert_eq!(counted, 5000 + (5000 - MOST_SOURCES as u64 - 1));
    }
}
