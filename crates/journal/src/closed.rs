//! A note that a live file ended well, and at which length: the next start need not make that file anew.
//!
//! Kept true here: the note is written only after the file's last sync has returned, and the file is never written
//! again. Whoever forges it has the start trust the system's memory, and gains no row by it.

use crate::names::CLOSED;
use crate::storage::{Storage, read_whole, write_whole};
use std::io;
use std::path::Path;

pub(crate) fn note(storage: &dyn Storage, directory: &Path, (first, bytes): (u64, u64)) -> io::Result<()> {
    write_whole(storage, &directory.join(CLOSED), text(first, bytes).as_bytes())
}

pub(crate) fn is_noted(storage: &dyn Storage, directory: &Path, (first, bytes): (u64, u64)) -> bool {
    read_whole(storage, &directory.join(CLOSED)).is_ok_and(|noted| noted == text(first, bytes).as_bytes())
}

fn text(first: u64, bytes: u64) -> String {
    format!("{first} {bytes}\n")
}
