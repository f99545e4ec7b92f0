//! Zeros written ahead: for whom, how far, and what becomes of them.

use crate::support::{Home, append, append_some, check_holds, payload, wait_durable, wait_well, wait_written};
use kaptap::journal::inspect::Inspection;
use kaptap::journal::{Disk, Health, Journal, Sync};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

fn length(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

/// Bytes behind the last that is not zero, in the newest segment.
fn zeros(home: &Home) -> usize {
    let bytes = std::fs::read(home.segments().last().unwrap()).unwrap();
    bytes.iter().rev().take_while(|byte| **byte == 0).count()
}

/// Appends one run, and one more, so that all is done that is done after the first was told.
fn commit(journal: &Journal, bytes: &[u8]) -> Vec<crate::run::Run> {
    let runs = [append(journal, 1, bytes, Sync::Commit), append(journal, 1, b"and one more.", Sync::Commit)];
    wait_durable(journal, runs[1].last());
    runs.to_vec()
}

#[test]
fn who_waits_finds_the_place_prepared() {
    let home = Home::new();
    let (journal, _) = home.open();
    let mut kept = commit(&journal, b"first");
    kept.extend(commit(&journal, b"second"));
    let step = 256 << 10;
    assert!((step - 1_000..=step).contains(&zeros(&home)), "{}", zeros(&home));
    assert_eq!(journal.stats().bytes, length(&home.segments()[0]), "the space that they take counts");
    let inspection = Inspection::open(home.path(), Arc::new(Disk::default())).unwrap();
    assert_eq!(inspection.unfinished_bytes(), 0);
    assert!(inspection.segments()[0].bytes < 1_000, "{inspection:?}");
    let writes = home.disk.writes();
    for number in 0..100 {
        let length = length(&home.segments()[0]);
        kept.extend(commit(&journal, &payload(number, 300)));
        assert_eq!(length, self::length(&home.segments()[0]), "no write makes it longer");
    }
    assert!(home.disk.writes() - writes <= 200);
    check_holds(&journal, &kept);
    journal.close().unwrap();
    let end = 32;
    assert_eq!(length(&home.segments()[0]), inspection.segments()[0].bytes + 100 * (2 * 40 + 304 + 13) + end);
    assert_eq!(journal.stats().bytes, length(&home.segments()[0]));
    check_holds(&home.open().0, &kept);
}

#[test]
fn what_nobody_waits_for_is_not_written_twice() {
    let home = Home::new();
    let (journal, _) = home.open();
    for sync in [Sync::Interval, Sync::Os] {
        let kept = append_some(&journal, 50, sync);
        journal.sync();
        wait_durable(&journal, kept[49].last());
    }
    // Nor is what is large, although somebody waits.
    for number in 0..5 {
        wait_durable(&journal, append(&journal, 1, &payload(number, 70_000), Sync::Commit).last());
    }
    let last = append_some(&journal, 1, Sync::Os);
    wait_written(&journal, last[0].last());
    let writes = home.disk.writes();
    wait_written(&journal, append(&journal, 1, b"x", Sync::Os).last());
    assert_eq!(home.disk.writes(), writes + 1);
    assert!(zeros(&home) < 10, "{}", zeros(&home));
}

#[test]
fn a_segment_does_not_grow_beyond_its_bounds() {
    let home = Home::with(|options| {
        options.segment_bytes = 16 << 10;
        options.max_bytes = 64 << 10;
    });
    let (journal, _) = home.open();
    for number in 0..300 {
        wait_durable(&journal, append(&journal, 1, &payload(number, 700), Sync::Commit).last());
        let newest = home.segments().last().map(|path| length(path));
        assert!(newest.is_none_or(|length| length <= (16 << 10) + 32), "{newest:?}");
        assert!(journal.stats().bytes <= 64 << 10, "{:?}", journal.stats());
    }
    journal.close().unwrap();
    let verified = Inspection::open(home.path(), Arc::new(Disk::default())).unwrap().verify(&mut |_, _| ()).unwrap();
    assert!(verified.len() > 2);
    for found in verified {
        assert!(found.closed && found.damage.is_empty(), "{found:?}");
        assert_eq!(length(&found.segment.path), found.segment.bytes, "{found:?}");
    }
}

#[test]
fn a_disk_without_room_for_zeros_is_well() {
    for torn in [false, true] {
        let home = Home::new();
        let (journal, _) = home.open();
        home.disk.tear_writes(torn);
        home.disk.fail_writes_beyond(Some(10_000));
        let mut kept = commit(&journal, b"first");
        for number in 0..20 {
            kept.extend(commit(&journal, &payload(number, 500)));
        }
        assert_eq!((zeros(&home), journal.stats().failures), (0, 0));
        assert_eq!(*journal.health().borrow(), Health::Well);
        home.disk.fail_writes_beyond(None);
        let writes = home.disk.writes();
        kept.extend(commit(&journal, b"there is room again"));
        assert!(home.disk.writes() <= writes + 2, "this segment is not tried again");
        check_holds(&journal, &kept);
        journal.close().unwrap();
        check_holds(&home.open().0, &kept);
    }
}

#[test]
fn after_a_failure_nothing_is_written_ahead_until_a_segment_is_full() {
    let home = Home::with(|options| options.segment_bytes = 32 << 10);
    let (journal, _) = home.open();
    let mut kept = commit(&journal, b"first");
    home.disk.fail_syncs(Some(ErrorKind::StorageFull));
    kept.push(append(&journal, 1, b"fails", Sync::Commit));
    crate::support::wait_blocked(&journal);
    home.disk.fail_syncs(None);
    wait_well(&journal);
    crate::wait_support::wait_until("the next segment", || (home.segments().len() == 2).then_some(()));
    let (failed, second) = (home.segments()[0].clone(), home.segments()[1].clone());
    assert!(length(&failed) > 4_000, "nobody touches it any more");
    // Half a kilobyte a commit, and a segment of 32.
    for _ in 0..100 {
        if home.segments().len() > 2 {
            break;
        }
        let before = length(&second);
        kept.extend(commit(&journal, &payload(1, 500)));
        let grown = length(&second) - before;
        assert!(grown < 700, "{grown}");
    }
    assert_eq!(home.segments().len(), 3, "it was full");
    kept.extend(commit(&journal, &payload(1, 500)));
    kept.extend(commit(&journal, &payload(1, 500)));
    assert!(zeros(&home) > 4_000);
    assert_eq!(journal.stats().bytes, home.segments().iter().map(|path| length(path)).sum::<u64>());
    check_holds(&journal, &kept);
    assert_eq!(home.disk.touched_after_failure(), 0);
}

#[test]
fn zeros_are_gone_after_a_kill() {
    for compression in [false, true] {
        let mut home = Home::with(|options| options.compression = compression);
        let (journal, _) = home.open();
        let mut kept = commit(&journal, b"first");
        kept.extend(commit(&journal, b"second"));
        home.disk = home.disk.kill();
        drop(journal);
        assert!(zeros(&home) > 200_000);
        let (journal, recovery) = home.open();
        assert_eq!((recovery.torn_bytes, recovery.gaps.as_slice()), (0, [].as_slice()));
        assert_eq!(recovery.next_seq, kept[3].last() + 1);
        check_holds(&journal, &kept);
        assert_eq!((zeros(&home) < 10, journal.stats().bytes), (true, length(&home.segments()[0])));
    }
}
