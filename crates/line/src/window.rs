//! Replies kept for a moment, so that the same read is asked of the bus once.
//!
//! Kept true here: whatever is written to a unit, under any of its ids, ends what is kept of it.

use crate::config::LineConfig;
use crate::job::Class;
use crate::seats::Offer;
use wire::{Span, UnitId};

/// Kept at most; the oldest go first. 150 units with four reads each.
const MOST_KEPT: usize = 600;

#[derive(Debug)]
struct Kept {
    unit_id: UnitId,
    request: Vec<u8>,
    reply: Vec<u8>,
    at_ns: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Window {
    kept: Vec<Kept>,
}

// === impl Window ===

impl Window {
    pub(crate) fn reply(&self, offer: &Offer, config: &LineConfig, now_ns: u64) -> Option<&[u8]> {
        let is_fresh = |kept: &&Kept| now_ns.saturating_sub(kept.at_ns) <= config.window_ns;
        let is_it = |kept: &&Kept| kept.unit_id == offer.unit_id && kept.request == offer.pdu;
        self.kept.iter().filter(is_fresh).find(is_it).map(|kept| &*kept.reply)
    }

    pub(crate) fn keep(&mut self, (unit_id, request): (UnitId, &[u8]), reply: &[u8], now_ns: u64) {
        self.kept.retain(|kept| kept.unit_id != unit_id || kept.request != request);
        if self.kept.len() >= MOST_KEPT {
            self.kept.remove(0);
        }
        self.kept.push(Kept { unit_id, request: request.to_vec(), reply: reply.to_vec(), at_ns: now_ns });
    }

    /// A unit's state may have changed; 0 is all of them where the line has broadcasts.
    pub(crate) fn end(&mut self, unit_id: UnitId, config: &LineConfig) {
        if config.has_broadcast && unit_id == UnitId(0) {
            return self.kept.clear();
        }
        self.kept.retain(|kept| !is_same(unit_id, kept.unit_id, config));
    }

    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}

/// Whether two ids are one device.
pub(crate) fn is_same(one: UnitId, other: UnitId, config: &LineConfig) -> bool {
    one == other || config.twins.iter().any(|ids| ids.contains(&one) && ids.contains(&other))
}

/// Whether a read may be answered from the window at all.
pub(crate) fn is_shareable(unit_id: UnitId, class: Class, config: &LineConfig) -> bool {
    let Class::Read(span) = class else { return false };
    let overlaps = |other: &Span| other.table == span.table && other.range.overlaps(span.range);
    let has_effect = |(unit, other): &(UnitId, Span)| is_same(*unit, unit_id, config) && overlaps(other);
    config.window_ns > 0 && !config.side_effects.iter().any(has_effect)
}
