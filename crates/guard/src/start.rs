//! What a guard is put together from before its loop runs: journal, syslog, descriptors, listeners.

use crate::clock::Clock;
use crate::command::Command;
use crate::data_loop::{DataLoop, Parts};
use crate::descriptors;
use crate::error::{GuardError, world};
use crate::ledger::Ledger;
use crate::lines::Lines;
use crate::listeners::Listeners;
use crate::options::{JournalOptions, Options, SyslogOptions};
use crate::stations::Stations;
use crate::syslog::Syslog;
use crate::tls::Keyring;
use crate::token::FIRST_LISTENER;
use crossbeam_channel::Receiver;
use journal::{Journal, JournalError, Storage};
use mio::{Poll, Waker};
use policy::Policy;
use std::sync::Arc;

/// What is wrong but must not stop a start, each in a line for a person.
pub(crate) type Opening = Vec<String>;

/// Everything the loop needs, with every listener bound.
pub(crate) fn assemble(
    (policy, keyring): (Arc<Policy>, Keyring),
    (options, storage): (&Options, Arc<dyn Storage>),
    waker: &Arc<Waker>,
    (poll, commands): (Poll, Receiver<Command>),
) -> Result<(DataLoop, Opening), GuardError> {
    let descriptors = descriptors::raise(policy.document());
    // Before the journal: a start whose port is taken leaves no rows behind, however often it is tried.
    let listeners = open_listeners(&policy, &poll)?;
    let mut lines = Lines::new(poll.registry()).map_err(world)?;
    lines.adopt(policy.document(), &keyring, 0);
    let mut stations = Stations::new(poll.registry()).map_err(world)?;
    stations.adopt(policy.document(), 0);
    let (journal, mut opening) = open_journal((options, storage), &policy, waker)?;
    let syslog = open_syslog(options.syslog.as_ref(), &mut opening)?;
    keyring.ocsp().wake_by(waker);
    let clock = Clock::new();
    let ledger = Ledger::new(journal, syslog, clock.now());
    opening.extend(descriptors.warning());
    let away = options.away.clone();
    let parts = Parts { poll, clock, policy, keyring, ledger, listeners, lines, stations, descriptors, commands, away };
    let mut data_loop = DataLoop::new(parts);
    data_loop.adopt_policy();
    data_loop.adopt_keyring(&Keyring::default());
    Ok((data_loop, opening))
}

fn open_journal(
    (options, storage): (&Options, Arc<dyn Storage>),
    policy: &Policy,
    waker: &Arc<Waker>,
) -> Result<(Option<Journal>, Opening), GuardError> {
    let Some(options) = &options.journal else { return Ok((None, Vec::new())) };
    let waker = Arc::clone(waker);
    let wake = Arc::new(move || {
        // The loop also looks each second.
        let _ = waker.wake();
    });
    let opened = journal::open(journal_options(options, policy), storage, wake);
    let (journal, opening) = opened.map_err(|error| match error {
        JournalError::KeysInside(_) => GuardError::Options(error.to_string()),
        _ => GuardError::World(error.to_string()),
    })?;
    Ok((Some(journal), opening.messages()))
}

fn journal_options(options: &JournalOptions, policy: &Policy) -> journal::Options {
    journal::Options {
        keep_age_ms: options.keep_age_ms,
        keep_bytes: options.keep_bytes,
        commit_interval_ms: options.commit_interval_ms,
        sync_deadline_ms: options.sync_deadline_ms,
        segment_bytes: options.segment_bytes,
        segment_age_ms: options.segment_age_ms,
        ..journal::Options::new(&options.directory, &options.key_directory, &policy.document().guard)
    }
}

fn open_syslog(options: Option<&SyslogOptions>, opening: &mut Opening) -> Result<Option<Syslog>, GuardError> {
    let Some(options) = options else { return Ok(None) };
    let (syslog, problem) = Syslog::open(&options.address).map_err(world)?;
    opening.extend(problem);
    Ok(Some(syslog))
}

fn open_listeners(policy: &Policy, poll: &Poll) -> Result<Listeners, GuardError> {
    let mut listeners = Listeners::new(FIRST_LISTENER);
    let prepared = listeners.prepare(policy).map_err(GuardError::World)?;
    listeners.adopt(prepared, policy, poll.registry()).map_err(world)?;
    Ok(listeners)
}
