//! What day it is, for retention by age: a clock that jumps ahead must not have the record removed.
//!
//! | the system's clock | what counts |
//! |---|---|
//! | behind what is reckoned, or ahead by a day at most | the system's clock, at once |
//! | ahead by more | what is reckoned, until the clock has stayed ahead for a day of running time |
//!
//! Kept true here: what is reckoned goes on from the last row of the record, and while the clock is ahead, from what
//! was noted when that began. A start in between changes nothing.

use crate::names::CLOCK;
use crate::storage::{Storage, read_whole, write_whole};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Retention is a matter of months: a day too long harms nobody, and is time to set a clock right.
const PATIENCE: Duration = Duration::from_secs(86_400);

pub(crate) struct Calendar {
    reckoned_ns: i64,
    at: Instant,
    ahead_since: Option<Instant>,
    is_noted: bool,
}

impl Calendar {
    /// `last_ns`: when the last row of the record was written.
    pub(crate) fn open(storage: &dyn Storage, directory: &Path, last_ns: i64) -> Self {
        let noted = read_whole(storage, &directory.join(CLOCK)).ok();
        let noted_ns = noted.as_deref().and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok());
        let reckoned_ns = noted_ns.unwrap_or(last_ns);
        Self { reckoned_ns, at: Instant::now(), ahead_since: None, is_noted: noted.is_some() }
    }

    /// Now, as far as it is believed.
    pub(crate) fn look(&mut self, system_ns: i64, now: Instant) -> i64 {
        let expected = self.reckoned_ns.saturating_add(ns(now.saturating_duration_since(self.at)));
        if system_ns.saturating_sub(expected) > ns(PATIENCE) {
            let since = *self.ahead_since.get_or_insert(now);
            if now.saturating_duration_since(since) < PATIENCE {
                return expected;
            }
        }
        (self.reckoned_ns, self.at, self.ahead_since) = (system_ns, now, None);
        system_ns
    }

    pub(crate) fn is_ahead(&self) -> bool {
        self.ahead_since.is_some()
    }

    /// Have a later start know what this one reckons with, for as long as the clock is ahead.
    pub(crate) fn keep(&mut self, storage: &dyn Storage, directory: &Path, expected_ns: i64) -> io::Result<()> {
        if self.is_ahead() == self.is_noted {
            return Ok(());
        }
        match self.is_ahead() {
            true => write_whole(storage, &directory.join(CLOCK), expected_ns.to_string().as_bytes())?,
            false => match storage.remove(&directory.join(CLOCK)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
        }
        self.is_noted = self.is_ahead();
        Ok(())
    }
}

fn ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Calendar, PATIENCE, ns};
    use std::time::{Duration, Instant};

    const NOON: i64 = 1_700_000_000_000_000_000;
    const YEAR: i64 = 365 * 86_400_000_000_000;

    fn calendar() -> (Calendar, Instant) {
        let at = Instant::now();
        (Calendar { reckoned_ns: NOON, at, ahead_since: None, is_noted: false }, at)
    }

    #[test]
    fn a_clock_that_jumps_a_year_ahead_is_not_believed_while_time_goes_on_as_before() {
        let (mut calendar, at) = calendar();
        let later = Duration::from_secs(3_600);

        assert_eq!(calendar.look(NOON + YEAR, at), NOON);
        assert_eq!(calendar.look(NOON + YEAR + ns(later), at + later), NOON + ns(later));
    }

    #[test]
    fn a_clock_that_stays_ahead_for_a_day_is_believed() {
        let (mut calendar, at) = calendar();
        calendar.look(NOON + YEAR, at);

        assert_eq!(calendar.look(NOON + YEAR, at + PATIENCE), NOON + YEAR);
        assert!(!calendar.is_ahead());
    }

    #[test]
    fn a_clock_that_jumps_back_is_followed_at_once_and_its_day_ahead_begins_anew() {
        let (mut calendar, at) = calendar();
        calendar.look(NOON + YEAR, at);

        assert_eq!(calendar.look(NOON - YEAR, at + PATIENCE / 2), NOON - YEAR);
        assert_eq!(calendar.look(NOON + YEAR, at + PATIENCE), NOON - YEAR + ns(PATIENCE / 2));
    }

    #[test]
    fn a_clock_set_by_less_than_a_day_is_followed_at_once() {
        let (mut calendar, at) = calendar();
        let hour = ns(Duration::from_secs(3_600));

        assert_eq!(calendar.look(NOON + hour, at), NOON + hour);
        assert_eq!(calendar.look(NOON - hour, at), NOON - hour);
    }
}
