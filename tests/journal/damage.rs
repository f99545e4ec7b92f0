//! Files that were cut short, changed, removed, or are not ours.

use crate::run::Run;
use crate::support::{Gap, Home, append, append_some, check_holds, entries, read, wait_durable, wait_written};
use kaptap::journal::{Journal, OpenError, Recovery, Sync};
use std::path::Path;
use std::sync::Arc;

/// A journal of a few runs whose process was killed, the runs, and the bytes of its one segment, without the zeros that
/// were written ahead.
fn killed(runs: u32, compression: bool) -> (Home, Vec<Run>, Vec<u8>) {
    let mut home = Home::with(|options| options.compression = compression);
    let (journal, _) = home.open();
    let kept = append_some(&journal, runs, Sync::Commit);
    wait_durable(&journal, kept[kept.len() - 1].last());
    home.disk = home.disk.kill();
    drop(journal);
    let bytes = entries(&home.segments()[0]);
    (home, kept, bytes)
}

/// Checks that what is read and what is missing together make up everything, in order, and that all that is read is
/// as it was.
#[track_caller]
fn check_accounts(journal: &Journal, expected: &[Run], next_seq: u64) -> Vec<Gap> {
    let (kept, gaps) = read(&mut journal.reader(0));
    for run in &kept {
        let mut original = expected.iter().find(|other| other.first_seq == run.first_seq).unwrap().clone();
        if run.description.is_empty() {
            original.description.clear();
        }
        assert_eq!(*run, original);
    }
    let mut stretches: Vec<_> = kept.iter().map(|run| (run.first_seq, run.last())).collect();
    stretches.extend(gaps.iter().map(|(first, last, _)| (*first, *last)));
    stretches.sort_unstable();
    let mut next = 1;
    for (first, last) in stretches {
        assert!(first == next && last >= first, "{first} to {last} after {next}: {kept:?} {gaps:?}");
        next = last + 1;
    }
    assert_eq!(next, next_seq);
    gaps
}

#[test]
fn a_torn_tail_is_cut_wherever_it_tore() {
    for compression in [false, true] {
        let (home, kept, bytes) = killed(4, compression);
        let segment = &home.segments()[0];
        let (_, shorter, front) = killed(3, compression);
        let last_entry = if compression { bytes.len() - 60 } else { front.len() };
        for length in last_entry..bytes.len() {
            std::fs::write(segment, &bytes[..length]).unwrap();
            let (journal, recovery) = home.open();
            let cut = std::fs::metadata(segment).unwrap().len();
            assert_eq!(cut + recovery.torn_bytes, length as u64);
            assert!(recovery.gaps.is_empty(), "{recovery:?}");
            assert_eq!(check_accounts(&journal, &kept, recovery.next_seq), []);
            if !compression {
                assert_eq!((cut, recovery.next_seq), (front.len() as u64, shorter[2].last() + 1));
            }
            let more = append(&journal, 1, b"more", Sync::Commit);
            assert_eq!(more.first_seq, recovery.next_seq);
            wait_durable(&journal, more.last());
            let mut held = kept.clone();
            held.retain(|run| run.last() < more.first_seq);
            held.push(more);
            check_holds(&journal, &held);
            drop(journal);
            home.segments().iter().skip(1).for_each(|path| std::fs::remove_file(path).unwrap());
        }
    }
}

#[test]
fn a_changed_byte_costs_one_entry_wherever_it_is() {
    for compression in [false, true] {
        let (home, kept, bytes) = killed(6, compression);
        let segment = &home.segments()[0];
        let next_seq = kept[5].last() + 1;
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(segment, &changed).unwrap();
            let (journal, recovery) = home.open();
            // Damage in the last entry is a torn tail, and a header that was hit says nothing of the boot.
            if at >= 64 && recovery.torn_bytes == 0 {
                assert_eq!(recovery.next_seq, next_seq, "byte {at}");
            }
            let gaps = check_accounts(&journal, &kept, recovery.next_seq);
            let damage: u64 = gaps.iter().filter(|gap| gap.2 == "damage").map(|gap| gap.1 - gap.0 + 1).sum();
            assert!(compression || damage <= 3, "byte {at}: {gaps:?}");
            assert_eq!(recovery.gaps.iter().filter(|gap| gap.2 == "damage").count() > 0, damage > 0);
            assert!(recovery.quarantined.is_empty(), "byte {at}: {recovery:?}");
        }
    }
}

#[test]
fn zeros_in_the_middle_are_passed_over() {
    let (home, kept, mut bytes) = killed(60, false);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 2_000].fill(0);
    std::fs::write(&home.segments()[0], &bytes).unwrap();
    let (journal, recovery) = home.open();
    assert_eq!((recovery.next_seq, recovery.torn_bytes), (kept[59].last() + 1, 0));
    let gaps = check_accounts(&journal, &kept, recovery.next_seq);
    assert_eq!(gaps, recovery.gaps);
    assert_eq!(gaps.len(), 1);
}

/// Some segments of a journal that was closed, and the runs in them.
fn closed() -> (Home, Vec<Run>) {
    let home = Home::with(|options| options.segment_bytes = 4 << 10);
    let (journal, _) = home.open();
    let mut kept = Vec::new();
    for _ in 0..10 {
        kept.extend(append_some(&journal, 10, Sync::Interval));
        wait_written(&journal, kept[kept.len() - 1].last());
    }
    journal.close().unwrap();
    assert!(home.segments().len() >= 4);
    (home, kept)
}

/// Changes one segment file of several, and checks that everything else is still there and what is missing is said.
fn check_change(number: usize, change: impl Fn(&Path), check: impl Fn(&Recovery, &[Gap])) {
    let (home, kept) = closed();
    let segments = home.segments();
    let number = number.min(segments.len() - 1);
    change(&segments[number]);
    // What is found is the same every time.
    for _ in 0..2 {
        let (journal, recovery) = home.open();
        assert!(recovery.next_seq > kept.last().unwrap().last());
        let gaps = check_accounts(&journal, &kept, recovery.next_seq);
        check(&recovery, &gaps);
    }
    let (journal, recovery) = home.open();
    let more = append(&journal, 1, b"more", Sync::Commit);
    assert_eq!(more.first_seq, recovery.next_seq);
    wait_durable(&journal, more.last());
    let all: Vec<_> = kept.iter().cloned().chain([more.clone()]).collect();
    let gaps = check_accounts(&journal, &all, more.last() + 1);
    drop(journal);
    let (journal, recovery) = home.open();
    assert_eq!(recovery.next_seq, more.last() + 1);
    assert_eq!(check_accounts(&journal, &all, more.last() + 1), gaps);
}

#[test]
fn a_file_that_is_no_segment_is_set_aside() {
    for number in [1, usize::MAX] {
        check_change(
            number,
            |path| std::fs::write(path, vec![b'?'; 3_000]).unwrap(),
            |recovery, gaps| {
                assert_eq!(gaps, recovery.gaps);
                assert!(matches!(gaps, [(_, _, "damage")]), "{gaps:?}");
            },
        );
    }
    let (home, _) = closed();
    let path = home.segments()[1].clone();
    std::fs::write(&path, b"no segment").unwrap();
    let (_, recovery) = home.open();
    let aside = path.with_extension("kseg.quarantined");
    assert_eq!(recovery.quarantined.iter().map(|(path, _)| path).collect::<Vec<_>>(), [&aside]);
    assert_eq!(std::fs::read(aside).unwrap(), b"no segment");
    assert!(!path.exists());
}

#[test]
fn an_empty_file_is_set_aside() {
    for number in [1, usize::MAX] {
        check_change(number, |path| std::fs::write(path, b"").unwrap(), |_, gaps| assert_eq!(gaps.len(), 1));
    }
}

#[test]
fn the_oldest_segment_may_be_unreadable_or_gone() {
    let (home, kept) = closed();
    std::fs::remove_file(&home.segments()[0]).unwrap();
    let (journal, recovery) = home.open();
    assert_eq!(recovery.gaps, []);
    let first = journal.stats().first_seq;
    let there: Vec<_> = kept.iter().filter(|run| run.first_seq >= first).cloned().collect();
    assert_eq!(read(&mut journal.reader(1)), (there, vec![]));
    assert_eq!(read(&mut journal.reader(2)).1, [(2, first - 1, "retention")]);
}

#[test]
fn a_missing_segment_is_a_gap() {
    let check = |recovery: &Recovery, gaps: &[Gap]| {
        assert_eq!(gaps, recovery.gaps);
        assert!(matches!(gaps, [(_, _, "damage")]), "{gaps:?}");
    };
    check_change(1, |path| std::fs::remove_file(path).unwrap(), check);
}

#[test]
fn a_header_that_was_hit_costs_nothing() {
    for number in [0, 2] {
        let change = |path: &Path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes[..64].fill(0xFF);
            std::fs::write(path, bytes).unwrap();
        };
        check_change(number, change, |recovery, gaps| {
            assert_eq!(gaps, []);
            assert!(recovery.quarantined.is_empty());
        });
    }
}

#[test]
fn a_newer_version_is_not_touched() {
    let (home, _) = closed();
    let path = home.segments()[2].clone();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8] = 2;
    let checksum = crc32fast::hash(&bytes[..60]).to_le_bytes();
    bytes[60..64].copy_from_slice(&checksum);
    std::fs::write(&path, &bytes).unwrap();
    let error = Journal::open(home.options.clone(), Arc::new(home.disk.clone())).map(|_| ()).unwrap_err();
    assert!(matches!(&error, OpenError::Version { found: 2, known: 1, path: named } if *named == path), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn files_of_others_are_left_alone() {
    let (home, kept) = closed();
    let others = ["notes.txt", "1.kseg", "00000000000000000000.kseg", "99999999999999999999.kseg", "lock.old"];
    for name in others {
        std::fs::write(home.path().join(name), b"mine").unwrap();
    }
    std::fs::create_dir(home.path().join("00000000000000000005.kseg")).unwrap();
    let leftover = home.path().join("00000000000000000900.kseg.new");
    std::fs::write(&leftover, b"half a segment").unwrap();
    let (journal, recovery) = home.open();
    assert!(recovery.quarantined.is_empty() && recovery.gaps.is_empty(), "{recovery:?}");
    check_holds(&journal, &kept);
    drop(journal);
    assert!(others.iter().all(|name| std::fs::read(home.path().join(name)).unwrap() == b"mine"));
    assert!(!leftover.exists());
}

#[test]
fn power_loss_passes_seqs_over_and_a_kill_does_not() {
    let mut home = Home::new();
    let (journal, _) = home.open();
    let mut kept = append_some(&journal, 5, Sync::Commit);
    wait_durable(&journal, kept[4].last());
    home.disk = home.disk.kill();
    drop(journal);
    let next_seq = kept[4].last() + 1;
    assert_eq!(home.open().1.next_seq, next_seq);

    home.disk = home.disk.crash(1).unwrap();
    let skipped = (next_seq, next_seq + (1 << 20) - 1, "skipped");
    // Again and again the same, until something is written.
    for _ in 0..2 {
        let (journal, recovery) = home.open();
        assert_eq!((recovery.next_seq, recovery.gaps.as_slice()), (skipped.1 + 1, [skipped].as_slice()));
        assert_eq!(read(&mut journal.reader(0)), (kept.clone(), vec![skipped]));
        assert_eq!(*journal.written().borrow(), skipped.1);
    }
    let (journal, _) = home.open();
    let mut follower = journal.reader(2);
    assert_eq!(read(&mut follower).1, [skipped]);
    kept.push(append(&journal, 1, b"behind it", Sync::Commit));
    wait_durable(&journal, kept[5].last());
    assert_eq!(read(&mut follower), (vec![kept[5].clone()], vec![]));
    drop(journal);
    let (journal, recovery) = home.open();
    assert_eq!((recovery.next_seq, recovery.gaps.as_slice()), (kept[5].last() + 1, [skipped].as_slice()));
    assert_eq!(read(&mut journal.reader(0)), (kept, vec![skipped]));
}

#[test]
fn a_file_cut_in_the_middle_is_read_up_to_there() {
    let change = |path: &Path| {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    };
    check_change(1, change, |recovery, gaps| {
        assert!(matches!(gaps, [(_, _, "damage")]), "{gaps:?}");
        assert!(recovery.gaps.is_empty() && recovery.torn_bytes == 0, "found on reading only: {recovery:?}");
    });
}

#[test]
fn a_disk_that_refuses_to_read_changes_nothing() {
    let (home, kept) = closed();
    let segments = home.segments();
    home.disk.fail_reads(Some(std::io::ErrorKind::PermissionDenied));
    let (journal, recovery) = home.open();
    assert_eq!(recovery.quarantined.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(), segments);
    assert!(recovery.next_seq > kept.last().unwrap().last());
    drop(journal);
    home.disk.fail_reads(None);
    assert_eq!(home.segments(), segments);
    check_holds(&home.open().0, &kept);
}
