//! A guard's life as the journal sees it: starts, rows, key changes, stops.

use crate::model::Model;
use crate::rows::denied;
use event::{Event, Kind, Outcome, SessionId};
use journal::{Journal, Options, Storage as _};
use openssl::sha::sha256;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use storage_double::{Disk, Random};

pub struct Life {
    pub options: Options,
    /// The disk fails and fills up, too.
    pub has_faults: bool,
}

impl Life {
    /// Small segments, so that a short life has rotation, sealing and retention in it.
    pub fn draw(random: &mut Random, has_faults: bool) -> Self {
        let options = Options {
            commit_interval_ms: 1,
            checkpoint_interval_ms: 1 + u64::try_from(random.below(10)).unwrap(),
            sync_deadline_ms: 5_000,
            segment_bytes: [1, 9_000, 40_000][random.below(3)],
            keep_bytes: [None, Some(60_000)][random.below(2)],
            housekeeping_ms: 1,
            retry_ms: 1,
            retry_limit_ms: 4,
            start_patience_ms: 20_000,
            ..Options::new(Path::new("/plant/journal"), Path::new("/plant/keys"), "gate-1")
        };
        Self { options, has_faults }
    }

    /// Up to three starts and stops, or until the power is out.
    pub fn run(&self, disk: &Disk, model: &mut Model, random: &mut Random) {
        for _ in 0..=random.below(3) {
            let Some(journal) = self.open(disk, model) else { return };
            for _ in 0..random.below(12) {
                if !disk.has_power() {
                    break;
                }
                if self.has_faults {
                    disturb(disk, random);
                }
                meddle(&journal, model, random);
                write(&journal, model, (random.below(4), random.below(6)));
            }
            journal.close();
        }
    }

    /// Rows that are durable; then the power goes so many steps into a commit of many more.
    pub fn torn_at(&self, disk: &Disk, model: &mut Model, steps: u64) {
        let journal = journal::open(self.still(), Arc::new(disk.clone()), Arc::new(|| {}));
        let (journal, opening) = journal.unwrap();
        model.opened(opening);
        write(&journal, model, (3, 3));
        write(&journal, model, (0, 3));
        disk.lose_power_after(steps);
        write(&journal, model, (10, 10));
        journal.close();
    }

    /// A sync of the live file fails, and the power goes so many steps later: while it is sealed, or after.
    pub fn failed_until(&self, disk: &Disk, model: &mut Model, steps: u64) {
        let (journal, opening) = journal::open(self.still(), Arc::new(disk.clone()), Arc::new(|| {})).unwrap();
        model.opened(opening);
        write(&journal, model, (3, 3));
        disk.fail_sync_after(0);
        disk.lose_power_after(steps);
        while disk.has_power() {
            write(&journal, model, (2, 2));
            thread::sleep(Duration::from_millis(1));
        }
        journal.close();
    }

    /// A start that stays until all but its own segment is sealed.
    pub fn open_seal_close(&self, disk: &Disk, model: &mut Model) {
        let journal = self.open(disk, model).unwrap();
        let live_files =
            || disk.list(&self.options.directory).unwrap().iter().filter(|it| it.name.ends_with(".arrows")).count();
        let end = Instant::now() + Duration::from_secs(20);
        while live_files() > 1 {
            assert!(Instant::now() < end, "waited in vain for seals: {:?}", journal.state());
            thread::sleep(Duration::from_millis(1));
        }
        journal.close();
    }

    /// A start, and the power goes so many steps into it.
    pub fn start_until(&self, disk: &Disk, model: &mut Model, steps: u64) {
        disk.lose_power_after(steps);
        drop(self.open(disk, model));
    }

    /// One segment, and no checkpoint but the first rows' own.
    fn still(&self) -> Options {
        Options {
            segment_bytes: 1 << 30,
            checkpoint_interval_ms: 1 << 30,
            commit_interval_ms: 1 << 20,
            ..self.options.clone()
        }
    }

    /// With the power on for good.
    pub fn open_write_close(&self, disk: &Disk, model: &mut Model) {
        let journal = self.open(disk, model).unwrap();
        let before = model.durable.len();
        write(&journal, model, (2, 3));
        assert_eq!(model.durable.len(), before + 3, "{:?}", journal.state());
        journal.close();
    }

    fn open(&self, disk: &Disk, model: &mut Model) -> Option<Journal> {
        let here = thread::current();
        let opened = journal::open(self.options.clone(), Arc::new(disk.clone()), Arc::new(move || here.unpark()));
        match opened {
            Ok((journal, opening)) => {
                model.opened(opening);
                Some(journal)
            }
            Err(error) => {
                assert!(!disk.has_power() || self.has_faults, "{error}");
                None
            }
        }
    }
}

fn disturb(disk: &Disk, random: &mut Random) {
    let some = |random: &mut Random, most| u64::try_from(random.below(most)).unwrap();
    match random.below(6) {
        0 => disk.fail_directory_sync_after(some(random, 3)),
        2 => disk.fail_sync_after(some(random, 6)),
        1 => disk.set_room(Some(some(random, 20_000))),
        _ => disk.set_room(None),
    }
}

fn meddle(journal: &Journal, model: &mut Model, random: &mut Random) {
    match random.below(10) {
        0 => drop(journal.rotate_key()),
        1 => keep_policy(journal, model.mark()),
        2 => journal.checkpoint_now(),
        3 => thread::sleep(Duration::from_millis(3)),
        _ => {}
    }
}

fn keep_policy(journal: &Journal, mark: u64) {
    let text = mark.to_string();
    let digest: String = sha256(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    journal.keep_policy(&digest, text.as_bytes());
}

fn write(journal: &Journal, model: &mut Model, (polls, writes): (usize, usize)) {
    for _ in 0..polls {
        let mark = model.mark();
        let sequence = journal.append(marked(mark));
        model.given(sequence.0, mark);
    }
    let mut waiting = 0;
    for _ in 0..writes {
        let mark = model.mark();
        if let Ok(sequence) = journal.append_ahead(marked(mark)) {
            model.given(sequence.0, mark);
            waiting += 1;
        }
    }
    let end = Instant::now() + Duration::from_secs(20);
    while waiting > 0 {
        for commit in journal.take_commits() {
            waiting -= 1;
            model.answered(commit);
        }
        assert!(Instant::now() < end, "waited in vain for commits: {:?}", journal.state());
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// A permitted write that can be told from every other.
fn marked(mark: u64) -> Event {
    Event {
        kind: Kind::RequestPermitted,
        verdict: Some(Outcome::Permit),
        session: Some(SessionId(mark)),
        reason: None,
        policy: None,
        function_code: Some(6),
        // A clock that steps back and forth.
        time: denied(mark.wrapping_mul(0x9E37_79B9) % 1_000_000).time,
        ..denied(mark)
    }
}
