//! A request goes on the line: its frame, when the line is free after it, and what it makes of replies that are kept.
//!
//! Kept true here: nothing that was read before or beside a change is kept for others.

use crate::config::Framing;
use crate::job::Job;
use crate::line::{Action, Line};
use crate::window::is_same;
use wire::{TransactionId, UnitId, append_adu, append_rtu_adu};

// === impl Line ===

impl Line {
    pub(crate) fn send(&mut self, mut job: Job, now_ns: u64) {
        let frame = self.frame(&mut job);
        let end_ns = now_ns.saturating_add(self.config.pace.bytes_ns(frame.len()));
        (job.sent_ns, job.silent_ns) = (now_ns, end_ns.saturating_add(self.config.reply_timeout_ns));
        self.free_ns = end_ns.saturating_add(self.config.pace.gap_ns);
        self.statistics.requests += 1;
        self.forget_heard();
        if self.config.has_echo {
            self.echo.clone_from(&frame);
        }
        self.actions.push_back(Action::Send(frame));
        self.note_change(&mut job);
        let is_broadcast = self.config.has_broadcast && job.unit_id == UnitId(0);
        if job.expectation.expects_reply() && !is_broadcast {
            return self.open.push(job);
        }
        self.free_ns = end_ns.saturating_add(self.config.turnaround_ns);
        self.charge(&job, self.free_ns);
    }

    /// What is kept of a unit ends when something changes it, and what is being read of it is not kept.
    fn note_change(&mut self, job: &mut Job) {
        let config = &self.config;
        if job.changes_state() {
            self.window.end(job.unit_id, config);
            for open in self.open.iter_mut().filter(|open| is_same(open.unit_id, job.unit_id, config)) {
                open.is_stale = true;
            }
        }
        let changes = |open: &&Job| open.changes_state() && is_same(open.unit_id, job.unit_id, config);
        let is_beside_one = self.open.iter().any(|open| changes(&open));
        job.is_stale = is_beside_one;
    }

    fn frame(&mut self, job: &mut Job) -> Vec<u8> {
        let mut frame = Vec::new();
        match self.config.framing {
            Framing::Rtu => append_rtu_adu(&mut frame, job.unit_id, &job.pdu),
            Framing::Mbap => {
                job.line_id = self.line_id();
                append_adu(&mut frame, job.line_id, job.unit_id, &job.pdu);
            }
        }
        frame
    }

    /// The next id. Zero is left out: devices that echo nothing answer with it.
    fn line_id(&mut self) -> TransactionId {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        TransactionId(self.last_id)
    }
}
