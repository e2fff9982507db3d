//! Which sealed segments have had their time.

use crate::names::SegmentName;
use crate::options::Options;
use crate::row::Link;
use crate::sealed::footer;
use crate::storage::{Entry, Storage};
use std::io;

/// A segment that may go, and why.
pub(crate) struct Expired {
    pub(crate) name: SegmentName,
    pub(crate) end: Link,
    pub(crate) why: &'static str,
}

/// The oldest segment, when it is too old or the directory too large. One at a time: the row that
/// says so must be durable before the next is looked at.
pub(crate) fn next_expired(storage: &dyn Storage, options: &Options, now_ns: i64) -> io::Result<Option<Expired>> {
    if options.keep_age_ms.is_none() && options.keep_bytes.is_none() {
        return Ok(None);
    }
    let entries = storage.list(&options.directory)?;
    let Some(oldest) = crate::names::in_order(entries.iter().map(|entry| entry.name.as_str())).into_iter().next()
    else {
        return Ok(None);
    };
    let SegmentName::Sealed { last, .. } = oldest else { return Ok(None) };
    let Some(about) = footer(&mut storage.read(&oldest.within(&options.directory))?) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{}: damaged; kept", oldest.text())));
    };
    let end = Link { sequence: last, digest: about.end_digest };
    Ok(why(options, &entries, about.last_time, now_ns).map(|why| Expired { name: oldest, end, why }))
}

fn why(options: &Options, entries: &[Entry], last_time: i64, now_ns: i64) -> Option<&'static str> {
    let age_ms = u64::try_from(now_ns.saturating_sub(last_time) / 1_000_000).unwrap_or_default();
    if options.keep_age_ms.is_some_and(|keep| age_ms > keep) {
        return Some("age");
    }
    let total = entries.iter().map(|entry| entry.bytes).sum::<u64>();
    options.keep_bytes.is_some_and(|keep| total > keep).then_some("size")
}
