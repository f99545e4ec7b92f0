//! The disk fails, fills up, or does not answer.

use crate::run::Run;
use crate::support::{
    Held, Home, append, append_some, check_holds, eventually, payload, read, wait_blocked, wait_durable, wait_well,
    wait_written,
};
use kaptap::journal::faulty::FaultyDisk;
use kaptap::journal::{AppendError, Entry, Journal, ReadError, Share, Sync};
use std::io::ErrorKind;
use std::sync::Arc;

/// Breaks the disk under a journal that is in use, goes on appending, mends it, and checks that all is there, before
/// and after opening it again, and that no file that failed was touched again.
fn check_survives(fault: impl Fn(&FaultyDisk, bool), named: &str) {
    for (compression, segment_bytes) in [(false, 1 << 20), (true, 1 << 20), (false, 4 << 10)] {
        let home = Home::with(|options| {
            options.compression = compression;
            options.segment_bytes = segment_bytes;
        });
        let (journal, _) = home.open();
        let mut kept = append_some(&journal, 20, Sync::Commit);
        wait_durable(&journal, kept[19].last());
        let mut follower = journal.reader(0);
        let mut seen = read(&mut follower).0;
        for round in 0..3 {
            // Something that is written and not synced, in all rounds but one.
            if round != 1 {
                kept.extend(append_some(&journal, 10, Sync::Interval));
                wait_written(&journal, kept.last().unwrap().last());
            }
            fault(&home.disk, true);
            // Enough to make even the smallest segment full, so that a fault of creation is met.
            kept.extend((0..12).map(|number| append(&journal, 1, &payload(number, 2_000), Sync::Commit)));
            journal.sync();
            if segment_bytes < 1 << 20 || named != "create" {
                assert!(wait_blocked(&journal).contains(named));
            }
            kept.extend(append_some(&journal, 10, Sync::Os));
            seen.extend(read_what_can_be_read(&mut follower));
            fault(&home.disk, false);
            wait_well(&journal);
            wait_durable(&journal, kept[kept.len() - 11].last());
            seen.extend(read(&mut follower).0);
        }
        journal.close().unwrap();
        seen.extend(read(&mut follower).0);
        assert_eq!(seen, kept);
        assert_eq!(home.disk.touched_after_failure(), 0);
        if segment_bytes < 1 << 20 || named != "create" {
            assert!(journal.stats().failures >= 3, "{:?}", journal.stats());
        }
        check_holds(&journal, &kept);
        drop(journal);
        let (journal, recovery) = home.open();
        assert!(recovery.gaps.is_empty() && recovery.quarantined.is_empty(), "{recovery:?}");
        check_holds(&journal, &kept);
    }
}

fn read_what_can_be_read(reader: &mut kaptap::journal::Reader) -> Vec<Run> {
    std::iter::from_fn(|| reader.next_block().ok().flatten()).map(Into::into).collect()
}

#[test]
fn a_write_that_fails_loses_nothing() {
    check_survives(|disk, on| disk.fail_writes(on.then_some(ErrorKind::StorageFull)), "write");
}

#[test]
fn a_write_that_is_cut_short_loses_nothing() {
    let fault = |disk: &FaultyDisk, on: bool| {
        disk.tear_writes(true);
        disk.fail_writes(on.then_some(ErrorKind::StorageFull));
    };
    check_survives(fault, "write");
}

#[test]
fn a_sync_that_fails_loses_nothing() {
    check_survives(|disk, on| disk.fail_syncs(on.then_some(ErrorKind::Other)), "sync");
}

#[test]
fn a_segment_that_cannot_be_begun_loses_nothing() {
    check_survives(|disk, on| disk.fail_creates(on.then_some(ErrorKind::StorageFull)), "create");
}

#[test]
fn a_disk_that_hangs_holds_up_the_writer_only() {
    let home = Home::with(|options| options.buffer_bytes = 64 << 10);
    let (journal, _) = home.open();
    let mut kept = append_some(&journal, 10, Sync::Commit);
    wait_durable(&journal, kept[9].last());
    let held = Held(&home.disk);
    home.disk.block_writes(true);
    let mut space = journal.space();
    space.mark_unchanged();
    let bytes = vec![b'x'; 1000];
    let mut append_until_full = |share| {
        let mut taken = 0;
        loop {
            let entry = Entry { context: 7, count: 1, time: 1, payload: &[&bytes] };
            match journal.append(entry, Sync::Interval, share) {
                Ok(first_seq) => {
                    let (description, payload) = (b"seven".to_vec(), bytes.clone());
                    kept.push(Run { first_seq, count: 1, time: 1, context: 7, description, payload });
                    taken += 1;
                }
                Err(AppendError::Full) => return taken,
                Err(other) => panic!("{other}"),
            }
        }
    };
    let (common, last) = (append_until_full(Share::Common), append_until_full(Share::Last));
    assert_eq!((common, append_until_full(Share::Common)), ((48 << 10) / 1040, 0));
    assert_eq!(common + last, (64 << 10) / 1040);
    assert_eq!(read(&mut journal.reader(0)).0.len(), 10, "readers go on");
    assert!(!space.has_changed().unwrap());
    drop(held);
    wait_durable(&journal, kept.last().unwrap().last());
    assert!(space.has_changed().unwrap());
    check_holds(&journal, &kept);
}

#[test]
fn a_sync_that_nobody_waits_for_holds_up_nothing() {
    for fails in [false, true] {
        let home = Home::new();
        let (journal, _) = home.open();
        let mut kept = append_some(&journal, 1, Sync::Commit);
        wait_durable(&journal, kept[0].last());
        let held = Held(&home.disk);
        home.disk.block_syncs(true);
        kept.extend(append_some(&journal, 3, Sync::Interval));
        eventually("a sync begins", || home.disk.held_calls() == 1);
        kept.extend(append_some(&journal, 3, Sync::Interval));
        wait_written(&journal, kept.last().unwrap().last());
        assert_eq!(read(&mut journal.reader(0)).0.len(), 7, "readers see what is written meanwhile");
        assert_eq!(*journal.durable().borrow(), kept[0].last());
        if fails {
            home.disk.fail_syncs(Some(ErrorKind::Other));
        }
        drop(held);
        if fails {
            wait_blocked(&journal);
            home.disk.fail_syncs(None);
        }
        wait_durable(&journal, kept.last().unwrap().last());
        check_holds(&journal, &kept);
        drop(journal);
        let disk = home.disk.crash(7).unwrap();
        let (journal, _) = Journal::open(home.options.clone(), Arc::new(disk)).unwrap();
        check_holds(&journal, &kept);
    }
}

#[test]
fn a_disk_that_hangs_makes_the_journal_blocked() {
    let home = Home::new();
    let (journal, _) = home.open();
    let held = Held(&home.disk);
    home.disk.block_syncs(true);
    let mut kept = append_some(&journal, 1, Sync::Commit);
    eventually("it says so", || {
        kept.push(append(&journal, 1, b"x", Sync::Os));
        *journal.health().borrow() != kaptap::journal::Health::Well
    });
    assert!(wait_blocked(&journal).contains("not answered"));
    drop(held);
    wait_well(&journal);
    wait_written(&journal, kept.last().unwrap().last());
    check_holds(&journal, &kept);
}

#[test]
fn closing_a_journal_that_cannot_write_says_what_is_lost() {
    let home = Home::new();
    let (journal, _) = home.open();
    let kept = append_some(&journal, 5, Sync::Commit);
    wait_durable(&journal, kept[4].last());
    home.disk.fail_writes(Some(ErrorKind::StorageFull));
    let lost = append_some(&journal, 5, Sync::Commit);
    wait_blocked(&journal);
    let error = journal.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    let said = format!("records {} to {} may be lost", lost[0].first_seq, lost[4].last());
    assert!(error.to_string().starts_with(&said), "{error}");
    drop(journal);
    home.disk.fail_writes(None);
    let (journal, recovery) = home.open();
    assert_eq!(recovery.next_seq, lost[0].first_seq, "nobody has seen them, and the machine was not off");
    check_holds(&journal, &kept);
}

#[test]
fn closing_ends_the_pause_after_a_failure() {
    let home = Home::new();
    let (journal, _) = home.open();
    home.disk.fail_creates(Some(ErrorKind::StorageFull));
    let kept = append_some(&journal, 5, Sync::Commit);
    eventually("the pause is a long one", || journal.stats().failures >= 4);
    home.disk.fail_creates(None);
    journal.close().unwrap();
    check_holds(&journal, &kept);
}

#[test]
fn a_disk_that_fails_while_nothing_waits_is_well_again_by_itself() {
    let home = Home::new();
    let (journal, _) = home.open();
    let kept = append_some(&journal, 3, Sync::Os);
    wait_written(&journal, kept[2].last());
    home.disk.fail_syncs(Some(ErrorKind::Other));
    journal.sync();
    wait_blocked(&journal);
    home.disk.fail_syncs(None);
    wait_well(&journal);
    check_holds(&journal, &kept);
}

#[test]
fn a_read_that_fails_can_be_tried_again() {
    let home = Home::with(|options| options.segment_bytes = 4 << 10);
    let (journal, _) = home.open();
    let kept = append_some(&journal, 100, Sync::Commit);
    wait_durable(&journal, kept[99].last());
    let mut reader = journal.reader(0);
    let mut seen = Vec::new();
    while seen.len() < kept.len() {
        home.disk.fail_reads(Some(ErrorKind::Other));
        let failed = read_what_can_be_read(&mut reader);
        seen.extend(failed);
        if seen.len() < kept.len() {
            assert!(matches!(reader.next_block(), Err(ReadError::Io { .. })));
        }
        home.disk.fail_reads(None);
        seen.extend(reader.next_block().unwrap().map(Run::from));
    }
    assert_eq!(seen, kept);
}

#[test]
fn a_disk_with_a_little_space_left_stays_blocked() {
    let home = Home::new();
    let (journal, _) = home.open();
    let mut kept = append_some(&journal, 5, Sync::Commit);
    wait_durable(&journal, kept[4].last());
    home.disk.fail_writes_beyond(Some(1_000));
    kept.push(append(&journal, 1, &payload(1, 2_000), Sync::Commit));
    wait_blocked(&journal);
    eventually("it was tried again", || journal.stats().failures >= 3);
    let health = journal.health();
    eventually("it was tried some times more", || journal.stats().failures >= 6);
    assert!(!health.has_changed().unwrap(), "{:?}", *health.borrow());
    home.disk.fail_writes_beyond(None);
    wait_durable(&journal, kept[5].last());
    wait_well(&journal);
    check_holds(&journal, &kept);
    assert_eq!(home.disk.touched_after_failure(), 0);
}
