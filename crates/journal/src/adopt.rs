//! A sealed file that an earlier run made, found beside a live original that is sealed again and ends elsewhere.
//!
//! A sync of the live file failed, it was sealed with rows that never reached the disk, and the power went before
//! the row that signs the sealed file was durable.
//!
//! Kept true here: the record goes on from the sealed file, so that one stays; all that the live file still holds
//! is in it, or neither is touched.

use crate::chain::Chain;
use crate::names::SegmentName;
use crate::read::{Piece, SegmentRows};
use crate::row::Link;
use crate::seal::{Sealed, follow};
use crate::storage::Storage;
use std::io;
use std::path::Path;

/// The sealed file of a live one, where it ends with another row than `made` does.
pub(crate) fn earlier(storage: &dyn Storage, directory: &Path, made: SegmentName) -> io::Result<Option<SegmentName>> {
    let entries = storage.list(directory)?;
    let is_earlier = |name: &SegmentName| name.is_sealed() && name.first() == made.first() && *name != made;
    Ok(entries.iter().filter_map(|entry| SegmentName::parse(&entry.name)).find(is_earlier))
}

/// What the row that signs it is to say, where it holds the live file's rows up to `end`.
pub(crate) fn adopt(storage: &dyn Storage, directory: &Path, name: SegmentName, end: Link) -> io::Result<Sealed> {
    let differs = || {
        let what = format!("{}: does not hold the rows of its live original; neither is signed", name.text());
        io::Error::new(io::ErrorKind::InvalidData, what)
    };
    let mut segment = SegmentRows::open(storage, directory, name)?;
    let file = segment.digest().ok_or_else(differs)?;
    let (mut chain, mut holds_end) = (None::<Chain>, false);
    loop {
        match segment.next()? {
            Piece::Rows(rows) => {
                for row in &rows {
                    follow(&mut chain, std::slice::from_ref(row)).ok_or_else(differs)?;
                    holds_end |= chain.as_ref().map(Chain::last) == Some(end);
                }
            }
            Piece::Damaged(_) => return Err(differs()),
            Piece::End => break,
        }
    }
    let last = chain.filter(|_| holds_end).ok_or_else(differs)?.last();
    let is_named_so = name == SegmentName::Sealed { first: name.first(), last: last.sequence };
    is_named_so.then_some(Sealed { name, file, end: last }).ok_or_else(differs)
}
