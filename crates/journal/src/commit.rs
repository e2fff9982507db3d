//! One commit: number what the journal adds, chain, sign, write, sync, and say what became of it.

use crate::chain::{Chain, seam, sign};
use crate::keys::Keys;
use crate::own::{self, Author};
use crate::queue::{Gap, OwnRow, Taken};
use crate::row::{Link, Proof, Row, Written, is_signed};
use event::{Clock, Event, Kind, Sequence};

/// Turns events into chained rows.
pub(crate) struct Scribe {
    pub(crate) author: Author,
    pub(crate) keys: Keys,
    /// What the guard last said of its clock; the journal's own rows say the same.
    pub(crate) clock: Clock,
}

/// Rows ready for the disk, and who wants to know.
pub(crate) struct Prepared {
    pub(crate) rows: Vec<Row>,
    pub(crate) end: Link,
    /// The last signed row among them.
    pub(crate) signed: Option<Link>,
    pub(crate) answers: Vec<OwnRow>,
    /// What must be told again if this is lost.
    pub(crate) gap_if_lost: Gap,
    pub(crate) has_events: bool,
}

impl Scribe {
    /// Chain all that was taken, in the order of its numbers.
    pub(crate) fn prepare(&mut self, taken: Taken, after: Link, (why, written): (&str, Written)) -> Prepared {
        let mut prepared = Prepared::new(&taken);
        let mut events = Vec::with_capacity(taken.rows.len() + taken.own.len() + 3);
        self.clock = taken.rows.last().map_or(self.clock, |last| last.clock);
        let checkpoint = |scribe: &Self, number, why: &str| {
            scribe.own(number, Kind::JournalCheckpoint, own::checkpoint(why, written))
        };
        events.extend(taken.front.map(|number| checkpoint(self, number, "interval")));
        events.extend(taken.rows);
        for (number, row) in taken.own {
            events.push(self.own(number, row.kind, row.reason.clone()));
            prepared.answers.push(row);
        }
        events.extend(taken.gap.map(|(number, gap)| self.gap(number, gap)));
        events.extend(taken.checkpoint.map(|number| checkpoint(self, number, why)));
        self.chain(events, after, &mut prepared);
        prepared
    }

    /// The rows that begin a segment.
    pub(crate) fn prepare_opening(&self, number: u64, reason: String, after: Link) -> Prepared {
        let mut prepared = Prepared::new(&Taken::default());
        let opening = self.own(number, Kind::JournalSegmentOpened, reason);
        self.chain(vec![opening], after, &mut prepared);
        prepared
    }

    fn chain(&self, events: Vec<Event>, after: Link, prepared: &mut Prepared) {
        let mut chain = Chain::after(after);
        for event in events {
            let digest = chain.follow(&event);
            let proof: Option<Proof> = is_signed(event.kind).then(|| sign(digest, self.keys.current()));
            if proof.is_some() {
                prepared.signed = Some(chain.last());
            }
            prepared.rows.push(Row { event, proof, commit: None });
        }
        prepared.end = chain.last();
        let seam = seam(after.digest, &prepared.rows, prepared.end.digest);
        prepared.rows.last_mut().into_iter().for_each(|last| last.commit = Some(seam));
    }

    fn own(&self, number: u64, kind: Kind, reason: String) -> Event {
        Event { sequence: Sequence(number), ..self.author.row(kind, reason, self.clock) }
    }

    fn gap(&self, number: u64, gap: Gap) -> Event {
        let reason = format!("rows_not_recorded: {} first_time {} last_time {}", gap.count, gap.first_ns, gap.last_ns);
        Event { count: Some(gap.count), ..self.own(number, Kind::JournalGap, reason) }
    }
}

impl Prepared {
    fn new(taken: &Taken) -> Self {
        let mut gap_if_lost = taken.gap.map(|(_, gap)| gap).unwrap_or_default();
        taken.rows.iter().for_each(|row| gap_if_lost.add(row.time));
        Self {
            rows: Vec::with_capacity(taken.rows.len() + 4),
            end: Link::default(),
            signed: None,
            answers: Vec::new(),
            gap_if_lost,
            has_events: !taken.rows.is_empty(),
        }
    }

    /// Tell whoever waits for one of the journal's own rows.
    pub(crate) fn answer(self, durable: bool) {
        for answer in self.answers.into_iter().filter_map(|row| row.answer) {
            // Who no longer listens need not know.
            let _ = answer.send(durable);
        }
    }
}
