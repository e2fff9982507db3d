//! Whole batches of a live segment, however its bytes end.
//!
//! Kept true here:
//! * a length that the bytes state is never believed beyond the file's own length;
//! * what is not a whole, sound batch ends the reading; nothing behind it is guessed at;
//! * the last batch of a file is whole only if all its rows are those that one commit wrote: a power
//!   cut may leave the length of a write without all of its bytes.

use crate::chain;
use crate::decode::decode;
use crate::row::{Row, Written};
use crate::schema::{COMMIT, DIGEST};
use arrow_array::{Array as _, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::MetadataVersion;
use arrow_ipc::convert::try_schema_from_flatbuffer_bytes;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::{Message, root_as_message_with_opts};
use arrow_schema::SchemaRef;
use blake3::Hasher;
use flatbuffers::VerifierOptions;
use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::panic::catch_unwind;
use std::sync::Arc;

/// Arrow IPC: four bytes that begin each message, then the length of its metadata.
const MESSAGE_START: [u8; 4] = [0xFF; 4];

/// Tables in one message's metadata. A journal's schema has under a hundred; but a table can be named many times,
/// and a few kilobytes then unfold into millions.
const MOST_TABLES: usize = 1_000;

/// Beginnings of messages that are looked at behind torn bytes. A torn write leaves one.
const MOST_BEGINNINGS: usize = 256;

/// One batch as it lies in the file.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    metadata: Vec<u8>,
    body: Buffer,
    schema: SchemaRef,
    /// Nothing stands behind it: only such a batch can be torn, for each one is synced before the next.
    is_last: bool,
}

impl Frame {
    /// The rows, or `None` where the bytes are no batch of a journal.
    pub(crate) fn rows(&self) -> Option<Vec<Row>> {
        // Bytes that somebody altered may break an assumption of the decoder; that is damage, not our bug.
        let rows = catch_unwind(|| self.batch(None).and_then(|batch| decode(&batch).ok())).ok().flatten()?;
        (!self.is_last || chain::is_whole(&rows)).then_some(rows)
    }

    /// Whether it is a batch, and for the last one: all of it.
    pub(crate) fn is_whole(&self) -> bool {
        if self.is_last { self.rows().is_some() } else { self.record_batch().is_some() }
    }

    pub(crate) fn is_last(&self) -> bool {
        self.is_last
    }

    pub(crate) fn record_batch(&self) -> Option<RecordBatch> {
        catch_unwind(|| self.batch(None)).ok().flatten()
    }

    /// Whether a signed row is in it, found without decoding the rest.
    pub(crate) fn has_signed_row(&self) -> bool {
        let Some(digest) = self.schema.index_of(DIGEST).ok() else { return false };
        let batch = catch_unwind(|| self.batch(Some(&[digest]))).ok().flatten();
        batch.is_some_and(|batch| batch.columns().first().is_some_and(|column| column.null_count() < column.len()))
    }

    fn batch(&self, only: Option<&[usize]>) -> Option<RecordBatch> {
        let message = sound_message(&self.metadata)?;
        let batch = message.header_as_record_batch()?;
        // The decoder panics where a buffer is said to lie beyond the body.
        let end = i64::try_from(self.body.len()).ok()?;
        let lies_within = |start: i64, length: i64| {
            start >= 0 && length >= 0 && start.checked_add(length).is_some_and(|to| to <= end)
        };
        if !batch.buffers()?.iter().all(|buffer| lies_within(buffer.offset(), buffer.length())) {
            return None;
        }
        let version: MetadataVersion = message.version();
        read_record_batch(&self.body, batch, Arc::clone(&self.schema), &HashMap::new(), only, &version).ok()
    }
}

/// Walks the batches of a stream from its beginning.
pub(crate) struct Frames<R> {
    reader: BufReader<R>,
    schema: Option<SchemaRef>,
    length: u64,
    whole: u64,
    has_ended: bool,
    /// Over all whole messages, where somebody wants to hold them against what was signed.
    hash: Option<Box<Hasher>>,
}

impl<R: Read> Frames<R> {
    /// `length` is the file's; growth after that is left for another reading.
    pub(crate) fn new(reader: R, length: u64) -> Self {
        Self {
            reader: BufReader::with_capacity(1 << 18, reader),
            schema: None,
            length,
            whole: 0,
            has_ended: false,
            hash: None,
        }
    }

    /// The same, with a digest over what was read.
    pub(crate) fn hashed(reader: R, length: u64) -> Self {
        Self { hash: Some(Box::default()), ..Self::new(reader, length) }
    }

    /// The whole messages read so far.
    pub(crate) fn read_so_far(&self) -> Option<Written> {
        let digest = self.hash.as_ref()?.finalize().into();
        Some(Written { bytes: self.whole, digest })
    }

    /// Bytes from the start that are whole messages.
    pub(crate) fn whole_bytes(&self) -> u64 {
        self.whole
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whether its writer marked each commit, so that the last one can be known whole; true where there is no schema.
    pub(crate) fn marks_commits(&self) -> bool {
        self.schema.as_ref().is_none_or(|schema| schema.index_of(COMMIT).is_ok())
    }

    /// Read the schema, which stands before all batches.
    pub(crate) fn read_schema(&mut self) -> io::Result<()> {
        if self.schema.is_some() || self.has_ended {
            return Ok(());
        }
        if let Some((metadata, _, size)) = self.message()? {
            let parse = || try_schema_from_flatbuffer_bytes(&metadata).ok();
            self.schema = catch_unwind(parse).ok().flatten().map(Arc::new);
            self.whole += if self.schema.is_some() { size } else { 0 };
        }
        self.has_ended = self.schema.is_none();
        Ok(())
    }

    /// The next whole batch; `None` at the end, or where the bytes are torn.
    pub(crate) fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        self.read_schema()?;
        let (Some(schema), false) = (self.schema.clone(), self.has_ended) else { return Ok(None) };
        let Some((metadata, body, size)) = self.message()? else {
            self.has_ended = true;
            return Ok(None);
        };
        self.whole += size;
        Ok(Some(Frame { metadata, body, schema, is_last: self.whole == self.length }))
    }

    fn message(&mut self) -> io::Result<Option<(Vec<u8>, Buffer, u64)>> {
        let left = self.length.saturating_sub(self.whole);
        let Some(start) = self.take(left, 8)? else { return Ok(None) };
        let Some((MESSAGE_START, size)) = start.split_first_chunk::<4>().map(|(start, size)| (*start, size)) else {
            return Ok(None);
        };
        let size = u32::from_le_bytes(size.try_into().unwrap_or_default());
        let Some(metadata) = self.take(left - 8, u64::from(size))? else { return Ok(None) };
        let Some(body_length) = body_length(&metadata) else { return Ok(None) };
        let Some(body) = self.take(left - 8 - u64::from(size), body_length)? else { return Ok(None) };
        if let Some(hash) = &mut self.hash {
            hash.update(&start).update(&metadata).update(&body);
        }
        Ok(Some((metadata, Buffer::from_vec(body), 8 + u64::from(size) + body_length)))
    }

    fn take(&mut self, left: u64, wanted: u64) -> io::Result<Option<Vec<u8>>> {
        let (true, Ok(wanted)) = (wanted <= left, usize::try_from(wanted)) else { return Ok(None) };
        let mut bytes = vec![0; wanted];
        match self.reader.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => read.map(|()| Some(bytes)),
        }
    }
}

fn sound_message(metadata: &[u8]) -> Option<Message<'_>> {
    let bounds = VerifierOptions { max_tables: MOST_TABLES, ..VerifierOptions::default() };
    root_as_message_with_opts(&bounds, metadata).ok()
}

fn body_length(metadata: &[u8]) -> Option<u64> {
    let message = catch_unwind(|| sound_message(metadata).map(|message| message.bodyLength())).ok().flatten();
    message.and_then(|length| u64::try_from(length).ok())
}

/// Whether a whole message begins somewhere behind the first byte. A torn write leaves none; bytes
/// altered in the middle of a file do. Where more begin than any write leaves, bytes are altered too.
pub(crate) fn holds_message(bytes: &[u8]) -> bool {
    let starts = (8..bytes.len()).step_by(8).filter_map(|start| bytes.get(start..));
    let mut beginnings = starts.filter_map(beginning);
    beginnings.by_ref().take(MOST_BEGINNINGS).any(is_whole) || beginnings.next().is_some()
}

/// A message's metadata, and what follows it.
fn beginning(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&MESSAGE_START)?;
    let (size, rest) = rest.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    rest.split_at_checked(size).filter(|_| size > 0)
}

fn is_whole((metadata, rest): (&[u8], &[u8])) -> bool {
    let body = body_length(metadata).and_then(|length| usize::try_from(length).ok());
    body.is_some_and(|length| length <= rest.len())
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_START, body_length, holds_message};
    use arrow_ipc::{
        FieldArgs, Message, MessageArgs, MessageHeader, MetadataVersion, Null, NullArgs, SchemaArgs, Type,
    };
    use flatbuffers::{FlatBufferBuilder, WIPOffset};

    /// Metadata in which each level of the schema names the level below twice: small, and vast once it is unfolded.
    fn folded(levels: usize, body_bytes: i64) -> Vec<u8> {
        let mut builder = FlatBufferBuilder::new();
        let name = builder.create_string("x");
        let null = Null::create(&mut builder, &NullArgs {}).as_union_value();
        let mut below = Vec::new();
        for _ in 0..levels {
            let children = builder.create_vector(&below);
            let args = FieldArgs {
                name: Some(name),
                type_type: Type::Null,
                type_: Some(null),
                children: Some(children),
                ..FieldArgs::default()
            };
            below = vec![arrow_ipc::Field::create(&mut builder, &args); 2];
        }
        let fields: Option<WIPOffset<_>> = Some(builder.create_vector(&below));
        let schema = arrow_ipc::Schema::create(&mut builder, &SchemaArgs { fields, ..SchemaArgs::default() });
        let args = MessageArgs {
            version: MetadataVersion::V5,
            header_type: MessageHeader::Schema,
            header: Some(schema.as_union_value()),
            bodyLength: body_bytes,
            custom_metadata: None,
        };
        let message = Message::create(&mut builder, &args);
        builder.finish(message, None);
        builder.finished_data().to_vec()
    }

    #[test]
    fn metadata_that_unfolds_into_more_than_a_journal_has_is_no_message() {
        assert_eq!(body_length(&folded(12, 0)), None);
        assert_eq!(body_length(&folded(3, 7)), Some(7));
    }

    #[test]
    fn a_torn_end_of_a_thousand_beginnings_counts_as_altered() {
        let metadata = folded(3, i64::MAX);
        let mut beginning =
            [&MESSAGE_START[..], &u32::try_from(metadata.len()).unwrap().to_le_bytes(), &metadata].concat();
        beginning.resize(beginning.len().next_multiple_of(8), 0);
        let one_torn = [&[0; 8][..], &beginning].concat();

        assert!(!holds_message(&one_torn));
        assert!(holds_message(&one_torn.repeat(1_000)));
    }
}
