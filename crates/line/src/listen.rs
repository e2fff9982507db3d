//! What a line hears: bytes become frames, and a frame the reply to an open request, or a stray.
//!
//! Kept true here:
//! * a reply counts only from the unit that was asked, with the function asked for and the length that follows;
//! * what is heard and is nobody's is counted, and what is kept of it is bounded.

use crate::config::Framing;
use crate::job::{Failure, Job};
use crate::line::Line;
use wire::{
    Expectation, PduLimit, RTU_ADU_BYTES, ReplyTolerance, ResponseError, UnitId, find_rtu_reply, is_broken_rtu_reply,
    parse_reply_adu, parse_response,
};

// === impl Line ===

impl Line {
    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8], now_ns: u64) {
        self.heard.extend_from_slice(bytes);
        match self.config.framing {
            Framing::Rtu => self.hear_rtu(now_ns),
            Framing::Mbap => self.hear_mbap(now_ns),
        }
    }

    fn hear_rtu(&mut self, now_ns: u64) {
        self.free_ns = self.free_ns.max(now_ns.saturating_add(self.config.pace.gap_ns));
        self.quiet_ns = now_ns.saturating_add(self.config.pace.silence_ns);
        if self.is_hearing_itself() {
            return;
        }
        while self.take_frame(false, now_ns) {}
        // Somebody who never stops must not fill the memory: only the end can be a frame.
        let over = self.heard.len().saturating_sub(RTU_ADU_BYTES);
        self.drop_heard(over);
    }

    /// Whether what is heard is the request that was just sent, all of it or a part; it is no reply.
    fn is_hearing_itself(&mut self) -> bool {
        if self.echo.is_empty() {
            return false;
        }
        if self.heard.len() < self.echo.len() && self.echo.starts_with(&self.heard) {
            return true;
        }
        let echo = core::mem::take(&mut self.echo);
        if self.heard.starts_with(&echo) {
            self.heard.drain(..echo.len());
            self.statistics.echoes += 1;
        }
        false
    }

    /// The line has been quiet: what was heard is a frame now, or never.
    pub(crate) fn fell_silent(&mut self, now_ns: u64) {
        if self.config.framing != Framing::Rtu {
            return;
        }
        while !self.heard.is_empty() && self.take_frame(true, now_ns) {}
        let is_broken = |job: &Job| is_broken_rtu_reply(&self.heard, job.unit_id, &job.expectation);
        if self.open.first().is_some_and(is_broken) {
            self.statistics.crc_errors += 1;
            let job = self.open.remove(0);
            return self.without_reply(job, Failure::Garbled, now_ns);
        }
        self.quiet_ns = u64::MAX;
        // A pause inside the awaited reply is an adapter's, and proves nothing.
        if !self.open.first().is_some_and(|job| has_begun(job, &self.heard)) {
            self.drop_heard(self.heard.len());
        }
    }

    /// Take one frame from the front; whether there was one.
    fn take_frame(&mut self, is_silent: bool, now_ns: u64) -> bool {
        let heard = core::mem::take(&mut self.heard);
        let asked = self.open.first().map(|job| (job.unit_id, &job.expectation));
        let Some(found) = find_rtu_reply(&heard, asked, is_silent) else {
            self.heard = heard;
            return false;
        };
        self.statistics.noise_bytes += u64::try_from(found.skipped).unwrap_or_default();
        let is_reply = asked.is_some_and(|asked| answers(asked, found.adu.unit_id, found.adu.pdu));
        if is_reply {
            self.answer(0, found.adu.pdu, now_ns);
        } else {
            self.statistics.strays += 1;
        }
        let used = found.skipped.saturating_add(found.adu.len_bytes());
        self.heard = heard.get(used..).unwrap_or_default().to_vec();
        !self.heard.is_empty()
    }

    fn drop_heard(&mut self, bytes: usize) {
        self.statistics.noise_bytes += u64::try_from(bytes).unwrap_or_default();
        self.heard.drain(..bytes.min(self.heard.len()));
    }

    fn hear_mbap(&mut self, now_ns: u64) {
        let heard = core::mem::take(&mut self.heard);
        let mut rest: &[u8] = &heard;
        loop {
            match parse_reply_adu(rest, PduLimit::default(), ReplyTolerance::default()) {
                Ok(Some(adu)) => {
                    rest = rest.get(adu.len_bytes()..).unwrap_or_default();
                    // The id pairs them; the rest is the session's to judge.
                    let fits = |job: &Job| job.line_id == adu.transaction_id && job.unit_id == adu.unit_id;
                    match self.open.iter().position(fits) {
                        Some(at) => self.answer_mbap(at, adu.pdu, now_ns),
                        None => self.statistics.strays += 1,
                    }
                }
                Ok(None) => break,
                // Nothing behind a broken header has a meaning.
                Err(_) => return self.give_connection_up(),
            }
        }
        self.heard = rest.to_vec();
        self.quiet_ns = u64::MAX;
    }

    fn answer_mbap(&mut self, at: usize, pdu: &[u8], now_ns: u64) {
        self.echoes_ids = true;
        self.answer(at, pdu, now_ns);
        self.free_ns = self.free_ns.max(now_ns.saturating_add(self.config.pace.gap_ns));
    }
}

fn has_begun(job: &Job, heard: &[u8]) -> bool {
    let asked = [job.unit_id.0, job.pdu.first().copied().unwrap_or_default()];
    heard.starts_with(&asked) || asked.starts_with(heard)
}

/// Without ids it takes all that there is to tell a reply from a late one. Exceptions that the standard does not
/// list are still this unit's word, and the session's to judge.
fn answers((unit_id, expected): (UnitId, &Expectation), from: UnitId, pdu: &[u8]) -> bool {
    let read = parse_response(expected, pdu, ReplyTolerance::default());
    unit_id == from && matches!(read, Ok(_) | Err(ResponseError::ExceptionCode(_)))
}
