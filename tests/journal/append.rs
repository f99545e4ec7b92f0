//! Appending, reading, following, closing, and letting go of what is old.

use crate::run::Run;
use crate::support::{
    Held, Home, append, append_some, check_holds, eventually, payload, read, wait_durable, wait_written,
};
use kaptap::journal::{AppendError, Entry, Journal, OpenError, Share, Sync};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn runs_come_back_as_they_were() {
    for compression in [false, true] {
        let home = Home::with(|options| options.compression = compression);
        let (journal, recovery) = home.open();
        assert_eq!(recovery.next_seq, 1);
        let kept = append_some(&journal, 200, Sync::Interval);
        wait_written(&journal, kept[199].last());
        check_holds(&journal, &kept);
        assert_eq!(journal.next_seq(), kept[199].last() + 1);
        journal.close().unwrap();
        check_holds(&journal, &kept);

        let (journal, recovery) = home.open();
        assert_eq!((recovery.next_seq, recovery.torn_bytes), (kept[199].last() + 1, 0));
        assert!(recovery.gaps.is_empty() && recovery.quarantined.is_empty(), "{recovery:?}");
        check_holds(&journal, &kept);
        let more = append(&journal, 2, b"more", Sync::Commit);
        assert_eq!(more.first_seq, recovery.next_seq);
        wait_durable(&journal, more.last());
        check_holds(&journal, &[kept, vec![more]].concat());
    }
}

#[test]
fn pieces_are_put_together() {
    let home = Home::new();
    let (journal, _) = home.open();
    let entry = Entry { context: 1, count: 3, time: -5, payload: &[b"one", b"", b" and ", b"two"] };
    journal.append(entry, Sync::Commit, Share::Common).unwrap();
    wait_durable(&journal, 3);
    let block = journal.reader(2).next_block().unwrap().unwrap();
    assert_eq!((block.first_seq, block.count, block.time, block.context), (1, 3, -5, 1));
    assert_eq!((&*block.payload, &*block.description), (b"one and two".as_slice(), b"".as_slice()));
}

#[test]
fn long_runs_and_many_segments() {
    for compression in [false, true] {
        let home = Home::with(|options| {
            options.segment_bytes = 64 << 10;
            options.compression = compression;
            options.buffer_bytes = 4 << 20;
        });
        let (journal, _) = home.open();
        let kept: Vec<_> = (0..40)
            .map(|number| {
                let kept = append(&journal, 1, &payload(number, number as usize * 9_000), Sync::Interval);
                wait_written(&journal, kept.last());
                kept
            })
            .collect();
        check_holds(&journal, &kept);
        assert!(journal.stats().segments > 5, "{:?}", journal.stats());
        journal.close().unwrap();
        check_holds(&home.open().0, &kept);
    }
}

#[test]
fn every_segment_tells_its_contexts() {
    let home = Home::with(|options| options.segment_bytes = 4 << 10);
    let (journal, _) = home.open();
    let say = |context, number| {
        let bytes = payload(number, 700);
        let entry = Entry { context, count: 1, time: 0, payload: &[&bytes] };
        wait_written(&journal, journal.append(entry, Sync::Interval, Share::Common).unwrap());
    };
    journal.describe(1, b"stays");
    journal.describe(2, b"first");
    journal.describe(3, b"goes");
    say(3, 0);
    journal.forget(3);
    for number in 0..20 {
        say(1 + u64::from(number) % 2, number);
    }
    journal.describe(2, b"second");
    for number in 0..20 {
        say(1 + u64::from(number) % 2, number);
    }
    journal.close().unwrap();

    let segments = home.segments();
    assert!(segments.len() > 6, "{segments:?}");
    for keep in 0..segments.len() {
        // Each segment by itself, in a directory of its own.
        let alone = Home::new();
        std::fs::create_dir_all(alone.path()).unwrap();
        std::fs::copy(&segments[keep], alone.path().join(segments[keep].file_name().unwrap())).unwrap();
        let (journal, recovery) = alone.open();
        let (kept, gaps) = read(&mut journal.reader(0));
        assert!(gaps.is_empty() && !kept.is_empty(), "{recovery:?} {gaps:?}");
        for run in kept {
            let expected: &[u8] = match run.context {
                1 => b"stays",
                2 if run.first_seq <= 21 => b"first",
                2 => b"second",
                _ => b"goes",
            };
            assert_eq!(run.description, expected, "{run:?}");
        }
        let newest = std::fs::read(segments.last().unwrap()).unwrap();
        assert!(!newest.windows(4).any(|bytes| bytes == b"goes"), "forgotten contexts are not carried on");
    }
}

#[test]
fn empty_runs_large_runs_and_closed_journals() {
    let home = Home::with(|options| options.buffer_bytes = 64 << 10);
    let (journal, _) = home.open();
    let bytes = vec![1; 64 << 10];
    let entry = |length: usize, count| (count, bytes[..length].to_vec());
    let append = |(count, bytes): (u32, Vec<u8>), share| {
        journal.append(Entry { context: 1, count, time: 0, payload: &[&bytes] }, Sync::Commit, share)
    };
    assert_eq!(append(entry(5, 0), Share::Common), Ok(1), "a run of none is nothing");
    assert_eq!(append(entry(50_000, 1), Share::Common), Err(AppendError::TooLarge { bytes: 50_000 }));
    assert_eq!(append(entry(65_500, 1), Share::Last), Err(AppendError::TooLarge { bytes: 65_500 }));
    assert_eq!(append(entry(65_400, 1), Share::Last), Ok(1));
    wait_durable(&journal, 1);
    journal.close().unwrap();
    assert_eq!(append(entry(5, 1), Share::Last), Err(AppendError::Closed));
    assert_eq!(journal.close().map_err(|error| error.kind()), Ok(()), "closing twice is fine");
    assert_eq!(read(&mut journal.reader(0)).0.len(), 1);
}

#[test]
fn nothing_is_created_before_something_is_kept() {
    let home = Home::new();
    let (journal, _) = home.open();
    journal.describe(1, b"somebody");
    journal.forget(1);
    journal.sync();
    journal.close().unwrap();
    assert_eq!(home.segments(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn only_one_may_have_a_directory() {
    let home = Home::new();
    let (journal, _) = home.open();
    let second = || Journal::open(home.options.clone(), Arc::new(home.disk.clone())).map(|_| ());
    let error = second().unwrap_err();
    assert!(matches!(&error, OpenError::Locked { path } if path == home.path()), "{error}");
    let clone = journal.clone();
    drop(journal);
    assert!(second().is_err(), "a clone is left");
    drop(clone);
    second().unwrap();
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let mut home = Home::new();
    let file = home.outer().join("file");
    std::fs::write(&file, b"").unwrap();
    home.options.directory = file.join("journal");
    let error = Journal::open(home.options.clone(), Arc::new(home.disk.clone())).map(|_| ()).unwrap_err();
    assert!(matches!(&error, OpenError::Io { path, .. } if path == home.path()), "{error}");
}

#[test]
fn sync_is_as_asked_for() {
    let home = Home::with(|options| options.sync_interval = Duration::from_hours(1));
    let (journal, _) = home.open();
    let relaxed = append(&journal, 1, b"relaxed", Sync::Os);
    wait_written(&journal, relaxed.last());
    let later = append(&journal, 1, b"later", Sync::Interval);
    wait_written(&journal, later.last());
    assert_eq!(*journal.durable().borrow(), 0);
    assert!(journal.stats().buffered_bytes > 0, "what is not synced is still there");
    journal.sync();
    wait_durable(&journal, later.last());
    assert_eq!(journal.stats().buffered_bytes, 0);
    let now = append(&journal, 1, b"now", Sync::Commit);
    wait_durable(&journal, now.last());
}

/// How often the journal wrote while small runs came for so long, and how often it does if it lets them pile up for 5 ms.
fn writes_of_small_runs(home: &Home, journal: &Journal) -> (u64, u64) {
    let (begun, before) = (Instant::now(), home.disk.writes());
    while begun.elapsed() < Duration::from_millis(50) {
        append(journal, 1, b"small", Sync::Os);
        // The pace of what comes.
        std::thread::sleep(Duration::from_micros(100));
    }
    let writes = home.disk.writes() - before;
    // The first is written at once, and one may have been left from before.
    (writes, 2 + begun.elapsed().as_millis() as u64 / 5)
}

#[test]
fn small_runs_pile_up_longer_while_nobody_follows() {
    let home = Home::new();
    let (journal, _) = home.open();
    // The first run begins a segment.
    wait_written(&journal, append(&journal, 1, b"first", Sync::Os).last());
    // One who only looks is no follower.
    let _written = journal.written();
    let (writes, alone) = writes_of_small_runs(&home, &journal);
    assert!((1..=alone).contains(&writes), "{writes} writes, at most {alone}");
    let attention = journal.attend();
    // A machine that has others to serve may take as long for each.
    eventually("it writes sooner for one who follows", || {
        let (writes, alone) = writes_of_small_runs(&home, &journal);
        writes > alone
    });
    drop(attention);
}

#[test]
fn syncs_are_shared() {
    let home = Home::new();
    let (journal, _) = home.open();
    wait_durable(&journal, append(&journal, 1, b"first", Sync::Commit).last());
    let before = home.disk.syncs();
    let held = Held(&home.disk);
    home.disk.block_syncs(true);
    append(&journal, 1, b"x", Sync::Commit);
    eventually("the writer is in a sync", || home.disk.held_calls() == 1);
    let last = (0..100).map(|_| append(&journal, 1, b"x", Sync::Commit).last()).max().unwrap();
    drop(held);
    wait_durable(&journal, last);
    assert_eq!(home.disk.syncs() - before, 2);
}

#[test]
fn followers_are_woken() {
    let home = Home::new();
    let (journal, _) = home.open();
    let follower = journal.clone();
    let task = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut written = follower.written();
            let mut reader = follower.reader(0);
            drop(follower);
            let mut kept: Vec<Run> = Vec::new();
            loop {
                // Waits for the watch and for nothing else; its end is the end of the journal.
                let open = written.changed().await.is_ok();
                kept.extend(read(&mut reader).0);
                if !open {
                    return kept;
                }
            }
        })
    });
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.extend(append_some(&journal, 10, Sync::Os));
        wait_written(&journal, expected.last().unwrap().last());
    }
    journal.close().unwrap();
    assert_eq!(task.join().unwrap(), expected);
}

#[test]
fn many_may_append_at_once() {
    let home = Home::with(|options| options.segment_bytes = 64 << 10);
    let (journal, _) = home.open();
    let threads: Vec<_> = (0..4_u64)
        .map(|context| {
            let journal = journal.clone();
            std::thread::spawn(move || {
                journal.describe(context, &context.to_le_bytes());
                for number in 0..2_000_u32 {
                    let payload = number.to_le_bytes();
                    let entry = Entry { context, count: 1, time: 0, payload: &[&payload] };
                    while journal.append(entry, Sync::Interval, Share::Common).is_err() {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    journal.close().unwrap();
    let (kept, gaps) = read(&mut journal.reader(0));
    assert!(gaps.is_empty());
    assert!(kept.iter().map(|run| run.first_seq).eq(1..=8_000));
    for context in 0..4_u64 {
        let own: Vec<_> = kept.iter().filter(|run| run.context == context).collect();
        assert!(own.iter().all(|run| run.description == context.to_le_bytes()));
        assert!(own.iter().map(|run| run.payload.clone()).eq((0..2_000_u32).map(|n| n.to_le_bytes().to_vec())));
    }
}

#[test]
fn old_segments_go_by_bytes() {
    let home = Home::with(|options| {
        options.segment_bytes = 4 << 10;
        options.max_bytes = 32 << 10;
    });
    let (journal, _) = home.open();
    let mut late = journal.reader(1);
    let mut midway = journal.reader(1);
    let mut kept = Vec::new();
    for number in 0..200 {
        kept.push(append(&journal, 2, &payload(number, 500), Sync::Interval));
        wait_written(&journal, kept[number as usize].last());
        if number == 3 {
            midway.next_block().unwrap();
        }
    }
    journal.close().unwrap();
    let stats = journal.stats();
    assert!(stats.bytes <= 32 << 10 && stats.removed_segments > 10, "{stats:?}");
    assert_eq!(stats.segments as usize, home.segments().len());
    assert_eq!(home.segments().iter().map(|path| path.metadata().unwrap().len()).sum::<u64>(), stats.bytes);

    let there = kept.iter().position(|run| run.first_seq == stats.first_seq).unwrap();
    assert_eq!(read(&mut late), (kept[there..].to_vec(), vec![]), "the beginning is wherever it is now");
    let (rest, gaps) = read(&mut midway);
    let [(first, last, "retention")] = gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(last + 1, stats.first_seq);
    assert_eq!(rest.iter().map(|run| u64::from(run.count)).sum::<u64>(), (first - 3) + (kept[199].last() - last));
    assert_eq!(read(&mut journal.reader(2)).1, [(2, last, "retention")]);
    check_holds(&home.open().0, &kept[there..]);
}

#[test]
fn old_segments_go_by_age() {
    let home = Home::with(|options| {
        options.segment_bytes = 4 << 10;
        options.max_age = Some(Duration::from_hours(1));
    });
    let (journal, _) = home.open();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap();
    let bytes = payload(1, 900);
    let keep = |time| {
        let entry = Entry { context: 1, count: 1, time, payload: &[&bytes] };
        wait_written(&journal, journal.append(entry, Sync::Interval, Share::Common).unwrap());
    };
    (0..20).for_each(|_| keep(now - 4_000_000_000_000));
    (0..20).for_each(|_| keep(now));
    journal.close().unwrap();
    let first = journal.stats().first_seq;
    assert!((17..=21).contains(&first), "whole segments only, and only old ones: {first}");
}

#[test]
fn time_is_found() {
    for compression in [false, true] {
        let home = Home::with(|options| {
            options.segment_bytes = 4 << 10;
            options.compression = compression;
        });
        let (journal, _) = home.open();
        assert_eq!(journal.seek_time(0).unwrap(), 1);
        let bytes = payload(1, 200);
        for number in 0..100_i64 {
            let entry = Entry { context: 1, count: 2, time: number * 10, payload: &[&bytes] };
            wait_written(&journal, journal.append(entry, Sync::Interval, Share::Common).unwrap() + 1);
        }
        let check = |journal: &Journal| {
            for number in 0..100_u64 {
                let time = i64::try_from(number).unwrap() * 10;
                assert_eq!(journal.seek_time(time).unwrap(), number * 2 + 1);
                assert_eq!(journal.seek_time(time - 9).unwrap(), number * 2 + 1);
            }
            assert_eq!(journal.seek_time(i64::MIN).unwrap(), 1);
            assert_eq!(journal.seek_time(991).unwrap(), 201);
        };
        check(&journal);
        journal.close().unwrap();
        check(&home.open().0);
    }
}

#[test]
fn lz4_makes_it_smaller() {
    let sizes = [false, true].map(|compression| {
        let home = Home::with(|options| options.compression = compression);
        let (journal, _) = home.open();
        for _ in 0..500 {
            append(&journal, 1, b"cpu,host=a,region=eu usage_idle=97.5,usage_user=1.5 1500000000000000000", Sync::Os);
        }
        journal.close().unwrap();
        journal.stats().bytes
    });
    assert!(sizes[1] * 3 < sizes[0], "{sizes:?}");
}
