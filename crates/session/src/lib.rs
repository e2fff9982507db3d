//! One client–server conversation through the guard: events in; bytes, actions and records out.
//!
//! Kept true here, and tested:
//! * no byte of a refused request reaches a server;
//! * no request that can change state reaches a server before its record is durable, unless the
//!   operator wrote otherwise;
//! * a reply reaches the request it answers, once; a write is never sent twice;
//! * no socket, no clock, no thread: what happened and when are arguments.

mod changes;
mod config;
mod context;
mod engine;
mod facts;
mod framed;
mod framing;
mod front;
mod judge;
mod leg;
mod outbuffer;
mod outcome;
mod passing;
mod refusal;
mod rows;
mod session;
#[cfg(test)]
mod tests;
mod tolerated;

pub use config::{Client, ServerTerms, SessionConfig, Shared, Terms, Tolerances};
pub use context::{Action, Begun, Context, Leg, Recorder, Unrecorded};
pub use outbuffer::OutBuffer;
pub use session::Session;
