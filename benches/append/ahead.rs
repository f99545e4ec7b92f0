//! What zeros written ahead save: commits on two journals in turns, of which one is on a disk that takes no zeros.
//! `cargo bench --bench append -- ahead`, with milliseconds between commits behind that if there are to be some.

#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use kaptap::journal::{Disk, Entry, Journal, Listed, Options, Share, Storage, StorageFile, Sync};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Turns of each, and commits of one turn.
const TURNS: usize = 10;
const COMMITS: usize = 500;

/// Measures commits of one alert, and of as many as 32 clients send at once, and prints them.
pub(crate) fn compare(pause: Duration) {
    println!("{TURNS} turns of {COMMITS} commits each, {pause:?} apart; zeros written ahead ÷ not\n");
    for (alerts, bytes) in [(1, 700), (31, 700)] {
        let with = Bench::new(Arc::new(Disk::default()));
        let without = Bench::new(Arc::new(Bare(Disk::default())));
        let mut measured = [Measured::default(), Measured::default()];
        for turn in 0..TURNS {
            // Each is the first as often as the other: a disk that gets slower or faster meanwhile does both no wrong.
            for which in [turn % 2, 1 - turn % 2] {
                if let (Some(bench), Some(measured)) = ([&with, &without].get(which), measured.get_mut(which)) {
                    bench.turn(alerts, bytes, pause, measured);
                }
            }
        }
        let [mut with, mut without] = measured;
        println!("{alerts} × {bytes} bytes");
        let row = |name: &str, with: f64, without: f64| {
            println!("  {name:<12} {with:7.0} µs ÷ {without:7.0} µs = {:.2}", with / without);
        };
        row("CPU", with.cpu(), without.cpu());
        row("mean", with.mean(), without.mean());
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
            row(name, with.quantile(share), without.quantile(share));
        }
    }
}

#[derive(Default)]
struct Measured {
    waits: Vec<Duration>,
    processor: Duration,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "it is printed")]
    fn cpu(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.waits.len() as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "it is printed")]
    fn mean(&self) -> f64 {
        self.waits.iter().sum::<Duration>().as_secs_f64() * 1e6 / self.waits.len() as f64
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::indexing_slicing,
        reason = "it is below the length"
    )]
    fn quantile(&mut self, share: f64) -> f64 {
        self.waits.sort_unstable();
        self.waits[(self.waits.len() as f64 * share) as usize].as_secs_f64() * 1e6
    }
}

struct Bench {
    journal: Journal,
    runtime: tokio::runtime::Runtime,
    _directory: TempDir,
}

impl Bench {
    fn new(storage: Arc<dyn Storage>) -> Self {
        let directory = TempDir::new().unwrap();
        let options = Options { max_bytes: 1 << 30, ..super::options(&directory, false) };
        let (journal, _) = Journal::open(options, storage).unwrap();
        journal.describe(1, b"a context");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { journal, runtime, _directory: directory }
    }

    fn turn(&self, alerts: usize, bytes: usize, pause: Duration, measured: &mut Measured) {
        let payload = vec![b'x'; bytes];
        let mut durable = self.journal.durable();
        let before = processor();
        for _ in 0..COMMITS {
            std::thread::sleep(pause);
            let begun = Instant::now();
            let mut last = 0;
            for _ in 0..alerts {
                let entry = Entry { context: 1, count: 1, time: 0, payload: &[&payload] };
                last = self.journal.append(entry, Sync::Commit, Share::Last).unwrap();
            }
            drop(self.runtime.block_on(durable.wait_for(|durable| *durable >= last)).unwrap());
            measured.waits.push(begun.elapsed());
        }
        measured.processor += processor().saturating_sub(before);
    }
}

/// Processor time of all threads so far.
fn processor() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of = |task: io::Result<std::fs::DirEntry>| -> Option<u64> {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    Duration::from_nanos(tasks.filter_map(of).sum())
}

/// The real disk, but no room for zeros.
struct Bare(Disk);

struct BareFile(Box<dyn StorageFile>);

impl Storage for Bare {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.0.create_directory(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>> {
        self.0.list(directory)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(BareFile(self.0.create(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.0.open(path)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.0.truncate(path, length)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.0.sync_directory(directory)
    }

    fn boot(&self) -> u64 {
        self.0.boot()
    }
}

impl StorageFile for BareFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn fill(&mut self, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
}
