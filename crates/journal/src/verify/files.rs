//! The files themselves: sealed ones against their signed digests, policy texts against their names.

use super::report::{Place, Verification};
use super::walk::Walk;
use crate::hex;
use crate::names::{POLICIES, SegmentName};
use crate::row::Digest;
use crate::storage::{Storage, read_whole};
use openssl::sha::sha256;
use std::collections::BTreeSet;
use std::path::Path;

/// Sealed files as found, beside what signed rows say of them.
pub(super) fn check_seals(walk: &mut Walk, found: &[(SegmentName, Digest)], originals: &BTreeSet<u64>) {
    for (name, digest) in found {
        let text = name.text();
        match walk.sealed.get(&text) {
            Some(signed) if signed == digest => {}
            Some(_) => {
                let what = "the file is not the one that was sealed";
                walk.report.error(place(&text, *name), what, "compare with a copy kept elsewhere");
            }
            None if originals.contains(&name.first()) => {
                walk.report.notice(Place::file(&text), "not signed as a file yet", "its live original is still there");
            }
            None => {
                let what = "no row signs this file";
                walk.report.error(
                    place(&text, *name),
                    what,
                    "the row that did is missing: the end of the journal was cut",
                );
            }
        }
    }
}

/// What the first file goes on from must have been removed by retention.
pub(super) fn check_beginning(walk: &mut Walk) {
    if walk.report.rows == 0 {
        let hint = "a journal has a row from its first moment: all of it was removed, or this is another directory";
        return walk.report.error(Place::default(), "no rows at all", hint);
    }
    let Some(origin) = walk.missing_before else { return };
    let last = origin.after.sequence;
    let (whole, text) = (Place::default().rows(0, last), format!("rows up to {last}"));
    if walk.is_retired(origin) {
        return walk.report.notice(whole, format!("{text} were removed by retention"), "signed rows say so");
    }
    walk.report.error(whole, format!("{text} are missing"), "no signed row says that retention removed them");
}

/// Behind a damaged file, which retention leaves as evidence, it goes on removing: signed rows say what.
pub(super) fn check_holes(walk: &mut Walk) {
    for hole in std::mem::take(&mut walk.holes) {
        let place = Place::file(&hole.before).rows(hole.rows.0, hole.rows.1);
        let after = hole.origin.after.sequence;
        if walk.is_retired(hole.origin) {
            let what = format!("rows between this file and {} were removed by retention, up to {after}", hole.file);
            walk.report.notice(place, what, "signed rows say so");
            continue;
        }
        let what = format!("{} goes on from row {after}, which is not there as signed", hole.file);
        walk.report.error(place, what, "rows or whole files are missing or altered");
    }
}

/// Each policy's text must have the digest that is its name.
pub(super) fn check_policies(storage: &dyn Storage, directory: &Path, walk: &mut Walk) {
    let folder = directory.join(POLICIES);
    let Ok(entries) = storage.list(&folder) else { return };
    for name in entries.iter().map(|entry| entry.name.as_str()) {
        let Some(digest) = name.strip_suffix(".json") else { continue };
        let is_itself = read_whole(storage, &folder.join(name)).is_ok_and(|text| hex::render(&sha256(&text)) == digest);
        if !is_itself {
            let file = format!("{POLICIES}/{name}");
            walk.report.error(
                Place::file(&file),
                "the policy's text is not the one that was in force",
                "its digest differs from its name",
            );
        }
        walk.policies.remove(digest);
    }
    for missing in std::mem::take(&mut walk.policies) {
        let file = format!("{POLICIES}/{missing}.json");
        walk.report.notice(
            Place::file(&file),
            "rows name this policy, but its text is not kept",
            "find it by its digest elsewhere",
        );
    }
}

/// The name of a file says which rows are in it.
pub(super) fn check_name(report: &mut Verification, name: SegmentName, span: Option<(u64, u64)>) {
    let text = name.text();
    let Some((first, last)) = span else {
        return report.notice(Place::file(&text), "no whole row in it", "a stop while it was being made leaves that");
    };
    let is_right = match name {
        SegmentName::Live { first: named } => named == first,
        SegmentName::Sealed { first: named, last: end } => (named, end) == (first, last),
    };
    if !is_right {
        let what = format!("the file holds rows {first} to {last}, not those of its name");
        report.error(place(&text, name), what, "files were renamed or swapped");
    }
}

fn place(text: &str, name: SegmentName) -> Place<'_> {
    match name {
        SegmentName::Live { first } => Place::file(text).rows(first, first),
        SegmentName::Sealed { first, last } => Place::file(text).rows(first, last),
    }
}
