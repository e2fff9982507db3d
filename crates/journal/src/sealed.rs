//! Reading a sealed segment.

use crate::decode::decode;
use crate::hex;
use crate::row::{Digest, Row};
use crate::seal::{END_DIGEST, LAST_TIME};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A segment of the default size has a footer of some kilobytes; altered bytes must not have memory taken.
const MOST_FOOTER: u64 = 16 << 20;

/// Rows of one sealed file, batch by batch.
pub(crate) struct SealedRows {
    reader: ParquetRecordBatchReader,
}

/// What the footer says for retention and recovery. Not proof: verification never asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) end_digest: Digest,
    pub(crate) last_time: i64,
}

impl SealedRows {
    /// `None` where the bytes are no Parquet file.
    pub(crate) fn open(bytes: Bytes) -> Option<Self> {
        let open = || ParquetRecordBatchReaderBuilder::try_new(bytes).ok()?.with_batch_size(8_192).build().ok();
        // Bytes that somebody altered may break an assumption of the decoder; that is damage, not our bug.
        catch_unwind(AssertUnwindSafe(open)).ok().flatten().map(|reader| Self { reader })
    }

    /// The next rows; `Some(None)` where the file is damaged from here on.
    pub(crate) fn next_rows(&mut self) -> Option<Option<Vec<Row>>> {
        let next = catch_unwind(AssertUnwindSafe(|| self.reader.next()));
        let Ok(next) = next else { return Some(None) };
        next.map(|batch| catch_unwind(AssertUnwindSafe(|| decode(&batch.ok()?).ok())).ok().flatten())
    }
}

/// Read the footer alone.
pub(crate) fn footer(file: &mut (impl Read + Seek)) -> Option<Footer> {
    let length = file.seek(SeekFrom::End(0)).ok()?;
    let mut tail = [0; 8];
    file.seek(SeekFrom::Start(length.checked_sub(8)?)).ok()?;
    file.read_exact(&mut tail).ok()?;
    if tail.get(4..) != Some(b"PAR1") {
        return None;
    }
    let size = u64::from(u32::from_le_bytes(*tail.first_chunk()?));
    if size > MOST_FOOTER {
        return None;
    }
    file.seek(SeekFrom::Start(length.checked_sub(8 + size)?)).ok()?;
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    file.read_exact(&mut bytes).ok()?;
    let metadata = catch_unwind(|| ParquetMetaDataReader::decode_metadata(&bytes).ok()).ok().flatten()?;
    Some(Footer {
        end_digest: hex::parse(value(&metadata, END_DIGEST)?)?,
        last_time: value(&metadata, LAST_TIME)?.parse().ok()?,
    })
}

fn value<'a>(metadata: &'a ParquetMetaData, key: &str) -> Option<&'a str> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
}
