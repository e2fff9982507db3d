//! OCSP (RFC 6960): responders are asked whether a peer's certificate was revoked, on threads of their own.
//!
//! ```text
//! handshake done ──► what is known of the certificate now?
//!                      │ revoked ─────────────────────────────────► refused
//!                      │ good, and current ───────────────────────► let in
//!                      │ neither: a question ──► desk ──► responder
//!                      │   warn: let in at once    │
//!                      └── refuse: waits ◄── answer┴── revoked: its sessions are cut
//! ```
//!
//! Kept true here:
//! * the data loop never waits: it looks things up, hands questions over and takes replies;
//! * what is revoked stays so until a responder says otherwise, and is refused and cut whatever `when_silent` says;
//! * a peer never chooses whom the guard connects to: the site file does, or it says that certificates of good chains may;
//! * everything here is bounded: entries, questions that wait, threads, bytes and time of one answer.

mod asks;
mod desks;
mod http;
mod question;
mod register;
mod status;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
mod verify;

pub(super) use asks::Asks;
pub(crate) use asks::Whose;
pub(super) use register::Standing;
pub(crate) use register::{News, Ocsp};
