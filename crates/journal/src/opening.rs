//! Taking possession of a directory: make it, lock it, see what is in it, find the keys.
//!
//! Kept true here:
//! * nothing in the directory is touched before the lock is held, and no row's number is told before all of
//!   it was read: rows that come earlier wait, and are numbered then;
//! * the record goes on from nothing that a power cut can still take;
//! * whatever stands in the way is tried again until it does not.

use crate::closed::is_noted;
use crate::error::JournalError;
use crate::keeper::ToKeeper;
use crate::keys::{Keys, KeysOpening};
use crate::names::LOCK;
use crate::own::Cause;
use crate::progress::Progress;
use crate::recover::{Found, recover};
use crate::renew::renew;
use crate::seal::Live;
use crate::seat::Seat;
use crate::storage::{Lock, ensure_directory};
use crate::tenure::Over;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What opening found, for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The key that proves the whole journal; to be noted where an intruder cannot write. Empty where the
    /// journal could not be opened yet.
    pub first_public_key: String,
    /// The key in use; empty where the journal could not be opened yet.
    pub public_key: String,
    /// Whether a key was made.
    pub is_new_key: bool,
    /// Whether the last run did not stop cleanly.
    pub was_unclean: bool,
    /// What was repaired, and how.
    pub repairs: Vec<String>,
    /// What is damaged and stays so, and why the journal is down where it is.
    pub alarms: Vec<String>,
}

/// Try until the directory is this journal's, or the journal closes.
pub(crate) fn open(seat: &Seat) -> Result<(), Over> {
    let mut pause = Duration::from_millis(seat.options.retry_ms);
    while !seat.queue()?.ending.is_asked() {
        match try_open(seat) {
            Ok(()) => return Ok(()),
            Err(error) => seat.fail_and_pause(error.to_string(), pause)?,
        }
        pause = seat.longer(pause);
    }
    Ok(())
}

fn try_open(seat: &Seat) -> Result<(), JournalError> {
    let directory = &seat.options.directory;
    ensure_directory(&*seat.storage, directory, false).map_err(JournalError::at(directory))?;
    if !seat.queue()?.start.has_lock() {
        let lock = take_lock(seat)?;
        seat.queue()?.start.hold(lock);
    }
    let found = make_sure(seat, find(seat)?)?;
    let keys = Keys::open(&*seat.storage, directory, &seat.options.key_directory, found.next)?;
    let opening = Opening::new(&found, &keys);
    let mut queue = seat.queue()?;
    for first in &found.to_seal {
        // The keeper ends only with the journal.
        let _ = seat.to_keeper.send(ToKeeper::Seal(Live { first: *first, ended: None }));
    }
    queue.start.finish(opening);
    let progress = Progress::after(&found, keys.keys);
    queue.begin(found.recovered, progress);
    seat.shared.is_begun.store(true, Ordering::Release);
    Ok(())
}

/// What was found is kept until the keys are there: a second look would not find again what the first set aside.
fn find(seat: &Seat) -> Result<Found, JournalError> {
    if let Some(found) = seat.queue()?.start.found() {
        return Ok(found);
    }
    let directory = &seat.options.directory;
    let found = recover(&*seat.storage, directory).map_err(JournalError::at(directory))?;
    seat.queue()?.keep(found.clone());
    Ok(found)
}

/// What the record goes on from is on the disk before anything goes on from it.
fn make_sure(seat: &Seat, mut found: Found) -> Result<Found, JournalError> {
    let Some(unsure) = found.unsure else { return Ok(found) };
    let (storage, directory) = (&*seat.storage, &seat.options.directory);
    if !is_noted(storage, directory, unsure) {
        found.alarms.extend(renew(storage, directory, unsure.0).map_err(JournalError::at(directory))?);
    }
    found.unsure = None;
    seat.queue()?.keep(found.clone());
    Ok(found)
}

fn take_lock(seat: &Seat) -> Result<Box<dyn Lock>, JournalError> {
    let directory = &seat.options.directory;
    seat.storage.lock(&directory.join(LOCK)).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => JournalError::Locked(directory.clone()),
        _ => JournalError::World(directory.join(LOCK), error),
    })
}

impl Opening {
    /// All of it as sentences.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        if self.is_new_key {
            messages.push(format!("journal: new signing key; note its public key elsewhere: {}", self.public_key));
        }
        messages.extend(self.repairs.iter().map(|repair| format!("journal: repaired: {repair}")));
        messages.extend(self.alarms.iter().map(|alarm| format!("journal: alarm: {alarm}")));
        messages
    }

    /// The journal starts down.
    pub(crate) fn is_down(&mut self, why: Option<&str>) {
        let why = why.unwrap_or("the disk has not answered yet");
        self.alarms.push(format!("down: {why}; tried again until it comes up"));
    }

    fn new(found: &Found, keys: &KeysOpening) -> Self {
        let mut alarms = found.alarms.clone();
        alarms.extend(keys.alarm.clone());
        Self {
            first_public_key: keys.keys.first_public_key(),
            public_key: keys.keys.public_key(),
            is_new_key: keys.is_new,
            was_unclean: found.cause == Some(Cause::Recovered),
            repairs: found.recovered.clone(),
            alarms,
        }
    }
}
