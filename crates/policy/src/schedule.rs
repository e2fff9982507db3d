//! `when`: weekly windows in the site's local time.

use crate::document::Window;
use crate::moment::{Moment, SECOND_NS};
use std::fmt;

const DAY_S: i64 = 86_400;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The site's time zone, as steps of its offset from UTC.
#[derive(Clone, Debug)]
pub(crate) struct TimeZone(Vec<(i64, i32)>);

/// A time of the week where the site stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// 0 = Monday … 6 = Sunday.
    pub day: u8,
    /// Seconds after midnight.
    pub second: u32,
}

/// Whether a schedule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No(LocalTime),
    /// The wall clock cannot be trusted.
    NoClock,
}

// === impl TimeZone ===

impl TimeZone {
    pub(crate) fn new(utc_offsets: &[(i64, i32)]) -> Self {
        Self(utc_offsets.to_vec())
    }

    /// The site's time of the week; `None` without a valid clock.
    pub(crate) fn local(&self, now: Moment) -> Option<LocalTime> {
        if !now.synchronised {
            return None;
        }
        let utc_s = now.utc_ns.div_euclid(SECOND_NS);
        let local_s = utc_s + i64::from(self.offset_s(utc_s));
        // 1970-01-01 was a Thursday, day 3 of a week that begins on Monday.
        let day = (local_s.div_euclid(DAY_S) + 3).rem_euclid(7);
        let second = local_s.rem_euclid(DAY_S);
        Some(LocalTime { day: u8::try_from(day).ok()?, second: u32::try_from(second).ok()? })
    }

    fn offset_s(&self, utc_s: i64) -> i32 {
        let after = self.0.partition_point(|(from, _)| *from <= utc_s);
        self.0.get(after.saturating_sub(1)).map_or(0, |(_, offset)| *offset)
    }

    pub(crate) fn holds(&self, windows: &[Window], now: Moment) -> Holds {
        match self.local(now) {
            None => Holds::NoClock,
            Some(local) if windows.iter().any(|window| contains(window, local)) => Holds::Yes,
            Some(local) => Holds::No(local),
        }
    }
}

fn contains(window: &Window, local: LocalTime) -> bool {
    let on = |day: u8| window.days.contains(&day);
    if window.from_s < window.to_s {
        return on(local.day) && (window.from_s..window.to_s).contains(&local.second);
    }
    let yesterday = (local.day + 6) % 7;
    (on(local.day) && local.second >= window.from_s) || (on(yesterday) && local.second < window.to_s)
}

// === impl LocalTime ===

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = DAYS.get(usize::from(self.day)).copied().unwrap_or("?");
        write!(f, "{day} {}", Clock(self.second))
    }
}

/// Windows as the site file writes them: `Mon,Tue 07:00-17:00`.
pub(crate) fn wording(windows: &[Window]) -> String {
    let one = |window: &Window| {
        let days: Vec<_> = window.days.iter().filter_map(|day| DAYS.get(usize::from(*day))).copied().collect();
        format!("{} {}-{}", days.join(","), Clock(window.from_s), Clock(window.to_s))
    };
    windows.iter().map(one).collect::<Vec<_>>().join("; ")
}

struct Clock(u32);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 3600, self.0 / 60 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY_NOON_S: i64 = 1_704_110_400; // 2024-01-01 12:00 UTC

    fn at(utc_s: i64) -> Moment {
        Moment { monotonic_ns: 0, utc_ns: utc_s * SECOND_NS, synchronised: true }
    }

    fn window(days: &[u8], from_h: u32, to_h: u32) -> Vec<Window> {
        vec![Window { days: days.to_vec(), from_s: from_h * 3600, to_s: to_h * 3600 }]
    }

    fn utc() -> TimeZone {
        TimeZone::new(&[(0, 0)])
    }

    #[test]
    fn without_a_valid_clock_no_window_holds() {
        let now = Moment { synchronised: false, ..at(MONDAY_NOON_S) };

        assert_eq!(utc().holds(&window(&[0, 1, 2, 3, 4, 5, 6], 0, 24), now), Holds::NoClock);
    }

    #[test]
    fn a_window_begins_on_its_first_second_and_ends_before_its_last() {
        let noon_to_one = window(&[0], 12, 13);
        let holds = |utc_s| utc().holds(&noon_to_one, at(utc_s)) == Holds::Yes;

        assert!(!holds(MONDAY_NOON_S - 1));
        assert!(!holds(MONDAY_NOON_S + 3600));
        assert!(!holds(MONDAY_NOON_S + DAY_S));
        assert!(holds(MONDAY_NOON_S));
        assert!(holds(MONDAY_NOON_S + 3599));
        assert!(holds(MONDAY_NOON_S + 7 * DAY_S));
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_it_begins_on() {
        let sunday_night = window(&[6], 22, 6);
        let holds = |hours: i64| utc().holds(&sunday_night, at(MONDAY_NOON_S + hours * 3600)) == Holds::Yes;

        assert!(!holds(-6));
        assert!(!holds(10));
        assert!(holds(-7));
        assert!(holds(-14));
        assert!(!holds(-15));
    }

    #[test]
    fn local_time_follows_the_steps_of_the_zone() {
        let zone = TimeZone::new(&[(MONDAY_NOON_S, 3600), (MONDAY_NOON_S + 60, 7200)]);

        assert_eq!(zone.local(at(MONDAY_NOON_S - 3600)), Some(LocalTime { day: 0, second: 12 * 3600 }));
        assert_eq!(zone.local(at(MONDAY_NOON_S + 59)), Some(LocalTime { day: 0, second: 13 * 3600 + 59 }));
        assert_eq!(zone.local(at(MONDAY_NOON_S + 60)), Some(LocalTime { day: 0, second: 14 * 3600 + 60 }));
        assert_eq!(zone.local(at(-1)), Some(LocalTime { day: 3, second: 3599 }));
    }

    /// Berlin in 2026: an hour is skipped in March, and one is had twice in October.
    const SKIPPED_S: i64 = 1_774_746_000; // 2026-03-29 01:00 UTC, Sunday: 02:00 becomes 03:00
    const DOUBLED_S: i64 = 1_792_890_000; // 2026-10-25 01:00 UTC, Sunday: 03:00 becomes 02:00

    /// How many seconds of the day around a change a window of Sunday holds.
    fn held_s(change_s: i64, from_h: u32, to_h: u32) -> usize {
        let zone = TimeZone::new(&[(0, 3600), (SKIPPED_S, 7200), (DOUBLED_S, 3600)]);
        let around = change_s - DAY_S / 2..change_s + DAY_S / 2;
        around.filter(|utc_s| zone.holds(&window(&[6], from_h, to_h), at(*utc_s)) == Holds::Yes).count()
    }

    #[test]
    fn a_window_in_the_hour_that_is_skipped_does_not_hold_that_day_and_one_around_it_is_an_hour_shorter() {
        assert_eq!(held_s(SKIPPED_S, 2, 3), 0);
        assert_eq!(held_s(SKIPPED_S, 1, 4), 2 * 3600);
    }

    #[test]
    fn a_window_in_the_hour_that_comes_twice_holds_both_times_and_one_around_it_is_an_hour_longer() {
        assert_eq!(held_s(DOUBLED_S, 2, 3), 2 * 3600);
        assert_eq!(held_s(DOUBLED_S, 1, 4), 4 * 3600);
    }

    #[test]
    fn a_local_time_reads_as_people_write_it() {
        assert_eq!(LocalTime { day: 5, second: 12 * 3600 + 300 }.to_string(), "Sat 12:05");
        assert_eq!(wording(&window(&[0, 4], 7, 17)), "Mon,Fri 07:00-17:00");
    }
}
