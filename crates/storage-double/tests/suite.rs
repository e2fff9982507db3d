//! What the journal may expect of any disk: the same sentences for the real one and for the one in memory.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use journal::{FileSystem, Storage};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use storage_double::Disk;

/// Run one sentence on both disks, each time in an empty folder.
fn on_both(sentence: impl Fn(&dyn Storage, &Path)) {
    let real = tempfile::tempdir().unwrap();
    sentence(&FileSystem, real.path());
    let (disk, folder) = (Disk::new(), PathBuf::from("/plant/gate-1"));
    journal::ensure_directory(&disk, &folder, false).unwrap();
    sentence(&disk, &folder);
}

fn write(storage: &dyn Storage, path: &Path, bytes: &[u8]) {
    let mut file = storage.create(path, false).unwrap();
    file.append(bytes).unwrap();
    file.sync().unwrap();
}

fn read(storage: &dyn Storage, path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    storage.read(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn names(storage: &dyn Storage, folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = storage.list(folder).unwrap().into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

#[test]
fn a_directory_is_made_once_and_in_one_that_is_there() {
    on_both(|storage, folder| {
        let (here, deep) = (folder.join("a"), folder.join("a").join("b"));
        write(storage, &folder.join("file"), b"abc");

        assert_eq!(storage.create_directory(&deep, false).unwrap_err().kind(), ErrorKind::NotFound);
        storage.create_directory(&here, true).unwrap();
        storage.create_directory(&deep, false).unwrap();
        assert_eq!(storage.create_directory(&here, true).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(storage.create_directory(&folder.join("file"), false).unwrap_err().kind(), ErrorKind::AlreadyExists);
    });
}

#[test]
fn a_file_that_exists_is_never_made_again() {
    on_both(|storage, folder| {
        write(storage, &folder.join("a"), b"old");

        let again = storage.create(&folder.join("a"), true).err().unwrap();

        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(read(storage, &folder.join("a")), b"old");
    });
}

#[test]
fn what_is_not_there_is_not_found() {
    on_both(|storage, folder| {
        let (absent, within) = (folder.join("a"), folder.join("no").join("a"));

        assert_eq!(storage.read(&absent).err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(storage.remove(&absent).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(storage.rename(&absent, &folder.join("b")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(storage.create(&within, false).err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(storage.sync(&absent).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(storage.list(&folder.join("no")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(storage.sync_directory(&folder.join("no")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(storage.lock(&within).err().unwrap().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_lock_has_one_holder_until_it_is_dropped() {
    on_both(|storage, folder| {
        let path = folder.join("lock");
        let held = storage.lock(&path).unwrap();

        assert_eq!(storage.lock(&path).err().unwrap().kind(), ErrorKind::WouldBlock);
        drop(held);
        assert!(storage.lock(&path).is_ok());
        assert_eq!(names(storage, folder), ["lock"]);
    });
}

#[test]
fn appends_stand_one_after_the_other_and_reading_begins_anywhere() {
    on_both(|storage, folder| {
        let path = folder.join("a");
        let mut file = storage.create(&path, false).unwrap();
        file.append(b"abc").unwrap();
        file.append(b"").unwrap();
        file.append(b"def").unwrap();
        file.sync().unwrap();
        let mut reading = storage.read(&path).unwrap();
        let mut rest = String::new();

        assert_eq!(reading.seek(SeekFrom::End(0)).unwrap(), 6);
        assert_eq!(reading.seek(SeekFrom::Start(2)).unwrap(), 2);
        reading.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "cdef");
        assert_eq!(reading.seek(SeekFrom::Current(-1)).unwrap(), 5);
        assert!(reading.seek(SeekFrom::Current(-9)).is_err());
        assert_eq!(reading.seek(SeekFrom::Start(99)).unwrap(), 99);
        assert_eq!(reading.read(&mut [0; 4]).unwrap(), 0);
    });
}

#[test]
fn a_file_that_grows_is_seen_by_who_reads_it_already() {
    on_both(|storage, folder| {
        let path = folder.join("a");
        let mut file = storage.create(&path, false).unwrap();
        file.append(b"abc").unwrap();
        let mut reading = storage.read(&path).unwrap();
        let mut bytes = Vec::new();
        reading.read_to_end(&mut bytes).unwrap();

        file.append(b"def").unwrap();
        reading.read_to_end(&mut bytes).unwrap();

        assert_eq!(bytes, b"abcdef");
    });
}

#[test]
fn a_rename_takes_the_place_of_what_was_there() {
    on_both(|storage, folder| {
        write(storage, &folder.join("draft"), b"new");
        write(storage, &folder.join("a"), b"old");

        storage.rename(&folder.join("draft"), &folder.join("a")).unwrap();
        storage.sync(&folder.join("a")).unwrap();
        storage.sync_directory(folder).unwrap();

        assert_eq!(names(storage, folder), ["a"]);
        assert_eq!(read(storage, &folder.join("a")), b"new");
    });
}

#[test]
fn a_file_renamed_to_itself_stays() {
    on_both(|storage, folder| {
        write(storage, &folder.join("a"), b"abc");

        storage.rename(&folder.join("a"), &folder.join("a")).unwrap();

        assert_eq!(read(storage, &folder.join("a")), b"abc");
    });
}

#[test]
fn a_removed_file_can_still_be_read_and_written_by_who_has_it_open() {
    on_both(|storage, folder| {
        let path = folder.join("a");
        let mut file = storage.create(&path, false).unwrap();
        file.append(b"abc").unwrap();
        let mut reading = storage.read(&path).unwrap();

        storage.remove(&path).unwrap();
        file.append(b"def").unwrap();
        file.sync().unwrap();

        let mut text = String::new();
        reading.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcdef");
        assert!(names(storage, folder).is_empty());
        assert!(storage.create(&path, false).is_ok());
    });
}

#[test]
fn a_file_knows_whether_a_name_is_still_its_own() {
    on_both(|storage, folder| {
        let (path, other) = (folder.join("a"), folder.join("b"));
        let mut file = storage.create(&path, false).unwrap();
        file.append(b"abc").unwrap();
        write(storage, &other, b"abc");

        assert!(file.is_at(&path).unwrap());
        assert!(!file.is_at(&other).unwrap());
        storage.rename(&other, &path).unwrap();
        assert!(!file.is_at(&path).unwrap());
        storage.remove(&path).unwrap();
        assert_eq!(file.is_at(&path).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_listing_has_files_with_their_lengths_and_no_folders() {
    on_both(|storage, folder| {
        write(storage, &folder.join("a"), b"abc");
        journal::ensure_directory(storage, &folder.join("policies").join("deep"), true).unwrap();
        journal::ensure_directory(storage, &folder.join("policies"), true).unwrap();

        let listed = storage.list(folder).unwrap();

        assert_eq!(listed.iter().map(|entry| (entry.name.as_str(), entry.bytes)).collect::<Vec<_>>(), [("a", 3)]);
        assert!(listed[0].modified.is_some());
        assert!(storage.list(&folder.join("policies").join("deep")).unwrap().is_empty());
        assert!(storage.free_space(folder).unwrap() > 0);
    });
}
