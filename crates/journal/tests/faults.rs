//! Failed and stalled syncs and a full disk, each at every place where it can come.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

mod harness;

use event::{Kind, Sequence};
use harness::plant::{directory, live_files, open, options, rows, verified, write};
use harness::{poll, settle, until};
use journal::{Options, Storage as _};
use storage_double::{Disk, Operation, Step};

/// A start that was late tells here what it found, for good and behind all that fails.
fn is_of_the_start(alarm: &str) -> bool {
    alarm.starts_with("journal: ")
}

/// Write through a fault until the journal is well again; what was promised must be there after a cut.
fn lives_through(fault: impl Fn(&Disk), mend: impl Fn(&Disk)) {
    let disk = Disk::new();
    fault(&disk);
    let journal = open(&disk, options());
    let mut durable: Vec<Sequence> = (0..4).flat_map(|_| write(&journal, 2)).collect();
    mend(&disk);
    until("the journal is up again", || journal.is_up());
    durable.extend(write(&journal, 1));
    assert!(!durable.is_empty());
    until("all but the live file is sealed, and no alarm is left", || {
        live_files(&disk) == 1 && journal.state().last_alarm.is_none_or(|alarm| is_of_the_start(&alarm))
    });
    journal.close();

    let left = disk.power_cut(7);
    verified(&left);
    let kept: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
    assert!(durable.iter().all(|sequence| kept.contains(sequence)), "{durable:?} of {kept:?}");
}

#[test]
fn whichever_sync_of_a_file_fails_the_journal_goes_on_and_keeps_its_word() {
    (0..25).for_each(|good| lives_through(|disk| disk.fail_sync_after(good), |_| {}));
}

#[test]
fn whichever_sync_of_a_directory_fails_the_journal_goes_on_and_keeps_its_word() {
    (0..25).for_each(|good| lives_through(|disk| disk.fail_directory_sync_after(good), |_| {}));
}

#[test]
fn a_directory_that_was_made_and_not_synced_is_made_durable_by_the_next_try() {
    for good in 0..8 {
        for seed in 0..10 {
            let disk = Disk::new();
            disk.fail_directory_sync_after(good);
            let journal = open(&disk, options());
            until("the journal is up", || journal.is_up());
            let durable = write(&journal, 1);
            let key = journal.state().public_key;
            // The power goes before anything else is synced.
            let left = disk.power_cut(seed);
            journal.close();

            let journal = open(&left, options());
            until("the journal is up", || journal.is_up());
            assert_eq!(journal.state().public_key, key, "the keys are gone");
            journal.close();
            let kept: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
            assert_eq!(kept, durable);
        }
    }
}

#[test]
fn wherever_the_disk_is_full_the_journal_goes_on_when_there_is_room_again() {
    for room in (0..60_000).step_by(1_700) {
        lives_through(|disk| disk.set_room(Some(room)), |disk| disk.set_room(None));
    }
}

#[test]
fn a_segment_whose_sync_failed_is_never_written_or_synced_again() {
    let disk = Disk::new();
    let _clock = disk.start_trace();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, ..options() });
    journal.append(poll(1));
    settle(&journal);
    let durable = journal.state().durable_sequence;
    disk.set_syncs_fail(true);
    assert!(write(&journal, 3).is_empty());
    disk.set_syncs_fail(false);
    until("the journal is up again", || journal.is_up());
    assert_eq!(write(&journal, 1).len(), 1);
    journal.close();

    let trace = disk.trace();
    let failed = trace.iter().position(|step| step.operation == Operation::SyncFailed).unwrap();
    let later = |step: &&Step| step.path == trace[failed].path && step.operation != Operation::Removed;
    assert_eq!(trace[failed + 1..].iter().filter(later).collect::<Vec<_>>(), Vec::<&Step>::new());
    let opened = rows(&disk, Kind::JournalSegmentOpened);
    let reason = opened[1].reason.as_deref().unwrap();
    assert!(reason.starts_with(&format!("after: {durable} ")) && reason.ends_with(" failed"), "{reason}");
    let notices = verified(&disk).notices;
    assert!(notices.iter().any(|notice| notice.what == "rows that the disk did not confirm in time"), "{notices:#?}");
}

#[test]
fn a_sync_that_never_returns_is_a_failure_that_holds_up_nobody_and_no_row_of_it_is_promised() {
    let disk = Disk::new();
    let journal = open(&disk, Options { sync_deadline_ms: 50, ..options() });
    let kept = write(&journal, 2);
    until("all is quiet", || journal.is_up() && live_files(&disk) == 1);
    disk.stall_syncs();

    assert!(write(&journal, 2).is_empty());
    assert!(!journal.is_up());
    journal.append(poll(1));
    journal.close();

    let left = disk.power_cut(3);
    let journal = open(&left, options());
    until("the journal is up", || journal.is_up());
    journal.close();
    let rows: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
    assert!(kept.iter().all(|sequence| rows.contains(sequence)));
    verified(&left);
}

#[test]
fn a_policy_whose_name_could_not_be_synced_is_tried_again() {
    let disk = Disk::new();
    let journal = open(&disk, options());
    until("the journal is up", || journal.is_up());
    // The first three are of the directories above the policies' own.
    disk.fail_directory_sync_after(3);
    let _clock = disk.start_trace();
    let policies = directory().join("policies");

    journal.keep_policy("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", b"abc");

    let is_durable = |step: &Step| step.path == policies && step.operation == Operation::DirectorySynced;
    until("its name is durable", || disk.trace().iter().any(is_durable));
    assert!(disk.trace().iter().any(|step| step.operation == Operation::SyncFailed));
}

#[test]
fn a_writer_that_broke_off_is_replaced_and_what_it_had_under_way_is_told_as_lost() {
    let disk = Disk::new();
    let journal = open(&disk, Options { segment_bytes: 1 << 30, ..options() });
    let kept = write(&journal, 2);
    disk.panic_in_sync_after(0);

    assert!(write(&journal, 2).is_empty());

    until("another writer is up", || journal.is_up());
    assert!(journal.state().last_failure.is_some_and(|why| why.contains("broke off")));
    let kept: Vec<Sequence> = kept.into_iter().chain(write(&journal, 1)).collect();
    journal.close();
    let left = disk.power_cut(5);
    let rows: Vec<Sequence> = rows(&left, Kind::RequestDenied).iter().map(|row| row.sequence).collect();
    assert!(kept.iter().all(|sequence| rows.contains(sequence)), "{kept:?} of {rows:?}");
    verified(&left);
}

#[test]
fn a_file_put_away_is_told_though_the_directory_s_sync_failed() {
    let disk = Disk::new();
    journal::ensure_directory(&disk, &directory(), false).unwrap();
    let name = format!("{:020}.arrows", 7);
    disk.create(&directory().join(&name), false).unwrap().append(b"torn").unwrap();
    // The first two are of the directories above.
    disk.fail_directory_sync_after(2);

    let journal = open(&disk, options());
    until("the journal is up", || journal.is_up());
    settle(&journal);
    journal.close();

    let told: Vec<_> = rows(&disk, Kind::JournalRecovered).into_iter().filter_map(|row| row.reason).collect();
    assert_eq!(told.iter().map(|it| &**it).collect::<Vec<_>>(), [format!("torn: {name} 4 after 0")]);
    assert!(disk.list(&directory()).unwrap().iter().any(|entry| entry.name == format!("{name}.torn")));
}
