//! Each use of a tolerance, counted: a row at the first, then one a minute with the count.

use std::sync::Arc;

/// A device that breaks a rule breaks it in each reply; a row each would drown the journal.
const ROW_EVERY_NS: u64 = 60_000_000_000;

/// A tolerance by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    TransactionId,
    UnitId,
    Length,
    TrailingBytes,
    OverQuantity,
}

/// How often each tolerance of one server was used since its last row.
#[derive(Debug, Default)]
pub(crate) struct Tolerated {
    uses: [Uses; 5],
}

#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    count: u64,
    last_row_ns: Option<u64>,
}

// === impl Tolerated ===

impl Tolerated {
    /// Count a use; the count so far when a row is due.
    pub(crate) fn count(&mut self, used: Use, now_ns: u64) -> Option<u64> {
        let uses = self.uses.get_mut(used.index())?;
        uses.count = uses.count.saturating_add(1);
        let is_fresh = |last: u64| now_ns.saturating_sub(last) < ROW_EVERY_NS;
        if uses.last_row_ns.is_some_and(is_fresh) {
            return None;
        }
        uses.last_row_ns = Some(now_ns);
        Some(core::mem::take(&mut uses.count))
    }

    /// What no row has told yet.
    pub(crate) fn take_rest(&mut self) -> impl Iterator<Item = (Use, u64)> + '_ {
        let untold = Use::ALL.into_iter().zip(&mut self.uses);
        untold.filter(|(_, uses)| uses.count > 0).map(|(used, uses)| (used, core::mem::take(&mut uses.count)))
    }
}

// === impl Use ===

impl Use {
    const ALL: [Self; 5] = [Self::TransactionId, Self::UnitId, Self::Length, Self::TrailingBytes, Self::OverQuantity];

    fn index(self) -> usize {
        Self::ALL.iter().position(|used| *used == self).unwrap_or_default()
    }

    /// The site file's word for it.
    pub(crate) fn word(self) -> Arc<str> {
        match self {
            Self::TransactionId => "wrong_transaction_id",
            Self::UnitId => "wrong_unit_id",
            Self::Length => "wrong_length",
            Self::TrailingBytes => "trailing_bytes",
            Self::OverQuantity => "over_quantity",
        }
        .into()
    }
}
