//! A live segment to a Parquet file that says the same.
//!
//! Kept true here:
//! * the sealed file appears whole and synced, by rename, and there is one of a live segment;
//! * rows that do not continue their own chain are never sealed: the live file stays, for the auditor;
//! * nor are bytes other than those that the writer says it wrote.

use crate::adopt::{adopt, earlier};
use crate::chain::Chain;
use crate::frames::Frames;
use crate::names::SegmentName;
use crate::own::{Statement, parse};
use crate::row::{Digest, Link, Row, Written};
use crate::schema::{DIGEST, PUBLIC_KEY, SIGNATURE, schema};
use crate::storage::{ReadFile, Storage, may_pass};
use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{RecordBatch, new_null_array};
use arrow_schema::{ArrowError, FieldRef};
use event::Field;
use openssl::sha::Sha256;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::fmt;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Footer keys with the end of the chain and the time of the last row, for retention and recovery.
pub(crate) const END_DIGEST: &str = "modwarden.end_digest";
pub(crate) const LAST_TIME: &str = "modwarden.last_time";

/// What a sealed file is, for the row that signs it.
pub(crate) struct Sealed {
    pub(crate) name: SegmentName,
    pub(crate) file: Digest,
    pub(crate) end: Link,
}

/// What the writer knows of a segment that it ended well: with that its rows need not be read one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) written: Written,
    pub(crate) end: Link,
}

/// A live segment to be sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live {
    pub(crate) first: u64,
    pub(crate) ended: Option<Ended>,
}

/// Write the Parquet file of a live segment, under its final name and durable when this returns.
pub(crate) fn seal(storage: &dyn Storage, directory: &Path, live: Live, stop: &AtomicBool) -> io::Result<Sealed> {
    let draft = directory.join(format!("{:020}.parquet.tmp", live.first));
    let _ = storage.remove(&draft);
    let (file, end) = write(storage, directory, live, &draft, stop).inspect_err(|_| {
        let _ = storage.remove(&draft);
    })?;
    let name = SegmentName::Sealed { first: live.first, last: end.sequence };
    if let Some(earlier) = earlier(storage, directory, name)? {
        storage.remove(&draft)?;
        storage.sync_directory(directory)?;
        return adopt(storage, directory, earlier, end);
    }
    storage.rename(&draft, &name.within(directory))?;
    storage.sync_directory(directory)?;
    Ok(Sealed { name, file, end })
}

fn write(
    storage: &dyn Storage,
    directory: &Path,
    live: Live,
    draft: &Path,
    stop: &AtomicBool,
) -> io::Result<(Digest, Link)> {
    let mut reading = Reading::open(storage, directory, live)?;
    let has_failed = Arc::new(AtomicBool::new(false));
    let out = Hashing { file: storage.create(draft, false)?, hash: Sha256::new(), has_failed: Arc::clone(&has_failed) };
    // What the disk says of the sealed file may pass, in whatever words it comes; what the encoder says of rows does not.
    let refused = |error: ParquetError| match has_failed.load(Ordering::Acquire) {
        true => io::Error::other(error),
        false => unsealable(live.first, &error),
    };
    let options = ArrowWriterOptions::new().with_properties(properties());
    let mut parquet = ArrowWriter::try_new_with_options(out, schema(), options)?;
    let mut last_time = i64::MIN;
    while let Some(batch) = reading.next_batch()? {
        if stop.load(Ordering::Acquire) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        last_time = times(&batch).fold(last_time, i64::max);
        let columns = sealed_columns(&batch).map_err(|error| unsealable(live.first, &error))?;
        parquet.write(&columns).map_err(refused)?;
    }
    let end = reading.end()?;
    parquet.append_key_value_metadata(KeyValue::new(END_DIGEST.to_owned(), crate::hex::render(&end.digest)));
    parquet.append_key_value_metadata(KeyValue::new(LAST_TIME.to_owned(), last_time.to_string()));
    let mut out = parquet.into_inner().map_err(refused)?;
    out.file.sync()?;
    Ok((out.hash.finish(), end))
}

/// Reads the batches of a live segment and holds them against what proves them.
struct Reading {
    live: Live,
    frames: Frames<Box<dyn ReadFile>>,
    /// Follows the rows, where the writer cannot say what it wrote.
    chain: Option<Chain>,
}

impl Reading {
    fn open(storage: &dyn Storage, directory: &Path, live: Live) -> io::Result<Self> {
        let open = || {
            let mut file = storage.read(&SegmentName::Live { first: live.first }.within(directory))?;
            let length = file.seek(SeekFrom::End(0))?;
            file.rewind()?;
            Ok((file, length))
        };
        let (file, length) = open().map_err(unreadable(live.first))?;
        let frames = if live.ended.is_some() { Frames::hashed(file, length) } else { Frames::new(file, length) };
        Ok(Self { live, frames, chain: None })
    }

    fn next_batch(&mut self) -> io::Result<Option<RecordBatch>> {
        let next = self.frames.next_frame().map_err(unreadable(self.live.first))?;
        let Some(frame) = next else { return Ok(None) };
        if self.live.ended.is_some() {
            return frame.record_batch().map(Some).ok_or_else(|| damaged(self.live.first));
        }
        let (Some(batch), Some(rows)) = (frame.record_batch(), frame.rows()) else {
            // Torn: the start that found it so has set it aside.
            return if frame.is_last() { Ok(None) } else { Err(damaged(self.live.first)) };
        };
        follow(&mut self.chain, &rows).ok_or_else(|| damaged(self.live.first))?;
        Ok(Some(batch))
    }

    /// The end of the chain, when all that was read is proved.
    fn end(self) -> io::Result<Link> {
        let end = match self.live.ended {
            Some(ended) => (self.frames.read_so_far() == Some(ended.written)).then_some(ended.end),
            None => self.chain.map(|chain| chain.last()),
        };
        end.ok_or_else(|| damaged(self.live.first))
    }
}

fn times(batch: &RecordBatch) -> impl Iterator<Item = i64> {
    let column = batch.column_by_name(Field::Time.name());
    let times = column.and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    times.into_iter().flat_map(|times| times.values().iter().copied())
}

/// The columns of a sealed file, by name: one that no row uses may be missing. A sealed file is durable as a whole, and
/// needs no sign that a commit is.
fn sealed_columns(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let of = |column: &FieldRef| {
        let found = batch.column_by_name(column.name()).map(Arc::clone);
        found.unwrap_or_else(|| new_null_array(column.data_type(), batch.num_rows()))
    };
    RecordBatch::try_new(schema(), schema().fields().iter().map(of).collect())
}

/// Follow the chain through rows; `None` where a signed row says another digest.
pub(crate) fn follow(chain: &mut Option<Chain>, rows: &[Row]) -> Option<()> {
    for row in rows {
        if chain.is_none() {
            let Statement::Opened { after, .. } = parse(&row.event) else { return None };
            *chain = Some(Chain::after(after));
        }
        let digest = chain.as_mut()?.follow(&row.event);
        if row.proof.is_some_and(|proof| proof.digest != digest) {
            return None;
        }
    }
    Some(())
}

/// Of a live file alone: what the disk says of the file being written may pass.
fn unreadable(first: u64) -> impl Fn(io::Error) -> io::Error {
    move |error| {
        let name = SegmentName::Live { first }.text();
        // A directory that went away comes back.
        let may_pass = error.kind() == io::ErrorKind::NotFound || may_pass(&error);
        let kind = if may_pass { error.kind() } else { io::ErrorKind::InvalidData };
        io::Error::new(kind, format!("{name}: {error}; not sealed"))
    }
}

fn unsealable(first: u64, why: &dyn fmt::Display) -> io::Error {
    let name = SegmentName::Live { first }.text();
    io::Error::new(io::ErrorKind::InvalidData, format!("{name}: cannot be sealed: {why}"))
}

fn damaged(first: u64) -> io::Error {
    let name = SegmentName::Live { first }.text();
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{name}: the rows are not those that were written, or do not continue their chain; not sealed"),
    )
}

fn properties() -> WriterProperties {
    let start = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(1 << 17))
        .set_created_by("modwarden".to_owned());
    // Numbers that mostly rise, or scatter without repeating: differences are small, a dictionary is not.
    let rising = [Field::Sequence, Field::Time, Field::LatencyUs, Field::PreviousTime, Field::RequestSequence];
    let start = rising.iter().fold(start, |builder, field| delta(builder, field.name()));
    [DIGEST, SIGNATURE, PUBLIC_KEY].iter().fold(start, |builder, name| without_statistics(builder, name)).build()
}

fn delta(builder: WriterPropertiesBuilder, name: &str) -> WriterPropertiesBuilder {
    let column = ColumnPath::from(name);
    builder
        .set_column_dictionary_enabled(column.clone(), false)
        .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
}

fn without_statistics(builder: WriterPropertiesBuilder, name: &str) -> WriterPropertiesBuilder {
    let builder = builder.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    // Digests and signatures never repeat; the key nearly always does.
    builder.set_column_dictionary_enabled(ColumnPath::from(name), name == PUBLIC_KEY)
}

/// Hashes what it writes: the digest is of the bytes meant, not of what the disk gives back.
struct Hashing {
    file: Box<dyn crate::storage::AppendFile>,
    hash: Sha256,
    has_failed: Arc<AtomicBool>,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes).inspect_err(|_| self.has_failed.store(true, Ordering::Release))?;
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
