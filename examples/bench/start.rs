//! How long `kaptap run` takes from its start until it answers Info and until it is ready, with an empty journal and
//! with a full one.

use super::process::{Folder, binary, info, ready};
use super::table::Row;
use super::{Result, float, load, median};
use kaptap::config::Config;
use kaptap::journal::{Disk, Entry, Journal, Share, Sync};
use kaptap::record::{self, Edge, Stream, StreamId};
use kaptap::words::Lane;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Starts of each kind; the median counts.
const STARTS: usize = 9;
/// Longest time until Info is answered, milliseconds.
const BOUND: f64 = 15.0;

/// The rows with this much journal.
pub fn with(mebibytes: u64) -> Result<Vec<Row>> {
    let folder = Folder::new()?;
    let mut rows = Vec::new();
    let mut add = |name: &str, starts: Vec<(Duration, Duration)>| {
        let of = |part: fn(&(Duration, Duration)) -> Duration| {
            median(starts.iter().map(|start| part(start).as_secs_f64() * 1e3).collect())
        };
        let (info, ready) = (of(|times| times.0), of(|times| times.1));
        let row = Row::new(format!("start to Info answered, {name}"), format!("{info:.1} ms"));
        rows.push(
            row.beside(format!("ready to take records: {ready:.1} ms"), info / ready).bound("≤ 15 ms", info <= BOUND),
        );
    };
    let repeat = |data: &dyn Fn(usize) -> std::path::PathBuf, end| {
        (0..STARTS).map(|n| start(&data(n), end)).collect::<Result<Vec<_>>>()
    };
    add("empty journal", repeat(&|n| folder.0.join(format!("empty-{n}")), End::Killed)?);
    let full = folder.0.join("full");
    let points = fill(&full, mebibytes)?;
    let name = format!("{:.1} GiB of journal, {:.1} M points", float(mebibytes) / 1024.0, float(points) / 1e6);
    // Without a checkpoint all is read once; that is not what happens at a start, and it is not counted.
    start(&full, End::Stopped)?;
    add(&format!("{name}, stopped before"), repeat(&|_| full.clone(), End::Stopped)?);
    add(&format!("{name}, killed before"), repeat(&|_| full.clone(), End::Killed)?);
    Ok(rows)
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
    let run = load::frames(200).concat();
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

#[derive(Clone, Copy)]
enum End {
    Stopped,
    Killed,
}

/// One start: until Info was answered, until it was ready.
fn start(data_dir: &Path, end: End) -> Result<(Duration, Duration)> {
    let http = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let begun = Instant::now();
    let mut child = Command::new(binary()?)
        .arg("--data-dir")
        .arg(data_dir)
        .args(["--listen", &http.to_string(), "run"])
        // However much there is, and however old it is, it stays.
        .envs([("KAPTAP_JOURNAL__MAX_BYTES", "1TiB"), ("KAPTAP_JOURNAL__MAX_AGE", "forever")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let times = (|| {
        let info = until(begun, &mut child, || info(&data_dir.join("stream.sock")))?;
        let ready = until(begun, &mut child, || ready(http).then_some(()))?;
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
