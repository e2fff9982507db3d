//! A conversation's client on a serial port: its replies go to the port as whole ADUs, its requests come from there.
//!
//! Kept true here: a reply that its client does not wait for any more reaches nobody, and is recorded.

use crate::accept;
use crate::stations::StationId;
use crate::turn::Turn;
use event::{Event, Kind};
use session::{Recorder as _, Session};
use wire::{PduLimit, ReplyTolerance, UnitId, parse_reply_adu};

/// Why a reply is nobody's.
const LATE: &str = "late: the client on the bus does not wait for it any more";

pub(crate) struct BusSide {
    station: StationId,
    is_over: bool,
}

impl BusSide {
    pub(crate) fn new(station: StationId) -> Self {
        Self { station, is_over: false }
    }

    /// Give the port what waits for the client.
    pub(crate) fn flush(&mut self, session: &mut Session, turn: &mut Turn<'_>) {
        while let Some((late, bytes)) = self.hand_over(session, turn) {
            session.client_out().consume(bytes);
            if let Some(late) = late {
                record_late(session, late, turn);
            }
        }
    }

    /// The session ends: there is no connection that would have to end with it.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Hand over the first whole ADU: whether it came too late, and how long it is.
    fn hand_over(&self, session: &mut Session, turn: &mut Turn<'_>) -> Option<(Option<(UnitId, u8)>, usize)> {
        let waiting = session.client_out().pending();
        let adu = parse_reply_adu(waiting, PduLimit::default(), ReplyTolerance::default()).ok()??;
        let port = turn.stations.get_mut(self.station);
        let is_taken = port.is_some_and(|port| port.reply(adu.transaction_id, adu.unit_id, adu.pdu));
        let code = adu.pdu.first().copied().unwrap_or_default();
        Some(((!is_taken).then_some((adu.unit_id, code)), adu.len_bytes()))
    }
}

/// A reply reaches nobody.
pub(crate) fn record_late(session: &Session, (unit_id, function_code): (UnitId, u8), turn: &mut Turn<'_>) {
    let config = session.config();
    let own = turn.ledger.own();
    let row = Event {
        session: Some(config.client.id),
        identity: Some(config.client.identity.clone()),
        unit_id: Some(unit_id.0),
        function_code: Some(function_code),
        reason: Some(LATE.into()),
        ..accept::of_client(config, Kind::ResponseUnsolicited, own)
    };
    turn.ledger.record(&row);
}
