//! A journal in a directory of its own, and helpers to fill it and to check what is in it.

use crate::run::Run;
use crate::wait_support::wait_until;
use kaptap::journal::faulty::FaultyDisk;
use kaptap::journal::{Entry, Health, Journal, Options, ReadError, Reader, Recovery, Share, Sync};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

/// Longer than any machine needs; only a test that hangs gets there.
const WATCHDOG: Duration = Duration::from_mins(1);

/// A directory, the disk it is on, and how journals in it are kept.
pub(crate) struct Home {
    directory: TempDir,
    pub(crate) disk: FaultyDisk,
    pub(crate) options: Options,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let options = Options {
            directory: directory.path().join("journal"),
            segment_bytes: 1 << 20,
            max_bytes: 1 << 30,
            max_age: None,
            buffer_bytes: 1 << 20,
            sync_interval: Duration::from_millis(5),
            compression: false,
        };
        Self { directory, disk: FaultyDisk::new(), options }
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut home = Self::new();
        change(&mut home.options);
        home
    }

    pub(crate) fn open(&self) -> (Journal, Recovery) {
        Journal::open(self.options.clone(), Arc::new(self.disk.clone())).unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.options.directory
    }

    pub(crate) fn outer(&self) -> &Path {
        self.directory.path()
    }

    /// Segment files, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = std::fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "kseg"));
        paths.sort();
        paths
    }
}

/// A disk that holds calls as long as this lives: a test that fails does not hang.
pub(crate) struct Held<'a>(pub(crate) &'a FaultyDisk);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.block_writes(false);
        self.0.block_syncs(false);
    }
}

/// A gap as it was told: first, last, reason.
pub(crate) type Gap = (u64, u64, &'static str);

/// Appends a run of context 7, which it describes, and says what must come back.
pub(crate) fn append(journal: &Journal, count: u32, payload: &[u8], sync: Sync) -> Run {
    journal.describe(7, b"seven");
    let entry = Entry { context: 7, count, time: i64::from(count), payload: &[payload] };
    let first_seq = journal.append(entry, sync, Share::Last).unwrap();
    let (description, payload) = (b"seven".to_vec(), payload.to_vec());
    Run { first_seq, count, time: i64::from(count), context: 7, description, payload }
}

/// Some runs of different sizes, each told apart by its bytes.
pub(crate) fn append_some(journal: &Journal, runs: u32, sync: Sync) -> Vec<Run> {
    (0..runs)
        .map(|number| append(journal, number % 3 + 1, &payload(number, (number as usize * 37) % 500), sync))
        .collect()
}

pub(crate) fn payload(number: u32, length: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((0..length).map(|at| (at as u32 ^ number.wrapping_mul(31)) as u8));
    bytes
}

/// The bytes of a segment without the zeros that were written ahead. No entry of these tests ends with a zero.
pub(crate) fn entries(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1);
    bytes
}

/// Everything that a reader gives now.
pub(crate) fn read(reader: &mut Reader) -> (Vec<Run>, Vec<Gap>) {
    let (mut kept, mut gaps) = (Vec::new(), Vec::new());
    loop {
        match reader.next_block() {
            Ok(Some(block)) => kept.push(block.into()),
            Ok(None) => return (kept, gaps),
            Err(ReadError::Gap { first, last, reason }) => gaps.push((first, last, reason)),
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }
}

/// Checks that the journal holds just these runs, from the beginning and from each of their seqs.
#[track_caller]
pub(crate) fn check_holds(journal: &Journal, expected: &[Run]) {
    let (kept, gaps) = read(&mut journal.reader(0));
    assert_eq!((kept.as_slice(), gaps.as_slice()), (expected, [].as_slice()));
    for number in [0, expected.len() / 3, expected.len().saturating_sub(1)] {
        let Some(run) = expected.get(number) else { continue };
        let (kept, gaps) = read(&mut journal.reader(run.last()));
        assert_eq!((kept.as_slice(), gaps.as_slice()), (&expected[number..], [].as_slice()));
    }
}

/// Waits until a watched value is as it should be.
#[track_caller]
pub(crate) fn until<T: Clone + std::fmt::Debug>(mut watched: watch::Receiver<T>, good: impl FnMut(&T) -> bool) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let last = watched.clone();
    let result = runtime
        .block_on(async { tokio::time::timeout(WATCHDOG, watched.wait_for(good)).await.map(|v| v.map(|v| v.clone())) });
    match result {
        Ok(Ok(value)) => value,
        other => panic!("waited in vain: {other:?}, last {:?}", *last.borrow()),
    }
}

/// Waits until something that cannot be watched is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut good: impl FnMut() -> bool) {
    wait_until(what, || good().then_some(()));
}

#[track_caller]
pub(crate) fn wait_written(journal: &Journal, seq: u64) {
    until(journal.written(), |written| *written >= seq);
}

#[track_caller]
pub(crate) fn wait_durable(journal: &Journal, seq: u64) {
    until(journal.durable(), |durable| *durable >= seq);
}

#[track_caller]
pub(crate) fn wait_blocked(journal: &Journal) -> String {
    match until(journal.health(), |health| *health != Health::Well) {
        Health::Blocked { reason } => reason,
        Health::Well => unreachable!("it was waited for"),
    }
}

#[track_caller]
pub(crate) fn wait_well(journal: &Journal) {
    until(journal.health(), |health| *health == Health::Well);
}
