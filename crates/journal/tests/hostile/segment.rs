//! Invariant tested: whatever bytes stand in for a live segment, reading, verifying and starting end with an answer;
//! nothing forged is proved, no number is given twice, and no byte is lost that was not sealed.

use super::folder::Folder;
use super::harness::Disk;
use event::Event;
use std::fs;
use std::sync::Arc;

/// A public key that signed nothing.
const NOBODY: &str = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";
const NAME: &str = "00000000000000000001.arrows";

/// Numbers beyond are none that a journal gives.
const MOST: u64 = u64::MAX / 4;

pub fn check(segment: &[u8]) {
    let folder = Folder::new();
    folder.put(NAME, segment);
    let before = journal::read(&folder.path()).unwrap();
    assert!(!folder.verify(Some(NOBODY)).ok, "proved under a key that signed nothing");
    let found = folder.verify(None);
    assert_eq!(found.rows, before.len() as u64, "reader and verifier see different rows");

    let (journal, _) = journal::open(folder.options(), Disk::careless(), Arc::new(|| {})).unwrap();
    assert!(journal.is_up(), "damage prevents a start");
    let number = journal.append(Event::default());
    let last = before.iter().map(|row| row.sequence).filter(|sequence| sequence.0 <= MOST).max().unwrap_or_default();
    assert!(number > last, "{number:?} may have been given before");
    journal.close();
    check_kept(&folder, segment);
    let after = journal::read(&folder.path()).unwrap();
    assert!(after.iter().any(|row| row.sequence == number), "a new row cannot be read");
}

/// The bytes are where they were, or the part that is no whole batch lies beside them.
fn check_kept(folder: &Folder, segment: &[u8]) {
    let live = fs::read(folder.path().join(NAME)).unwrap_or_default();
    let torn = fs::read(folder.path().join(format!("{NAME}.torn"))).unwrap_or_default();
    let is_sealed = fs::read_dir(folder.path()).unwrap().any(|entry| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().ends_with(".parquet")
    });
    let is_kept = live.starts_with(segment) || torn == segment;
    assert!(is_kept || (is_sealed && segment.ends_with(&torn)), "bytes are gone");
}
