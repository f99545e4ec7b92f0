//! How long `kaptap run` takes from its start until it answers Info and until it is ready, with an empty journal and
//! with a full one.
//!
//! `cargo build --release && cargo run --release --example bench_start [-- MIB]` (default 1024 MiB of journal)
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use kaptap::config::Config;
use kaptap::journal::{Disk, Entry, Journal, Share, Sync};
use kaptap::record::{self, Edge, Stream, StreamId};
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::wire;
use kaptap::words::Lane;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Starts of each kind; the median is printed.
const STARTS: usize = 9;

fn main() -> Result<()> {
    let mebibytes: u64 = std::env::args().nth(1).map_or(Ok(1024), |text| text.parse())?;
    // target/release/examples/bench_start: the binary stands one folder up.
    let binary = std::env::current_exe()?.ancestors().nth(2).ok_or("no folder above")?.join("kaptap");
    if !binary.exists() {
        return Err(format!("{} is missing: run `cargo build --release` first", binary.display()).into());
    }
    let folder = std::env::temp_dir().join(format!("kaptap-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&binary, &folder, mebibytes);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(binary: &Path, folder: &Path, mebibytes: u64) -> Result<()> {
    println!("{:<52} {:>12} {:>12}", "from the start of the process until", "Info answered", "ready");
    report("empty journal", (0..STARTS).map(|n| start(binary, &folder.join(format!("empty-{n}")), End::Killed)))?;
    let full = folder.join("full");
    let points = fill(&full, mebibytes)?;
    let name = format!("{mebibytes} MiB, {points} points");
    report(&format!("{name}; no checkpoint: all is read"), [start(binary, &full, End::Stopped)])?;
    report(&format!("{name}; stopped before"), (0..STARTS).map(|_| start(binary, &full, End::Stopped)))?;
    report(&format!("{name}; killed before"), (0..STARTS).map(|_| start(binary, &full, End::Killed)))
}

fn report(name: &str, starts: impl IntoIterator<Item = Result<(Duration, Duration)>>) -> Result<()> {
    let starts = starts.into_iter().collect::<Result<Vec<_>>>()?;
    let median = |of: fn(&(Duration, Duration)) -> Duration| {
        let mut times: Vec<_> = starts.iter().map(of).collect();
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!("{name:<52} {:>9.1} ms {:>9.1} ms", median(|times| times.0), median(|times| times.1));
    Ok(())
}

/// Fills a data directory with points, without a checkpoint; returns how many.
fn fill(data_dir: &Path, mebibytes: u64) -> Result<u64> {
    let mut options = Config::in_directory(data_dir).map_err(|errors| format!("{errors:?}"))?.journal;
    options.max_bytes = u64::MAX;
    let (journal, _) = Journal::open(options, Arc::new(Disk::default()))?;
    let mut stream = Stream::new(StreamId(1), Lane::Udf, "stream", "default");
    stream.edge = Some(Edge::Stream);
    stream.task = Some("cpu".to_owned());
    journal.describe(stream.id.0, &stream.encode());
    let mut random = Random::new(1);
    let run: Vec<u8> = (0..200).flat_map(|n| wire::framed(&wire::point(&point(n), &mut random))).collect();
    let (mut n, mut bytes) = (1, 0);
    while bytes < mebibytes << 20 {
        let header = record::frames_header(n);
        let entry = Entry { context: 1, count: 200, time: 1_795_353_827_000_000_000, payload: &[&header, &run] };
        if journal.append(entry, Sync::Os, Share::Last).is_ok() {
            n += 200;
            bytes += run.len() as u64;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    journal.close()?;
    Ok(n - 1)
}

fn point(n: i64) -> Point {
    Point::new("cpu", 1_795_353_827_000_000_000 + n)
        .tag("host", "web-1")
        .tag("cpu", "cpu-total")
        .tag("dc", "eu-1")
        .tag("role", "frontend")
        .field("usage_idle", 97.25)
        .field("usage_user", 1.5)
        .field("usage_system", 1.25)
        .field("usage_iowait", 0.05)
        .field("procs", 312_i64)
        .group_by(&["host"])
}

#[derive(Clone, Copy)]
enum End {
    Stopped,
    Killed,
}

/// One start: until Info was answered, until it was ready.
fn start(binary: &Path, data_dir: &Path, end: End) -> Result<(Duration, Duration)> {
    let http = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let begun = Instant::now();
    let mut child = Command::new(binary)
        .arg("--data-dir")
        .arg(data_dir)
        .args(["--listen", &http.to_string(), "run"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let times = (|| {
        let info = until(begun, &mut child, || info(&data_dir.join("stream.sock")))?;
        let ready = until(begun, &mut child, || ready(http))?;
        Ok((info, ready))
    })();
    match end {
        End::Killed => child.kill()?,
        End::Stopped => drop(Command::new("kill").arg(child.id().to_string()).status()?),
    }
    child.wait()?;
    times
}

fn until(begun: Instant, child: &mut Child, mut holds: impl FnMut() -> Option<()>) -> Result<Duration> {
    while holds().is_none() {
        if let Some(status) = child.try_wait()? {
            return Err(format!("kaptap ended with {status}").into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(begun.elapsed())
}

/// Asks for Info on a connection of its own, as kapacitord does at its start.
fn info(socket: &PathBuf) -> Option<()> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    // A frame of two bytes: field 1, InfoRequest, empty.
    stream.write_all(&[2, 0x0a, 0]).ok()?;
    stream.read_exact(&mut [0]).ok()
}

fn ready(http: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect(http).ok()?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.0 200").then_some(())
}
