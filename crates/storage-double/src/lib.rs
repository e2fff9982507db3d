//! A disk in memory in place of the real one. It fails, stalls and fills up when told to, and a power
//! cut leaves no more than a disk promises. For tests and measurements; no guard ships with it.
//!
//! Kept true here, and tested:
//! * what a sync returned for survives every power cut; of all else, any part may;
//! * a file's bytes, its length and its name become durable apart, and so does the name of each directory;
//! * while nothing is switched on, it answers as the real disk does: one suite runs on both.
//!
//! One kindness: after a failed sync of a directory a later one that returns makes its names durable. A file system
//! with a journal of its own behaves so, for it aborts where it cannot write one; one without may not (docs/reliability.md).

mod cut;
mod disk;
mod faults;
mod file;
mod names;
mod random;
mod state;
mod trace;

pub use disk::Disk;
pub use random::Random;
pub use trace::{Operation, Step};
