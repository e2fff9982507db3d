//! Why a journal cannot be opened, read or asked.

use crate::names::LOCK;
use crate::tenure::Over;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a journal cannot do what it was asked.
#[non_exhaustive]
#[derive(Debug)]
pub enum JournalError {
    /// Another process writes this directory.
    Locked(PathBuf),
    /// The keys lie inside the journal's own directory, where whoever can alter it would find them.
    KeysInside(PathBuf),
    /// A key file does not hold a key.
    Key(PathBuf),
    /// What was asked is not valid JSON of the expected shape.
    Request(String),
    /// The journal has stopped or failed and cannot answer.
    Down,
    /// Disk or directory refuse.
    World(PathBuf, io::Error),
}

impl JournalError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::World(path, error)
    }
}

impl From<Over> for JournalError {
    fn from(_: Over) -> Self {
        Self::Down
    }
}

/// Why a row was not taken that somebody would have waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecorded {
    /// Nothing can become durable now.
    Down,
    /// The journal is up, but memory has no room for the row.
    Full,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => {
                let lock = path.join(LOCK);
                let lock = lock.display();
                write!(f, "{lock}: another process writes this journal (`fuser {lock}` names it)")
            }
            Self::KeysInside(path) => write!(f, "{}: keys must lie outside the journal", path.display()),
            Self::Key(path) => write!(f, "{}: not a signing key", path.display()),
            Self::Request(what) => write!(f, "request: {what}"),
            Self::Down => f.write_str("the journal is down"),
            Self::World(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for JournalError {}

impl fmt::Display for Unrecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "the journal is down",
            Self::Full => "the journal has no room for another row",
        })
    }
}

impl std::error::Error for Unrecorded {}
