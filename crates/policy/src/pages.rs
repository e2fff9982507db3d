//! Last-known raw values of every register and bit seen, in pages, within a budget.
//!
//! Kept true here: a reply to a read that was sent before a write does not hide the write.

use foldhash::fast::RandomState;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use wire::{Span, Table};

/// Addresses to a page: a poll of 125 registers touches five.
const PAGE: u16 = 32;

/// 350 bytes each, so about 6 MB however much of their address space clients scan; 250 more for
/// each page that is written, which takes a rule that permits it.
const PAGES_MAX: usize = 16_384;

/// The units of all servers, as the plant numbers them.
pub(crate) type UnitSlot = usize;

type Key = (UnitSlot, Table, u16);

/// Raw values with the time each was last seen.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pages: HashMap<Key, Page, RandomState>,
    /// Oldest first; the oldest page makes room.
    order: VecDeque<Key>,
}

/// Values stand beside values, so that a poll touches few lines of the cache.
#[derive(Debug, Default)]
struct Page {
    values: [u16; PAGE as usize],
    is_known: [bool; PAGE as usize],
    utc_ns: [i64; PAGE as usize],
    /// When each address was last written, monotonic; 0: never. Most pages are only read.
    written_ns: Option<Box<[u64; PAGE as usize]>>,
}

// === impl Pages ===

impl Pages {
    /// Learn values; says whether any differs from what was known, or was not known.
    pub(crate) fn learn(&mut self, unit: UnitSlot, span: Span, values: &[u16], utc_ns: i64) -> bool {
        self.learn_read((unit, span), values, (u64::MAX, utc_ns))
    }

    /// As [`Pages::learn`], but what was written at or after the moment of asking stays as it is.
    pub(crate) fn learn_read(
        &mut self,
        (unit, span): (UnitSlot, Span),
        values: &[u16],
        (sent_ns, utc_ns): (u64, i64),
    ) -> bool {
        let mut changed = false;
        for ((page, offset, quantity), at) in pieces(span) {
            let values = values.get(at..).unwrap_or_default();
            let values = values.get(..quantity).unwrap_or(values);
            let page = self.page(unit, span.table, page);
            changed |= !page.shows(offset, values);
            if page.written_ns.is_none() {
                page.see(offset, values, utc_ns);
                continue;
            }
            for (place, value) in (offset..).zip(values) {
                if page.is_older(place, sent_ns) {
                    page.see(place, std::slice::from_ref(value), utc_ns);
                }
            }
        }
        changed
    }

    /// Note that a span is written now, whatever its values are.
    pub(crate) fn note_write(&mut self, unit: UnitSlot, span: Span, monotonic_ns: u64) {
        for ((page, offset, quantity), _) in pieces(span) {
            let written_ns = self.page(unit, span.table, page).written_ns.get_or_insert_default();
            written_ns.iter_mut().skip(offset).take(quantity).for_each(|at| *at = monotonic_ns);
        }
    }

    pub(crate) fn forget(&mut self, unit: UnitSlot, span: Span) {
        for ((page, offset, quantity), _) in pieces(span) {
            if let Some(page) = self.pages.get_mut(&(unit, span.table, page)) {
                page.is_known.iter_mut().skip(offset).take(quantity).for_each(|is_known| *is_known = false);
            }
        }
    }

    /// All values of a span and the time of the oldest; `None` unless all are known.
    pub(crate) fn known(&self, unit: UnitSlot, span: Span) -> Option<(Vec<u16>, i64)> {
        let mut values = Vec::with_capacity(usize::from(span.range.quantity()));
        let mut oldest = i64::MAX;
        for ((page, offset, quantity), _) in pieces(span) {
            let page = self.pages.get(&(unit, span.table, page))?;
            let piece = offset..offset + quantity;
            if page.is_known.get(piece.clone())?.contains(&false) {
                return None;
            }
            values.extend_from_slice(page.values.get(piece.clone())?);
            oldest = page.utc_ns.get(piece)?.iter().fold(oldest, |oldest, at| oldest.min(*at));
        }
        Some((values, oldest))
    }

    /// The same values under new unit numbers; units without one are forgotten.
    pub(crate) fn renumbered(self, numbers: &HashMap<UnitSlot, UnitSlot>) -> Self {
        let renumber = |(unit, table, page): Key| Some((*numbers.get(&unit)?, table, page));
        Self {
            pages: self.pages.into_iter().filter_map(|(key, page)| Some((renumber(key)?, page))).collect(),
            order: self.order.into_iter().filter_map(renumber).collect(),
        }
    }

    fn page(&mut self, unit: UnitSlot, table: Table, page: u16) -> &mut Page {
        let key = (unit, table, page);
        if self.pages.len() >= PAGES_MAX && !self.pages.contains_key(&key) {
            self.order.pop_front().and_then(|oldest| self.pages.remove(&oldest));
        }
        match self.pages.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                self.order.push_back(key);
                new.insert(Page::default())
            }
        }
    }
}

// === impl Page ===

impl Page {
    /// Whether just these values were seen here last.
    fn shows(&self, offset: usize, values: &[u16]) -> bool {
        let piece = offset..offset + values.len();
        let is_known = self.is_known.get(piece.clone()).is_some_and(|known| !known.contains(&false));
        is_known && self.values.get(piece) == Some(values)
    }

    fn see(&mut self, offset: usize, values: &[u16], utc_ns: i64) {
        let piece = offset..offset + values.len();
        if let Some(seen) = self.values.get_mut(piece.clone()) {
            seen.copy_from_slice(values);
        }
        self.is_known.get_mut(piece.clone()).unwrap_or_default().fill(true);
        self.utc_ns.get_mut(piece).unwrap_or_default().fill(utc_ns);
    }

    /// Whether a place was last written before this moment, if ever.
    fn is_older(&self, place: usize, than_ns: u64) -> bool {
        let written_ns = self.written_ns.as_ref().and_then(|all| all.get(place)).copied().unwrap_or_default();
        written_ns == 0 || written_ns < than_ns
    }
}

/// Each page a span touches: page, offset in it, quantity; and where that is in the span's values.
fn pieces(span: Span) -> impl Iterator<Item = ((u16, usize, usize), usize)> {
    let (first, last) = (span.range.first(), span.range.last());
    (first / PAGE..=last / PAGE).map(move |page| {
        let start = first.max(page * PAGE);
        let end = last.min(page * PAGE + (PAGE - 1));
        let piece = (page, usize::from(start % PAGE), usize::from(end - start) + 1);
        (piece, usize::from(start - first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::AddressRange;

    fn registers(first: u16, quantity: u16) -> Span {
        Span { table: Table::HoldingRegister, range: AddressRange::new(first, quantity).unwrap() }
    }

    #[test]
    fn nothing_is_known_until_all_of_it_was_seen() {
        let mut pages = Pages::default();
        pages.learn(0, registers(30, 3), &[1, 2, 3], 50);

        assert_eq!(pages.known(0, registers(30, 4)), None);
        assert_eq!(pages.known(1, registers(30, 3)), None);
        assert_eq!(pages.known(0, registers(30, 3)), Some((vec![1, 2, 3], 50)));
    }

    #[test]
    fn the_oldest_value_dates_them_all() {
        let mut pages = Pages::default();
        pages.learn(0, registers(65_500, 36), &[7; 36], 60);
        pages.learn(0, registers(65_535, 1), &[8], 40);

        assert_eq!(pages.known(0, registers(65_534, 2)), Some((vec![7, 8], 40)));
    }

    #[test]
    fn forgotten_values_are_unknown_until_seen_again() {
        let mut pages = Pages::default();
        pages.learn(0, registers(0, 64), &[7; 64], 1);
        pages.forget(0, registers(31, 2));

        assert_eq!(pages.known(0, registers(31, 1)), None);
        assert_eq!(pages.known(0, registers(33, 31)), Some((vec![7; 31], 1)));
    }

    #[test]
    fn learning_says_whether_anything_is_new() {
        let mut pages = Pages::default();

        assert!(pages.learn(0, registers(0, 2), &[1, 2], 1));
        assert!(!pages.learn(0, registers(0, 2), &[1, 2], 2));
        assert!(pages.learn(0, registers(0, 3), &[1, 2, 0], 3));
        assert!(pages.learn(0, registers(0, 3), &[1, 3, 0], 4));
    }

    #[test]
    fn a_scan_of_everything_stays_within_the_budget() {
        let mut pages = Pages::default();
        for unit in 0..10 {
            for first in (0..=65_000).step_by(100) {
                pages.learn(unit, registers(first, 100), &[1; 100], 1);
            }
        }

        assert_eq!(pages.pages.len(), PAGES_MAX);
        assert_eq!(pages.order.len(), PAGES_MAX);
    }
}
