//! Why a conduit's certificates cannot be used, by whose fault it is.

use std::fmt;
use std::path::Path;

/// Why the files of a conduit's or server's TLS cannot come into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialError {
    /// `conduit hvac`, `server ahu-001`.
    whose: String,
    what: String,
    is_world: bool,
}

/// A file that cannot be used, before it is known whose it is.
#[derive(Debug)]
pub(super) struct FileError {
    what: String,
    is_world: bool,
}

impl CredentialError {
    pub(super) fn of(whose: String, error: FileError) -> Self {
        Self { whose, what: error.what, is_world: error.is_world }
    }

    /// Whether the disk or its permissions are at fault, and not what stands in a file.
    #[must_use]
    pub fn is_world(&self) -> bool {
        self.is_world
    }
}

impl FileError {
    /// What stands in a file is wrong.
    pub(super) fn content(file: &Path, what: impl fmt::Display) -> Self {
        Self { what: format!("{}: {what}", file.display()), is_world: false }
    }

    /// A file cannot be read.
    pub(super) fn unread(file: &Path, error: &std::io::Error) -> Self {
        Self { what: format!("{}: {error}", file.display()), is_world: true }
    }

    /// OpenSSL refuses what was put together.
    pub(super) fn setting(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), is_world: false }
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tls of {}: {}", self.whose, self.what)
    }
}

impl std::error::Error for CredentialError {}
