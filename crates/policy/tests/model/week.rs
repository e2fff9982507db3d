//! Hours of the week where the site stands, second by second.

use policy::Moment;
use policy::document::{Rule, Window};

const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;

/// Whether a rule's hours are now; `None` where the clock cannot say.
pub(crate) fn is_its_time(rule: &Rule, offsets: &[(i64, i32)], now: Moment) -> Option<bool> {
    let Some(windows) = &rule.when else { return Some(true) };
    let utc_s = now.utc_ns.div_euclid(1_000_000_000);
    let offset = offsets.iter().rev().find(|(from, _)| *from <= utc_s).or(offsets.first())?.1;
    // 1970-01-01 was a Thursday.
    let second = (utc_s + i64::from(offset) + 3 * DAY_S).rem_euclid(WEEK_S);
    now.synchronised.then(|| windows.iter().any(|window| is_within(window, second)))
}

fn is_within(window: &Window, second: i64) -> bool {
    let (from, to) = (i64::from(window.from_s), i64::from(window.to_s));
    let length = if to > from { to - from } else { to + DAY_S - from };
    window.days.iter().any(|day| (second - i64::from(*day) * DAY_S - from).rem_euclid(WEEK_S) < length)
}
