//! What somebody with the disk in hand could leave there, held against what the fuzzer kept in `fuzz/corpus`.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an invariant is a test, outside `#[test]`"
)]

mod directory;
mod folder;
#[path = "../harness/mod.rs"]
mod harness;
mod keys;
mod segment;

use arrow_array::{ArrayRef, NullArray, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use event::Event;
use folder::Folder;
use harness::{denied, full, poll};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_kept_segment_is_read_and_gone_on_from() {
    corpus::replay(HERE, "segment", segment::check);
}

#[test]
fn every_kept_directory_is_verified_to_an_end() {
    corpus::replay(HERE, "directory", directory::check);
}

#[test]
fn every_kept_list_of_keys_proves_no_more_than_it_may() {
    corpus::replay(HERE, "keys", keys::check);
}

#[test]
fn a_batch_that_claims_more_rows_than_it_has_bytes_for_is_damage_and_costs_no_memory() {
    segment::check(&claiming_rows(1 << 40));
}

#[test]
fn the_sample_is_proved_by_its_own_list_of_keys() {
    let folder = Folder::new();
    for name in ["00000000000000000001.arrows", "keys.json"] {
        folder.put(name, &fs::read(Path::new(HERE).join("fuzz/sample").join(name)).unwrap());
    }
    let found = folder.verify(None);

    assert_eq!(found.findings, []);
}

#[test]
#[ignore = "writes the corpora's seeds anew"]
fn seeds_are_sown() {
    let (live, keys) = journal_of(&[poll(1), denied(2), full(3)], false);
    let (sealed, sealed_keys) = journal_of(&[poll(1), denied(2)], true);
    let sample = Path::new(HERE).join("fuzz/sample");
    fs::create_dir_all(&sample).unwrap();
    fs::write(sample.join("00000000000000000001.arrows"), &live).unwrap();
    fs::write(sample.join("keys.json"), &keys).unwrap();
    let cut = live.len() / 2;
    corpus::sow(
        HERE,
        "segment",
        &[
            live.clone(),
            live[..cut].to_vec(),
            [&live[..cut], &live[cut + 8..]].concat(),
            claiming_rows(1 << 40),
            vec![],
        ],
    );
    let wrong = br#"[{"public_key": "00", "from_sequence": -1, "signature": null}]"#.to_vec();
    let no_key = br#"[{"public_key": "00", "from_sequence": 1, "signature": null}]"#.to_vec();
    corpus::sow(HERE, "keys", &[keys.clone(), wrong, no_key, b"[]".to_vec(), b"{}".to_vec()]);
    let folders = [
        directory::packed(&[(0, &keys), (1, &live)]),
        directory::packed(&[(0, &sealed_keys), (2, &sealed), (6, b"")]),
        directory::packed(&[(1, &live), (2, &sealed), (5, &live[cut..])]),
        directory::packed(&[(4, b"PAR1PAR1"), (7, b"")]),
    ];
    corpus::sow(HERE, "directory", &folders);
}

/// A segment whose columns take no bytes, however many rows they have.
fn claiming_rows(rows: usize) -> Vec<u8> {
    let column: ArrayRef = Arc::new(NullArray::new(rows));
    let names = ["sequence", "time", "clock", "kind"];
    let batch = RecordBatch::try_from_iter(names.map(|name| (name, Arc::clone(&column)))).unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    stream.into_inner().unwrap()
}

/// The one segment of a journal with these rows, and its list of keys.
fn journal_of(rows: &[Event], is_sealed: bool) -> (Vec<u8>, Vec<u8>) {
    let folder = Folder::new();
    let (journal, _) = journal::open(folder.options(), harness::Disk::careless(), Arc::new(|| {})).unwrap();
    for row in rows {
        journal.append(row.clone());
    }
    harness::settle(&journal);
    journal.close();
    if is_sealed {
        // A start seals what it finds.
        let (journal, _) = journal::open(folder.options(), harness::Disk::careless(), Arc::new(|| {})).unwrap();
        harness::until("it is sealed", || !harness::files(&folder.path(), ".parquet").is_empty());
        journal.close();
    }
    let end = if is_sealed { ".parquet" } else { ".arrows" };
    let segment = fs::read(&harness::files(&folder.path(), end)[0]).unwrap();
    (segment, fs::read(folder.path().join("keys.json")).unwrap())
}
