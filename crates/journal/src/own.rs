//! The journal's own rows: their wording, and how a reader understands it again.
//!
//! Each reason is one machine-readable word, then operands.

use crate::hex;
use crate::row::{Digest, Link, Written};
use crate::wall::WallClock;
use crossbeam_channel::Sender;
use event::{Clock, Event, Kind};
use std::sync::Arc;

/// A row of the journal's own that waits for its number.
pub(crate) struct OwnRow {
    pub(crate) kind: Kind,
    pub(crate) reason: String,
    /// Told whether the row became durable; where nobody is told, a lost row is recorded later.
    pub(crate) answer: Option<Sender<bool>>,
}

/// Why a segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The first start in an empty directory.
    First,
    /// A start after a clean stop.
    Started,
    /// A start after an unclean stop.
    Recovered,
    /// The segment before reached its size or age.
    Rotated,
    /// A write or sync of the segment before failed: what lies beyond the named row is unconfirmed.
    Failed,
}

/// What a signed row says, for whoever verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    Opened {
        after: Link,
        cause: Cause,
    },
    Sealed {
        name: String,
        file: Digest,
        end: Link,
    },
    Retired {
        name: String,
        end: Link,
    },
    /// A checkpoint of a live segment: what the file held before the batch that it stands in.
    Checkpoint(Written),
    /// A start found altered bytes before whole batches.
    Damaged {
        name: String,
        after: u64,
    },
    Other,
}

impl Cause {
    const ALL: [Self; 5] = [Self::First, Self::Started, Self::Recovered, Self::Rotated, Self::Failed];

    fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Started => "started",
            Self::Recovered => "recovered",
            Self::Rotated => "rotated",
            Self::Failed => "failed",
        }
    }
}

/// Makes rows in the guard's name.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) guard: Arc<str>,
    pub(crate) wall: WallClock,
}

impl Author {
    pub(crate) fn row(&self, kind: Kind, reason: String, clock: Clock) -> Event {
        Event {
            time: self.wall.utc_ns(),
            clock,
            kind,
            guard: Some(Arc::clone(&self.guard)),
            reason: Some(Arc::from(reason)),
            ..Event::default()
        }
    }
}

pub(crate) fn opened(after: Link, cause: Cause) -> String {
    format!("after: {} {} {}", after.sequence, hex::render(&after.digest), cause.word())
}

pub(crate) fn sealed(name: &str, file: &Digest, end: Link) -> String {
    format!("sealed: {name} sha256 {} end {} {}", hex::render(file), end.sequence, hex::render(&end.digest))
}

pub(crate) fn checkpoint(why: &str, written: Written) -> String {
    format!("checkpoint: {why} bytes {} blake3 {}", written.bytes, hex::render(&written.digest))
}

/// Whether a checkpoint was the last act of a clean stop.
pub(crate) fn is_stop(event: &Event) -> bool {
    let reason = event.reason.as_deref().unwrap_or_default();
    event.kind == Kind::JournalCheckpoint && reason.starts_with("checkpoint: stop ")
}

pub(crate) fn retired(name: &str, end: Link, why: &str) -> String {
    format!("retired: {name} end {} {} {why}", end.sequence, hex::render(&end.digest))
}

/// Understand a signed row.
pub(crate) fn parse(event: &Event) -> Statement {
    let words: Vec<&str> = event.reason.as_deref().unwrap_or_default().split(' ').collect();
    parse_words(event.kind, &words).unwrap_or(Statement::Other)
}

fn parse_words(kind: Kind, words: &[&str]) -> Option<Statement> {
    match (kind, words) {
        (Kind::JournalSegmentOpened, ["after:", sequence, digest, cause]) => {
            let cause = Cause::ALL.into_iter().find(|known| known.word() == *cause)?;
            Some(Statement::Opened { after: link(sequence, digest)?, cause })
        }
        (Kind::JournalSealed, ["sealed:", name, "sha256", file, "end", sequence, digest]) => {
            Some(Statement::Sealed { name: (*name).to_owned(), file: hex::parse(file)?, end: link(sequence, digest)? })
        }
        (Kind::JournalRetired, ["retired:", name, "end", sequence, digest, _]) => {
            Some(Statement::Retired { name: (*name).to_owned(), end: link(sequence, digest)? })
        }
        (Kind::JournalCheckpoint, ["checkpoint:", _, "bytes", bytes, "blake3", digest]) => {
            Some(Statement::Checkpoint(Written { bytes: bytes.parse().ok()?, digest: hex::parse(digest)? }))
        }
        (Kind::JournalRecovered, ["damaged:", name, _, "after", sequence]) => {
            Some(Statement::Damaged { name: (*name).to_owned(), after: sequence.parse().ok()? })
        }
        _ => None,
    }
}

fn link(sequence: &str, digest: &str) -> Option<Link> {
    Some(Link { sequence: sequence.parse().ok()?, digest: hex::parse(digest)? })
}

#[cfg(test)]
mod tests {
    use super::{Author, Cause, Statement, checkpoint, opened, parse, retired, sealed};
    use crate::row::{Link, Written};
    use crate::wall::WallClock;
    use event::{Clock, Kind};
    use std::sync::Arc;

    const END: Link = Link { sequence: 9, digest: [7; 32] };

    fn read_back(kind: Kind, reason: String) -> Statement {
        parse(&Author { guard: Arc::from("gate-1"), wall: WallClock::default() }.row(kind, reason, Clock::Synchronised))
    }

    #[test]
    fn another_kind_with_the_same_words_says_nothing() {
        assert_eq!(read_back(Kind::PolicyReloaded, opened(END, Cause::Failed)), Statement::Other);
    }

    #[test]
    fn what_is_written_is_understood_again() {
        let name = "x.parquet".to_owned();

        let opened = read_back(Kind::JournalSegmentOpened, opened(END, Cause::Failed));
        let sealed = read_back(Kind::JournalSealed, sealed(&name, &[1; 32], END));
        let retired = read_back(Kind::JournalRetired, retired(&name, END, "age"));

        let written = Written { bytes: 7, digest: [3; 32] };
        let checkpoint = read_back(Kind::JournalCheckpoint, checkpoint("stop", written));

        assert_eq!(checkpoint, Statement::Checkpoint(written));
        assert_eq!(opened, Statement::Opened { after: END, cause: Cause::Failed });
        assert_eq!(sealed, Statement::Sealed { name: name.clone(), file: [1; 32], end: END });
        assert_eq!(retired, Statement::Retired { name, end: END });
    }
}
