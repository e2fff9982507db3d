//! Rows of a directory, in order, live and sealed alike.

use crate::error::JournalError;
use crate::frames::Frames;
use crate::names::{SegmentName, in_order};
use crate::row::{Digest, Row, Written};
use crate::sealed::SealedRows;
use crate::storage::{FileSystem, ReadFile, Storage, read_whole};
use bytes::Bytes;
use event::Event;
use openssl::sha::sha256;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Read every row of a journal that is whole on disk, oldest first. Proves nothing: that is for
/// [`verify`](crate::verify).
///
/// # Errors
/// The directory or a file cannot be read.
pub fn read(directory: &Path) -> Result<Vec<Event>, JournalError> {
    read_on(&FileSystem, directory)
}

/// [`read`] on any storage.
///
/// # Errors
/// As [`read`].
pub fn read_on(storage: &dyn Storage, directory: &Path) -> Result<Vec<Event>, JournalError> {
    and_again(storage, || read_once(storage, directory))
}

/// A guard may seal or retire meanwhile: a file that has gone is in the next listing under its other
/// name, or not at all.
pub(crate) fn and_again<T>(
    storage: &dyn Storage,
    attempt: impl Fn() -> Result<T, JournalError>,
) -> Result<T, JournalError> {
    let is_directory = |path: &Path| storage.list(path).is_ok();
    for _ in 0..4 {
        match attempt() {
            Err(JournalError::World(path, error)) if error.kind() == io::ErrorKind::NotFound && is_directory(&path) => {
            }
            done => return done,
        }
    }
    attempt()
}

fn read_once(storage: &dyn Storage, directory: &Path) -> Result<Vec<Event>, JournalError> {
    let entries = storage.list(directory).map_err(JournalError::at(directory))?;
    let mut events = Vec::new();
    for name in in_order(entries.iter().map(|entry| entry.name.as_str())) {
        let mut segment = SegmentRows::open(storage, directory, name).map_err(JournalError::at(directory))?;
        while let Piece::Rows(rows) = segment.next().map_err(JournalError::at(directory))? {
            events.extend(rows.into_iter().map(|row| row.event));
        }
    }
    Ok(events)
}

/// What comes next in a segment.
pub(crate) enum Piece {
    Rows(Vec<Row>),
    /// The rest cannot be read. For a live segment, the bytes that are no whole batch.
    Damaged(Vec<u8>),
    End,
}

/// Rows of one file, batch by batch.
pub(crate) enum SegmentRows {
    Live { frames: Frames<Box<dyn ReadFile>>, rest: Box<dyn ReadFile>, has_ended: bool, before: Option<Written> },
    Sealed { rows: Option<SealedRows>, file: Digest },
}

impl SegmentRows {
    pub(crate) fn open(storage: &dyn Storage, directory: &Path, name: SegmentName) -> io::Result<Self> {
        let path = name.within(directory);
        if name.is_sealed() {
            return Self::open_parquet(storage, &path);
        }
        let mut rest = storage.read(&path)?;
        let length = rest.seek(SeekFrom::End(0))?;
        let mut frames = Frames::hashed(storage.read(&path)?, length);
        // Where the first batch is torn, the schema before it is not.
        frames.read_schema()?;
        Ok(Self::Live { frames, rest, has_ended: false, before: None })
    }

    /// The rows of a Parquet file in the journal's columns.
    pub(crate) fn open_parquet(storage: &dyn Storage, path: &Path) -> io::Result<Self> {
        let bytes = Bytes::from(read_whole(storage, path)?);
        // The digest and the rows are of the same bytes, whatever happens to the file meanwhile.
        let file = sha256(&bytes);
        Ok(Self::Sealed { rows: SealedRows::open(bytes), file })
    }

    /// The file's digest, for a sealed one.
    pub(crate) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Live { .. } => None,
            Self::Sealed { file, .. } => Some(*file),
        }
    }

    /// What a live file held before the rows that came last.
    pub(crate) fn before(&self) -> Option<Written> {
        match self {
            Self::Live { before, .. } => *before,
            Self::Sealed { .. } => None,
        }
    }

    pub(crate) fn next(&mut self) -> io::Result<Piece> {
        match self {
            Self::Sealed { rows, .. } => Ok(next_sealed(rows)),
            Self::Live { has_ended: true, .. } => Ok(Piece::End),
            Self::Live { frames, rest, has_ended, before } => {
                let start = frames.whole_bytes();
                *before = frames.read_so_far();
                if let Some(rows) = frames.next_frame()?.and_then(|frame| frame.rows()) {
                    return Ok(Piece::Rows(rows));
                }
                *has_ended = true;
                let mut bytes = Vec::new();
                rest.seek(SeekFrom::Start(start))?;
                rest.take(frames.length().saturating_sub(start)).read_to_end(&mut bytes)?;
                Ok(if bytes.is_empty() { Piece::End } else { Piece::Damaged(bytes) })
            }
        }
    }
}

fn next_sealed(rows: &mut Option<SealedRows>) -> Piece {
    let next = rows.as_mut().map(SealedRows::next_rows);
    match next {
        Some(Some(Some(rows))) => Piece::Rows(rows),
        Some(None) => Piece::End,
        _ => {
            *rows = None;
            Piece::Damaged(Vec::new())
        }
    }
}
