//! The live segment: one file that only grows, one batch per commit.
//!
//! Kept true here: a try to begin a segment that hangs, is given up and goes on much later harms no other.
//! It can make a draft that nobody reads; it cannot take the name from a file that came after it.

use crate::encode::encode;
use crate::names::{SegmentName, draft, is_draft};
use crate::row::Written;
use crate::schema::live_schema;
use crate::spelled::Batch;
use crate::storage::{AppendFile, Storage};
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::ArrowError;
use blake3::Hasher;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) bytes: u64,
    pub(crate) opened_at: Instant,
    /// Whether it holds anything but the journal's own rows.
    pub(crate) has_events: bool,
    path: PathBuf,
    file: Box<dyn AppendFile>,
    stream: StreamWriter<Vec<u8>>,
    hash: Hasher,
}

impl Segment {
    /// Make the file and write its first rows, durable under its name when this returns.
    ///
    /// The file gets its name when it is whole, and in place of what a failed try left under that name:
    /// none of its rows was promised to anybody.
    pub(crate) fn create(storage: &dyn Storage, directory: &Path, first: u64, rows: &Batch) -> io::Result<Self> {
        let path = directory.join(draft(first, getrandom::u64().map_err(io::Error::other)?));
        let begun = Self::begin(storage.create(&path, false)?, (first, &path)).and_then(|mut segment| {
            // By itself: where two messages share a sync, a power cut may leave the second without the first.
            let schema = segment.take_spelled();
            segment.append(&schema)?;
            let rows = segment.spell(rows)?;
            segment.append(&rows)?;
            segment.path = SegmentName::Live { first }.within(directory);
            storage.rename(&path, &segment.path)?;
            storage.sync_directory(directory)?;
            Ok(segment)
        });
        begun.inspect_err(|_| {
            let _ = storage.remove(&path);
        })
    }

    /// What the file holds so far. A checkpoint says it, so that no byte can change unseen: readers follow
    /// lengths and offsets between the rows, which the chain over rows does not cover.
    pub(crate) fn written(&self) -> Written {
        Written { bytes: self.bytes, digest: self.hash.finalize().into() }
    }

    /// One batch as the file will hold it. All that takes the processor's time is done here, and nothing that takes
    /// the disk's.
    pub(crate) fn spell(&mut self, rows: &Batch) -> io::Result<Vec<u8>> {
        let batch = encode(rows).map_err(broken)?;
        self.stream.write(&batch).map_err(broken)?;
        Ok(self.take_spelled())
    }

    /// Write what was spelled, and sync it.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)?;
        self.file.sync()?;
        // A file that was removed or replaced, or whose disk was unmounted lazily, takes bytes and syncs them to nowhere.
        match self.file.is_at(&self.path)? {
            true => Ok(()),
            false => Err(io::Error::other(format!("{}: another file has taken its place", self.path.display()))),
        }
    }

    fn take_spelled(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(self.stream.get_mut());
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.hash.update(&bytes);
        bytes
    }

    fn begin(file: Box<dyn AppendFile>, (first, path): (u64, &Path)) -> io::Result<Self> {
        // Batches are small, so padding counts: 8 is the least that Arrow allows.
        let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5).map_err(broken)?;
        let stream = StreamWriter::try_new_with_options(Vec::new(), &live_schema(), options).map_err(broken)?;
        let path = path.to_owned();
        Ok(Self {
            first,
            bytes: 0,
            hash: Hasher::new(),
            opened_at: Instant::now(),
            has_events: false,
            path,
            file,
            stream,
        })
    }
}

/// Remove what tries of writers before this one left behind. One that was given up may still hang in giving
/// its draft the name; without the draft it cannot.
pub(crate) fn remove_drafts(storage: &dyn Storage, directory: &Path) -> io::Result<()> {
    let entries = storage.list(directory)?;
    for name in entries.iter().map(|entry| entry.name.as_str()).filter(|name| is_draft(name)) {
        match storage.remove(&directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
