//! Modbus/TCP Security towards clients: a real guard, and clients made with OpenSSL, good and bad.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod certificates;
mod handshakes;
#[path = "../harness/mod.rs"]
mod harness;
mod offers;
mod pki;
mod reloads;
mod resumed;
mod roles;
mod stage;
