//! What is in force at one moment.

use super::site::{Choices, Variant};
use policy::Moment;

#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub now: Moment,
    pub choices: Choices,
    pub variant: Variant,
    /// Bytes pass as they come: one server, observed.
    pub passes_bytes: bool,
    pub journal_is_down: bool,
}

impl Scene {
    pub fn enforces(&self) -> bool {
        self.variant != Variant::Observing
    }
}
