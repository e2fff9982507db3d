//! Where a request goes: a listener's server, and the unit behind the unit id.

use crate::pages::UnitSlot;

/// What a unit id stands for at a listener. Only a view makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    generation: u64,
    server: usize,
    leg: usize,
    unit: Option<UnitSlot>,
}

impl Target {
    pub(crate) const fn new(generation: u64, (leg, server): (usize, usize), unit: Option<UnitSlot>) -> Self {
        Self { generation, server, leg, unit }
    }

    /// Index into the document's servers.
    #[must_use]
    pub const fn server(&self) -> usize {
        self.server
    }

    /// Index into the listener's servers.
    #[must_use]
    pub const fn leg(&self) -> usize {
        self.leg
    }

    /// Whether every unit behind a gateway is meant, and no reply comes.
    #[must_use]
    pub const fn is_broadcast(&self) -> bool {
        self.unit.is_none()
    }

    pub(crate) const fn unit_slot(&self) -> Option<UnitSlot> {
        self.unit
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// One of the units that a broadcast reaches.
    pub(crate) const fn at_unit(self, unit: UnitSlot) -> Self {
        Self { unit: Some(unit), ..self }
    }
}
