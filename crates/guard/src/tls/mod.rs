//! Modbus/TCP Security: TLS with certificates on both sides. Towards clients the guard takes the role out of the
//! client's certificate; towards servers it shows its own, and holds the server's to the name that it expects.
//!
//! ```text
//! accept ──► handshake under way ──► certificate judged ──► role ──► a session like any other
//!                   │                        │
//!                   └────── tls.refused ─────┘
//!
//! connected ──► handshake under way ──► certificate and name judged ──► a server connection like any other
//!                   │                        │
//!                   └── tls.server_refused ──┘
//! ```
//!
//! Kept true here:
//! * no session begins without a client's certificate that was judged under the files in force;
//! * a resumed session has the certificate, and so the role, of the one that it resumes, judged anew;
//! * what a peer sends breaks its own connection only, and names the reason;
//! * no file is read in the data loop, and a set of files is in force whole or not at all.

mod alarms;
mod anchors;
mod complaint;
mod context;
mod credential;
mod day;
mod dial;
mod error;
mod gate;
mod handshake;
mod judge;
mod keyring;
mod material;
mod ocsp;
#[cfg(test)]
mod panics;
mod refusal;
mod revocation;
mod server_gate;
mod shelf;
mod stream;
mod tap;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;

pub(crate) use alarms::{Alarms, Item};
pub(crate) use credential::{Credential, Identity};
pub(crate) use dial::Dial;
pub use error::CredentialError;
pub(crate) use gate::Gate;
pub(crate) use handshake::{Handshake, Step};
pub(crate) use judge::When;
pub(crate) use keyring::Keyring;
pub(crate) use ocsp::{News, Whose};
pub(crate) use refusal::{Reason, Refusal};
pub(crate) use server_gate::ServerGate;
pub(crate) use stream::TlsStream;
