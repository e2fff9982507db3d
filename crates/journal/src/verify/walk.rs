//! Row by row through the record: the chain is computed anew and held against each signed digest.
//!
//! | signature | digest | what it means |
//! |---|---|---|
//! | holds | as computed | every row since the last signed one is what was written |
//! | holds | another | rows since then are not; the chain is picked up again from here |
//! | does not hold | any | this row is not what was written; the chain goes on as computed |

use super::known::Known;
use super::report::{LastCheckpoint, Place, Verification};
use super::trust::Trust;
use crate::chain::Chain;
use crate::hex;
use crate::names::SegmentName;
use crate::own::{Cause, Statement, parse};
use crate::row::{Digest, Link, Proof, Row, is_signed};
use event::Kind;
use std::collections::{BTreeMap, BTreeSet};

const STRETCH_HINT: &str = "compare with a copy kept elsewhere; rows outside these sequences are not touched";

pub(super) struct Walk {
    pub(super) report: Verification,
    pub(super) trust: Trust,
    pub(super) known: Known,
    /// Every row of the segment before, for a segment that goes on from one of them.
    pub(super) links: Vec<Link>,
    /// Sealed files and their digests, as signed rows state them.
    pub(super) sealed: BTreeMap<String, Digest>,
    /// Segments that retention removed.
    retired: Vec<Retired>,
    /// Where the first file goes on from, when that is no file of the directory.
    pub(super) missing_before: Option<Origin>,
    /// Where later files go on from, when that is not the file before them.
    pub(super) holes: Vec<Hole>,
    pub(super) policies: BTreeSet<String>,
    file: String,
    last_file: Option<String>,
    chain: Option<Chain>,
    proven: u64,
    last_sequence: u64,
    suspicion: Option<&'static str>,
    is_first_row: bool,
    /// Whether the record may begin in the middle of a segment, at any signed row.
    is_excerpt: bool,
    current: Vec<Link>,
}

/// A segment that a signed row says retention removed.
struct Retired {
    first: u64,
    end: Link,
}

/// The row that a segment goes on from, and why it began.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) after: Link,
    cause: Cause,
}

/// A file that does not go on from the one before it: later rows may say that retention removed what was between.
pub(super) struct Hole {
    pub(super) before: String,
    pub(super) file: String,
    pub(super) origin: Origin,
    pub(super) rows: (u64, u64),
}

impl Walk {
    pub(super) fn new(report: Verification, trust: Trust, known: Known) -> Self {
        Self {
            report,
            trust,
            known,
            links: Vec::new(),
            sealed: BTreeMap::new(),
            retired: Vec::new(),
            missing_before: None,
            holes: Vec::new(),
            policies: BTreeSet::new(),
            file: String::new(),
            last_file: None,
            chain: None,
            proven: 0,
            last_sequence: 0,
            suspicion: None,
            is_first_row: true,
            is_excerpt: false,
            current: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, file: &str) {
        self.links = std::mem::take(&mut self.current);
        file.clone_into(&mut self.file);
        self.is_first_row = true;
        self.chain = None;
        self.report.segments += 1;
    }

    /// Begin a record whose first row may be any signed one.
    pub(super) fn begin_within(&mut self, file: &str) {
        self.begin(file);
        self.is_excerpt = true;
    }

    /// Whether no row of this segment was met yet.
    pub(super) fn is_at_first_row(&self) -> bool {
        self.is_first_row
    }

    /// The segment is read; what was suspicious in its tail is told now.
    pub(super) fn end(&mut self) {
        if self.suspicion.is_some() {
            self.tell_stretch("rows altered, removed, reordered or doubled", self.last_sequence);
        }
        self.last_file = Some(std::mem::take(&mut self.file));
    }

    /// First and last sequence met in the segment being read.
    pub(super) fn span(&self) -> Option<(u64, u64)> {
        Some((self.current.first()?.sequence, self.current.last()?.sequence))
    }

    /// Whether retention removed the row that a segment goes on from.
    pub(super) fn is_retired(&self, Origin { after, cause }: Origin) -> bool {
        // Behind rows that the disk did not confirm, a segment goes on from one before the end: its digest went with it.
        let is_within = |retired: &Retired| {
            cause == Cause::Failed && (retired.first..retired.end.sequence).contains(&after.sequence)
        };
        self.retired.iter().any(|retired| retired.end == after || is_within(retired))
    }

    pub(super) fn proven(&self) -> u64 {
        self.proven
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn visit(&mut self, row: &Row) {
        let sequence = row.event.sequence.0;
        self.count(row, sequence);
        if sequence <= self.last_sequence {
            self.suspicion = Some("rows out of order, or doubled");
        }
        if std::mem::replace(&mut self.is_first_row, false) {
            if std::mem::replace(&mut self.is_excerpt, false) && self.take_up(row) {
                return;
            }
            self.open(row);
        }
        let digest = self.chain.as_mut().map(|chain| chain.follow(&row.event));
        self.last_sequence = self.last_sequence.max(sequence);
        match (is_signed(row.event.kind), &row.proof) {
            (true, Some(proof)) => {
                if self.check_proof(row, digest, proof) {
                    self.believe(parse(&row.event));
                }
            }
            (true, None) => self.suspicion = Some("a signed row lost its signature"),
            (false, Some(_)) => self.suspicion = Some("a row carries a proof that no such row has"),
            (false, None) => {}
        }
        if let Some(digest) = self.chain.as_ref().map(|chain| chain.last().digest) {
            let link = Link { sequence, digest };
            self.known.meet(link);
            self.current.push(link);
        }
    }

    fn count(&mut self, row: &Row, sequence: u64) {
        self.report.rows += 1;
        self.report.unproven_rows += 1;
        self.report.first_sequence.get_or_insert(sequence);
        self.report.last_sequence = Some(sequence.max(self.last_sequence));
        if let Some(policy) = row.event.policy.as_deref().filter(|policy| !self.policies.contains(*policy)) {
            self.policies.insert(policy.to_owned());
        }
    }

    /// Whether the row is proved with all that it says: its words count only where its digest was computed from them.
    fn check_proof(&mut self, row: &Row, digest: Option<Digest>, proof: &Proof) -> bool {
        let sequence = row.event.sequence.0;
        self.trust.meet(proof, &mut self.report);
        if !self.trust.holds(sequence, proof) {
            let place = Place::file(&self.file).rows(self.proven.saturating_add(1), sequence);
            self.report.error(place, format!("the signature of row {sequence} does not hold"), STRETCH_HINT);
            return false;
        }
        if digest != Some(proof.digest) {
            self.suspicion.get_or_insert("rows altered, removed, reordered or doubled");
            self.chain = Some(Chain::after(Link { sequence, digest: proof.digest }));
        }
        if let Some(what) = self.suspicion.take() {
            self.tell_stretch(what, sequence);
        }
        self.proven = sequence;
        self.report.unproven_rows = 0;
        self.report.checkpoints += 1;
        self.report.last_checkpoint = Some(LastCheckpoint { sequence, digest: hex::render(&proof.digest) });
        digest == Some(proof.digest)
    }

    fn believe(&mut self, statement: Statement) {
        match statement {
            Statement::Sealed { name, file, .. } => drop(self.sealed.insert(name, file)),
            Statement::Retired { name, end } => {
                let first = SegmentName::parse(&name).map_or(end.sequence, SegmentName::first);
                self.retired.push(Retired { first, end });
            }
            Statement::Damaged { name, after } => {
                let place = Place::file(&name).rows(after.saturating_add(1), self.proven);
                let what = "a start found altered bytes before whole batches, and set them aside";
                self.report.error(place, what, "what was set aside lies beside the file, under its name and .torn");
            }
            Statement::Opened { .. } | Statement::Checkpoint(_) | Statement::Other => {}
        }
    }

    fn tell_stretch(&mut self, what: &'static str, last: u64) {
        self.suspicion = None;
        self.report.error(Place::file(&self.file).rows(self.proven.saturating_add(1), last), what, STRETCH_HINT);
    }

    /// Take up the chain at the signed row that an excerpt begins with; false where a segment begins there.
    fn take_up(&mut self, row: &Row) -> bool {
        if row.event.kind == Kind::JournalSegmentOpened {
            return false;
        }
        let sequence = row.event.sequence.0;
        self.last_sequence = sequence;
        let Some(proof) = row.proof.as_ref().filter(|_| is_signed(row.event.kind)) else {
            self.suspicion = Some("the signed row that the excerpt must begin with is missing");
            return true;
        };
        let limit = format!(
            "the time and words of row {sequence}, which the excerpt begins behind: only its digest is signed here"
        );
        self.report.limits.push(limit);
        self.chain = Some(Chain::after(Link { sequence, digest: proof.digest }));
        // Nothing before it is here to compute its digest from; its signature is all there is to check.
        self.check_proof(row, Some(proof.digest), proof);
        self.known.meet(Link { sequence, digest: proof.digest });
        self.current.push(Link { sequence, digest: proof.digest });
        true
    }

    /// The first row of a segment says which row it goes on from.
    fn open(&mut self, row: &Row) {
        let Statement::Opened { after, cause } = parse(&row.event) else {
            self.suspicion = Some("the segment's first row is missing");
            return;
        };
        self.chain = Some(Chain::after(after));
        self.join(after, cause);
    }

    fn join(&mut self, after: Link, cause: Cause) {
        let Some(last_file) = self.last_file.clone() else {
            if after != Link::default() {
                self.missing_before = Some(Origin { after, cause });
            }
            return;
        };
        let end = self.links.last().copied().unwrap_or_default();
        if after == end {
            return;
        }
        let is_within = self.links.iter().rev().any(|link| *link == after);
        let beyond = Place::file(&last_file).rows(after.sequence.saturating_add(1), end.sequence);
        match (is_within, cause) {
            (true, Cause::Failed) => self.report.notice(
                beyond,
                "rows that the disk did not confirm in time",
                "the next segment goes on from the row before them; a journal.gap row counts them",
            ),
            (true, _) => self.report.error(beyond, "rows added behind the segment's end", STRETCH_HINT),
            (false, _) => {
                let (first, last) =
                    (self.proven.min(after.sequence).saturating_add(1), after.sequence.max(end.sequence));
                let origin = Origin { after, cause };
                let hole = Hole { before: last_file, file: self.file.clone(), origin, rows: (first, last) };
                self.holes.push(hole);
            }
        }
    }
}
