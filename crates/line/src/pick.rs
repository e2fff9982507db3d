//! Whose turn it is.
//!
//! Theory: a read that the window can answer needs no turn. Else, once the line is free, a write goes before
//! reads, as long as its client has not used much more than the others; then who has used least of the line's time;
//! then who waits longest. Units that are held, clients over their share, and reads of what is being read just
//! now are passed over.

use crate::job::Class;
use crate::line::Line;
use crate::seats::{ClientId, Seat, Waiting};
use crate::window::is_shareable;

// === impl Line ===

impl Line {
    /// The next client to take from, with the reply where it is there already.
    pub(crate) fn pick(&self, now_ns: u64) -> Option<(ClientId, Option<Vec<u8>>)> {
        if let Some((client, reply)) = self.seats.waiting().find_map(|found| self.kept_for(found, now_ns)) {
            return Some((client, Some(reply)));
        }
        if now_ns < self.free_ns || self.open.len() >= self.config.most_open() || self.again.is_some() {
            return None;
        }
        let ready = self.seats.waiting().filter(|(seat, waiting)| self.is_ready(seat, waiting, now_ns));
        let next = ready.min_by_key(|(seat, waiting)| {
            let is_urgent = waiting.class == Class::Change && self.parties.is_near(seat.party);
            (!is_urgent, self.parties.used_ns(seat.party), waiting.since_ns)
        });
        next.map(|(seat, _)| (seat.client, None))
    }

    fn kept_for(&self, (seat, waiting): (&Seat, &Waiting), now_ns: u64) -> Option<(ClientId, Vec<u8>)> {
        if !self.may_share(waiting) {
            return None;
        }
        let reply = self.window.reply(&waiting.offer, &self.config, now_ns)?;
        Some((seat.client, reply.to_vec()))
    }

    fn is_ready(&self, seat: &Seat, waiting: &Waiting, now_ns: u64) -> bool {
        !self.is_being_read(waiting) && self.ready_ns(seat, waiting) <= now_ns
    }

    fn ready_ns(&self, seat: &Seat, waiting: &Waiting) -> u64 {
        self.free_for(waiting.offer.unit_id).max(self.parties.free_ns(seat.party))
    }

    fn is_being_read(&self, waiting: &Waiting) -> bool {
        let is_it = |job: &&crate::job::Job| !job.is_stale && job.asks_as(&waiting.offer);
        self.may_share(waiting) && self.open.iter().chain(&self.again).any(|job| is_it(&job))
    }

    fn may_share(&self, waiting: &Waiting) -> bool {
        is_shareable(waiting.offer.unit_id, waiting.class, &self.config)
    }

    /// When the next request can go out, if nothing else happens.
    pub(crate) fn next_pick_ns(&self, now_ns: u64) -> Option<u64> {
        if self.open.len() >= self.config.most_open() || self.again.is_some() {
            return None;
        }
        let moments = self.seats.waiting().map(|(seat, waiting)| self.ready_ns(seat, waiting));
        moments.filter(|at| *at > now_ns).min()
    }
}
