//! How fast the journal takes runs, and gives them back: `cargo bench --bench append`.
//!
//! Payloads are 300 bytes a record, not compressed unless said. An append that finds the buffer full waits for space,
//! so what is measured is the whole way to the disk. `cargo bench --bench append -- ahead` measures [`ahead`] alone.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

#[path = "append/ahead.rs"]
mod ahead;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use kaptap::journal::{AppendError, Disk, Entry, Journal, Options, Share, Sync};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Bytes of one record.
const RECORD: usize = 300;
/// Records of one sample.
const RECORDS: u32 = 200_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if arguments.next().is_some_and(|argument| argument == "ahead") {
        let pause = arguments.next().map_or(0, |milliseconds| milliseconds.parse().unwrap());
        ahead::compare(Duration::from_millis(pause));
    } else {
        divan::main();
    }
}

fn options(directory: &TempDir, compression: bool) -> Options {
    Options {
        directory: directory.path().to_owned(),
        segment_bytes: 64 << 20,
        max_bytes: 2 << 30,
        max_age: None,
        buffer_bytes: 32 << 20,
        sync_interval: Duration::from_millis(50),
        compression,
    }
}

fn open(compression: bool) -> (TempDir, Journal) {
    let directory = TempDir::new().unwrap();
    let (journal, _) = Journal::open(options(&directory, compression), Arc::new(Disk::default())).unwrap();
    journal.describe(1, b"a context");
    (directory, journal)
}

/// Bytes that compress about as well as points do.
fn payload(records: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records * RECORD);
    for number in 0.. {
        if bytes.len() >= records * RECORD {
            break;
        }
        bytes.extend_from_slice(
            format!("cpu,host=server{:04},region=eu usage_idle={} ", number % 97, number * 7919).as_bytes(),
        );
    }
    bytes.truncate(records * RECORD);
    bytes
}

fn append_all(journal: &Journal, run: u32, payload: &[u8], sync: Sync) {
    let space = &mut journal.space();
    for _ in 0..RECORDS / run {
        let entry = Entry { context: 1, count: run, time: 0, payload: &[payload] };
        while let Err(error) = journal.append(black_box(entry), sync, Share::Common) {
            assert_eq!(error, AppendError::Full);
            space.mark_unchanged();
            while !space.has_changed().unwrap() && *journal.written().borrow() + 1 < journal.next_seq() {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
    }
}

fn bench_append(bencher: Bencher<'_, '_>, run: u32, sync: Sync, compression: bool) {
    let (_directory, journal) = open(compression);
    let payload = payload(run as usize);
    bencher
        .counter(ItemsCount::new(RECORDS))
        .counter(BytesCount::new(RECORDS as usize * RECORD))
        .bench_local(|| append_all(&journal, run, &payload, sync));
}

#[divan::bench(args = [1, 20, 200], sample_count = 10, sample_size = 1)]
fn append_interval(bencher: Bencher<'_, '_>, run: u32) {
    bench_append(bencher, run, Sync::Interval, false);
}

#[divan::bench(args = [1, 20, 200], sample_count = 10, sample_size = 1)]
fn append_os(bencher: Bencher<'_, '_>, run: u32) {
    bench_append(bencher, run, Sync::Os, false);
}

#[divan::bench(args = [1, 20, 200], sample_count = 10, sample_size = 1)]
fn append_interval_lz4(bencher: Bencher<'_, '_>, run: u32) {
    bench_append(bencher, run, Sync::Interval, true);
}

/// One record, and wait until it is durable.
#[divan::bench(sample_count = 200)]
fn commit_one(bencher: Bencher<'_, '_>) {
    let (_directory, journal) = open(false);
    let payload = payload(1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut durable = journal.durable();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        let entry = Entry { context: 1, count: 1, time: 0, payload: &[&payload] };
        let seq = journal.append(entry, Sync::Commit, Share::Last).unwrap();
        runtime.block_on(durable.wait_for(|durable| *durable >= seq)).map(|seq| *seq).unwrap()
    });
}

#[divan::bench(args = [(1, false), (20, false), (200, false), (20, true)], sample_count = 10, sample_size = 1)]
fn read_back(bencher: Bencher<'_, '_>, (run, compression): (u32, bool)) {
    let (_directory, journal) = open(compression);
    append_all(&journal, run, &payload(run as usize), Sync::Os);
    journal.close().unwrap();
    bencher.counter(ItemsCount::new(RECORDS)).counter(BytesCount::new(RECORDS as usize * RECORD)).bench_local(|| {
        let mut reader = journal.reader(0);
        let mut bytes = 0;
        while let Some(block) = reader.next_block().unwrap() {
            bytes += black_box(block.payload).len();
        }
        assert_eq!(bytes, RECORDS as usize * RECORD);
    });
}

/// Opening a journal of 1 GiB whose process was killed, until the first record could be appended.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn open_after_kill(bencher: Bencher<'_, '_>) {
    let (directory, journal) = open(false);
    let payload = payload(200);
    for _ in 0..18 {
        append_all(&journal, 200, &payload, Sync::Os);
    }
    journal.close().unwrap();
    drop(journal);
    let mut segments: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "kseg"));
    segments.sort();
    // The end entry is what tells a journal that was closed.
    let newest = std::fs::OpenOptions::new().write(true).open(segments.last().unwrap()).unwrap();
    newest.set_len(newest.metadata().unwrap().len() - 32).unwrap();
    bencher.bench_local(|| {
        let options = options(&directory, false);
        Journal::open(options, Arc::new(Disk::default())).unwrap().1.next_seq
    });
}
