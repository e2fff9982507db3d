//! Modbus/TCP Security: a real guard, and clients and servers made with OpenSSL, good and bad.

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
mod empty_records;
mod far;
mod handshakes;
#[path = "../harness/mod.rs"]
mod harness;
mod offers;
mod pki;
mod refused_servers;
mod reloads;
mod resumed;
mod roles;
mod servers;
mod stage;
