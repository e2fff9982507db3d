//! What the handle asks of the data loop.

use crate::seat::Seat;
use crate::tls::Keyring;
use crossbeam_channel::Sender;
use policy::Policy;
use std::sync::Arc;
use std::time::Instant;

pub(crate) enum Command {
    Reload {
        policy: Arc<Policy>,
        keyring: Keyring,
        answer: Sender<Result<(), String>>,
    },
    Reject {
        reason: String,
    },
    Status {
        answer: Sender<Vec<u8>>,
    },
    Sessions {
        answer: Sender<Vec<Seat>>,
    },
    Metrics {
        answer: Sender<Vec<u8>>,
    },
    ClockSynchronised(bool),
    /// Accept no more, finish what is open; `true` when all of it was.
    Drain {
        until: Instant,
        answer: Sender<bool>,
    },
    Stop,
}
