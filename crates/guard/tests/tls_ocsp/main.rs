//! Revocation by OCSP: a real guard, `openssl ocsp` as responder, and responders that are as bad as can be.

#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod answers;
mod clients;
#[path = "../tls/far.rs"]
mod far;
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../tls/pki.rs"]
mod pki;
mod responder;
mod servers;
#[path = "../tls/stage.rs"]
mod stage;
