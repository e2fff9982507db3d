//! The thread for all that may take its time: sealing, retention, policy texts, free space.
//!
//! Kept true here:
//! * a live file goes only after the row that signs its sealed file is durable, and a sealed file
//!   only after the row that retires it is;
//! * what fails is tried again; it never holds up the writer;
//! * once the journal is closed it touches nothing more, however long the disk had it hang.

use crate::calendar::Calendar;
use crate::fenced::Fenced;
use crate::names::{POLICIES, SegmentName};
use crate::opening::Opening;
use crate::options::Options;
use crate::own::{retired, sealed};
use crate::retention::next_expired;
use crate::seal::{Live, seal};
use crate::seat::Desk;
use crate::shared::Shared;
use crate::storage::{Storage, ensure_directory, write_whole};
use crate::tenure::Tenure;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use event::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the keeper is asked. What it is asked before the directory is this journal's waits.
pub(crate) enum ToKeeper {
    /// A live segment has ended.
    Seal(Live),
    /// Keep a policy's text under its digest.
    Policy { digest: String, text: Vec<u8> },
    /// End; what is not done is done after the next start.
    Stop,
}

/// How long the keeper waits for one of its rows before it looks whether it should end.
const ROW_PATIENCE: Duration = Duration::from_millis(10);

/// Where the rows of a segment are.
enum Stands {
    Live,
    /// In its sealed file alone.
    Sealed,
    Nowhere,
}

pub(crate) struct Keeper {
    options: Options,
    storage: Arc<dyn Storage>,
    shared: Arc<Shared>,
    asked: Receiver<ToKeeper>,
    stop: Arc<AtomicBool>,
    /// By first number.
    to_seal: BTreeMap<u64, Live>,
    policies: Vec<(String, Vec<u8>)>,
    /// Retired, with a durable row, but not yet removed.
    to_remove: BTreeSet<String>,
    /// Live segments that will never be sealed, and why.
    damaged: BTreeMap<u64, String>,
    /// Sealed segments that retention cannot read and leaves where they are.
    kept: Vec<String>,
    /// Opened with the first look at ages.
    calendar: Option<Calendar>,
    has_looked: bool,
    /// What a late opening found, for good.
    late: Vec<String>,
    /// When the record's last row was written, as far as the start found one.
    last_time: Option<i64>,
}

impl Keeper {
    pub(crate) fn new(desk: Desk, asked: Receiver<ToKeeper>, stop: Arc<AtomicBool>, tenure: Arc<Tenure>) -> Self {
        Self {
            options: desk.options,
            storage: Arc::new(Fenced { storage: desk.storage, tenure }),
            shared: desk.shared,
            asked,
            stop,
            to_seal: BTreeMap::new(),
            policies: Vec::new(),
            to_remove: BTreeSet::new(),
            damaged: BTreeMap::new(),
            kept: Vec::new(),
            calendar: None,
            has_looked: false,
            late: Vec::new(),
            last_time: None,
        }
    }

    /// Keep house until told to stop.
    pub(crate) fn run(mut self) {
        self.keep();
        self.shared.lock().ending.end_keeper();
        self.shared.changed.notify_all();
    }

    fn keep(&mut self) {
        // Sealing must not take the core from requests. Where the system refuses, it is only slower.
        let _ = rustix::process::setpriority_process(None, 19);
        let pause = Duration::from_millis(self.options.housekeeping_ms);
        let mut next = Instant::now();
        loop {
            let is_due = Instant::now() >= next;
            if is_due {
                next = Instant::now() + pause;
            }
            // Before that the directory is not ours: another process may write it.
            let is_ours = self.shared.is_begun.load(Ordering::Acquire);
            if is_ours {
                self.look_at_start();
            }
            let outcome = if is_ours { self.work(is_due) } else { Ok(()) };
            let alarm = self.alarm(outcome);
            let alarms: Vec<String> = alarm.into_iter().chain(self.late.iter().cloned()).collect();
            self.shared.tell((!alarms.is_empty()).then(|| alarms.join("; ")));
            match self.asked.recv_deadline(next) {
                Ok(ToKeeper::Seal(live)) => drop(self.to_seal.insert(live.first, live)),
                Ok(ToKeeper::Policy { digest, text }) => self.policies.push((digest, text)),
                Ok(ToKeeper::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Once: the lock is the data loop's too, and who runs at the lowest priority may lose the core while he holds it.
    fn look_at_start(&mut self) {
        if std::mem::replace(&mut self.has_looked, true) {
            return;
        }
        let (opening, last_time) = {
            let mut queue = self.shared.lock();
            (queue.start.take_opening(), queue.start.last_time())
        };
        self.late = opening.as_ref().map(Opening::messages).unwrap_or_default();
        self.last_time = last_time;
    }

    /// What a person should know: what fails now, and what is damaged and stays so.
    fn alarm(&self, outcome: io::Result<()>) -> Option<String> {
        let failing = outcome.err().map(|error| error.to_string());
        let damaged = first_of_all(self.damaged.values());
        let kept = first_of_all(self.kept.iter());
        let alarms: Vec<String> = [failing, damaged, kept, self.doubt()].into_iter().flatten().collect();
        (!alarms.is_empty()).then(|| alarms.join("; "))
    }

    fn doubt(&self) -> Option<String> {
        let is_ahead = self.calendar.as_ref().is_some_and(Calendar::is_ahead);
        is_ahead.then(|| {
            "the system's clock is more than a day ahead of the record: ages count without it until it has stayed so for a day"
                .to_owned()
        })
    }

    fn work(&mut self, is_due: bool) -> io::Result<()> {
        let policies = self.keep_policies();
        let sealing = self.seal_all();
        if is_due {
            let free = self.storage.free_space(&self.options.directory).ok();
            self.shared.tell_free_space(free);
        }
        // Sealing shrinks: what is still to be sealed must not push older segments out, unless it cannot be.
        let retention = if sealing.is_err() || self.asked.is_empty() { self.retire() } else { Ok(()) };
        policies.and(sealing).and(retention)
    }

    fn keep_policies(&mut self) -> io::Result<()> {
        let folder = self.options.directory.join(POLICIES);
        while let Some((digest, text)) = self.policies.last() {
            ensure_directory(&*self.storage, &folder, false)?;
            let path = folder.join(format!("{digest}.json"));
            match self.storage.read(&path) {
                Err(_) => write_whole(&*self.storage, &path, text)?,
                // An earlier try may have failed just before its name was durable.
                Ok(_) => self.storage.sync_directory(&folder)?,
            }
            self.policies.pop();
        }
        Ok(())
    }

    /// Oldest first; one that cannot be sealed holds up no other.
    fn seal_all(&mut self) -> io::Result<()> {
        let mut outcome = Ok(());
        for (first, live) in self.to_seal.clone() {
            match self.seal_one(live) {
                Ok(()) => drop(self.to_seal.remove(&first)),
                // Damage does not heal; the live file stays as evidence.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.to_seal.remove(&first);
                    self.damaged.insert(first, error.to_string());
                }
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    fn seal_one(&self, live: Live) -> io::Result<()> {
        let first = live.first;
        match self.look_for(first)? {
            // Done before, but for the last step.
            Stands::Sealed => return self.storage.sync_directory(&self.options.directory),
            Stands::Nowhere => return Err(gone(first)),
            Stands::Live => {}
        }
        let made = seal(&*self.storage, &self.options.directory, live, &self.stop)?;
        let name = made.name.text();
        self.record(Kind::JournalSealed, sealed(&name, &made.file, made.end))?;
        self.storage.remove(&SegmentName::Live { first }.within(&self.options.directory))?;
        self.storage.sync_directory(&self.options.directory)
    }

    /// What there is of a segment. That it is gone is believed only where the segment being written is there: a
    /// directory that went away comes back.
    fn look_for(&self, first: u64) -> io::Result<Stands> {
        let being_written = SegmentName::Live { first: self.shared.segment.load(Ordering::Acquire) };
        let entries = self.storage.list(&self.options.directory)?;
        let names: Vec<_> = entries.iter().filter_map(|entry| SegmentName::parse(&entry.name)).collect();
        if names.contains(&SegmentName::Live { first }) {
            return Ok(Stands::Live);
        }
        if names.iter().any(|name| name.is_sealed() && name.first() == first) {
            return Ok(Stands::Sealed);
        }
        if names.contains(&being_written) { Ok(Stands::Nowhere) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn retire(&mut self) -> io::Result<()> {
        for name in self.to_remove.clone() {
            self.remove(&name)?;
        }
        let now_ns = self.today()?;
        loop {
            let look = next_expired(&*self.storage, &self.options, (&self.damaged, now_ns))?;
            self.kept = look.kept;
            let Some(expired) = look.expired else { return Ok(()) };
            let name = expired.name.text();
            self.record(Kind::JournalRetired, retired(&name, expired.end, expired.why))?;
            self.to_remove.insert(name.clone());
            self.remove(&name)?;
        }
    }

    /// What counts as now, where ages count at all.
    fn today(&mut self) -> io::Result<i64> {
        let system_ns = self.options.clock.utc_ns();
        if self.options.keep_age_ms.is_none() {
            return Ok(system_ns);
        }
        let (storage, directory) = (&*self.storage, &self.options.directory);
        let last = self.last_time.unwrap_or(system_ns);
        let calendar = self.calendar.get_or_insert_with(|| Calendar::open(storage, directory, last));
        let now_ns = calendar.look(system_ns, Instant::now());
        calendar.keep(storage, directory, now_ns)?;
        Ok(now_ns)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match self.storage.remove(&self.options.directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => drop(self.to_remove.remove(name)),
        }
        self.storage.sync_directory(&self.options.directory)
    }

    /// Have a row recorded and wait until it is durable.
    fn record(&self, kind: Kind, reason: String) -> io::Result<()> {
        let answered = self.shared.record_own(kind, reason);
        loop {
            match answered.recv_timeout(ROW_PATIENCE) {
                Ok(true) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if !self.stop.load(Ordering::Acquire) => {}
                _ => return Err(io::Error::other("the row that says so is not durable yet")),
            }
        }
    }
}

/// One of them, and how many there are beside it.
fn first_of_all<'a>(mut alarms: impl ExactSizeIterator<Item = &'a String>) -> Option<String> {
    let first = alarms.next()?;
    Some(match alarms.len() {
        0 => first.clone(),
        more => format!("{first}, and {more} more"),
    })
}

fn gone(first: u64) -> io::Error {
    let name = SegmentName::Live { first }.text();
    io::Error::new(io::ErrorKind::InvalidData, format!("{name}: is gone; somebody removed it"))
}
