//! Every alteration is found: rows are changed on disk as an intruder without the key could.

mod mutations;

use crate::chain::{Chain, seam};
use crate::encode::encode;
use crate::names::{SegmentName, in_order};
use crate::read::{Piece, SegmentRows};
use crate::row::Link;
use crate::row::{Proof, Row};
use crate::schema::{COMMIT, live_schema, schema};
use crate::spelled::Batch;
use crate::{FileSystem, KnownCheckpoint, Options, Storage as _, Verification, VerifyOptions, verify, verify_export};
use arrow_ipc::writer::StreamWriter;
use event::{Event, Kind, Outcome};
use parquet::arrow::ArrowWriter;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A journal of several sealed segments and a live one, and the key it began with.
struct Sample {
    root: TempDir,
    key: String,
}

fn spelled(rows: &[Row]) -> Batch {
    let mut batch = Batch::default();
    for (place, row) in rows.iter().enumerate() {
        batch.proofs.extend(row.proof.map(|proof| (place, proof)));
        batch.push(&row.event);
    }
    batch.seam = rows.last().and_then(|row| row.commit);
    batch
}

const NO_PROOF: Proof = Proof { digest: [0; 32], signature: [0; 64], public_key: [0; 32] };

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

fn sample() -> Sample {
    let root = tempfile::tempdir().unwrap();
    let options = Options {
        commit_interval_ms: 2,
        sync_deadline_ms: 5_000,
        checkpoint_interval_ms: 10,
        housekeeping_ms: 10,
        segment_bytes: 12_000,
        start_patience_ms: 20_000,
        ..Options::new(&root.path().join("journal"), &root.path().join("keys"), "gate-1")
    };
    let directory = options.directory.clone();
    let (journal, opening) = crate::open(options, Arc::new(FileSystem), Arc::new(|| {})).unwrap();
    for number in 0..160u16 {
        let event = Event { address: Some(number), verdict: Some(Outcome::Permit), ..Event::default() };
        journal.append(Event { rule: Some(Arc::from("hmi-reads")), ..event });
        if number % 5 == 0 {
            std::thread::sleep(Duration::from_millis(4));
        }
    }
    let end = Instant::now() + Duration::from_secs(20);
    while segments(&directory).iter().filter(|name| name.is_sealed()).count() < 2 || live_files(&directory) > 1 {
        assert!(Instant::now() < end, "nothing was sealed");
        std::thread::sleep(Duration::from_millis(5));
    }
    journal.close();
    Sample { root, key: opening.first_public_key }
}

fn segments(directory: &Path) -> Vec<SegmentName> {
    let entries = FileSystem.list(directory).unwrap();
    in_order(entries.iter().map(|entry| entry.name.as_str()))
}

fn live_files(directory: &Path) -> usize {
    let entries = FileSystem.list(directory).unwrap();
    entries.iter().filter(|entry| entry.name.ends_with(".arrows")).count()
}

impl Sample {
    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for entry in FileSystem.list(&self.root.path().join("journal")).unwrap() {
            fs::copy(self.root.path().join("journal").join(&entry.name), copy.path().join(&entry.name)).unwrap();
        }
        copy
    }

    fn verify(&self, directory: &Path) -> Verification {
        verify(directory, &VerifyOptions { first_public_key: Some(self.key.clone()), ..Default::default() }).unwrap()
    }
}

fn batches(directory: &Path, name: SegmentName) -> Vec<Vec<Row>> {
    let mut segment = SegmentRows::open(&FileSystem, directory, name).unwrap();
    let mut batches = Vec::new();
    while let Piece::Rows(rows) = segment.next().unwrap() {
        batches.push(rows);
    }
    batches
}

fn rewrite(directory: &Path, name: SegmentName, batches: &[Vec<Row>]) {
    let path = name.within(directory);
    if name.is_sealed() {
        let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), schema(), None).unwrap();
        for rows in batches {
            let mut batch = encode(&spelled(rows)).unwrap();
            batch.remove_column(batch.schema().index_of(COMMIT).unwrap());
            writer.write(&batch).unwrap();
        }
        writer.close().unwrap();
        return;
    }
    let mut writer = StreamWriter::try_new(Vec::new(), &live_schema()).unwrap();
    batches.iter().for_each(|rows| writer.write(&encode(&spelled(&joined(rows))).unwrap()).unwrap());
    fs::write(path, writer.get_ref()).unwrap();
}

/// Rows with a seam that fits: it is no secret, so an intruder makes it anew.
fn joined(rows: &[Row]) -> Vec<Row> {
    let mut rows: Vec<Row> = rows.iter().map(|row| Row { commit: None, ..row.clone() }).collect();
    let mut chain = Chain::after(Link::default());
    for row in &rows {
        chain.follow(&row.event);
    }
    let seam = seam([0; 32], rows.iter().filter_map(|row| row.proof.as_ref()), chain.last().digest);
    rows.last_mut().unwrap().commit = Some(seam);
    rows
}

/// Change rows in one of many ways; says which, for the failing test's message.
fn alter(rows: &mut Vec<Row>, dice: &mut Dice) -> &'static str {
    let at = dice.throw(rows.len() - 1);
    match dice.throw(12) {
        0 => drop(rows.remove(at)),
        1 => rows.swap(at, at + 1),
        2 => rows.insert(at, rows[at].clone()),
        3 => rows[at].event.time += 1,
        4 => rows[at].event.address = Some(rows[at].event.address.map_or(0, |address| address ^ 1)),
        5 => rows[at].event.verdict = Some(Outcome::Deny),
        6 => rows[at].event.rule = Some(Arc::from("another")),
        7 => rows[at].event.count = Some(1),
        8 => rows[at].event.kind = Kind::RequestObserved,
        9 => rows[at].event.sequence.0 += 1,
        10 => rows[at].proof = rows[at].proof.map_or(Some(NO_PROOF), |_| None),
        _ => return forge(rows),
    }
    "rows"
}

/// Change one bit of a proof, or of a row where there is none.
fn forge(rows: &mut [Row]) -> &'static str {
    match rows.iter_mut().rev().find_map(|row| row.proof.as_mut()) {
        Some(proof) => proof.signature[3] ^= 4,
        None => rows[0].event.time += 1,
    }
    "signature"
}

#[test]
fn each_of_240_alterations_of_rows_is_found_in_its_file() {
    let sample = sample();
    let names = segments(&sample.root.path().join("journal"));
    assert!(sample.verify(&sample.root.path().join("journal")).ok);

    for throw in 0..240u64 {
        let (copy, mut dice) = (sample.copy(), Dice(throw));
        let name = names[dice.throw(names.len())];
        let mut rows = batches(copy.path(), name);
        let batch = dice.throw(rows.len());
        let how = if rows[batch].len() > 1 { alter(&mut rows[batch], &mut dice) } else { forge(&mut rows[batch]) };
        rewrite(copy.path(), name, &rows);

        let found = sample.verify(copy.path());
        assert!(!found.ok, "throw {throw}: {how} in batch {batch} of {}", name.text());
        assert!(found.findings.iter().all(|finding| finding.file.is_some()), "throw {throw}");
    }
}

#[test]
fn any_byte_of_a_sealed_file_counts() {
    let sample = sample();
    let name = segments(&sample.root.path().join("journal"))[0];
    let mut dice = Dice(7);

    for _ in 0..60 {
        let copy = sample.copy();
        let path = name.within(copy.path());
        let mut bytes = fs::read(&path).unwrap();
        let at = dice.throw(bytes.len());
        bytes[at] ^= 1 << dice.throw(8);
        fs::write(path, bytes).unwrap();

        assert!(!sample.verify(copy.path()).ok, "byte {at}");
    }
}

#[test]
fn a_flipped_bit_of_the_live_file_is_found_wherever_it_lies_before_the_last_batch() {
    let sample = sample();
    let name = *segments(&sample.root.path().join("journal")).last().unwrap();
    let mut dice = Dice(11);

    for _ in 0..150 {
        let copy = sample.copy();
        let path = name.within(copy.path());
        let mut bytes = fs::read(&path).unwrap();
        // The last batch is the one that a stop could have torn; see the limits.
        let at = dice.throw(bytes.len() * 2 / 3);
        bytes[at] ^= 1 << dice.throw(8);
        fs::write(path, bytes).unwrap();

        assert!(!sample.verify(copy.path()).ok, "byte {at}");
    }
}

#[test]
fn removed_and_swapped_files_are_found() {
    let sample = sample();
    let names = segments(&sample.root.path().join("journal"));
    for name in &names[..names.len() - 1] {
        let copy = sample.copy();
        fs::remove_file(name.within(copy.path())).unwrap();
        assert!(!sample.verify(copy.path()).ok, "{} removed", name.text());
    }

    let copy = sample.copy();
    let (one, two) = (names[0].within(copy.path()), names[1].within(copy.path()));
    let aside = copy.path().join("aside");
    fs::rename(&one, &aside).unwrap();
    fs::rename(&two, &one).unwrap();
    fs::rename(&aside, &two).unwrap();
    let found = sample.verify(copy.path());

    assert!(
        found.findings.iter().any(|finding| finding.what.contains("not those of its name")),
        "{:?}",
        found.findings
    );
}

#[test]
fn an_altered_row_is_placed_between_the_checkpoints_around_it() {
    let sample = sample();
    let name = segments(&sample.root.path().join("journal"))[0];
    let copy = sample.copy();
    let mut rows = batches(copy.path(), name);
    let target = rows.iter().flatten().position(|row| row.event.address.is_some()).unwrap();
    let all: Vec<Row> = rows.concat();
    let before = all[..target].iter().rev().find(|row| row.proof.is_some()).unwrap().event.sequence.0;
    let after = all[target..].iter().find(|row| row.proof.is_some()).unwrap().event.sequence.0;
    rows.iter_mut().flatten().nth(target).unwrap().event.address = Some(9_999);
    rewrite(copy.path(), name, &rows);

    let found = sample.verify(copy.path());
    let place = found.findings.iter().find(|finding| finding.what.starts_with("rows altered")).unwrap();

    assert_eq!((place.first_sequence, place.last_sequence), (Some(before + 1), Some(after)));
    assert_eq!(place.file, Some(name.text()));
}

#[test]
fn a_tail_cut_back_to_a_checkpoint_is_seen_only_with_a_later_one() {
    let sample = sample();
    let name = *segments(&sample.root.path().join("journal")).last().unwrap();
    let whole = sample.verify(&sample.root.path().join("journal")).last_checkpoint.unwrap();
    let copy = sample.copy();
    let rows = batches(copy.path(), name);
    rewrite(copy.path(), name, &rows[..1]);

    let unseen = sample.verify(copy.path());
    let known = KnownCheckpoint { sequence: Some(whole.sequence), digest: whole.digest };
    let options = |known| VerifyOptions {
        first_public_key: Some(sample.key.clone()),
        known_checkpoint: Some(known),
        checkpoint: None,
    };
    let seen = verify(copy.path(), &options(known.clone())).unwrap();
    let sound = verify(&sample.root.path().join("journal"), &options(known)).unwrap();

    assert!(unseen.limits.iter().any(|limit| limit.contains("cut back")));
    assert!(!seen.ok);
    assert!(sound.ok);
}

#[test]
fn another_guards_key_proves_nothing() {
    let (sample, other) = (sample(), sample());

    let found = verify(
        &sample.root.path().join("journal"),
        &VerifyOptions { first_public_key: Some(other.key), ..Default::default() },
    );

    assert!(!found.unwrap().ok);
}

/// Rows of a journal from one signed row to another, as an export holds them.
fn excerpt(sample: &Sample, from: usize, to: usize) -> Vec<Row> {
    let directory = sample.root.path().join("journal");
    let all: Vec<Row> = segments(&directory).iter().flat_map(|name| batches(&directory, *name).concat()).collect();
    let signed: Vec<usize> = (0..all.len()).filter(|at| all[*at].proof.is_some()).collect();
    all[signed[from]..=signed[signed.len() - 1 - to]].to_vec()
}

fn verify_rows(sample: &Sample, rows: &[Row]) -> Verification {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(sample.root.path().join("journal/keys.json"), folder.path().join("keys.json")).unwrap();
    let file = fs::File::create(folder.path().join("events.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema(), None).unwrap();
    let mut batch = encode(&spelled(rows)).unwrap();
    batch.remove_column(batch.schema().index_of(COMMIT).unwrap());
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let options = VerifyOptions { first_public_key: Some(sample.key.clone()), ..Default::default() };
    verify_export(folder.path(), &options).unwrap()
}

#[test]
fn each_of_240_alterations_of_an_export_is_found() {
    let sample = sample();

    for throw in 0..240u64 {
        let mut dice = Dice(throw);
        let mut rows = excerpt(&sample, 1 + dice.throw(3), 1 + dice.throw(3));
        // Of the first row only the signed digest counts, as the limits say.
        let mut body = rows.split_off(1);
        let last = body.pop().unwrap();
        let how = alter(&mut body, &mut dice);
        let found = verify_rows(&sample, &[rows, body, vec![last]].concat());

        assert!(!found.ok, "throw {throw}: {how}");
    }
}

#[test]
fn the_last_row_of_a_segment_cannot_be_taken_out_of_an_export() {
    let sample = sample();
    let rows = excerpt(&sample, 0, 0);
    let opened = rows.iter().rposition(|row| row.event.kind == Kind::JournalSegmentOpened).unwrap();
    let without = [&rows[..opened - 1], &rows[opened..]].concat();

    assert!(!verify_rows(&sample, &without).ok);
}

#[test]
fn an_export_that_does_not_begin_at_a_signed_row_proves_nothing_up_to_the_next() {
    let sample = sample();
    let rows = excerpt(&sample, 1, 0);
    let plain = rows.iter().position(|row| row.proof.is_none()).unwrap();

    assert!(!verify_rows(&sample, &rows[plain..]).ok);
    assert!(!verify_rows(&sample, &[]).ok);
}

#[test]
fn an_export_across_segments_is_sound_and_says_what_it_is_not() {
    let sample = sample();
    for from in 0..4 {
        let rows = excerpt(&sample, from, 1);
        let found = verify_rows(&sample, &rows);

        assert!(found.ok, "{:?}", found.findings);
        assert_eq!((found.rows, found.unproven_rows), (rows.len() as u64, 0));
        assert!(found.segments > 2);
        assert!(found.limits[0].contains("excerpt"));
    }
}

#[test]
fn the_words_of_the_row_that_an_export_begins_behind_explain_no_missing_rows() {
    let sample = sample();
    let rows = excerpt(&sample, 1, 0);
    let opened = rows.iter().rposition(|row| row.event.kind == Kind::JournalSegmentOpened).unwrap();
    let words = rows[opened].event.reason.as_deref().unwrap();
    let after: Vec<&str> = words.split(' ').collect();
    let mut forged = rows.clone();
    forged[0].event.kind = Kind::JournalRetired;
    forged[0].event.reason = Some(format!("retired: x end {} {} age", after[1], after[2]).into());
    let signed = forged[..opened].iter().rposition(|row| row.proof.is_some()).unwrap();
    let before = forged[..signed].iter().rposition(|row| row.proof.is_some()).unwrap();
    forged.drain(before + 1..opened);

    assert!(!verify_rows(&sample, &forged).ok);
}
