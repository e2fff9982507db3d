//! Rows that could not be recorded, counted.

/// Rows that could not be recorded since the last `journal.gap`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) count: u64,
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
}

impl Gap {
    pub(crate) fn add(&mut self, time: i64) {
        self.merge(Self { count: 1, first_ns: time, last_ns: time });
    }

    pub(crate) fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        let is_first = self.count == 0;
        self.first_ns = if is_first { other.first_ns } else { self.first_ns.min(other.first_ns) };
        self.last_ns = if is_first { other.last_ns } else { self.last_ns.max(other.last_ns) };
        self.count += other.count;
    }
}
