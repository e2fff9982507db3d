//! The names in one directory, and what each may stand for after a power cut.

use crate::file::File;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

#[derive(Default)]
pub(crate) struct Names {
    live: BTreeMap<String, File>,
    /// Names changed since the last sync: all that each has stood for, the durable state first.
    changed: BTreeMap<String, Vec<Option<File>>>,
    /// Directories made since the last sync.
    new_folders: BTreeSet<String>,
}

impl Names {
    /// Names that survive every cut.
    pub(crate) fn durable(live: BTreeMap<String, File>) -> Self {
        Self { live, ..Self::default() }
    }

    pub(crate) fn live(&self) -> &BTreeMap<String, File> {
        &self.live
    }

    pub(crate) fn set(&mut self, name: &str, file: Option<File>) {
        let before = self.live.get(name).cloned();
        self.changed.entry(name.to_owned()).or_insert_with(|| vec![before]).push(file.clone());
        match file {
            Some(file) => self.live.insert(name.to_owned(), file),
            None => self.live.remove(name),
        };
    }

    /// A directory is made in this one.
    pub(crate) fn add_folder(&mut self, name: &str) -> io::Result<()> {
        if self.live.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.new_folders.insert(name.to_owned());
        Ok(())
    }

    /// Whether a cut may take a directory in this one.
    pub(crate) fn may_lose_folder(&self, name: &str) -> bool {
        self.new_folders.contains(name)
    }

    pub(crate) fn sync(&mut self) {
        self.changed.clear();
        self.new_folders.clear();
    }

    /// One of the states a cut may leave; `choose` picks for each changed name, apart from all others.
    pub(crate) fn survivors(&self, mut choose: impl FnMut(&str, usize) -> usize) -> BTreeMap<String, File> {
        let mut left = self.live.clone();
        for (name, states) in &self.changed {
            match states.get(choose(name, states.len())).cloned().flatten() {
                Some(file) => left.insert(name.clone(), file),
                None => left.remove(name),
            };
        }
        left
    }
}
