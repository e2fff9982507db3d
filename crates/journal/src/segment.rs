//! The live segment: one file that only grows, one batch per commit.

use crate::encode::encode;
use crate::names::SegmentName;
use crate::row::{Row, Written};
use crate::schema::live_schema;
use crate::storage::{AppendFile, Storage};
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::ArrowError;
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) bytes: u64,
    pub(crate) opened_at: Instant,
    /// Whether it holds anything but the journal's own rows.
    pub(crate) has_events: bool,
    path: PathBuf,
    storage: Arc<dyn Storage>,
    file: Box<dyn AppendFile>,
    stream: StreamWriter<Vec<u8>>,
    hash: Sha256,
}

impl Segment {
    /// Make the file and write its first rows, durable under its name when this returns.
    pub(crate) fn create(storage: &Arc<dyn Storage>, directory: &Path, first: u64, rows: &[Row]) -> io::Result<Self> {
        let path = SegmentName::Live { first }.within(directory);
        let file = Self::make(storage, &path)?;
        let begun = Self::begin(storage, file, (first, &path)).and_then(|mut segment| {
            // By itself: where two messages share a sync, a power cut may leave the second without the first.
            segment.write()?;
            segment.commit(rows)?;
            storage.sync_directory(directory)?;
            Ok(segment)
        });
        // A segment that never came to be must not stand in the way of the next try under its number.
        begun.inspect_err(|_| {
            let _ = storage.remove(&path);
        })
    }

    /// A file under a number that nobody was given is what a failed try left behind, on a disk that did
    /// not let it be removed.
    fn make(storage: &Arc<dyn Storage>, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        match storage.create(path, false) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                storage.remove(path)?;
                storage.create(path, false)
            }
            made => made,
        }
    }

    /// What the file holds so far. A checkpoint says it, so that no byte can change unseen: readers follow
    /// lengths and offsets between the rows, which the chain over rows does not cover.
    pub(crate) fn written(&self) -> Written {
        Written { bytes: self.bytes, digest: self.hash.clone().finalize().into() }
    }

    /// Write one batch and sync it.
    pub(crate) fn commit(&mut self, rows: &[Row]) -> io::Result<()> {
        let batch = encode(rows).map_err(broken)?;
        self.stream.write(&batch).map_err(broken)?;
        self.write()?;
        // A file that was removed, or whose disk was unmounted lazily, takes bytes and syncs them to nowhere.
        self.storage.read(&self.path).map(drop)
    }

    fn write(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(self.stream.get_mut());
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.hash.update(&bytes);
        self.file.append(&bytes)?;
        self.file.sync()
    }

    fn begin(storage: &Arc<dyn Storage>, file: Box<dyn AppendFile>, (first, path): (u64, &Path)) -> io::Result<Self> {
        // Batches are small, so padding counts: 8 is the least that Arrow allows.
        let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5).map_err(broken)?;
        let stream = StreamWriter::try_new_with_options(Vec::new(), &live_schema(), options).map_err(broken)?;
        let (storage, path) = (Arc::clone(storage), path.to_owned());
        Ok(Self {
            first,
            bytes: 0,
            hash: Sha256::new(),
            opened_at: Instant::now(),
            has_events: false,
            path,
            storage,
            file,
            stream,
        })
    }
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
