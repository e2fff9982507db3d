//! Live files that are not quite what this version of the journal writes.

use crate::frames::Frames;
use crate::names::SegmentName;
use crate::schema::live_schema;
use crate::storage::FileSystem;
use crate::{Journal, Options, VerifyOptions, open, verify};
use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field as Column, Schema, TimeUnit};
use event::{Event, Kind};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

type Columns = Vec<(Column, ArrayRef)>;

fn options(root: &Path) -> Options {
    Options {
        commit_interval_ms: 5,
        housekeeping_ms: 5,
        start_patience_ms: 20_000,
        ..Options::new(&root.join("journal"), &root.join("keys"), "gate-1")
    }
}

fn open_in(root: &TempDir, options: Options) -> Journal {
    fs::create_dir_all(root.path().join("journal")).unwrap();
    open(options, Arc::new(FileSystem), Arc::new(|| {})).unwrap().0
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn write_a_row(journal: &Journal) {
    let row = journal.append(Event { kind: Kind::RequestPermitted, ..Event::default() });
    until("it is durable", || journal.state().durable_sequence >= row.0);
}

/// A stopped journal whose one live file has been given other columns; no row is altered.
fn with_columns(change: impl Fn(Columns) -> Columns) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let journal = open_in(&root, options(root.path()));
    write_a_row(&journal);
    journal.close();
    let live = SegmentName::Live { first: 1 }.within(&root.path().join("journal"));
    let bytes = fs::read(&live).unwrap();
    let length = u64::try_from(bytes.len()).unwrap();
    let mut frames = Frames::new(Cursor::new(bytes), length);
    let mut batches = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        batches.push(changed(&frame.record_batch().unwrap(), &change));
    }
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    fs::write(&live, writer.get_ref()).unwrap();
    (root, live)
}

fn changed(batch: &RecordBatch, change: impl Fn(Columns) -> Columns) -> RecordBatch {
    let fields = live_schema().fields().iter().map(|field| Column::clone(field)).collect::<Vec<_>>();
    let (fields, arrays): (Vec<_>, Vec<_>) =
        change(fields.into_iter().zip(batch.columns().iter().cloned()).collect()).into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// The same rows, by a type that the journal does not give their times.
fn without_zone(columns: Columns) -> Columns {
    let change = |(field, array): (Column, ArrayRef)| match field.name().as_str() {
        "time" => {
            let times: ArrayRef =
                Arc::new(array.as_primitive::<TimestampNanosecondType>().clone().with_timezone_opt(None::<&str>));
            (field.with_data_type(DataType::Timestamp(TimeUnit::Nanosecond, None)), times)
        }
        _ => (field, array),
    };
    columns.into_iter().map(change).collect()
}

fn is_used((_, array): &(Column, ArrayRef)) -> bool {
    array.null_count() < array.len()
}

#[test]
fn a_live_file_whose_columns_stand_in_another_order_is_sealed() {
    let (root, live) = with_columns(|mut columns| {
        columns.swap(3, 9);
        columns
    });

    let journal = open_in(&root, options(root.path()));

    until("it is sealed", || !live.exists());
    journal.close();
    assert!(verify(&root.path().join("journal"), &VerifyOptions::default()).unwrap().ok);
}

#[test]
fn a_live_file_that_lacks_a_column_which_no_row_uses_is_sealed() {
    let (root, live) =
        with_columns(|columns| columns.into_iter().filter(|it| it.0.name() != "grant" || is_used(it)).collect());

    let journal = open_in(&root, options(root.path()));

    until("it is sealed", || !live.exists());
    journal.close();
    assert!(verify(&root.path().join("journal"), &VerifyOptions::default()).unwrap().ok);
}

#[test]
fn a_live_file_with_a_column_of_another_type_is_kept_as_evidence_with_an_alarm() {
    let (root, live) = with_columns(without_zone);

    let journal = open_in(&root, options(root.path()));

    let told = || journal.state().last_alarm.is_some_and(|alarm| alarm.contains("cannot be sealed"));
    until("it is told", told);
    journal.close();
    assert!(live.exists());
}

#[test]
fn the_last_batch_of_a_file_whose_writer_did_not_mark_commits_is_set_aside_and_told() {
    let (root, live) =
        with_columns(|columns| columns.into_iter().filter(|(field, _)| field.name() != "commit").collect());

    let (journal, opening) = open(options(root.path()), Arc::new(FileSystem), Arc::new(|| {})).unwrap();

    assert!(opening.alarms.iter().any(|alarm| alarm.contains("did not mark commits")), "{opening:?}");
    assert!(fs::metadata(live.with_extension("arrows.torn")).unwrap().len() > 0);
    until("the rest is sealed", || !live.exists());
    journal.close();
}

#[test]
fn retention_goes_past_a_live_file_that_cannot_be_sealed() {
    let (root, live) = with_columns(without_zone);
    let small = Options { segment_bytes: 1, keep_bytes: Some(1), ..options(root.path()) };

    let journal = open_in(&root, small);
    // No more than the keeper, who has the lowest priority, keeps up with.
    (0..3).for_each(|_| write_a_row(&journal));
    until("segments behind it are retired", || {
        crate::read(&root.path().join("journal"))
            .is_ok_and(|rows| rows.iter().any(|row| row.kind == Kind::JournalRetired))
    });

    journal.close();
    assert!(live.exists());
}
