//! Which sealed segments have had their time.
//!
//! Kept true here:
//! * a file that a clock dated into the future is as old as the next one that is not;
//! * a file that cannot be read stays, as evidence, and holds up no other;
//! * no segment goes before an older one that is still to be sealed: the row that says it went, kept in a
//!   younger segment, would go before what it explains.

use crate::names::{SegmentName, in_order};
use crate::options::Options;
use crate::row::Link;
use crate::sealed::{Footer, footer};
use crate::storage::{Entry, Storage, may_pass};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// So many files dated into the future are looked behind: where a clock was set back for good, all are.
const MOST_AHEAD: usize = 64;

/// A segment that may go, and why.
pub(crate) struct Expired {
    pub(crate) name: SegmentName,
    pub(crate) end: Link,
    pub(crate) why: &'static str,
}

/// What one look at the directory found.
#[derive(Default)]
pub(crate) struct Look {
    pub(crate) expired: Option<Expired>,
    /// Files older than what may go that say nothing of themselves, each with the reason.
    pub(crate) kept: Vec<String>,
}

/// The oldest segment that can be read, when it is too old or the directory too large. One at a time:
/// the row that says so must be durable before the next is looked at. `damaged` live files are never sealed.
pub(crate) fn next_expired(
    storage: &dyn Storage,
    options: &Options,
    (damaged, now_ns): (&BTreeMap<u64, String>, i64),
) -> io::Result<Look> {
    let mut look = Look::default();
    if options.keep_age_ms.is_none() && options.keep_bytes.is_none() {
        return Ok(look);
    }
    let entries = storage.list(&options.directory)?;
    let (mut evidence, mut oldest, mut ahead) = (BTreeSet::new(), None, 0);
    for name in in_order(entries.iter().map(|entry| entry.name.as_str())) {
        let SegmentName::Sealed { last, .. } = name else {
            // It has its time once it is sealed; one that never will be is evidence too.
            if damaged.contains_key(&name.first()) {
                evidence.insert(name.text());
                continue;
            }
            break;
        };
        match about(storage, options, name)? {
            Err(what) => {
                evidence.insert(name.text());
                look.kept.push(format!("{}: {what}; kept", name.text()));
            }
            Ok(about) => {
                let (name, end) = *oldest.get_or_insert((name, Link { sequence: last, digest: about.end_digest }));
                let why = why(options, size(&entries, &evidence), about.last_time, now_ns);
                if why.is_none() && about.last_time > now_ns && ahead < MOST_AHEAD {
                    ahead += 1;
                    continue;
                }
                look.expired = why.map(|why| Expired { name, end, why });
                break;
            }
        }
    }
    Ok(look)
}

/// What the file says of itself, or why it cannot: what may pass ends the look, lest younger files go first.
fn about(storage: &dyn Storage, options: &Options, name: SegmentName) -> io::Result<Result<Footer, String>> {
    match storage.read(&name.within(&options.directory)) {
        Err(error) if may_pass(&error) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
        Ok(mut file) => Ok(footer(&mut file).ok_or_else(|| "damaged".to_owned())),
    }
}

/// Of what can go one day. What never will must not push all the rest out.
fn size(entries: &[Entry], evidence: &BTreeSet<String>) -> u64 {
    let may_go = |entry: &&Entry| SegmentName::parse(&entry.name).is_some() && !evidence.contains(&entry.name);
    entries.iter().filter(may_go).map(|entry| entry.bytes).sum()
}

fn why(options: &Options, size: u64, last_time: i64, now_ns: i64) -> Option<&'static str> {
    let age_ms = u64::try_from(now_ns.saturating_sub(last_time) / 1_000_000).unwrap_or_default();
    if options.keep_age_ms.is_some_and(|keep| age_ms > keep) {
        return Some("age");
    }
    options.keep_bytes.is_some_and(|keep| size > keep).then_some("size")
}
