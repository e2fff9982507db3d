//! Turns for the ports at which clients ask: a request goes to the port's conversation, which is opened where there is none.
//!
//! Kept true here: a port gets so many turns in a row, and then others come first.

use super::DataLoop;
use crate::accept::{Arrival, Guest};
use crate::bus_side::{BusSide, record_late};
use crate::client_end::ClientEnd;
use crate::diverted::Entry;
use crate::stations::{StationId, Told};
use crate::timers::Key;
use crate::tls::Identity;
use event::{Kind, SessionId};
use wire::{TransactionId, UnitId};

/// What one port may cause in one turn of the loop: a bus brings one request at a time.
const TURNS: usize = 8;

impl DataLoop {
    /// Serve each port until it wants nothing, or has had its turns.
    pub(super) fn serve_stations(&mut self) {
        for id in self.stations.ids() {
            let mut turns = 0;
            while turns < TURNS && self.serve_station(id) {
                turns += 1;
            }
        }
        self.stations.sweep(self.now.monotonic_ns);
    }

    /// Whether there was something to tell.
    fn serve_station(&mut self, id: StationId) -> bool {
        self.read_clock();
        let told = self.stations.work(id, self.now.monotonic_ns, &mut self.scratch);
        let is_told = told.is_some();
        match told {
            Some(Told::Ask(adu)) => self.ask(id, &adu),
            Some(Told::GaveUp(request, late)) => self.give_up(id, request, late),
            Some(Told::Note(is_there, what)) => {
                self.ledger.note(if is_there { Kind::LineOpened } else { Kind::LineLost }, &what);
            }
            None => {}
        }
        is_told
    }

    fn ask(&mut self, id: StationId, adu: &[u8]) {
        let Some(key) = self.conversation_of(id) else { return };
        self.with(key, |conversation, turn| {
            conversation.session.client_received(adu, &mut turn.context());
            conversation.pump(turn)
        });
    }

    fn give_up(&mut self, id: StationId, request: TransactionId, late: Option<(UnitId, u8)>) {
        let Some(key) = self.stations.get_mut(id).and_then(|port| port.key) else { return };
        self.with(key, |conversation, turn| {
            if let Some(late) = late {
                record_late(&conversation.session, late, turn);
            }
            conversation.session.client_gave_up(request, &mut turn.context());
            conversation.pump(turn)
        });
    }

    /// The port's conversation, opened where there is none. `None`: a budget is met, or the guard is about to end.
    fn conversation_of(&mut self, id: StationId) -> Option<Key> {
        let port = self.stations.get_mut(id)?;
        if let Some(key) = port.key {
            return Some(key);
        }
        let arrival = Arrival { peer: port.address, local: port.address, place: port.place, entry: Entry::Direct };
        let session = SessionId(self.next_session);
        let admission = self.directory.admit(arrival.place, arrival.peer, session, &Identity::Address)?;
        let guest = Guest::of(arrival.place.conduit, arrival.peer, &admission);
        if let Some(budget) = self.population.over_budget(guest, &admission.config.terms.budgets) {
            self.refuse_over_budget(&admission.config, budget);
            return None;
        }
        self.next_session += 1;
        let key = Key { place: self.conversations.vacant_key(), session: session.0 };
        self.stations.get_mut(id)?.key = Some(key);
        self.open(ClientEnd::Bus(BusSide::new(id)), &arrival, (&admission, Identity::Address));
        self.stations.get_mut(id)?.key
    }
}
