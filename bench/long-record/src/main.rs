//! A day of a plant as a journal, written by the journal's own writer and sealed by its keeper: `long-record JSON`.
//!
//! What a guard would take a day for takes a minute so. Rows that do not fit the queue are waited for, none is left out.

mod plant;

use event::{Event, Sequence};
use journal::{FileSystem, Journal, Options};
use plant::Plant;
use serde::Deserialize;
use std::io::{Error, Result, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    directory: PathBuf,
    keys: PathBuf,
    events: u64,
    /// UTC nanoseconds of the first event.
    began: i64,
    /// The policy that is named in each row.
    policy: String,
    document: PathBuf,
}

/// Half of what the queue holds: the writer never runs dry, and no row finds it full.
const MOST_QUEUED: u64 = 32_768;
/// How many rows are appended between two looks at the queue.
const LOOK_ROWS: u64 = 1_024;
const PAUSE: Duration = Duration::from_millis(1);
/// A live segment of the default size, and the one after it.
const UNSEALED: usize = 1;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "long-record: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let argument = std::env::args().nth(1).ok_or_else(|| Error::other("usage: long-record JSON"))?;
    let settings: Settings = serde_json::from_str(&argument)?;
    let options = Options {
        // A disk that is slow for a moment is no failure here: nobody waits for these rows.
        sync_deadline_ms: 60_000,
        hang_ms: 120_000,
        ..Options::new(&settings.directory, &settings.keys, "gate-1")
    };
    let (journal, _) = journal::open(options, Arc::new(FileSystem), Arc::new(|| {})).map_err(Error::other)?;
    journal.keep_policy(&settings.policy, &std::fs::read(&settings.document)?);
    fill(&journal, &settings)?;
    wait_until(|| Ok(journal.state().queued_rows == 0))?;
    wait_until(|| Ok(unsealed(&settings)? <= UNSEALED))?;
    journal.close();
    Ok(())
}

fn fill(journal: &Journal, settings: &Settings) -> Result<()> {
    let plant = Plant::new(settings.began, settings.events, &settings.policy);
    let mut before = Sequence(0);
    for number in 0..settings.events {
        if number % LOOK_ROWS == 0 {
            wait_until(|| Ok(journal.state().queued_rows < MOST_QUEUED))?;
        }
        let event: Event = plant.event(number, before);
        before = journal.append(event);
    }
    match journal.state().unrecorded_rows {
        0 => Ok(()),
        lost => Err(Error::other(format!("{lost} rows found the queue full"))),
    }
}

fn unsealed(settings: &Settings) -> Result<usize> {
    let names = std::fs::read_dir(&settings.directory)?.map(|entry| entry.map(|entry| entry.path()));
    let names: Vec<PathBuf> = names.collect::<Result<_>>()?;
    Ok(names.iter().filter(|path| path.extension().is_some_and(|end| end == "arrows")).count())
}

fn wait_until(is_so: impl Fn() -> Result<bool>) -> Result<()> {
    while !is_so()? {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
