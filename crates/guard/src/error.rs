//! Why a guard cannot do what it was asked, by whose fault it is.

use crate::tls::CredentialError;
use policy::DocumentError;
use std::fmt;
use std::io;

/// Why a guard cannot do what it was asked.
#[derive(Debug)]
pub enum GuardError {
    /// The policy document is wrong; nothing changed.
    Document(DocumentError),
    /// The options are wrong.
    Options(String),
    /// What stands in a certificate, key or revocation list is wrong; nothing changed.
    Credentials(String),
    /// A port, a disk or the system refuses.
    World(String),
    /// The data loop does not answer.
    Hung,
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => write!(f, "{error}"),
            Self::Options(error) => write!(f, "options: {error}"),
            Self::Credentials(what) | Self::World(what) => f.write_str(what),
            Self::Hung => f.write_str("the data loop does not answer"),
        }
    }
}

impl std::error::Error for GuardError {}

impl From<CredentialError> for GuardError {
    fn from(error: CredentialError) -> Self {
        if error.is_world() { Self::World(error.to_string()) } else { Self::Credentials(error.to_string()) }
    }
}

pub(crate) fn world(error: io::Error) -> GuardError {
    GuardError::World(error.to_string())
}
