//! The two engines under a session's front: one frames what the client says, one lets bytes pass.

use crate::context::Context;
use crate::framed::Framed;
use crate::front::{Front, Manner};
use crate::leg::LegState;
use crate::passing::Passing;

/// What moves a session's bytes.
pub(crate) enum Engine {
    /// Reads requests and gives each its turn.
    Framed(Framed),
    /// Lets bytes through as they come and reads a copy.
    Passing(Box<Passing>),
}

// === impl Engine ===

impl Engine {
    pub(crate) fn new(front: &mut Front, server: LegState) -> Self {
        match front.terms().passes_bytes() {
            true => Self::Passing(Box::new(Passing::new(front, server))),
            false => Self::Framed(Framed::new(front, server)),
        }
    }

    pub(crate) fn passes_bytes(&self) -> bool {
        matches!(self, Self::Passing(_))
    }

    pub(crate) fn client_received(&mut self, front: &mut Front, ctx: &mut Context<'_>, bytes: &[u8]) {
        match self {
            Self::Framed(framed) => framed.client_received(front, ctx, bytes),
            Self::Passing(passing) => passing.client_received(front, ctx, bytes),
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Self::Framed(framed) => framed.is_quiet(),
            Self::Passing(passing) => passing.is_quiet(),
        }
    }

    /// Whether the client has begun a request that has not ended.
    pub(crate) fn is_in_mid_frame(&self) -> bool {
        match self {
            Self::Framed(framed) => framed.is_in_mid_frame(),
            Self::Passing(passing) => passing.is_in_mid_frame(),
        }
    }

    pub(crate) fn take_server(&mut self) -> Option<(LegState, Vec<u8>)> {
        match self {
            Self::Framed(framed) => framed.take_server(),
            Self::Passing(passing) => passing.take_server().map(|server| (server, Vec::new())),
        }
    }

    pub(crate) fn abandon(&mut self, front: &mut Front, ctx: &mut Context<'_>, (manner, reason): (Manner, &str)) {
        match self {
            Self::Framed(framed) => framed.abandon(front, ctx, reason),
            Self::Passing(passing) => passing.abandon(front, ctx, manner),
        }
    }
}
