//! The guard on a client's own bus, in the place of the units: requests in, replies out. No line, no clock.
//!
//! # Theory
//!
//! | state | event | next | what happens |
//! |---|---|---|---|
//! | listening | a request | asked | `Ask` |
//! | listening | a request to unit 0 | listening | `Ask`: nobody answers it |
//! | asked | its reply | answering | – |
//! | answering | the line has been quiet for its gap | listening | `Send` |
//! | asked, answering | the client speaks | listening | `GaveUp`: the reply is nobody's any more |
//!
//! RTU has no ids: what is heard after a request is taken for its reply. So nothing is said once the client has
//! spoken again, be it in a frame that cannot be read. Less than a frame right behind a request is no client, it is the line's
//! driver being switched off.
//!
//! An adapter may hear what it sends, and the reply to a single write is the request for the same write. So a
//! frame equal to the reply just sent, heard sooner than the client could have said it, is an echo, told of or not.
//!
//! Kept true here, and tested:
//! * a request is asked once, and answered once or not at all;
//! * no reply is sent after the client has spoken again, nor to a broadcast;
//! * what the guard itself said is never taken for a request.

use crate::config::Pace;
use crate::statistics::Statistics;
use std::collections::VecDeque;
use wire::{RTU_ADU_BYTES, TransactionId, UnitId, append_rtu_adu, find_rtu_request, is_begun_rtu_request};

/// A unit, a function code and the check: with less there is no frame.
const SHORTEST_FRAME: usize = 4;
/// How many silences a request may pause for: 100 ms and more, well below any client's time-out.
const PAUSES: u64 = 5;
/// V1.1b3 §4.1: codes from here on are exceptions, and no request has one.
const EXCEPTION_BIT: u8 = 0x80;

/// What the owner of a station is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StationAction {
    /// A request came; its reply is to be given under this id.
    Ask {
        /// The station's own id: RTU has none.
        id: TransactionId,
        /// Who was asked.
        unit_id: UnitId,
        /// Function code and data.
        pdu: Vec<u8>,
    },
    /// The client does not wait for this one's reply any more.
    GaveUp {
        /// Which one.
        id: TransactionId,
        /// Its reply was there and has not been sent: whose, and of which function.
        late: Option<(UnitId, u8)>,
    },
    /// Put these bytes on the line.
    Send(Vec<u8>),
}

/// A request that waits for its reply, or for the silence before it.
#[derive(Debug)]
struct Asked {
    id: TransactionId,
    unit_id: UnitId,
    at_ns: u64,
    reply: Option<Vec<u8>>,
}

/// What was sent last, as far as it may be heard again.
#[derive(Debug, Default)]
struct Said {
    frame: Vec<u8>,
    /// Before that no client could have said the same.
    until_ns: u64,
    /// It is expected to be heard.
    is_awaited: bool,
}

/// The guard's place on a client's bus.
#[derive(Debug)]
pub struct Station {
    pace: Pace,
    has_echo: bool,
    heard: Vec<u8>,
    /// When what was heard is looked at as a whole.
    quiet_ns: u64,
    /// Nothing is sent before.
    free_ns: u64,
    asked: Option<Asked>,
    said: Said,
    last_id: u16,
    actions: VecDeque<StationAction>,
    statistics: Statistics,
}

// === impl Station ===

impl Station {
    /// A station on a line of that pace; `has_echo`: its adapter hears what it sends.
    #[must_use]
    pub fn new(pace: Pace, has_echo: bool) -> Self {
        Self {
            pace,
            has_echo,
            heard: Vec::new(),
            quiet_ns: u64::MAX,
            free_ns: 0,
            asked: None,
            said: Said::default(),
            last_id: 0,
            actions: VecDeque::new(),
            statistics: Statistics::default(),
        }
    }

    /// What the operator says of the line now.
    pub fn configure(&mut self, pace: Pace, has_echo: bool) {
        (self.pace, self.has_echo) = (pace, has_echo);
    }

    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8], now_ns: u64) {
        self.heard.extend_from_slice(bytes);
        self.statistics.used(self.pace.bytes_ns(bytes.len()), now_ns);
        self.free_ns = self.free_ns.max(now_ns.saturating_add(self.pace.gap_ns));
        self.quiet_ns = now_ns.saturating_add(self.patience_ns());
        if self.is_hearing_itself() {
            return;
        }
        if self.is_client_speaking(now_ns) {
            self.give_up();
        }
        while self.take_frame(false, now_ns) {}
        // Somebody who never stops must not fill the memory: only the end can be a frame.
        let over = self.heard.len().saturating_sub(RTU_ADU_BYTES);
        self.drop_heard(over);
    }

    /// The reply to a request; `false`: nobody waits for it any more.
    #[must_use]
    pub fn reply(&mut self, id: TransactionId, unit_id: UnitId, pdu: &[u8]) -> bool {
        let is_it = |asked: &&mut Asked| asked.id == id && asked.unit_id == unit_id && asked.reply.is_none();
        let Some(asked) = self.asked.as_mut().filter(is_it) else { return false };
        let mut frame = Vec::new();
        append_rtu_adu(&mut frame, unit_id, pdu);
        asked.reply = Some(frame);
        true
    }

    /// The line is gone: nobody is there to be answered.
    pub fn lost(&mut self) {
        self.statistics.losses += 1;
        self.give_up();
        self.heard.clear();
        self.said = Said::default();
    }

    /// What the owner is to do now; to be asked until there is nothing.
    pub fn next(&mut self, now_ns: u64) -> Option<StationAction> {
        if !self.heard.is_empty() && now_ns >= self.quiet_ns {
            self.fell_silent(now_ns);
        }
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        if now_ns < self.free_ns || !self.heard.is_empty() {
            return None;
        }
        let frame = self.asked.take_if(|asked| asked.reply.is_some())?.reply?;
        self.say(&frame, now_ns);
        Some(StationAction::Send(frame))
    }

    /// When [`Self::next`] wants to be called, monotonic nanoseconds.
    #[must_use]
    pub fn next_deadline(&self, now_ns: u64) -> Option<u64> {
        if !self.actions.is_empty() {
            return Some(now_ns);
        }
        if !self.heard.is_empty() {
            return Some(self.quiet_ns);
        }
        self.asked.as_ref().filter(|asked| asked.reply.is_some()).map(|_| self.free_ns)
    }

    /// Whether a request waits for its reply, or the reply for the line.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether nothing is to be said any more, nor is still on its way.
    #[must_use]
    pub fn is_quiet(&self, now_ns: u64) -> bool {
        now_ns >= self.free_ns && self.asked.as_ref().is_none_or(|asked| asked.reply.is_none())
    }

    /// What it has heard and said: `replies` are those sent, `given_up` those that came too late or not at all.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    fn say(&mut self, frame: &[u8], now_ns: u64) {
        let took_ns = self.pace.bytes_ns(frame.len());
        let end_ns = now_ns.saturating_add(took_ns);
        self.free_ns = end_ns.saturating_add(self.pace.gap_ns);
        let until_ns = end_ns.saturating_add(self.pace.silence_ns);
        self.said = Said { frame: frame.to_vec(), until_ns, is_awaited: self.has_echo };
        self.statistics.replies += 1;
        self.statistics.used(took_ns, now_ns);
    }

    /// Whether what is heard is the reply that was just sent, all of it or a part, where that is awaited.
    fn is_hearing_itself(&mut self) -> bool {
        if !self.said.is_awaited {
            return false;
        }
        if self.heard.len() < self.said.frame.len() && self.said.frame.starts_with(&self.heard) {
            return true;
        }
        self.said.is_awaited = false;
        if self.heard.starts_with(&self.said.frame) {
            self.heard.drain(..self.said.frame.len());
            self.statistics.echoes += 1;
            self.said.frame.clear();
        }
        self.heard.is_empty()
    }

    /// A pause in a request that has begun is an adapter's, or a busy client's; it ends some time all the same.
    fn patience_ns(&self) -> u64 {
        let is_begun = self.asked.is_none() && is_begun_rtu_request(&self.heard);
        self.pace.silence_ns.saturating_mul(if is_begun { PAUSES } else { 1 })
    }

    fn is_client_speaking(&self, now_ns: u64) -> bool {
        let is_late = |asked: &Asked| now_ns.saturating_sub(asked.at_ns) > self.pace.silence_ns;
        self.heard.len() >= SHORTEST_FRAME || self.asked.as_ref().is_some_and(is_late)
    }

    fn give_up(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.statistics.given_up += 1;
            self.statistics.timed_out(asked.unit_id.0);
            let code = asked.reply.as_ref().and_then(|frame| frame.get(1).copied());
            let late = code.map(|code| (asked.unit_id, code));
            self.actions.push_back(StationAction::GaveUp { id: asked.id, late });
        }
    }

    /// Take one request from the front; whether there was one.
    fn take_frame(&mut self, is_silent: bool, now_ns: u64) -> bool {
        let heard = core::mem::take(&mut self.heard);
        let Some(found) = find_rtu_request(&heard, is_silent) else {
            self.heard = heard;
            return false;
        };
        let used = found.skipped.saturating_add(found.adu.len_bytes());
        self.statistics.noise_bytes += u64::try_from(found.skipped).unwrap_or_default();
        let frame = heard.get(found.skipped..used).unwrap_or_default();
        self.arrive(frame, (found.adu.unit_id, found.adu.pdu), now_ns);
        self.heard = heard.get(used..).unwrap_or_default().to_vec();
        !self.heard.is_empty()
    }

    fn arrive(&mut self, frame: &[u8], (unit_id, pdu): (UnitId, &[u8]), now_ns: u64) {
        if frame == self.said.frame && now_ns <= self.said.until_ns {
            self.said.frame.clear();
            self.statistics.echoes += 1;
            return;
        }
        if pdu.first().is_none_or(|code| code & EXCEPTION_BIT != 0) {
            self.statistics.strays += 1;
            return;
        }
        self.give_up();
        let id = self.next_id();
        self.statistics.requests += 1;
        if unit_id != UnitId(0) {
            self.asked = Some(Asked { id, unit_id, at_ns: now_ns, reply: None });
        }
        self.actions.push_back(StationAction::Ask { id, unit_id, pdu: pdu.to_vec() });
    }

    /// The line has been quiet: what was heard is a request now, or never.
    fn fell_silent(&mut self, now_ns: u64) {
        self.said.is_awaited = false;
        while !self.heard.is_empty() && self.take_frame(true, now_ns) {}
        if self.heard.len() >= SHORTEST_FRAME {
            self.statistics.crc_errors += 1;
        }
        self.drop_heard(self.heard.len());
        self.quiet_ns = u64::MAX;
    }

    fn drop_heard(&mut self, bytes: usize) {
        self.statistics.noise_bytes += u64::try_from(bytes).unwrap_or_default();
        self.heard.drain(..bytes.min(self.heard.len()));
    }

    fn next_id(&mut self) -> TransactionId {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        TransactionId(self.last_id)
    }
}
