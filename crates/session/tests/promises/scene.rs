//! What is in force at one moment.

use super::site::{Choices, Variant};
use policy::Moment;

#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub now: Moment,
    pub choices: Choices,
    pub variant: Variant,
    /// Whether the terms the session runs under only observe; it takes no others once its servers have moved.
    pub observes: bool,
    /// Bytes pass as they come: one server, observed.
    pub passes_bytes: bool,
    pub journal_is_down: bool,
    /// Time went by in which no timer was served.
    pub timers_are_late: bool,
}

impl Scene {
    pub fn enforces(&self) -> bool {
        !self.observes
    }
}
