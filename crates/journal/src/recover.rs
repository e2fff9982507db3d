//! What an earlier run left behind, and where the record goes on.
//!
//! Kept true here:
//! * nothing in the directory prevents a start, and nothing in it is deleted;
//! * what the record goes on from is named, so that it can be made durable first: a killed process leaves what it
//!   wrote in the system's memory, where it can be read, and lost.

use crate::chain::{Chain, is_signed_by_its_key};
use crate::frames::{Frame, Frames, holds_message};
use crate::names::{SegmentName, in_order, torn};
use crate::own::{Cause, is_stop};
use crate::row::{Link, Row};
use crate::sealed::footer;
use crate::storage::{Entry, ReadFile, Storage, write_whole};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// After an unclean stop numbering jumps by this, beyond any number that may have been given out.
const JUMP: u64 = 1_000_000;

/// Every row has a number and a time; in truth each takes some ten times that.
const SMALLEST_ROW: u64 = 16;

/// A million rows a second reach this after a hundred thousand years.
const MOST: u64 = u64::MAX / 4;

/// Where the record goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) next: u64,
    pub(crate) after: Link,
    /// When the row it goes on from was written.
    pub(crate) last_time: Option<i64>,
    pub(crate) cause: Option<Cause>,
    /// Live segments of earlier runs.
    pub(crate) to_seal: Vec<u64>,
    /// The live segment that ends with `after`, and its length, where its last rows may be in the system's memory alone.
    pub(crate) unsure: Option<(u64, u64)>,
    /// Reasons of rows to record: what was set aside.
    pub(crate) recovered: Vec<String>,
    pub(crate) alarms: Vec<String>,
}

/// The end of one live segment.
struct Tail {
    end: Link,
    last_time: Option<i64>,
    is_clean: bool,
    whole: u64,
    length: u64,
    marks_commits: bool,
}

/// Look through a directory before writing to it. Without its listing no number is known to be free.
pub(crate) fn recover(storage: &dyn Storage, directory: &Path) -> io::Result<Found> {
    let mut found = Found { next: 1, ..Found::default() };
    let entries = storage.list(directory)?;
    let segments = in_order(entries.iter().map(|entry| entry.name.as_str()));
    let mut is_clean = false;
    for name in &segments {
        match *name {
            SegmentName::Live { first } => {
                is_clean = found.take_live((storage, directory), first, bytes_of(&entries, *name))
            }
            SegmentName::Sealed { last, .. } => found.reach(last),
        }
    }
    is_clean &= segments.last().is_some_and(|last| !last.is_sealed());
    found.take_sealed((storage, directory), &segments);
    found.take_leftovers(&entries, &segments);
    if let Err(error) = storage.sync_directory(directory) {
        found.alarms.push(format!("{}: names may not outlive a power cut: {error}", directory.display()));
    }
    if !segments.is_empty() {
        found.next = found.next.saturating_add(if is_clean { 0 } else { JUMP });
        found.cause = Some(if is_clean { Cause::Started } else { Cause::Recovered });
    }
    Ok(found)
}

impl Found {
    /// Numbers go on beyond every one that is there; one that no journal reaches is somebody's forgery,
    /// and must not use up the numbers.
    fn reach(&mut self, sequence: u64) {
        if sequence > MOST {
            return self.alarms.push(format!("row number {sequence} is none that a journal gives"));
        }
        self.next = self.next.max(sequence.saturating_add(1));
    }

    /// Go on from the last sealed segment, where no live one comes after it. Only that one is opened: a start must not
    /// take the longer the more was recorded, and what the others hold is for verification and retention to look at.
    fn take_sealed(&mut self, (storage, directory): (&dyn Storage, &Path), segments: &[SegmentName]) {
        let live = self.unsure.map(|(first, _)| first);
        let is_end = |name: &SegmentName| !name.is_sealed() && live == Some(name.first());
        let behind: Vec<_> =
            segments.iter().rev().take_while(|name| !is_end(name)).filter(|name| name.is_sealed()).collect();
        for name in behind {
            let about = storage.read(&name.within(directory)).ok().and_then(|mut file| footer(&mut file));
            if let (Some(about), SegmentName::Sealed { last, .. }) = (about, *name) {
                (self.after, self.unsure) = (Link { sequence: last, digest: about.end_digest }, None);
                self.last_time = Some(about.last_time);
                return;
            }
            self.alarms.push(format!("{}: damaged; the record goes on without it", name.text()));
        }
    }

    /// Bytes that cannot be read may hold any rows that they have room for.
    fn reach_room(&mut self, from: u64, bytes: u64) {
        self.reach(from.saturating_add(bytes / SMALLEST_ROW));
    }

    /// Whether the segment ends as after a clean stop.
    fn take_live(&mut self, (storage, directory): (&dyn Storage, &Path), first: u64, bytes: u64) -> bool {
        self.reach(first);
        let name = SegmentName::Live { first }.text();
        if let Err(error) = storage.sync(&directory.join(&name)) {
            self.alarms.push(format!("{name}: its last rows may not outlive a power cut: {error}"));
        }
        let tail = match read_tail(storage, &directory.join(&name)) {
            Ok(tail) => tail,
            Err(error) => {
                self.alarms.push(format!("{name}: {error}; the record goes on without it"));
                // Sealing finds the same, and retention then knows it for evidence.
                self.to_seal.push(first);
                self.reach_room(first, bytes);
                return false;
            }
        };
        self.reach_room(first.max(tail.end.sequence), tail.length - tail.whole);
        let has_rows = tail.end != Link::default();
        match if has_rows { set_aside(storage, directory, &name, &tail) } else { put_away(storage, directory, &name) } {
            Ok(is_damaged) => {
                self.note_torn(&name, &tail, is_damaged);
                self.to_seal.extend(has_rows.then_some(first));
            }
            // Sealed it would go, and they with it: the next start tries again.
            Err(error) => self.alarms.push(format!("{name}: torn bytes cannot be set aside: {error}")),
        }
        if !has_rows {
            return false;
        }
        self.reach(tail.end.sequence);
        (self.after, self.unsure) = (tail.end, Some((first, tail.length)));
        self.last_time = tail.last_time;
        tail.is_clean && tail.whole == tail.length
    }

    fn note_torn(&mut self, name: &str, tail: &Tail, is_damaged: bool) {
        let bytes = tail.length - tail.whole;
        if is_damaged {
            self.alarms.push(format!("{name}: altered bytes before whole batches; {bytes} bytes set aside"));
        }
        if bytes > 0 && !tail.marks_commits {
            let what = "an earlier version wrote it, which did not mark commits: its last batch cannot be known whole";
            self.alarms.push(format!("{name}: {what}; {bytes} bytes set aside"));
        }
        if bytes > 0 {
            let word = if is_damaged { "damaged" } else { "torn" };
            self.recovered.push(format!("{word}: {name} {bytes} after {}", tail.end.sequence));
        }
    }

    /// Live originals beside their sealed file: the row that signs it may be missing.
    fn take_leftovers(&mut self, entries: &[Entry], segments: &[SegmentName]) {
        let live = entries.iter().filter_map(|entry| SegmentName::parse(&entry.name)).filter(|name| !name.is_sealed());
        let is_hidden = |name: &SegmentName| !segments.contains(name);
        self.to_seal.extend(live.filter(is_hidden).map(SegmentName::first));
    }
}

fn bytes_of(entries: &[Entry], name: SegmentName) -> u64 {
    let name = name.text();
    entries.iter().find(|entry| entry.name == name).map_or(0, |entry| entry.bytes)
}

fn read_tail(storage: &dyn Storage, path: &Path) -> io::Result<Tail> {
    let mut file: Box<dyn ReadFile> = storage.read(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut frames = Frames::new(file, length);
    let mut tail =
        Tail { end: Link::default(), last_time: None, is_clean: false, whole: 0, length, marks_commits: true };
    let mut since_signed: Vec<Frame> = Vec::new();
    while let Some(frame) = frames.next_frame()? {
        // A batch that cannot be decoded is torn too, and so is all behind it.
        if !frame.is_whole() {
            break;
        }
        if frame.has_signed_row() {
            since_signed.clear();
        }
        since_signed.push(frame);
        tail.whole = frames.whole_bytes();
    }
    tail.marks_commits = frames.marks_commits();
    follow(&since_signed, &mut tail);
    Ok(tail)
}

/// From the last signed row on, compute the chain; what lies before it need not be read again.
fn follow(frames: &[Frame], tail: &mut Tail) {
    let rows: Vec<Row> = frames.iter().filter_map(Frame::rows).flatten().collect();
    // A signature that does not hold is for verification to tell; the record has to go on all the same.
    let sound = rows.iter().rposition(|row| row.proof.as_ref().is_some_and(is_signed_by_its_key));
    let Some(start) = sound.or_else(|| rows.iter().rposition(|row| row.proof.is_some())) else { return };
    let Some((signed, proof)) = rows.get(start).and_then(|row| Some((row, row.proof?))) else { return };
    let mut chain = Chain::after(Link { sequence: signed.event.sequence.0, digest: proof.digest });
    for row in rows.get(start + 1..).unwrap_or_default() {
        chain.follow(&row.event);
    }
    tail.end = chain.last();
    tail.last_time = rows.last().map(|row| row.event.time);
    let is_last = start + 1 == rows.len();
    tail.is_clean = is_last && is_stop(&signed.event);
}

/// Copy the bytes behind the last whole batch into a file of their own; whether there are whole
/// batches among them, which no torn write leaves.
fn set_aside(storage: &dyn Storage, directory: &Path, name: &str, tail: &Tail) -> io::Result<bool> {
    if tail.whole == tail.length {
        return Ok(false);
    }
    let bytes = read_from(storage, &directory.join(name), tail.whole)?;
    let aside = directory.join(torn(name));
    // It may be there already, from an earlier start that could not seal the rest.
    if storage.read(&aside).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        write_whole(storage, &aside, &bytes)?;
    }
    Ok(holds_message(&bytes))
}

/// A file without a single row is set aside as a whole.
fn put_away(storage: &dyn Storage, directory: &Path, name: &str) -> io::Result<bool> {
    let bytes = read_from(storage, &directory.join(name), 0)?;
    // The look ends with a sync of the directory: that one failing must not hide that this was done.
    storage.rename(&directory.join(name), &directory.join(torn(name)))?;
    Ok(holds_batch(&bytes))
}

/// Whether there is more behind the schema than one batch: that one a power cut may tear, no other.
fn holds_batch(bytes: &[u8]) -> bool {
    let mut frames = Frames::new(bytes, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let read = frames.read_schema();
    let start = usize::try_from(frames.whole_bytes()).unwrap_or(usize::MAX);
    read.is_err() || bytes.get(start..).is_some_and(holds_message)
}

fn read_from(storage: &dyn Storage, path: &Path, start: u64) -> io::Result<Vec<u8>> {
    let mut file = storage.read(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
