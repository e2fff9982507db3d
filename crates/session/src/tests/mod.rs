//! Conversations: what is refused first, then what passes, then what goes wrong.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::wildcard_imports)]

mod denials;
mod endings;
mod journal;
mod matrix;
mod observing;
mod pairing;
mod queueing;
mod reload;
mod routing;
mod shared;
mod silence;
mod site;
mod talk;
mod unanswered;
