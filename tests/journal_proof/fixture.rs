//! (d) Directories as every released format wrote them, read for ever.
//!
//! Each directory holds segments and `expected.ndjson`: what was appended, written down then and never again. The ones
//! of a format are made once, before it is released, with `KAPTAP_JOURNAL_FIXTURE=write`.

use crate::book::{Item, open, read};
use crate::wait_support::wait_until;
use kaptap::journal::faulty::FaultyDisk;
use kaptap::journal::inspect::Inspection;
use kaptap::journal::{Disk, Entry, Health, Journal, Options, Recovery, Share, Sync};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const EXPECTED: &str = "expected.ndjson";
/// How a directory is made.
type Make = fn(&mut Maker);
/// Version, and what is special about it.
const FIXTURES: &[(&str, Make)] = &[
    ("journal-v1-plain", plain),
    ("journal-v1-lz4", plain),
    ("journal-v1-failed", failed),
    ("journal-v1-power", power),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn options(directory: &Path, compression: bool) -> Options {
    Options {
        directory: directory.to_owned(),
        segment_bytes: 4 << 10,
        max_bytes: 1 << 30,
        max_age: None,
        buffer_bytes: 1 << 20,
        sync_interval: Duration::from_millis(1),
        compression,
    }
}

/// Makes a directory, and notes what it put into it.
struct Maker {
    directory: PathBuf,
    disk: FaultyDisk,
    journal: Journal,
    compression: bool,
    number: u32,
    expected: Vec<Value>,
}

impl Maker {
    fn new(directory: &Path, compression: bool) -> Self {
        let disk = FaultyDisk::new();
        let (journal, _) = open(&options(directory, compression), disk.clone()).unwrap();
        Self { directory: directory.to_owned(), disk, journal, compression, number: 0, expected: Vec::new() }
    }

    /// Appends a run, and waits until it is written, so that every one is its own entry.
    fn run(&mut self, context: u64, description: &str, count: u32, length: usize) {
        self.number += 1;
        let time = 1_767_225_600_000_000_000 + i64::from(self.number) * 1_234_567_891;
        let text = format!("cpu,host=web-{} usage_idle=9{}.5 ", self.number, self.number % 10);
        let payload: Vec<u8> = text.bytes().cycle().take(length).collect();
        let entry = Entry { context, count, time, payload: &[&payload] };
        let first_seq = self.journal.append(entry, Sync::Interval, Share::Last).unwrap();
        self.expected.push(json!({
            "first_seq": first_seq,
            "count": count,
            "time": time,
            "context": context,
            "description": description,
            "payload": String::from_utf8(payload).unwrap(),
        }));
    }

    fn describe(&self, context: u64, description: &str) {
        self.journal.describe(context, description.as_bytes());
    }

    fn settle(&self) {
        self.journal.sync();
        let last = self.journal.next_seq() - 1;
        let settled = || *self.journal.durable().borrow() >= last && *self.journal.health().borrow() == Health::Well;
        wait_until("all is durable and the journal well", || settled().then_some(()));
    }

    fn next_life(&mut self, disk: FaultyDisk) {
        self.disk = disk;
        drop(self.journal.close());
        self.journal = open(&options(&self.directory, self.compression), self.disk.clone()).unwrap().0;
    }
}

/// Several segments, contexts that come, change and go, a life that ended well and one that did not.
fn plain(maker: &mut Maker) {
    maker.describe(1, "the first, which stays");
    maker.describe(2, "the second");
    for number in 0..12 {
        maker.run(1, "the first, which stays", number % 3 + 1, 100 + number as usize * 60);
        maker.run(2, "the second", 1, 40);
        maker.run(3, "", 2, 0);
        maker.settle();
    }
    maker.describe(2, "the second, changed");
    maker.run(2, "the second, changed", 200, 700);
    maker.journal.forget(1);
    maker.run(1, "", 1, 10);
    maker.journal.close().unwrap();
    maker.next_life(maker.disk.clone());
    maker.describe(0xFFFF_FFFF_FFFF_FFFF, "");
    maker.run(0xFFFF_FFFF_FFFF_FFFF, "", 1, 3_000);
    maker.describe(5, "five");
    maker.run(5, "five", 1, 6_000);
    maker.run(5, "five", 1, 1);
    maker.settle();
    maker.next_life(maker.disk.kill());
}

/// A segment that failed, and was written again; and half an entry at the end.
fn failed(maker: &mut Maker) {
    maker.describe(1, "one");
    for _ in 0..5 {
        maker.run(1, "one", 2, 90);
    }
    maker.settle();
    maker.disk.tear_writes(true);
    maker.disk.fail_writes(Some(ErrorKind::StorageFull));
    for _ in 0..4 {
        maker.run(1, "one", 1, 200);
    }
    let blocked = || (*maker.journal.health().borrow() != Health::Well).then_some(());
    wait_until("the journal is blocked", blocked);
    maker.disk.fail_writes(None);
    maker.run(1, "one", 3, 20);
    maker.settle();
    maker.run(1, "one", 1, 300);
    maker.settle();
    // The last entry is cut short by hand: it is not there.
    maker.disk = maker.disk.kill();
    maker.expected.pop();
    let newest = segments(&maker.directory).pop().unwrap();
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() - 100]).unwrap();
}

/// Power was lost, and seqs were passed over.
fn power(maker: &mut Maker) {
    maker.describe(1, "before");
    maker.run(1, "before", 5, 100);
    maker.settle();
    maker.next_life(maker.disk.crash(1).unwrap());
    maker.describe(1, "after");
    maker.run(1, "after", 1, 100);
    maker.settle();
    maker.journal.close().unwrap();
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "kseg"));
    paths.sort();
    paths
}

fn write(name: &str, make: Make) {
    let work = TempDir::new().unwrap();
    let mut maker = Maker::new(work.path(), name.ends_with("lz4"));
    make(&mut maker);
    drop(maker.journal.close());
    std::fs::create_dir_all(folder(name)).unwrap();
    for path in segments(work.path()) {
        std::fs::copy(&path, folder(name).join(path.file_name().unwrap())).unwrap();
    }
    let lines: Vec<String> = maker.expected.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(folder(name).join(EXPECTED), lines.concat()).unwrap();
}

/// What is found in a copy of a directory: the recovery, the items that are read, and the runs among them as they are
/// written down.
fn found(name: &str) -> (Recovery, Vec<Item>, Vec<Value>) {
    let copy = TempDir::new().unwrap();
    for path in segments(&folder(name)) {
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let inspection = Inspection::open(copy.path(), Arc::new(Disk::default())).unwrap();
    let inspected = read(&mut inspection.reader(0)).unwrap();
    for verified in inspection.verify(&mut |_, _| ()).unwrap() {
        // What failed was written again; the rest is whole.
        assert!(verified.damage.is_empty() || name.ends_with("failed"), "{name}: {verified:?}");
        assert!(verified.segment.created > 1_767_225_600_000_000_000, "{name}: {verified:?}");
    }
    let (journal, recovery) = open(&options(copy.path(), false), Disk::default()).unwrap();
    let items = read(&mut journal.reader(0)).unwrap();
    // What a later start passes over is not missing yet.
    let runs = |items: &[Item]| {
        let runs = items.iter().filter_map(|item| if let Item::Run(run) = item { Some(run.clone()) } else { None });
        runs.collect::<Vec<_>>()
    };
    assert_eq!(runs(&inspected), runs(&items), "{name}");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let values = runs(&items).into_iter().map(|run| {
        json!({
            "first_seq": run.first_seq,
            "count": run.count,
            "time": run.time,
            "context": run.context,
            "description": text(run.description),
            "payload": text(run.payload),
        })
    });
    let values = values.collect();
    (recovery, items, values)
}

#[test]
fn what_was_written_by_every_format_is_read() {
    if let Ok(what) = std::env::var("KAPTAP_JOURNAL_FIXTURE") {
        assert_eq!(what, "write");
        for (name, make) in FIXTURES {
            write(name, *make);
        }
    }
    for (name, _) in FIXTURES {
        let expected = std::fs::read_to_string(folder(name).join(EXPECTED)).unwrap();
        let expected: Vec<Value> = expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (recovery, items, values) = found(name);
        assert!(expected.len() > 1 && values == expected, "{name}: {values:#?}\nis not\n{expected:#?}");
        let last = expected.last().unwrap();
        let next_seq = last["first_seq"].as_u64().unwrap() + last["count"].as_u64().unwrap();
        let gaps: Vec<_> = items.iter().filter(|item| matches!(item, Item::Gap(..))).collect();
        let passed_over = 1_u64 << 20;
        match *name {
            "journal-v1-failed" => {
                assert_eq!(recovery.torn_bytes, 240, "{name}");
                assert_eq!(recovery.next_seq, next_seq + passed_over, "{name}: another machine wrote it");
                assert_eq!(gaps, [&Item::Gap(next_seq, next_seq + passed_over - 1, "skipped")], "{name}");
            }
            "journal-v1-power" => {
                assert_eq!((recovery.torn_bytes, recovery.next_seq), (0, next_seq), "{name}");
                assert_eq!(gaps, [&Item::Gap(6, 5 + passed_over, "skipped")], "{name}");
            }
            _ => {
                assert!(segments(&folder(name)).len() >= 3, "{name}");
                assert_eq!(recovery.next_seq, next_seq + passed_over, "{name}: another machine wrote it");
                assert_eq!(gaps, [&Item::Gap(next_seq, next_seq + passed_over - 1, "skipped")], "{name}");
            }
        }
    }
}
