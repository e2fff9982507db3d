//! A checkpoint that was kept elsewhere: it proves that the journal's end is still there.

use super::report::{Place, Verification};
use crate::row::{Digest, Link};

/// A digest from outside, and its row where that is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) wanted: Option<(Option<u64>, Digest)>,
    was_met: bool,
    other_digest: bool,
}

impl Known {
    pub(super) fn new(wanted: Option<(Option<u64>, Digest)>) -> Self {
        Self { wanted, ..Self::default() }
    }

    pub(super) fn meet(&mut self, link: Link) {
        let Some((sequence, digest)) = self.wanted else { return };
        if digest == link.digest && sequence.is_none_or(|sequence| sequence == link.sequence) {
            self.was_met = true;
        } else if sequence == Some(link.sequence) {
            self.other_digest = true;
        }
    }

    pub(super) fn tell(&self, report: &mut Verification) {
        let Some((sequence, _)) = self.wanted else {
            let limit = "a tail cut back to a checkpoint: give one that was kept elsewhere to rule it out";
            return report.limits.push(limit.to_owned());
        };
        if self.was_met {
            return;
        }
        if sequence.zip(report.first_sequence).is_some_and(|(sequence, first)| sequence < first) {
            return report.limits.push("the given checkpoint is older than the first row kept".to_owned());
        }
        let last = report.last_sequence.unwrap_or_default();
        let place = Place::default().rows(last.min(sequence.unwrap_or(last)), sequence.unwrap_or(last));
        let what = if self.other_digest {
            "the given checkpoint's row has another digest"
        } else {
            "the given checkpoint is not in the journal"
        };
        report.error(place, what, "rows up to it were written once: the journal was cut back or written anew");
    }
}
