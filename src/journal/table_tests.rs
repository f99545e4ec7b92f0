//! The table of closed segments: its bytes, and what opening asks of the disk with it and without.

use super::{Ended, NEWEST, Table, decode, encode};
use crate::journal::storage::{Disk, Listed, Storage, StorageFile};
use crate::journal::{Entry, Journal, Options, ReadError, Recovery, Share, Sync};
use proptest::prelude::*;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The real disk, counting the segments that are opened.
#[derive(Default)]
struct Counting {
    disk: Disk,
    opened: AtomicUsize,
}

impl Storage for Counting {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.disk.create_directory(path)
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>> {
        self.disk.list(directory)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.disk.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.opened.fetch_add(usize::from(path.extension().is_some_and(|kind| kind == "kseg")), Ordering::Relaxed);
        self.disk.open(path)
    }
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.disk.truncate(path, length)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }
    fn boot(&self) -> u64 {
        self.disk.boot()
    }
}

fn open(directory: &Path) -> (Journal, Recovery, Arc<Counting>) {
    let options = Options {
        directory: directory.to_owned(),
        segment_bytes: 4 << 10,
        max_bytes: 1 << 30,
        max_age: None,
        buffer_bytes: 1 << 20,
        sync_interval: std::time::Duration::from_millis(1),
        compression: false,
    };
    let storage = Arc::new(Counting::default());
    let (journal, recovery) = Journal::open(options, Arc::<Counting>::clone(&storage)).unwrap();
    (journal, recovery, storage)
}

/// Opens a journal, does this to it, and closes it.
fn with(directory: &Path, act: impl FnOnce(&Journal)) {
    let (journal, ..) = open(directory);
    act(&journal);
    journal.close().unwrap();
}

/// A directory with a closed journal of [`MANY`] segments.
fn filled() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    with(home.path(), |journal| fill(journal, MANY));
    home
}

/// Appends so many records that each need a segment of their own.
fn fill(journal: &Journal, segments: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..segments {
        let entry = Entry { context: 1, count: 1, time: 7, payload: &[&[b'x'; 4000]] };
        let seq = journal.append(entry, Sync::Commit, Share::Last).unwrap();
        runtime.block_on(journal.durable().wait_for(|durable| *durable >= seq)).unwrap();
    }
}

/// How many records are read, and the first and last seq of each gap.
fn read(journal: &Journal) -> (u64, Vec<(u64, u64)>) {
    let (mut reader, mut records, mut gaps) = (journal.reader(0), 0, Vec::new());
    loop {
        match reader.next_block() {
            Ok(Some(block)) => records += u64::from(block.count),
            Ok(None) => return (records, gaps),
            Err(ReadError::Gap { first, last, .. }) => gaps.push((first, last)),
            Err(error) => panic!("{error}"),
        }
    }
}

const MANY: u64 = 150;

#[test]
fn opening_looks_at_the_newest_only_and_finds_the_same() {
    let home = filled();
    assert!(home.path().join("segments").exists());

    let (journal, recovery, storage) = open(home.path());
    let with_table = storage.opened.load(Ordering::Relaxed);
    // The newest few, those closed since the table was written, and the newest once more to be synced.
    assert!(with_table <= 2 * NEWEST + 1, "{with_table} files were opened");
    let stats = journal.stats();
    assert_eq!(read(&journal), (MANY, Vec::new()));
    journal.close().unwrap();
    drop(journal);

    std::fs::remove_file(home.path().join("segments")).unwrap();
    let (journal, without, storage) = open(home.path());
    assert!(storage.opened.load(Ordering::Relaxed) as u64 >= MANY);
    assert_eq!((without.next_seq, without.gaps), (recovery.next_seq, recovery.gaps));
    assert_eq!((journal.stats().bytes, journal.stats().segments), (stats.bytes, stats.segments));
    assert_eq!(read(&journal), (MANY, Vec::new()));
}

#[test]
fn a_start_that_had_to_look_at_many_writes_the_table() {
    let home = filled();
    std::fs::write(home.path().join("segments"), b"something else").unwrap();
    with(home.path(), |_| ());
    let (journal, _, storage) = open(home.path());
    let opened = storage.opened.load(Ordering::Relaxed);
    assert!(opened <= 2 * NEWEST + 1, "{opened} files were opened");
    assert_eq!(read(&journal), (MANY, Vec::new()));
}

#[test]
fn what_is_damaged_behind_the_table_s_back_is_told_as_a_gap() {
    let home = filled();
    // One is gone, one has other bytes of the same length, one is shorter.
    std::fs::remove_file(home.path().join(format!("{:020}.kseg", 5))).unwrap();
    let length = std::fs::metadata(home.path().join(format!("{:020}.kseg", 9))).unwrap().len();
    std::fs::write(home.path().join(format!("{:020}.kseg", 9)), vec![0; usize::try_from(length).unwrap()]).unwrap();
    let short = std::fs::File::options().write(true).open(home.path().join(format!("{:020}.kseg", 20))).unwrap();
    short.set_len(100).unwrap();
    let (journal, recovery, _) = open(home.path());
    assert_eq!(recovery.next_seq, MANY + 1);
    assert_eq!(read(&journal), (MANY - 3, vec![(5, 5), (9, 9), (20, 20)]));
}

fn rows() -> impl Strategy<Value = Vec<Ended>> {
    let row = (any::<u64>(), any::<u64>(), any::<i64>(), any::<u64>(), any::<u64>(), any::<i64>());
    let row = row.prop_map(|(first, length, created, skipped, next, newest)| {
        let (first_seq, next_seq) = (first.min(next), first.max(next));
        Ended { first_seq, length, created, skipped, next_seq, newest }
    });
    proptest::collection::vec(row, 0..20)
}

proptest! {
    #[test]
    fn comes_back_as_it_was_and_damage_is_noticed(rows in rows(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = encode(&rows);
        prop_assert_eq!(decode(&bytes), Some(rows));
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert_eq!(decode(&bytes), None);
        prop_assert_eq!(decode(&bytes[..at]), None);
    }
}

#[test]
fn no_table_is_an_empty_one() {
    let home = tempfile::tempdir().unwrap();
    assert!(Table::read(&Disk::default(), home.path()).get(1, 64).is_none());
    std::fs::write(home.path().join("segments"), []).unwrap();
    assert!(Table::read(&Disk::default(), home.path()).get(1, 64).is_none());
}
