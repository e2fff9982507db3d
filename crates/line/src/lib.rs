//! One line that many clients share: whose request goes next, and whose reply it was that came. No line, no clock.
//!
//! A line is a serial bus, the same behind a device server, or one TCP connection to a server that takes few.
//! Requests stay in their sessions until the line takes one: it asks for the whole ADU of one client at a time.
//!
//! Kept true here, and tested:
//! * a reply goes to the client whose request it answers, once, or to nobody;
//! * a request is put on the line once; only reads are repeated, and only where the operator said how often;
//! * requests of one client leave in the order in which they were offered;
//! * nothing is sent before the silence that the line needs, nor to a unit whose late reply may still come;
//! * no socket, no clock: what happened and when are arguments.

mod config;
mod job;
mod line;
mod listen;
mod party;
mod pick;
mod seats;
mod send;
mod station;
mod statistics;
mod window;

pub use config::{Framing, LineConfig, Pace};
pub use job::Failure;
pub use line::{Action, Line};
pub use seats::{ClientId, Offer};
pub use station::{Station, StationAction};
pub use statistics::Statistics;
