//! Prove that a journal is what was written, from no more than its first public key.

mod export;
mod files;
mod known;
mod layout;
mod report;
mod trust;
mod walk;

pub use export::verify_export;
pub use report::{Finding, LastCheckpoint, Severity, Verification};

use crate::certificate;
use crate::error::JournalError;
use crate::frames::holds_message;
use crate::hex;
use crate::names::{SegmentName, in_order};
use crate::read::{Piece, SegmentRows, and_again};
use crate::row::Digest;
use crate::storage::{FileSystem, Storage};
use known::Known;
use layout::Layout;
use report::Place;
use serde::Deserialize;
use std::io;
use std::path::Path;
use trust::Trust;
use walk::Walk;

/// What somebody brings from outside the journal, so that it need not vouch for itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyOptions {
    /// Hex. Without it the journal's own first key is believed, and the limits say so.
    pub first_public_key: Option<String>,
    /// A checkpoint that was kept elsewhere.
    pub known_checkpoint: Option<KnownCheckpoint>,
    /// The same as text: `DIGEST` or `SEQUENCE:DIGEST`.
    pub checkpoint: Option<String>,
}

/// A checkpoint that was kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KnownCheckpoint {
    /// Its row; `None` where only the digest was kept.
    pub sequence: Option<u64>,
    /// Hex.
    pub digest: String,
}

/// Check every row, link, file and signature of a journal. A guard may be writing it meanwhile.
///
/// # Errors
/// The directory cannot be read, or the options hold no key or digest where one is expected.
pub fn verify(directory: &Path, options: &VerifyOptions) -> Result<Verification, JournalError> {
    verify_on(&FileSystem, directory, options)
}

/// [`verify`] on any storage.
///
/// # Errors
/// As [`verify`].
pub fn verify_on(
    storage: &dyn Storage,
    directory: &Path,
    options: &VerifyOptions,
) -> Result<Verification, JournalError> {
    and_again(storage, || verify_once(storage, directory, options))
}

fn verify_once(storage: &dyn Storage, directory: &Path, options: &VerifyOptions) -> Result<Verification, JournalError> {
    let mut walk = new_walk(storage, directory, options)?;
    walk_directory(storage, directory, &mut walk).map_err(JournalError::at(directory))?;
    Ok(outcome(walk, options.first_public_key.is_some()))
}

/// A walk that trusts what the options and the list of keys in the directory say.
fn new_walk(storage: &dyn Storage, directory: &Path, options: &VerifyOptions) -> Result<Walk, JournalError> {
    let first_key = options.first_public_key.as_deref().map(parse_key).transpose()?;
    let known = Known::new(parse_known(options)?);
    let mut report = Verification::default();
    let chain = certificate::load(storage, directory).ok();
    let trust = Trust::build(first_key, chain.as_deref(), &mut report);
    Ok(Walk::new(report, trust, known))
}

fn outcome(mut walk: Walk, is_key_given: bool) -> Verification {
    walk.known.tell(&mut walk.report);
    let mut report = walk.report;
    tell_limits(&mut report, is_key_given);
    report.ok = report.findings.is_empty();
    report
}

/// [`verify`] with options and outcome as JSON.
///
/// # Errors
/// As [`verify`], and options that are not valid.
pub fn verify_json(directory: &Path, options: &[u8]) -> Result<Vec<u8>, JournalError> {
    let request = |error: serde_json::Error| JournalError::Request(error.to_string());
    let options = serde_json::from_slice(options).map_err(request)?;
    serde_json::to_vec(&verify(directory, &options)?).map_err(request)
}

/// [`verify_export`] with options and outcome as JSON.
///
/// # Errors
/// As [`verify_export`], and options that are not valid.
pub fn verify_export_json(folder: &Path, options: &[u8]) -> Result<Vec<u8>, JournalError> {
    let request = |error: serde_json::Error| JournalError::Request(error.to_string());
    let options = serde_json::from_slice(options).map_err(request)?;
    serde_json::to_vec(&verify_export(folder, &options)?).map_err(request)
}

fn walk_directory(storage: &dyn Storage, directory: &Path, walk: &mut Walk) -> io::Result<()> {
    let entries = storage.list(directory)?;
    let names = in_order(entries.iter().map(|entry| entry.name.as_str()));
    let live = entries.iter().filter_map(|entry| SegmentName::parse(&entry.name)).filter(|name| !name.is_sealed());
    let originals = live.map(SegmentName::first).collect();
    let mut seals = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let mut rows = SegmentRows::open(storage, directory, *name)?;
        seals.extend(rows.digest().map(|digest| (*name, digest)));
        walk.begin(&name.text());
        walk_segment(&mut rows, walk, index + 1 == names.len())?;
        let span = walk.span();
        files::check_name(&mut walk.report, *name, span);
        walk.end();
    }
    files::check_seals(walk, &seals, &originals);
    files::check_beginning(walk);
    files::check_holes(walk);
    files::check_policies(storage, directory, walk);
    Ok(())
}

fn walk_segment(rows: &mut SegmentRows, walk: &mut Walk, is_last: bool) -> io::Result<()> {
    let mut layout = Layout::default();
    loop {
        match rows.next()? {
            Piece::Rows(batch) => {
                batch.iter().for_each(|row| walk.visit(row));
                layout.check(walk, rows.before(), &batch);
            }
            Piece::Damaged(rest) => {
                tell_damage(walk, rows.digest().is_some(), &rest, is_last);
                return Ok(());
            }
            Piece::End => return Ok(()),
        }
    }
}

/// A torn end is what an unclean stop leaves, or a write that is under way. Whole batches behind
/// bytes that are none are neither.
fn tell_damage(walk: &mut Walk, is_sealed: bool, rest: &[u8], is_last: bool) {
    let (file, from) = (walk.file().to_owned(), walk.proven().saturating_add(1));
    if is_sealed || holds_message(rest) {
        let place = Place::file(&file).rows_from(from);
        return walk.report.error(
            place,
            "bytes altered: rows from here on cannot be read",
            "compare with a copy kept elsewhere",
        );
    }
    let hint =
        if is_last { "a write under way, or an unclean stop" } else { "an unclean stop; set aside beside the file" };
    walk.report.notice(Place::file(&file), format!("{} bytes at the end are no whole batch", rest.len()), hint);
}

fn tell_limits(report: &mut Verification, is_key_given: bool) {
    if !is_key_given {
        let limit = "whether the first public key is the guard's own: none was given, so the journal's was believed";
        report.limits.push(limit.to_owned());
    }
    if report.unproven_rows > 0 {
        report.limits.push(format!("{} rows after the last checkpoint are not proved yet", report.unproven_rows));
    }
    report.limits.push("an intruder who holds the current key, from then on".to_owned());
}

fn parse_key(text: &str) -> Result<[u8; 32], JournalError> {
    hex::parse(text.trim()).ok_or_else(|| JournalError::Request("a public key is 64 hex digits".to_owned()))
}

fn parse_known(options: &VerifyOptions) -> Result<Option<(Option<u64>, Digest)>, JournalError> {
    let wrong = || JournalError::Request("a checkpoint is DIGEST or SEQUENCE:DIGEST, with 64 hex digits".to_owned());
    if let Some(known) = &options.known_checkpoint {
        return Ok(Some((known.sequence, hex::parse(known.digest.trim()).ok_or_else(wrong)?)));
    }
    let Some(text) = options.checkpoint.as_deref() else { return Ok(None) };
    let (sequence, digest) = match text.trim().split_once(':') {
        Some((sequence, digest)) => (Some(sequence.parse().map_err(|_| wrong())?), digest),
        None => (None, text.trim()),
    };
    Ok(Some((sequence, hex::parse(digest).ok_or_else(wrong)?)))
}
