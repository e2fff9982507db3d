//! What only the disk in memory does: what it is told to.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use journal::{AppendFile, Storage as _};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use storage_double::{Disk, Operation};

fn folder() -> PathBuf {
    PathBuf::from("/plant")
}

fn disk() -> Disk {
    let disk = Disk::new();
    journal::ensure_directory(&disk, &folder(), false).unwrap();
    disk
}

fn file(disk: &Disk, name: &str) -> Box<dyn AppendFile> {
    disk.create(&folder().join(name), false).unwrap()
}

fn read(disk: &Disk, path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    disk.read(path).ok()?.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

/// What a file holds after each of many cuts.
fn outcomes(disk: &Disk, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    (0..400).map(|seed| read(&disk.power_cut(seed), &folder().join(name))).collect()
}

#[test]
fn synced_bytes_under_a_synced_name_survive_every_cut() {
    let disk = disk();
    let mut file = file(&disk, "a");
    file.append(b"abc").unwrap();
    file.sync().unwrap();
    disk.sync_directory(&folder()).unwrap();

    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"abc".to_vec())]));
}

#[test]
fn synced_bytes_under_a_name_that_is_not_may_be_gone() {
    let disk = disk();
    let mut file = file(&disk, "a");
    file.append(b"abc").unwrap();
    file.sync().unwrap();

    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([None, Some(b"abc".to_vec())]));
}

#[test]
fn of_bytes_not_synced_any_length_may_be_left_and_any_sector_may_be_zeros() {
    let disk = disk();
    let mut file = file(&disk, "a");
    file.append(&[1; 600]).unwrap();
    file.sync().unwrap();
    disk.sync_directory(&folder()).unwrap();
    file.append(&[2; 1_500]).unwrap();

    let left: Vec<Vec<u8>> = outcomes(&disk, "a").into_iter().map(Option::unwrap).collect();

    assert!(left.iter().all(|bytes| bytes[..600] == [1; 600]));
    let lengths: BTreeSet<usize> = left.iter().map(Vec::len).collect();
    assert!(lengths.len() > 50 && lengths.contains(&600) && lengths.contains(&2_100));
    // Zeros before bytes that were written later: torn by sector.
    assert!(left.iter().any(|bytes| bytes[600..].windows(2).any(|pair| pair == [0, 2])));
    let tears = left.iter().flat_map(|bytes| (601..bytes.len()).filter(|&at| bytes[at] != bytes[at - 1]));
    assert!(tears.clone().all(|at| at % 512 == 0), "{:?}", tears.collect::<Vec<_>>());
}

#[test]
fn a_directory_whose_name_is_not_synced_may_be_gone_with_all_in_it() {
    let disk = disk();
    let inner = folder().join("journal");
    disk.create_directory(&inner, false).unwrap();
    let mut file = disk.create(&inner.join("a"), false).unwrap();
    file.append(b"abc").unwrap();
    file.sync().unwrap();
    disk.sync_directory(&inner).unwrap();

    let before = outcomes(&disk, "journal/a");
    let disk = disk.kill();
    disk.sync_directory(&folder()).unwrap();

    assert_eq!(before, BTreeSet::from([None, Some(b"abc".to_vec())]));
    // Putting the power out ended the first disk.
    assert_eq!(outcomes(&disk, "journal/a"), BTreeSet::from([Some(b"abc".to_vec())]));
}

#[test]
fn a_rename_that_is_not_synced_leaves_either_name_both_or_none() {
    let disk = disk();
    file(&disk, "draft").sync().unwrap();
    disk.sync_directory(&folder()).unwrap();
    disk.rename(&folder().join("draft"), &folder().join("a")).unwrap();

    let left: BTreeSet<Vec<String>> = (0..100)
        .map(|seed| disk.power_cut(seed).list(&folder()).unwrap().into_iter().map(|entry| entry.name).collect())
        .collect();

    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(left, BTreeSet::from([names(&[]), names(&["a"]), names(&["a", "draft"]), names(&["draft"])]));
}

#[test]
fn a_file_that_took_another_s_place_leaves_one_of_them() {
    let disk = disk();
    for (name, bytes) in [("a", b"old"), ("draft", b"new")] {
        let mut file = file(&disk, name);
        file.append(bytes).unwrap();
        file.sync().unwrap();
    }
    disk.sync_directory(&folder()).unwrap();
    disk.rename(&folder().join("draft"), &folder().join("a")).unwrap();

    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"old".to_vec()), Some(b"new".to_vec())]));
}

#[test]
fn a_file_that_is_renamed_while_it_is_written_goes_on_under_its_new_name() {
    let disk = disk();
    let _clock = disk.start_trace();
    let mut file = file(&disk, "draft");
    disk.rename(&folder().join("draft"), &folder().join("a")).unwrap();
    file.append(b"abc").unwrap();

    assert_eq!(read(&disk, &folder().join("a")).unwrap(), b"abc");
    let last = disk.trace().pop().unwrap();
    assert_eq!((last.path, last.operation), (folder().join("a"), Operation::Appended { end: 3 }));
}

#[test]
fn after_a_failed_sync_no_later_one_makes_the_bytes_sure() {
    let disk = disk();
    let mut file = file(&disk, "a");
    disk.sync_directory(&folder()).unwrap();
    disk.fail_sync_after(0);
    file.append(b"abc").unwrap();
    assert!(file.sync().is_err());
    file.sync().unwrap();

    assert!(outcomes(&disk, "a").contains(&Some(Vec::new())));
}

#[test]
fn what_a_killed_process_wrote_can_be_read_and_lost_until_somebody_syncs_it() {
    let disk = disk();
    let mut file = file(&disk, "a");
    file.append(b"abc").unwrap();

    let later = disk.kill();

    assert!(file.append(b"def").is_err());
    assert_eq!(read(&later, &folder().join("a")).unwrap(), b"abc");
    assert!(outcomes(&later.kill(), "a").contains(&None));
    let later = self::disk();
    self::file(&later, "a").append(b"abc").unwrap();
    let later = later.kill();
    later.sync(&folder().join("a")).unwrap();
    later.sync_directory(&folder()).unwrap();
    assert_eq!(outcomes(&later, "a"), BTreeSet::from([Some(b"abc".to_vec())]));
}

#[test]
fn the_nth_sync_fails_and_no_other() {
    let disk = disk();
    let mut file = file(&disk, "a");
    disk.fail_sync_after(2);
    disk.fail_directory_sync_after(1);

    assert_eq!([(); 4].map(|()| file.sync().is_ok()), [true, true, false, true]);
    assert_eq!([(); 3].map(|()| disk.sync_directory(&folder()).is_ok()), [true, false, true]);
}

#[test]
fn a_stalled_sync_returns_when_it_is_released_and_fails_when_the_power_goes() {
    for power in [true, false] {
        let disk = disk();
        let mut file = file(&disk, "a");
        disk.stall_syncs();
        let _clock = disk.start_trace();
        let synced = std::thread::spawn(move || file.sync().is_ok());
        while disk.trace().is_empty() {
            std::thread::yield_now();
        }
        assert!(!synced.is_finished());

        if power {
            disk.release_syncs();
        } else {
            let _ = disk.power_cut(0);
        }

        assert_eq!(synced.join().unwrap(), power);
    }
}

#[test]
fn a_full_disk_takes_what_still_fits() {
    let disk = disk();
    let mut file = file(&disk, "a");
    disk.set_room(Some(4));

    file.append(b"abc").unwrap();
    assert_eq!(file.append(b"def").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(read(&disk, &folder().join("a")).unwrap(), b"abcd");
    assert_eq!(disk.free_space(&folder()).unwrap(), 0);
    assert_eq!(disk.create(&folder().join("b"), false).err().unwrap().kind(), ErrorKind::StorageFull);
    disk.remove(&folder().join("a")).unwrap();
    assert!(disk.create(&folder().join("b"), false).is_ok());
}

#[test]
fn the_power_goes_out_in_the_middle_of_the_change_that_was_asked_for() {
    let disk = disk();
    let mut file = file(&disk, "a");
    file.sync().unwrap();
    disk.sync_directory(&folder()).unwrap();
    disk.lose_power_after(1);
    file.append(b"abc").unwrap();

    assert!(file.append(b"def").is_err());
    assert!(!disk.has_power());
    assert!(file.sync().is_err());
    assert!(disk.list(&folder()).is_err());
    assert!(disk.read(&folder().join("a")).is_err());
    assert!(outcomes(&disk, "a").contains(&Some(b"abcdef".to_vec())));
    assert!(outcomes(&disk, "a").contains(&Some(Vec::new())));
}

#[test]
fn the_same_seed_leaves_the_same() {
    let disk = disk();
    let mut file = file(&disk, "a");
    file.append(&[1; 5_000]).unwrap();

    assert_eq!(outcomes(&disk, "a"), outcomes(&disk, "a"));
    let (one, two) = (disk.power_cut(7), disk.power_cut(7));
    assert_eq!(read(&one, &folder().join("a")), read(&two, &folder().join("a")));
}

#[test]
fn a_sync_takes_what_it_is_said_to_cost() {
    let disk = disk();
    let mut file = file(&disk, "a");
    disk.set_sync_cost(Duration::from_millis(5));

    let started = Instant::now();
    file.sync().unwrap();

    assert!(started.elapsed() >= Duration::from_millis(5));
    assert_eq!(disk.syncs(), 1);
}

#[test]
fn the_trace_has_every_step_in_order() {
    let disk = disk();
    let _clock = disk.start_trace();
    let mut file = file(&disk, "a");
    file.append(b"abc").unwrap();
    file.sync().unwrap();
    disk.sync_directory(&folder()).unwrap();

    let (steps, path) = (disk.trace(), folder().join("a"));
    let seen: Vec<_> = steps.iter().map(|step| (step.path.as_path(), step.operation.clone())).collect();

    assert_eq!(
        seen,
        [
            (path.as_path(), Operation::Created),
            (path.as_path(), Operation::Appended { end: 3 }),
            (path.as_path(), Operation::SyncBegun),
            (path.as_path(), Operation::SyncReturned { end: 3 }),
            (folder().as_path(), Operation::DirectorySynced),
        ]
    );
    assert!(steps.windows(2).all(|pair| pair[0].order < pair[1].order));
    assert_eq!(disk.steps(), 6);
}

#[test]
fn a_file_made_unreadable_is_still_listed_and_others_are_read() {
    let disk = disk();
    file(&disk, "a").append(b"abc").unwrap();
    file(&disk, "b").append(b"def").unwrap();

    disk.make_unreadable(&folder().join("a"));

    let mut bytes = Vec::new();
    assert!(disk.read(&folder().join("a")).unwrap().read_to_end(&mut bytes).is_err());
    assert_eq!(read(&disk, &folder().join("b")), Some(b"def".to_vec()));
    assert_eq!(disk.list(&folder()).unwrap().len(), 2);
}
