//! What the data loop lends a conversation for one turn.

use crate::clock::Clock;
use crate::descriptors::Descriptors;
use crate::ledger::Ledger;
use crate::lines::Lines;
use crate::stations::Stations;
use crate::tls::Keyring;
use mio::Registry;
use policy::{Moment, Plant};
use session::Context;

pub(crate) struct Turn<'a> {
    pub(crate) now: Moment,
    pub(crate) clock: &'a Clock,
    pub(crate) plant: &'a mut Plant,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) lines: &'a mut Lines,
    pub(crate) keyring: &'a Keyring,
    /// How many steps of handshakes with servers this turn of the loop may still take.
    pub(crate) dials: &'a mut usize,
    pub(crate) stations: &'a mut Stations,
    pub(crate) registry: &'a Registry,
    pub(crate) descriptors: Descriptors,
    pub(crate) scratch: &'a mut [u8],
    /// So much was received that others come first.
    pub(crate) is_spent: bool,
}

impl Turn<'_> {
    /// The turn's moment may be old where it counts: look again.
    pub(crate) fn read_clock(&mut self) {
        self.now = self.clock.now();
        self.ledger.now = self.now;
    }

    pub(crate) fn context(&mut self) -> Context<'_> {
        Context { now: self.now, plant: self.plant, recorder: self.ledger }
    }

    /// The first `count` bytes of the scratch memory, and the context beside them.
    pub(crate) fn received(&mut self, count: usize) -> (&[u8], Context<'_>) {
        self.is_spent |= count == self.scratch.len();
        let context = Context { now: self.now, plant: self.plant, recorder: self.ledger };
        (self.scratch.get(..count).unwrap_or_default(), context)
    }
}
