//! The signing keys: files that only the guard may read, outside the journal.
//!
//! Kept true here:
//! * a key signs rows only after the key before it has signed it, and that is durable;
//! * while the list on disk may name another key than the one in use, nothing is signed.

use crate::certificate::{self, Certificate};
use crate::error::JournalError;
use crate::hex;
use crate::names::KEYS;
use crate::storage::{Storage, ensure_directory, read_whole};
use ed25519_dalek::SigningKey;
use std::io;
use std::path::{Path, PathBuf};

/// The key in use, and the chain of keys up to it.
#[derive(Clone)]
pub(crate) struct Keys {
    directory: PathBuf,
    key_directory: PathBuf,
    number: u32,
    current: SigningKey,
    chain: Vec<Certificate>,
    /// Whether the list on disk may be another.
    is_unsure: bool,
}

/// What a person should know of the keys after opening.
pub(crate) struct KeysOpening {
    pub(crate) keys: Keys,
    pub(crate) is_new: bool,
    pub(crate) alarm: Option<String>,
}

impl Keys {
    /// Find the key that the chain ends with; make one where there is none. `next_sequence` is the
    /// first that a new key could sign.
    pub(crate) fn open(
        storage: &dyn Storage,
        directory: &Path,
        key_directory: &Path,
        next_sequence: u64,
    ) -> Result<KeysOpening, JournalError> {
        ensure_directory(storage, key_directory, true).map_err(JournalError::at(key_directory))?;
        let files = key_files(storage, key_directory)?;
        // A killed process may have made a key and not synced its name.
        let unsure = storage.sync_directory(key_directory).err();
        let unsure =
            unsure.map(|error| format!("{}: {error}; keys may not outlive a power cut", key_directory.display()));
        let (chain, unreadable) = kept_chain(storage, directory)?;
        let proven = chain.last().and_then(Certificate::key);
        let known = files.iter().rev().find(|(_, key)| proven.is_none_or(|last| last == public(key)));
        let is_new = known.is_none();
        let number = files.last().map_or(0, |(number, _)| *number);
        let (number, current) = match known {
            Some((number, key)) => (*number, key.clone()),
            None => (number + 1, make_key(storage, key_directory, number + 1)?),
        };
        let (directory, key_directory) = (directory.to_owned(), key_directory.to_owned());
        let keys = Self { directory, key_directory, number, current, chain, is_unsure: false };
        let mut opening = keys.adopt(storage, is_new, next_sequence)?;
        opening.alarm = opening.alarm.or(unreadable).or(unsure);
        Ok(opening)
    }

    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    pub(crate) fn public_key(&self) -> String {
        hex::render(&public(&self.current))
    }

    pub(crate) fn first_public_key(&self) -> String {
        self.chain.first().map_or_else(|| self.public_key(), |first| first.public_key.clone())
    }

    /// Make the next key and have the last one sign it; it is in use when this returns.
    pub(crate) fn rotate(&mut self, storage: &dyn Storage, from_sequence: u64) -> Result<(), JournalError> {
        let number = key_files(storage, &self.key_directory)?.last().map_or(self.number, |(number, _)| *number);
        let next = make_key(storage, &self.key_directory, number + 1)?;
        let mut chain = self.chain.clone();
        chain.push(Certificate::signed_by(&self.current, public(&next), from_sequence));
        if let Err(error) = certificate::save(storage, &self.directory, &chain) {
            self.is_unsure = true;
            return Err(JournalError::World(self.directory.clone(), error));
        }
        (self.number, self.current, self.chain) = (number + 1, next, chain);
        Ok(())
    }

    pub(crate) fn is_unsure(&self) -> bool {
        self.is_unsure
    }

    /// Have the list on disk say again which key is in use: after a change that failed, or that hung in a
    /// writer that was given up and may yet write the next key into it. That key signs nothing.
    pub(crate) fn keep_again(&mut self, storage: &dyn Storage) -> io::Result<()> {
        certificate::save(storage, &self.directory, &self.chain)?;
        self.is_unsure = false;
        Ok(())
    }

    fn adopt(mut self, storage: &dyn Storage, is_new: bool, next_sequence: u64) -> Result<KeysOpening, JournalError> {
        let mut alarm = None;
        if is_new || self.chain.is_empty() {
            if !self.chain.is_empty() {
                alarm = Some("the last signing key is lost: a new one begins, signed by nobody".to_owned());
            }
            self.chain.push(Certificate::first(public(&self.current), next_sequence));
            if let Err(error) = certificate::save(storage, &self.directory, &self.chain) {
                alarm = Some(format!("the list of keys cannot be kept: {error}"));
                self.is_unsure = true;
            }
        }
        Ok(KeysOpening { keys: self, is_new, alarm })
    }
}

/// The list of keys; one that cannot be read is set aside, not overwritten: it may be mended by hand.
fn kept_chain(storage: &dyn Storage, directory: &Path) -> Result<(Vec<Certificate>, Option<String>), JournalError> {
    let path = directory.join(KEYS);
    match certificate::load(storage, directory) {
        Ok(chain) => return Ok((chain, None)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(_) => {}
    }
    let aside = path.with_extension("json.damaged");
    let moved = storage.rename(&path, &aside).and_then(|()| storage.sync_directory(directory));
    // Where it stays, a new list would take its place, and with it the proof of all earlier keys.
    moved.map_err(JournalError::at(&path))?;
    let alarm = format!(
        "{}: damaged, set aside as {}; rows under earlier keys cannot be proved without it",
        path.display(),
        aside.display()
    );
    Ok((Vec::new(), Some(alarm)))
}

fn public(key: &SigningKey) -> [u8; 32] {
    key.verifying_key().to_bytes()
}

fn key_files(storage: &dyn Storage, directory: &Path) -> Result<Vec<(u32, SigningKey)>, JournalError> {
    let entries = storage.list(directory).map_err(JournalError::at(directory))?;
    let mut numbers: Vec<u32> = entries.iter().filter_map(|entry| number_of(&entry.name)).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| Ok((number, load_key(storage, &path_of(directory, number))?))).collect()
}

fn load_key(storage: &dyn Storage, path: &Path) -> Result<SigningKey, JournalError> {
    let text = read_whole(storage, path).map_err(JournalError::at(path))?;
    let secret = std::str::from_utf8(&text).ok().and_then(|text| hex::parse(text.trim()));
    Ok(SigningKey::from_bytes(&secret.ok_or_else(|| JournalError::Key(path.to_owned()))?))
}

fn make_key(storage: &dyn Storage, directory: &Path, number: u32) -> Result<SigningKey, JournalError> {
    let path = path_of(directory, number);
    let draft = path.with_extension("tmp");
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| JournalError::World(path.clone(), io::Error::other(error)))?;
    let write = || {
        // A draft is what an earlier attempt left behind; it never signed anything.
        let _ = storage.remove(&draft);
        let mut file = storage.create(&draft, true)?;
        file.append(format!("{}\n", hex::render(&secret)).as_bytes())?;
        file.sync()?;
        storage.rename(&draft, &path)?;
        storage.sync_directory(directory)
    };
    write().map_err(JournalError::at(&path))?;
    Ok(SigningKey::from_bytes(&secret))
}

fn path_of(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("journal-{number:04}.key"))
}

fn number_of(name: &str) -> Option<u32> {
    name.strip_prefix("journal-")?.strip_suffix(".key")?.parse().ok()
}
