//! One commit: number what the journal adds, chain, sign, write, sync, and say what became of it.

use crate::backlog::Taken;
use crate::chain::{Chain, seam, sign};
use crate::gap::Gap;
use crate::keys::Keys;
use crate::own::{self, Author};
use crate::row::{Digest, Link, Written, is_signed};
use crate::spelled::{Batch, Spelled};
use event::{Clock, Event, Kind, Sequence, SpelledFields};

/// Turns events into chained rows.
pub(crate) struct Scribe {
    pub(crate) author: Author,
    pub(crate) keys: Keys,
    /// What the guard last said of its clock; the journal's own rows say the same.
    pub(crate) clock: Clock,
}

/// Rows ready for the disk.
pub(crate) struct Prepared {
    pub(crate) batch: Batch,
    pub(crate) end: Link,
    /// The last signed row among them.
    pub(crate) signed: Option<Link>,
    pub(crate) has_events: bool,
}

/// A commit under construction.
struct Draft<'a> {
    scribe: &'a Scribe,
    before: Digest,
    chain: Chain,
    prepared: Prepared,
}

impl Scribe {
    /// Chain all that was taken, in the order of its numbers.
    pub(crate) fn prepare(&mut self, taken: Taken, after: Link, (why, written): (&str, Written)) -> Prepared {
        self.clock = taken.rows.iter().rev().find_map(Spelled::last_clock).unwrap_or(self.clock);
        let mut draft = Draft::new(self, after);
        if let Some(number) = taken.front {
            draft.sign(&self.checkpoint(number, "interval", written));
        }
        taken.rows.into_iter().for_each(|rows| draft.take(rows));
        for (number, kind, reason) in taken.own {
            draft.sign(&self.own(number, kind, reason));
        }
        if let Some((number, gap)) = taken.gap {
            draft.sign(&self.gap(number, gap));
        }
        if let Some(number) = taken.checkpoint {
            draft.sign(&self.checkpoint(number, why, written));
        }
        draft.finish()
    }

    /// The rows that begin a segment.
    pub(crate) fn prepare_opening(&self, number: u64, reason: String, after: Link) -> Prepared {
        let mut draft = Draft::new(self, after);
        draft.sign(&self.own(number, Kind::JournalSegmentOpened, reason));
        draft.finish()
    }

    fn checkpoint(&self, number: u64, why: &str, written: Written) -> Event {
        self.own(number, Kind::JournalCheckpoint, own::checkpoint(why, written))
    }

    fn own(&self, number: u64, kind: Kind, reason: String) -> Event {
        Event { sequence: Sequence(number), ..self.author.row(kind, reason, self.clock) }
    }

    fn gap(&self, number: u64, gap: Gap) -> Event {
        let reason = format!("rows_not_recorded: {} first_time {} last_time {}", gap.count, gap.first_ns, gap.last_ns);
        Event { count: Some(gap.count), ..self.own(number, Kind::JournalGap, reason) }
    }
}

impl<'a> Draft<'a> {
    fn new(scribe: &'a Scribe, after: Link) -> Self {
        let prepared = Prepared { batch: Batch::default(), end: after, signed: None, has_events: false };
        Self { scribe, before: after.digest, chain: Chain::after(after), prepared }
    }

    /// Rows of the guard's, numbered and spelled already.
    fn take(&mut self, rows: Spelled) {
        for row in rows.iter() {
            let number = sequence_of(row);
            self.chain.follow_spelled(number, row);
        }
        self.prepared.has_events |= !rows.is_empty();
        self.prepared.batch.rows.push(rows);
    }

    /// A row of the journal's own; signed, as all of them are.
    fn sign(&mut self, event: &Event) {
        let digest = self.chain.follow(event);
        let Prepared { batch, signed, .. } = &mut self.prepared;
        if is_signed(event.kind) {
            batch.proofs.push((batch.len(), sign(digest, self.scribe.keys.current())));
            *signed = Some(self.chain.last());
        }
        batch.push(event);
    }

    fn finish(mut self) -> Prepared {
        self.prepared.end = self.chain.last();
        let proofs = self.prepared.batch.proofs.iter().map(|(_, proof)| proof);
        self.prepared.batch.seam = Some(seam(self.before, proofs, self.prepared.end.digest));
        self.prepared
    }
}

fn sequence_of(row: &[u8]) -> Sequence {
    let number = SpelledFields::new(row).next().and_then(|(_, value)| value.try_into().ok());
    Sequence(number.map(u64::from_be_bytes).unwrap_or_default())
}
