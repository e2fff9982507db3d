//! The guard: sockets and timers around the session machine; the only crate that waits.
//!
//! One thread runs the data loop, the journal has threads of its own, and a [`Guard`] is the
//! handle through which a host process speaks to them.

mod accept;
mod begun;
mod budget;
mod bus_side;
mod client_end;
mod client_side;
mod clock;
mod command;
mod conversation;
mod counters;
mod data_loop;
mod descriptors;
mod directory;
mod diverted;
mod doubts;
mod error;
mod far_syslog;
mod handle;
mod ledger;
mod leg_socket;
mod legs;
mod limits;
mod line_leg;
mod lines;
mod listeners;
mod notify;
mod options;
mod reload;
mod report;
mod seat;
mod socket;
mod start;
mod stations;
mod syslog;
mod timers;
mod tls;
mod token;
mod turn;
mod wire;

// The tests' harness is shared with the tests beside `src`, where the crate has a name.
#[cfg(test)]
extern crate self as guard;

pub use error::GuardError;
pub use handle::Guard;
pub use options::{Away, JournalOptions, Options, SyslogOptions};
pub use tls::CredentialError;
