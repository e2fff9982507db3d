//! A leg of a conversation that leads to a line which others share.
//!
//! Kept true here: bytes leave only when the line takes them, one whole ADU at a time, and none after its deadline.

use crate::limits::Limit;
use crate::lines::{Joined, LineId, Member};
use crate::timers::Key;
use crate::turn::Turn;
use line::{ClientId, Offer};
use session::{Leg, Session};
use std::net::IpAddr;
use std::sync::Arc;
use wire::{PduLimit, parse_adu};

pub(crate) struct LineLeg {
    member: Member,
    /// The server that the line leads to.
    name: Arc<str>,
    seat: Option<(LineId, ClientId)>,
    is_leaving: bool,
}

impl LineLeg {
    pub(crate) fn new(key: Key, leg: Leg, party: IpAddr, name: Arc<str>) -> Self {
        Self { member: Member { key, leg, party }, name, seat: None, is_leaving: false }
    }

    pub(crate) fn connect(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        self.leave(turn);
        let leg = self.member.leg;
        let joined = turn.lines.find(&self.name).and_then(|id| Some((id, turn.lines.join(id, self.member)?)));
        let Some((id, (client, how))) = joined else {
            turn.ledger.counters.limit(Limit::ServerConnect);
            return session.server_refused(leg, &mut turn.context());
        };
        match how {
            Joined::Up => {
                self.seat = Some((id, client));
                session.server_connected(leg, &mut turn.context());
            }
            Joined::Opening => self.seat = Some((id, client)),
            Joined::Full => {
                turn.ledger.counters.limit(Limit::LineClients);
                session.server_full(leg, &mut turn.context());
            }
            Joined::Down => session.server_refused(leg, &mut turn.context()),
        }
    }

    /// The line that was waited for is there.
    pub(crate) fn connected(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        // What waited for this is judged by its deadline now.
        turn.read_clock();
        session.server_connected(self.member.leg, &mut turn.context());
    }

    /// The line cannot be had, or is gone.
    pub(crate) fn gone(&mut self, was_connected: bool, session: &mut Session, turn: &mut Turn<'_>) {
        self.seat = None;
        match was_connected {
            true => session.server_finished(self.member.leg, &mut turn.context()),
            false => session.server_refused(self.member.leg, &mut turn.context()),
        }
    }

    /// Give the line the ADU that it was offered, if that may still leave.
    pub(crate) fn take(&mut self, client: ClientId, session: &mut Session, turn: &mut Turn<'_>) {
        let Some((id, _)) = self.seat.filter(|(_, own)| *own == client) else { return };
        turn.read_clock();
        let leg = self.member.leg;
        let is_late = session.refuse_unsent(leg, &mut turn.context());
        let bytes = if is_late { None } else { first_adu(session, leg).map(|(_, bytes)| bytes) };
        let now_ns = turn.now.monotonic_ns;
        let Some(line) = turn.lines.get_mut(id) else { return };
        match bytes {
            Some(bytes) => {
                line.taken(client, now_ns);
                session.server_out(leg).consume(bytes);
                session.server_took(leg, &mut turn.context());
            }
            None => line.withdraw(client),
        }
    }

    /// Offer the line what waits, and leave it where the session wants that.
    pub(crate) fn flush(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        if self.is_leaving {
            return self.leave(turn);
        }
        let Some(seat) = self.seat else { return };
        if let Some((offer, _)) = first_adu(session, self.member.leg) {
            turn.lines.offer(seat, offer, turn.now.monotonic_ns);
        }
    }

    /// Nothing more goes there, and what comes is nobody's.
    pub(crate) fn reset(&mut self) {
        self.is_leaving = true;
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        self.is_leaving = false;
        if let Some(seat) = self.seat.take() {
            turn.lines.leave(seat, turn.now.monotonic_ns);
        }
    }
}

/// The first whole ADU of a session's buffer for a leg, and its bytes there.
fn first_adu(session: &mut Session, leg: Leg) -> Option<(Offer, usize)> {
    let adu = parse_adu(session.server_out(leg).pending(), PduLimit::default()).ok()??;
    let offer = Offer { transaction_id: adu.transaction_id, unit_id: adu.unit_id, pdu: adu.pdu.to_vec() };
    Some((offer, adu.len_bytes()))
}
