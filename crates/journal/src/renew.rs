//! The live file that the record goes on from, made anew.
//!
//! A sync of it may have failed, and the process may have died over that while the machine ran on. The system then
//! gives its rows from memory, and says of a later sync that all is well, though they never reached the disk.
//!
//! Kept true here:
//! * what is read from memory is written again, under a new file's own syncs;
//! * the copy holds every byte of the original, and takes its name only when it is whole and durable.

use crate::names::{SegmentName, draft};
use crate::storage::{AppendFile, ReadFile, Storage};
use std::io::{self, Read as _};
use std::path::Path;

/// So much between two syncs: a slow disk answers each in good time, and is not taken for one that hangs.
const STRETCH: u64 = 8 << 20;

/// Why a file was not made anew.
enum Trouble {
    /// It cannot be read. Another try finds the same.
    Reading(io::Error),
    /// The copy cannot be written: nor could a new segment be.
    Writing(io::Error),
}

/// Copy a live file and put the copy in its place; an alarm where the file cannot be read.
///
/// # Errors
/// The copy cannot be written; the original stands as it was.
pub(crate) fn renew(storage: &dyn Storage, directory: &Path, first: u64) -> io::Result<Option<String>> {
    let name = SegmentName::Live { first };
    let copy = directory.join(draft(first, getrandom::u64().map_err(io::Error::other)?));
    let outcome = copy_whole(storage, &name.within(directory), &copy);
    if outcome.is_err() {
        let _ = storage.remove(&copy);
    }
    match outcome {
        Err(Trouble::Reading(error)) => {
            return Ok(Some(format!("{}: its last rows may not outlive a power cut: {error}", name.text())));
        }
        Err(Trouble::Writing(error)) => return Err(error),
        Ok(()) => {}
    }
    storage.rename(&copy, &name.within(directory))?;
    storage.sync_directory(directory).map(|()| None)
}

fn copy_whole(storage: &dyn Storage, from: &Path, to: &Path) -> Result<(), Trouble> {
    let mut from = storage.read(from).map_err(Trouble::Reading)?;
    let mut to = storage.create(to, false).map_err(Trouble::Writing)?;
    while copy_stretch(&mut from, &mut *to)? {}
    Ok(())
}

/// Whether there may be more.
fn copy_stretch(from: &mut Box<dyn ReadFile>, to: &mut dyn AppendFile) -> Result<bool, Trouble> {
    let mut bytes = Vec::new();
    from.take(STRETCH).read_to_end(&mut bytes).map_err(Trouble::Reading)?;
    if bytes.is_empty() {
        return Ok(false);
    }
    to.append(&bytes).and_then(|()| to.sync()).map_err(Trouble::Writing)?;
    Ok(true)
}
