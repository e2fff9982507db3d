//! The rows that wait for the disk, and their numbers.
//!
//! Kept true here:
//! * numbers rise in the order of the rows on disk: one is kept aside while a commit is under way, so that a segment
//!   opened after a failure can stand before the rows that queued up meanwhile;
//! * what queues up is cut into portions, every one but the first behind a number of its own, so that the same holds
//!   between any two commits;
//! * a commit has an upper bound, also where somebody waits, and for what must stand behind all that waits;
//! * to take rows moves portions and copies none.

use crate::gap::Gap;
use crate::own::OwnRow;
use crate::spelled::Spelled;
use event::{Event, Kind, Sequence};
use std::collections::VecDeque;

/// With so many rows the writer does not wait for the interval, so that its work comes in small portions. 256 were
/// weighed against it: what each commit costs by itself then showed in the time of each request (ADR 0008). Below 5,120
/// rows a second the interval comes first.
pub(crate) const PORTION_ROWS: usize = 1_024;

/// A commit takes no more portions: 16,384 rows, some 20 ms of the writer's own work.
const MOST_PORTIONS: usize = 16;

/// Nor, beyond its first portion, more bytes: a disk that writes 40 MB a second has them within half its deadline.
const MOST_BYTES: usize = 4 << 20;

/// Portions that were written and wait to be filled again.
const MOST_SPARES: usize = 2;

/// How much of what waits a commit takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All that somebody waits for, or half of what nobody waits for.
    Needed,
    /// Up to the last row that the journal adds.
    Added,
}

/// What the journal adds behind all rows that wait.
#[derive(Default)]
pub(crate) struct Added {
    pub(crate) own: Vec<(u64, OwnRow)>,
    pub(crate) gap: Option<(u64, Gap)>,
    pub(crate) checkpoint: Option<u64>,
}

/// Rows that are taken together.
#[derive(Default)]
struct Portion {
    /// Kept free when the portion before it was full.
    front: Option<u64>,
    rows: Spelled,
    added: Option<Added>,
}

/// One commit's worth of rows, numbered.
#[derive(Default)]
pub(crate) struct Taken {
    /// The number kept aside, when rows queued up behind it: a checkpoint takes it.
    pub(crate) front: Option<u64>,
    pub(crate) rows: Vec<Spelled>,
    pub(crate) own: Vec<(u64, Kind, String)>,
    pub(crate) gap: Option<(u64, Gap)>,
    pub(crate) checkpoint: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Backlog {
    /// The next row's number; counted from 0 until the directory was read, so that no number can be given twice.
    next: u64,
    is_numbered: bool,
    kept_aside: Option<u64>,
    portions: VecDeque<Portion>,
    rows: usize,
    bytes: usize,
    waiting: VecDeque<Sequence>,
    spares: Vec<Spelled>,
}

impl Backlog {
    /// Numbers are free from here on. The first is kept aside for a segment: rows may queue up before it is there.
    pub(crate) fn number_from(&mut self, next: u64) {
        if std::mem::replace(&mut self.is_numbered, true) {
            return;
        }
        let by = next + 1;
        for portion in &mut self.portions {
            portion.front = portion.front.map(|front| front + by);
            portion.rows.advance_numbers(by);
        }
        self.next += by;
        self.kept_aside = Some(next);
    }

    /// Queue a row; 0 while it is not known which number it will have.
    pub(crate) fn push(&mut self, event: &Event) -> Sequence {
        if self.portions.back().is_none_or(|last| last.rows.len() >= PORTION_ROWS || last.added.is_some()) {
            self.begin_portion();
        }
        let sequence = Sequence(self.number());
        if let Some(portion) = self.portions.back_mut() {
            let before = portion.rows.weight();
            portion.rows.push(sequence, event);
            self.bytes += portion.rows.weight() - before;
        }
        self.rows += 1;
        if self.is_numbered { sequence } else { Sequence::default() }
    }

    /// Somebody waits for this row.
    pub(crate) fn wait_for(&mut self, sequence: Sequence) {
        self.waiting.push_back(sequence);
    }

    /// The number of a row that found no room.
    pub(crate) fn skip(&mut self) -> Sequence {
        if self.is_numbered { Sequence(self.number()) } else { Sequence::default() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.portions.is_empty()
    }

    pub(crate) fn fits_one_portion(&self) -> bool {
        self.portions.len() <= 1
    }

    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the next commit begins with a checkpoint in any case.
    pub(crate) fn has_front(&self) -> bool {
        self.kept_aside.is_some()
    }

    pub(crate) fn has_added(&self) -> bool {
        self.portions.iter().any(|portion| portion.added.is_some())
    }

    /// Number what the journal adds, behind all that waits; the last number of it.
    pub(crate) fn add(&mut self, own: Vec<OwnRow>, gap: Gap, wants_checkpoint: bool) -> u64 {
        if self.portions.back().is_none_or(|last| last.added.is_some()) {
            self.begin_portion();
        }
        let own = own.into_iter().map(|row| (self.number(), row)).collect();
        let gap = (gap.count > 0).then(|| (self.number(), gap));
        let checkpoint = wants_checkpoint.then(|| self.number());
        if let Some(portion) = self.portions.back_mut() {
            portion.added = Some(Added { own, gap, checkpoint });
        }
        self.next.saturating_sub(1)
    }

    /// What was added and is not taken yet must stand behind something else: it is given back, for new numbers.
    pub(crate) fn take_added(&mut self) -> Vec<Added> {
        let added = self.portions.iter_mut().filter_map(|portion| portion.added.take()).collect();
        self.portions.retain(|portion| !portion.rows.is_empty());
        added
    }

    /// Take rows for one commit, and the added ones behind them; and who waits for them.
    pub(crate) fn take(&mut self, extent: Extent) -> (Option<u64>, Vec<Spelled>, Added, Vec<Sequence>) {
        let front = self.kept_aside.take();
        let mut added = Added::default();
        let mut rows = Vec::new();
        for portion in self.portions.drain(..self.portions_for(extent)) {
            added = portion.added.unwrap_or_default();
            rows.push(portion.rows);
        }
        self.rows -= rows.iter().map(Spelled::len).sum::<usize>();
        self.bytes -= rows.iter().map(Spelled::weight).sum::<usize>();
        self.kept_aside = self.portions.front_mut().and_then(|next| next.front.take());
        let end = self.keep_number_aside();
        let answered = self.waiting.partition_point(|sequence| sequence.0 < end);
        (front, rows, added, self.waiting.drain(..answered).collect())
    }

    /// Room for rows to come.
    pub(crate) fn recycle(&mut self, written: &mut Vec<Spelled>) {
        while self.spares.len() < MOST_SPARES
            && let Some(rows) = written.pop()
        {
            self.spares.extend(rows.emptied());
        }
    }

    /// The number for a row that must stand before all that is queued from now on.
    pub(crate) fn keep_number_aside(&mut self) -> u64 {
        if let Some(number) = self.kept_aside {
            return number;
        }
        let number = self.number();
        self.kept_aside = Some(number);
        number
    }

    /// The number kept aside is used.
    pub(crate) fn use_number(&mut self) {
        self.kept_aside = None;
    }

    /// A number nobody queued up behind is given back, so that rows stay without a hole.
    pub(crate) fn give_number_back(&mut self) {
        if self.kept_aside.is_some_and(|number| number + 1 == self.next) {
            self.next -= 1;
            self.kept_aside = None;
        }
    }

    /// The next row's number; the one kept aside is given back unless a row comes first. 0 while none is known.
    pub(crate) fn next_sequence(&self) -> u64 {
        let is_spare = self.kept_aside.is_some_and(|number| number + 1 == self.next);
        if self.is_numbered { self.next - u64::from(is_spare) } else { 0 }
    }

    /// Whoever waits need wait no longer.
    pub(crate) fn stop_waiting(&mut self) -> Vec<Sequence> {
        self.waiting.drain(..).collect()
    }

    fn begin_portion(&mut self) {
        let front = (!self.portions.is_empty()).then(|| self.number());
        let rows = self.spares.pop().unwrap_or_default();
        self.portions.push_back(Portion { front, rows, added: None });
    }

    /// A backlog is halved: so it goes down however fast rows come and however slow the disk is.
    fn portions_for(&self, extent: Extent) -> usize {
        let wanted = match extent {
            Extent::Needed => self.portions_waited_for().max(self.portions.len().div_ceil(2)),
            Extent::Added => self.portions.len(),
        };
        let end = self.portions.iter().position(|portion| portion.added.is_some()).map_or(usize::MAX, |at| at + 1);
        let within = self.portions.iter().scan(0, |bytes, portion| {
            *bytes += portion.rows.weight();
            Some(*bytes)
        });
        let fitting = within.take_while(|bytes| *bytes <= MOST_BYTES).count().max(1);
        wanted.min(end).min(fitting).min(MOST_PORTIONS).min(self.portions.len())
    }

    fn portions_waited_for(&self) -> usize {
        let Some(last) = self.waiting.back() else { return 0 };
        let begins_before = |portion: &&Portion| portion.front.is_none_or(|front| front < last.0);
        self.portions.iter().take_while(begins_before).count()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}
