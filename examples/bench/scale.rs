//! Many of everything: tails, open alerts, sinks, UDF connections, and all of them at once.

use super::load::{self, Pace};
use super::post;
use super::process::{Folder, Server, answer};
use super::table::Row;
use super::{Result, float, quantile};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How many of each.
const TAILS: usize = 200;
const SINKS: usize = 20;
const ALERTS: u64 = 10_000;
const CONNECTIONS: u64 = 1000;
/// Points sent while tails watch, and points a second.
const POINTS: u64 = 5000;
const PACE: u64 = 1000;
/// Posts whose times are taken, and posts a second.
const POSTS: u64 = 500;
const POST_PACE: u64 = 100;
/// How long may pass until everybody has what was sent.
const PATIENCE: Duration = Duration::from_mins(2);
/// As little disk as will do.
const JOURNAL: &str = "[journal]\nmax_bytes = \"512MiB\"\n";

/// All rows.
pub fn rows() -> Result<Vec<Row>> {
    let mut rows = tails()?;
    rows.extend(alerts()?);
    rows.extend(everything()?);
    Ok(rows)
}

/// Tails that count the events they get.
struct Tails {
    seen: Arc<[AtomicU64]>,
    _reading: JoinHandle<Result<()>>,
}

impl Tails {
    /// Opens a tail for each filter; returns when each of them follows.
    fn open(http: SocketAddr, filters: Vec<String>) -> Result<Self> {
        let seen: Arc<[AtomicU64]> = filters.iter().map(|_| AtomicU64::new(0)).collect();
        let (counts, (open, opened)) = (Arc::clone(&seen), std::sync::mpsc::sync_channel(filters.len()));
        let tails = filters.len();
        let reading = std::thread::spawn(move || -> Result<()> {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
                let mut tails = tokio::task::JoinSet::new();
                for (number, filter) in filters.into_iter().enumerate() {
                    tails.spawn(tail(http, filter, Arc::clone(&counts), number, open.clone()));
                }
                drop(open);
                while let Some(ended) = tails.join_next().await {
                    ended??;
                }
                Ok(())
            })
        });
        for _ in 0..tails {
            opened.recv_timeout(PATIENCE).map_err(|_| "a tail was not opened")?;
        }
        Ok(Self { seen, _reading: reading })
    }

    /// Waits until each of them has got so many.
    fn wait(&self, events: u64) -> Result<()> {
        let begun = Instant::now();
        while self.seen.iter().any(|seen| seen.load(Ordering::Relaxed) < events) {
            if begun.elapsed() > PATIENCE {
                let least = self.seen.iter().map(|seen| seen.load(Ordering::Relaxed)).min().unwrap_or_default();
                return Err(format!("a tail has {least} of {events} events").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// One tail: an event ends in a brace and a line feed, which nothing else of the answer does.
async fn tail(
    http: SocketAddr,
    filter: String,
    seen: Arc<[AtomicU64]>,
    number: usize,
    open: std::sync::mpsc::SyncSender<()>,
) -> Result<()> {
    let mut stream = TcpStream::connect(http).await?;
    let request = format!("GET /v1/events?follow=1{filter} HTTP/1.1\r\nHost: bench\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut buffer, mut head, mut before) = (vec![0; 64 << 10], Vec::new(), 0);
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            // The server is gone: the bench has what it wanted, or says what it misses.
            return Ok(());
        }
        let got = buffer.get(..read).unwrap_or_default();
        if !head.ends_with(b"\r\n\r\n") {
            head.extend_from_slice(got);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            if !head.starts_with(b"HTTP/1.1 200") {
                return Err(String::from_utf8_lossy(&head).into_owned().into());
            }
            head.truncate(end + 4);
            open.send(())?;
            continue;
        }
        let mut events = 0;
        for byte in got {
            events += u64::from(before == b'}' && *byte == b'\n');
            before = *byte;
        }
        if let Some(seen) = seen.get(number) {
            seen.fetch_add(events, Ordering::Relaxed);
        }
    }
}

/// Sends points at a pace over these connections in turn, and reads what comes back.
fn send(streams: &mut [UnixStream], points: u64) -> Result<()> {
    let frames = load::split_frames(1000);
    let pace = Pace::new(Some(PACE));
    let mut back = Vec::new();
    let connections = streams.len();
    for (n, (prefix, body)) in (0..points).zip(frames.iter().cycle()) {
        pace.wait(n);
        let stream = streams.get_mut(usize::try_from(n)? % connections).ok_or("no connection")?;
        stream.write_all(prefix)?;
        stream.write_all(body)?;
        back.resize(prefix.len() + body.len(), 0);
        stream.read_exact(&mut back)?;
    }
    Ok(())
}

/// What a point costs with so many tails, and what memory they take.
fn watched(filters: Vec<String>, events: u64) -> Result<(f64, f64)> {
    let server = Server::kaptap(JOURNAL)?;
    let tails = Tails::open(server.http, filters)?;
    let mut streams = [load::connect(&server.socket, "scale")?];
    let before = server.cpu()?;
    send(&mut streams, POINTS)?;
    tails.wait(events)?;
    // What was put off is part of the work: reading what no tail wanted, writing and syncing.
    std::thread::sleep(Duration::from_secs(1));
    Ok(((server.cpu()? - before) * 1e6 / float(POINTS), server.memory(true)?))
}

fn tails() -> Result<Vec<Row>> {
    let everything = |tails| vec![String::new(); tails];
    let own = |tails| (0..tails).map(|n| format!("&filter=origin.task%3D%3D%22task-{n}%22")).collect();
    let (none, _) = watched(Vec::new(), 0)?;
    let (one, _) = watched(everything(1), POINTS)?;
    let (many, memory) = watched(everything(TAILS), POINTS)?;
    let (narrow, _) = watched(own(TAILS), 0)?;
    let lines = (many - one) / float(TAILS as u64 - 1);
    Ok(vec![
        Row::new(format!("{TAILS} tails of everything, 1,000 points/s"), format!("{many:.0} µs a point"))
            .beside(format!("one tail: {one:.1} µs a point"), many / one),
        Row::new("each further tail of everything", format!("{lines:.2} µs an event")),
        Row::new(format!("memory with {TAILS} tails of everything, at most"), format!("{memory:.1} MiB")),
        Row::new(format!("{TAILS} tails, each of another task"), format!("{narrow:.1} µs a point"))
            .beside(format!("no tail: {none:.1} µs a point"), narrow / none),
    ])
}

/// Opens so many alerts, each with an id of its own, over kept connections.
fn open_alerts(http: SocketAddr, alerts: u64) -> Result<()> {
    let body = String::from_utf8(post::body().to_vec())?;
    let id = serde_json::from_str::<serde_json::Value>(&body)?
        .get("id")
        .and_then(|id| id.as_str())
        .ok_or("no id")?
        .to_owned();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..8 {
            let (body, id) = (body.clone(), id.clone());
            clients.spawn(async move {
                let mut stream = TcpStream::connect(http).await?;
                for n in (client..alerts).step_by(8) {
                    // One alert each, as critical as it gets: it stays open.
                    let body =
                        body.replace(&id, &format!("{id}-{n}")).replace("\"level\":\"OK\"", "\"level\":\"CRITICAL\"");
                    post::post(&mut stream, &post::request(http, false, body.as_bytes()), false).await?;
                }
                Result::Ok(())
            });
        }
        while let Some(done) = clients.join_next().await {
            done??;
        }
        Ok(())
    })
}

/// Milliseconds that posts of one alert take, sorted, and processor time of each.
fn posts(server: &Server) -> Result<(Vec<f64>, f64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let request = post::request(server.http, true, post::body());
    let (pace, before) = (Pace::new(Some(POST_PACE)), server.cpu()?);
    let mut times = Vec::new();
    for n in 0..POSTS {
        pace.wait(n);
        let begun = Instant::now();
        runtime.block_on(async { post::post(&mut post::connect(server.http).await?, &request, true).await })?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok((times, (server.cpu()? - before) * 1e6 / float(POSTS)))
}

fn alerts() -> Result<Vec<Row>> {
    let with = |alerts| -> Result<_> {
        let server = Server::kaptap(JOURNAL)?;
        open_alerts(server.http, alerts)?;
        let cost = posts(&server)?.1;
        let begun = Instant::now();
        let list = answer(server.http, "/v1/alerts").ok_or("no list of alerts")?;
        Ok((cost, server.memory(false)?, begun.elapsed().as_secs_f64() * 1e3, list.len()))
    };
    let (few, small, ..) = with(10)?;
    let (cost, memory, listed, length) = with(ALERTS)?;
    Ok(vec![
        Row::new("a post with 10,000 open alerts", format!("{cost:.0} µs of CPU"))
            .beside(format!("with 10: {few:.0} µs of CPU"), cost / few),
        Row::new("memory with 10,000 open alerts", format!("{memory:.1} MiB"))
            .beside(format!("with 10: {small:.1} MiB"), memory / small),
        Row::new(format!("list of 10,000 open alerts, {} KiB", length >> 10), format!("{listed:.0} ms")),
    ])
}

/// 1,000 connections, 20 sinks, 200 tails and 10,000 open alerts in one process, while points and posts come.
fn everything() -> Result<Vec<Row>> {
    let folder = Folder::new()?;
    let mut configuration = JOURNAL.to_owned();
    for n in 0..SINKS {
        let path = folder.0.join(format!("{n}.ndjson"));
        let path = path.display();
        write!(configuration, "[[sink]]\nname = \"s{n}\"\ntype = \"file\"\npath = \"{path}\"\n")?;
    }
    let server = Server::kaptap(&configuration)?;
    let (before, _) = posts(&server)?;
    open_alerts(server.http, ALERTS)?;
    let mut streams = (0..CONNECTIONS)
        .map(|n| load::connect(&server.socket, &format!("task-{n}")))
        .collect::<Result<Vec<UnixStream>>>()?;
    let tails = Tails::open(server.http, vec!["&filter=kind%3D%3D%22point%22".to_owned(); TAILS])?;
    let sending = std::thread::spawn(move || send(&mut streams, POINTS).map(|()| streams));
    let (times, _) = posts(&server)?;
    let _open = sending.join().map_err(|_| "sending failed")??;
    tails.wait(POINTS)?;
    let delivered =
        || -> Option<usize> { Some(answer(server.http, "/v1/sinks")?.matches("\"lag\":{\"events\":0,").count()) };
    let begun = Instant::now();
    while delivered() != Some(SINKS) {
        if begun.elapsed() > PATIENCE {
            return Err("the sinks do not come to an end".into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let (p99, alone) = (quantile(&times, 0.99), quantile(&before, 0.99));
    let what = "all at once: 1,000 connections, 20 sinks of everything, 200 tails, 10,000 open alerts";
    Ok(vec![
        Row::new(format!("{what}: memory at most"), format!("{:.1} MiB", server.memory(true)?)),
        Row::new("the same: post to 204 beside 1,000 points/s, p99", format!("{p99:.1} ms"))
            .beside(format!("before, with the sinks only: {alone:.1} ms"), p99 / alone),
    ])
}
