//! (e) Every call to the disk that can fail, failing, with a full disk and with a broken one: once, a few times, and
//! until the disk is mended. Nothing acknowledged is lost, and all goes on by itself.

use crate::book::{Book, Failed, Item, ensure, open, read};
use crate::dice::Dice;
use crate::disk::{CHANGES, Call, Cut, Fault, SimDisk};
use crate::run::Run;
use crate::wait_support::try_wait_until;
use kaptap::journal::{AppendError, Entry, Health, Journal, Options, ReadError, Reader, Recovery, Share, Sync};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const BUFFER: usize = 16 << 10;
/// A fault that ends when somebody mends the disk.
const UNTIL_MENDED: u64 = u64::MAX;

fn open_small(directory: &Path, disk: &SimDisk, compression: bool) -> Result<(Journal, Recovery), String> {
    let options = Options {
        directory: directory.to_owned(),
        segment_bytes: 4 << 10,
        max_bytes: 16 << 10,
        max_age: None,
        buffer_bytes: BUFFER,
        sync_interval: Duration::from_millis(1),
        compression,
    };
    open(&options, disk.clone()).map_err(|error| error.to_string())
}

/// One journal in use, on a disk with one fault.
struct Story<'a> {
    disk: &'a SimDisk,
    journal: Journal,
    follower: Reader,
    book: Book,
    number: u32,
    was_blocked: bool,
}

impl Story<'_> {
    /// Appends one run, if it is taken.
    fn append(&mut self, length: usize, sync: Sync, share: Share) -> Result<bool, Failed> {
        self.number += 1;
        let (time, context) = (i64::from(self.number), u64::from(self.number % 3));
        let description = vec![self.number as u8 % 3; 20];
        self.journal.describe(context, &description);
        // Nothing that gets small when it is packed.
        let mut dice = Dice::new(self.number.into());
        let payload: Vec<u8> = (0..length).map(|_| dice.roll() as u8).collect();
        let entry = Entry { context, count: 2, time, payload: &[&payload] };
        match self.journal.append(entry, sync, share) {
            Ok(first_seq) => {
                let run = Run { first_seq, count: 2, time, context, description, payload };
                self.book.append(run, sync, 0)?;
                Ok(true)
            }
            Err(AppendError::Full) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Waits until all is durable. If the disk does not get well by itself, fills the buffer first, and mends it then.
    fn settle(&mut self) -> Result<(), Failed> {
        let mut last = self.journal.next_seq() - 1;
        match try_wait_until(|| self.settled(&mut last).transpose()) {
            Ok(settled) => settled,
            Err(_) => Err(format!("it does not go on: {:?} {:?}", self.journal, self.journal.health())),
        }
    }

    /// One look of `settle`, until `last` is durable.
    fn settled(&mut self, last: &mut u64) -> Result<Option<()>, Failed> {
        self.follow()?;
        let blocked = *self.journal.health().borrow() != Health::Well;
        if blocked && !self.was_blocked {
            self.was_blocked = true;
            for share in [Share::Common, Share::Last] {
                while self.append(500, Sync::Interval, share)? {
                    ensure!(self.number % 1_000 < 900, "the buffer has no end");
                }
                let most = BUFFER as u64 * if share == Share::Common { 3 } else { 4 } / 4;
                let held = self.journal.stats().buffered_bytes;
                // The writer may have gone on meanwhile if the fault was a short one.
                let still = *self.journal.health().borrow() != Health::Well;
                ensure!(held <= most && (held > most - 600 || !still), "{share:?} holds {held}");
            }
            self.disk.mend_endless();
            *last = self.journal.next_seq() - 1;
        }
        if *self.journal.durable().borrow() < *last || *self.journal.health().borrow() != Health::Well {
            return Ok(None);
        }
        self.follow().map(Some)
    }

    /// What is written can be read, all of it, once and in order, except what must be written again first.
    fn follow(&mut self) -> Result<(), Failed> {
        loop {
            let position = self.follower.position();
            match self.follower.next_block() {
                Ok(Some(block)) => {
                    let run = Run::from(block);
                    // The beginning is wherever retention says.
                    ensure!(run.first_seq == position || position == 1, "{run:?} at {position}");
                    ensure!(self.book.find(run.first_seq) == Some(&run), "{run:?} was not appended");
                }
                Ok(None) | Err(ReadError::Io { .. }) => return Ok(()),
                Err(error) => {
                    // It is slower than retention then.
                    let first_seq = self.journal.stats().first_seq;
                    ensure!(self.follower.position() <= first_seq, "{error}, and the first is {first_seq}");
                }
            }
        }
    }
}

/// Uses a journal in all ways in which it changes the disk; returns the calls that were made.
fn play(directory: &Path, fault: Option<&Fault>, compression: bool) -> Result<BTreeMap<Call, u64>, Failed> {
    let disk = SimDisk::new(1);
    disk.fault(fault.cloned().unwrap_or(Fault { calls: vec![], after: 0, times: 0, error: ErrorKind::Other }));
    let mut life = disk;
    let mut book = Book::default();
    let mut calls = BTreeMap::new();
    for lives in 0..3 {
        let opened = (0..4).find_map(|_| match open_small(directory, &life, compression) {
            Ok(opened) => Some(Ok(opened)),
            // It says so and does not start; and starts when the disk does what it should.
            Err(error) if fault.is_none() => Some(Err(error)),
            Err(_) => {
                life.mend_endless();
                None
            }
        });
        let (journal, recovery) = opened.ok_or("it does not open")??;
        if lives > 0 {
            book.reconcile(&journal, &recovery, lives == 2, false)?;
        }
        let follower = journal.reader(recovery.next_seq);
        let mut story = Story { disk: &life, journal, follower, book, number: lives * 1_000, was_blocked: false };
        for round in 0..6 {
            for length in [10, 1_500, 50] {
                let sync = if round % 2 == 0 { Sync::Interval } else { Sync::Commit };
                while !story.append(length, sync, Share::Last)? {
                    story.settle()?;
                }
            }
            // What is told to be durable is a promise from here on.
            story.settle()?;
            let (durable, written) = (*story.journal.durable().borrow(), *story.journal.written().borrow());
            story.book.note(written, durable, 0);
        }
        let first_seq = story.journal.stats().first_seq;
        story.book.first_seq = story.book.first_seq.max(first_seq);
        let items = read(&mut story.journal.reader(0))?;
        // The third life passes over what may have been seen before the power was lost; nothing is ever damaged.
        ensure!(!items.iter().any(|item| matches!(item, Item::Gap(.., "damage"))), "{items:?}");
        story.book.check_all(&items, story.journal.next_seq() - 1)?;
        ensure!(life.touched_after_failure() == 0, "a file was touched after it had failed");
        if lives == 1 {
            // Something for the power loss to tear.
            for _ in 0..3 {
                story.append(300, Sync::Interval, Share::Last)?;
            }
        }
        // The first life ends well, or as well as the disk lets it; the second one is killed; the third is cut short
        // by a power loss.
        let Story { journal, book: kept, .. } = story;
        book = kept;
        match lives {
            0 => {
                let failures = life.failures();
                let closed = journal.close();
                ensure!(closed.is_ok() || life.failures() > failures, "{closed:?}");
                drop(journal);
            }
            1 => {
                life.cut(None, Cut::Power);
                drop(journal);
                life = life.next_life();
            }
            _ => {
                calls = CHANGES.iter().map(|call| (*call, life.count(*call))).collect();
                life.cut(None, Cut::Kill);
                drop(journal);
                let after = life.next_life();
                let (journal, recovery) = open_small(directory, &after, compression)?;
                book.reconcile(&journal, &recovery, false, false)?;
            }
        }
    }
    Ok(calls)
}

fn check_faults(compression: bool, times: &[u64]) {
    let directory = tempfile::tempdir().unwrap();
    let calls = play(directory.path(), None, compression).unwrap();
    let mut faults = Vec::new();
    for (call, count) in &calls {
        // Nothing of this kind is done unless a crash left something behind.
        assert!(*count > 2 || *call == Call::Truncate, "{calls:?}");
        for after in 0..*count {
            for error in [ErrorKind::StorageFull, ErrorKind::Other] {
                let fault = |times: &u64| Fault { calls: vec![*call], after, times: *times, error };
                faults.extend(times.iter().map(fault));
            }
        }
    }
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let directory = tempfile::tempdir().unwrap();
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(reason) = play(directory.path(), Some(fault), compression) {
                        failed.lock().unwrap().push(format!("{fault:?}: {reason}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), faults.len(), failed.join("\n"));
}

#[test]
fn any_call_may_fail_once_or_a_few_times() {
    check_faults(false, &[1, 3]);
    check_faults(true, &[1]);
}

#[test]
fn any_call_may_fail_until_the_disk_is_mended() {
    check_faults(false, &[UNTIL_MENDED]);
}

#[test]
fn segments_that_failed_do_not_pile_up() {
    let directory = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let (journal, _) = open_small(directory.path(), &disk, false).unwrap();
    let follower = journal.reader(0);
    let book = Book::default();
    let mut story = Story { disk: &disk, journal, follower, book, number: 0, was_blocked: true };
    for _ in 0..12 {
        // Each run is written to a segment that is not full and fails then, and to the one that is begun after it.
        disk.fault(Fault { calls: vec![Call::Sync], after: 0, times: 1, error: ErrorKind::Other });
        story.append(1_500, Sync::Commit, Share::Last).unwrap();
        story.settle().unwrap();
        let stats = story.journal.stats();
        assert!(stats.bytes <= 16 << 10, "{stats:?}");
    }
    assert!(story.journal.stats().failures >= 10, "{:?}", story.journal.stats());
}
