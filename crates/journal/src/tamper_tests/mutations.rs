//! *Invariant tested: whatever is changed in a journal's directory is found and its place named, or lies
//! where nothing is signed yet and is told as such.* Each seed makes one change, as somebody could who can
//! write to every file but does not hold the key.

use super::{Dice, Sample, segments};
use crate::names::{CLOCK, CLOSED, KEYS, LOCK, SegmentName};
use crate::{FileSystem, KnownCheckpoint, Options, Storage as _, Verification, VerifyOptions};
use event::{Event, Outcome};
use openssl::sha::sha256;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[path = "../../tests/harness/seeds.rs"]
#[allow(unreachable_pub)]
mod seeds;

mod scene;

type Files = BTreeMap<String, Vec<u8>>;

/// A journal, itself at an earlier time, and another guard's.
struct Ground {
    sample: Sample,
    last: KnownCheckpoint,
    whole: Files,
    earlier: Files,
    other: Sample,
    /// Where the last batch of the last file begins: nothing that is signed covers it.
    unsigned_from: usize,
}

/// One change under way.
struct Scene<'a> {
    ground: &'a Ground,
    directory: &'a Path,
    dice: Dice,
    touched: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Unchanged,
    ByKey,
    /// Told as an end that is not proved; a later checkpoint finds it.
    ByCheckpoint,
    /// Told in a notice that names the file.
    ByNotice,
    /// Within bytes that nothing signs and that say the same as before.
    SaysTheSame,
}

type Way<'a> = (&'static str, fn(&mut Scene<'a>));

fn ways<'a>() -> [Way<'a>; 20] {
    [
        ("a bit flipped", Scene::flip_bit),
        ("a byte set", Scene::set_byte),
        ("a file's end cut", Scene::cut_end),
        ("bytes cut out", Scene::cut_out),
        ("bytes doubled", Scene::double_bytes),
        ("bytes added", Scene::add_bytes),
        ("a file removed", Scene::remove_file),
        ("two files swapped", Scene::swap_files),
        ("a file doubled", Scene::double_file),
        ("batches swapped", Scene::swap_batches),
        ("a batch dropped", Scene::drop_batch),
        ("a batch doubled", Scene::double_batch),
        ("rows altered", Scene::alter_rows),
        ("rows swapped between files", Scene::swap_rows),
        ("a file of another journal", Scene::take_other_file),
        ("a batch of another journal", Scene::splice_other),
        ("a batch of an earlier file", Scene::splice_own),
        ("a file as it was earlier", Scene::take_earlier_file),
        ("a Parquet footer edited", Scene::edit_footer),
        ("the end cut back to a checkpoint", Scene::cut_back),
    ]
}

#[test]
fn each_of_many_changes_to_a_journal_is_found_and_its_place_named() {
    let ground = ground();
    let tally = Mutex::new(BTreeMap::<(&str, Found), u64>::new());
    seeds::each_seed(400, |seed| {
        let (how, found) = change_once(&ground, seed);
        *tally.lock().unwrap().entry((how, found)).or_default() += 1;
    });
    for ((how, found), times) in tally.into_inner().unwrap() {
        println!("{times:>6} {how}: {found:?}");
    }
}

fn ground() -> Ground {
    let (sample, earlier) = write_journal();
    let directory = sample.directory();
    let found = sample.verify(&directory);
    assert!(found.ok, "{:?}", found.findings);
    let last = found.last_checkpoint.unwrap();
    let name = *segments(&directory).last().unwrap();
    let live = fs::read(name.within(&directory)).unwrap();
    let mut frames = crate::frames::Frames::new(&*live, live.len() as u64);
    let mut starts = Vec::new();
    while frames.next_frame().unwrap().is_some() {
        starts.push(frames.whole_bytes());
    }
    let unsigned_from = usize::try_from(starts[starts.len() - 2]).unwrap();
    let last = KnownCheckpoint { sequence: Some(last.sequence), digest: last.digest };
    let whole = files_of(&directory);
    Ground { sample, last, whole, earlier, other: super::sample(), unsigned_from }
}

/// Three keys, a policy, several sealed segments and a live one; and the files as they were midway.
fn write_journal() -> (Sample, Files) {
    let root = tempfile::tempdir().unwrap();
    let options = Options {
        commit_interval_ms: 2,
        sync_deadline_ms: 5_000,
        checkpoint_interval_ms: 10,
        housekeeping_ms: 10,
        segment_bytes: 40_000,
        start_patience_ms: 20_000,
        ..Options::new(&root.path().join("journal"), &root.path().join("keys"), "gate-1")
    };
    let directory = options.directory.clone();
    let (journal, opening) = crate::open(options, Arc::new(FileSystem), Arc::new(|| {})).unwrap();
    let policy = crate::hex::render(&sha256(b"a policy"));
    journal.keep_policy(&policy, b"a policy");
    let mut earlier = Files::new();
    for number in 0..200u16 {
        let event = Event { address: Some(number), verdict: Some(Outcome::Permit), ..Event::default() };
        journal.append(Event { policy: Some(Arc::from(policy.as_str())), ..event });
        match number {
            70 | 140 => drop(journal.rotate_key().unwrap()),
            110 => earlier = files_of(&directory),
            _ if number % 4 == 0 => std::thread::sleep(Duration::from_millis(4)),
            _ => {}
        }
    }
    let end = Instant::now() + Duration::from_secs(20);
    while super::live_files(&directory) > 1 || segments(&directory).len() < 3 {
        assert!(Instant::now() < end, "nothing was sealed");
        std::thread::sleep(Duration::from_millis(5));
    }
    journal.close();
    (Sample { root, key: opening.first_public_key }, earlier)
}

fn change_once(ground: &Ground, seed: u64) -> (&'static str, Found) {
    let copy = lay_out(&ground.whole);
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (how, change) = ways()[dice.throw(ways().len())];
    let mut scene = Scene { ground, directory: copy.path(), dice, touched: Vec::new() };
    change(&mut scene);
    let touched = std::mem::take(&mut scene.touched);
    let found = ground.judge(copy.path(), &touched);
    (how, found.unwrap_or_else(|what| panic!("seed {seed}: {how} in {touched:?}: {what}")))
}

// === impl Ground ===

impl Ground {
    fn judge(&self, directory: &Path, touched: &[String]) -> Result<Found, String> {
        let now = files_of(directory);
        if now == self.whole {
            return Ok(Found::Unchanged);
        }
        let (alone, held) = (self.sample.verify(directory), self.verify_against_last(directory));
        if !alone.ok {
            let is_placed = alone
                .findings
                .iter()
                .chain(&alone.notices)
                .any(|finding| self.names(finding, touched) || Self::is_cut_off(finding));
            return is_placed.then_some(Found::ByKey).ok_or_else(|| format!("not placed: {:#?}", alone.findings));
        }
        if !held.ok {
            let is_told = alone.last_checkpoint.is_none_or(|last| Some(last.sequence) < self.last.sequence)
                && alone.limits.iter().any(|limit| limit.contains("cut back"));
            return is_told.then_some(Found::ByCheckpoint).ok_or_else(|| format!("not told: {:#?}", alone.limits));
        }
        if alone.notices.iter().any(|notice| self.names(notice, touched)) {
            return Ok(Found::ByNotice);
        }
        self.says_the_same(directory, &now, touched).then_some(Found::SaysTheSame).ok_or("not found".to_owned())
    }

    fn verify_against_last(&self, directory: &Path) -> Verification {
        let (first_public_key, known_checkpoint) = (Some(self.sample.key.clone()), Some(self.last.clone()));
        crate::verify(directory, &VerifyOptions { first_public_key, known_checkpoint, checkpoint: None }).unwrap()
    }

    /// The row that signs a sealed file stands in a later one: where that was cut, the sealed file is named.
    fn is_cut_off(finding: &crate::Finding) -> bool {
        finding.what == "no row signs this file" && finding.hint.contains("the end of the journal was cut")
    }

    /// Whether a finding leads to a file that was touched, by its name or by the sequences that were in it.
    fn names(&self, finding: &crate::Finding, touched: &[String]) -> bool {
        let (first, last) = (finding.first_sequence.unwrap_or(u64::MAX), finding.last_sequence.unwrap_or(u64::MAX));
        touched.iter().any(|name| {
            let overlaps = || self.span(name).is_some_and(|(from, to)| first <= to && from <= last);
            finding.file.as_ref() == Some(name) || overlaps()
        })
    }

    fn span(&self, name: &str) -> Option<(u64, u64)> {
        match SegmentName::parse(name)? {
            SegmentName::Sealed { first, last } => Some((first, last)),
            SegmentName::Live { first } => Some((first, self.last.sequence?)),
        }
    }

    /// Bytes that no signature covers: the last batch, and what a list of keys says beside the keys.
    fn says_the_same(&self, directory: &Path, now: &Files, touched: &[String]) -> bool {
        let [name] = touched else { return false };
        if name == KEYS {
            return crate::certificate::load(&FileSystem, directory).is_ok();
        }
        let (Some(before), Some(after)) = (self.whole.get(name), now.get(name)) else { return false };
        let is_last_batch = name.ends_with(".arrows") && before[..self.unsigned_from] == after[..self.unsigned_from];
        is_last_batch && rows_of(directory) == rows_of(&self.sample.directory())
    }
}

fn rows_of(directory: &Path) -> Vec<Event> {
    crate::read(directory).unwrap()
}

// === impl Sample ===

impl Sample {
    fn directory(&self) -> PathBuf {
        self.root.path().join("journal")
    }
}

fn files_of(directory: &Path) -> Files {
    let mut files = Files::new();
    for folder in ["", "policies/"] {
        for entry in FileSystem.list(&directory.join(folder)).unwrap_or_default() {
            // Drafts and the lock are no part of the record.
            // What the lock and the notes of one run to the next hold is no part of the record.
            if ![LOCK, CLOSED, CLOCK].contains(&&*entry.name) && !entry.name.ends_with(".tmp") {
                // A file may be sealed between listing and reading.
                let Ok(bytes) = fs::read(directory.join(folder).join(&entry.name)) else { continue };
                files.insert(format!("{folder}{}", entry.name), bytes);
            }
        }
    }
    files
}

fn lay_out(files: &Files) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("policies")).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(root.path().join(name), bytes).unwrap());
    root
}
