//! How the cost grows: processor time of kaptap over connections, tags, sinks and length of bodies.
//!
//! `cargo build --release && cargo run --release --example cost_growth [-- --write]`; `--write` draws the plots into
//! `docs/`.

#[path = "bench/mod.rs"]
mod bench;

use bench::plot::{self, Line};
use bench::process::{self, Server};
use bench::{Result, float, load, post};
use kaptap::event::json;
use kaptap::interpret;
use kaptap::record::{Content, Note, Record, Stream, StreamId};
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::wire;
use kaptap::words::Lane;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Points of one measurement.
const POINTS: u64 = 300_000;
/// Points that a connection gets at once.
const GULP: u64 = 20;
/// Where the plots go.
const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
/// As little disk as will do.
const JOURNAL: &str = "[journal]\nmax_bytes = \"1GiB\"\n";

/// Measures one line over these values.
fn line(name: &'static str, over: &[u64], cost: impl Fn(u64) -> Result<f64>) -> Result<Line> {
    let points = over.iter().map(|&value| Ok((float(value), cost(value)?))).collect::<Result<Vec<_>>>()?;
    Ok(Line { name, points })
}

fn main() -> Result<()> {
    let write = std::env::args().nth(1).is_some_and(|word| word == "--write");
    let many = [1, 10, 100, 1000];
    let connections = [line("taken in, kept and sent back", &many, connections)?];
    show(write, "connections", "UDF: cost of a point over connections", "connections", "µs a point", &connections)?;
    let wide = [1, 2, 4, 8, 16, 32, 64];
    let mut tags = vec![line("taken in, kept and sent back", &wide, intake_of)?];
    // Measured in this process, so only where it is built as kaptap is.
    if !cfg!(debug_assertions) {
        tags.push(line("read as an event in JSON", &wide, |tags| Ok(reading_of(tags)))?);
    }
    show(write, "tags", "UDF: cost of a point over its tags", "tags", "µs a point", &tags)?;
    let few = [1, 2, 5, 10, 20];
    let sinks = [
        line("takes every point", &few, |n| sinks(n, "", POINTS / 10))?,
        line("takes alerts only", &few, |n| sinks(n, "kinds = [\"alert\"]\n", POINTS * 2))?,
    ];
    show(write, "sinks", "Cost of a point over sinks of type file", "sinks", "µs a point", &sinks)?;
    let long = [1, 4, 16, 64, 256, 1024];
    let bodies = [line("durable, keep-alive, 32 connections", &long, bodies)?];
    show(write, "bodies", "POST: cost of an alert over its length", "KiB", "µs a post", &bodies)?;
    let open = [line("durable, keep-alive, 32 connections", &[10, 100, 1000, 10_000], alerts)?];
    show(write, "alerts", "POST: cost of an alert over how many are open", "open alerts", "µs a post", &open)
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn show(write: bool, name: &str, title: &str, below: &str, unit: &str, lines: &[Line]) -> Result<()> {
    println!("{title} ({unit})");
    for Line { name, points } in lines {
        let values: Vec<_> = points.iter().map(|(x, y)| format!("{x}: {y:.2}")).collect();
        println!("  {name}: {}", values.join(", "));
    }
    if write {
        fs::write(format!("{DOCUMENTS}/cost-{name}.svg"), plot::svg(title, below, unit, lines))?;
    }
    Ok(())
}

/// Microseconds a point when so many connections get [`GULP`] points each in turn.
fn connections(count: u64) -> Result<f64> {
    let server = Server::kaptap(JOURNAL)?;
    let gulp = load::frames(GULP).concat();
    let mut streams =
        (0..count).map(|n| load::connect(&server.socket, &format!("task-{n}"))).collect::<Result<Vec<_>>>()?;
    let (cpu, rounds) = (server.cpu()?, POINTS / GULP / count);
    let mut back = vec![0; gulp.len()];
    for _ in 0..rounds {
        for stream in &mut streams {
            stream.write_all(&gulp)?;
        }
        for stream in &mut streams {
            stream.read_exact(&mut back)?;
        }
    }
    cost(&server, cpu, rounds * count * GULP)
}

fn cost(server: &Server, before: f64, points: u64) -> Result<f64> {
    // What was put off is part of the work: writing and syncing what is buffered.
    std::thread::sleep(Duration::from_millis(200));
    Ok((server.cpu()? - before) * 1e6 / float(points))
}

fn tagged(tags: u64) -> Point {
    let point = Point::new("cpu", 1_795_353_827_000_000_000).field("usage_idle", 93.25).field("procs", 211_i64);
    (0..tags).fold(point, |point, n| point.tag(&format!("tag_{n}"), &format!("value-{n}")))
}

fn intake_of(tags: u64) -> Result<f64> {
    let server = Server::kaptap(JOURNAL)?;
    let chunk = wire::framed(&wire::point(&tagged(tags), &mut Random::new(1))).repeat(200);
    let stream = load::connect(&server.socket, "tags")?;
    let cpu = server.cpu()?;
    send(&stream, &chunk, POINTS * 5 / 200)?;
    cost(&server, cpu, POINTS * 5)
}

/// Sends a chunk again and again and reads all of it back.
fn send(stream: &UnixStream, chunk: &[u8], times: u64) -> Result<()> {
    let mut answers = stream.try_clone()?;
    let reading = std::thread::spawn(move || {
        let (mut buffer, mut got) = (vec![0; 256 << 10], 0);
        while let Ok(read @ 1..) = answers.read(&mut buffer) {
            got += read as u64;
        }
        got
    });
    let mut writer = stream;
    for _ in 0..times {
        writer.write_all(chunk)?;
    }
    stream.shutdown(Shutdown::Write)?;
    let got = reading.join().map_err(|_| "reading failed")?;
    if got == times * chunk.len() as u64 { Ok(()) } else { Err("not everything came back".into()) }
}

fn reading_of(tags: u64) -> f64 {
    let frame = wire::point(&tagged(tags), &mut Random::new(1));
    let stream = Stream::new(StreamId(1), Lane::Udf, "stream", "default");
    let record = Record { seq: 1, observed: 1, n: 1, content: Content::Point, note: Note::default(), raw: &frame };
    let mut out = Vec::new();
    let sample = |out: &mut Vec<u8>| {
        let begun = Instant::now();
        for _ in 0..1000 {
            out.clear();
            json::write(&interpret::event(&stream, &record), false, out);
        }
        begun.elapsed().as_secs_f64() * 1e6 / 1000.0
    };
    bench::median((0..51).map(|_| sample(&mut out)).collect())
}

/// Microseconds a point with so many sinks, until each has dealt with every point.
fn sinks(count: u64, narrower: &str, points: u64) -> Result<f64> {
    let folder = process::Folder::new()?;
    let table = |n| {
        let path = folder.0.join(format!("{n}.ndjson"));
        format!("[[sink]]\nname = \"s{n}\"\ntype = \"file\"\npath = \"{}\"\n{narrower}", path.display())
    };
    let server = Server::kaptap(&(0..count).map(table).collect::<String>())?;
    let chunk = load::frames(200).concat();
    let stream = load::connect(&server.socket, "sinks")?;
    let cpu = server.cpu()?;
    send(&stream, &chunk, points / 200)?;
    let begun = Instant::now();
    while process::answer(server.http, "/v1/sinks")
        .is_none_or(|sinks| sinks.matches("\"lag\":{\"events\":0,").count() < usize::try_from(count).unwrap_or(0))
    {
        if begun.elapsed() > Duration::from_mins(2) {
            return Err("the sinks do not come to an end".into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    cost(&server, cpu, points)
}

fn bodies(kibibytes: u64) -> Result<f64> {
    let length = usize::try_from(kibibytes << 10)?;
    // Details are what makes a body long; of the length asked for, the rest is the alert.
    let body = String::from_utf8(post::body().to_vec())?;
    let (before, after) = body.split_once(r#""details":""#).ok_or("no details")?;
    let filling = "x".repeat(length.saturating_sub(body.len()).max(1));
    let longer = format!("{before}\"details\":\"{filling}{after}");
    let server = Server::kaptap("[http]\nmax_body = \"4MiB\"\n[journal]\nmax_bytes = \"1GiB\"\n")?;
    Ok(post::round(&server, false, longer.as_bytes())?.server)
}

/// Microseconds a post when so many alerts are open, each told again and again.
fn alerts(open: u64) -> Result<f64> {
    let body = String::from_utf8(post::body().to_vec())?;
    let (before, after) = body.split_once("\"id\":\"cpu:host=web-1\"").ok_or("no id")?;
    let (middle, after) = after.split_once("\"time\":\"").ok_or("no time")?;
    let after = after.split_once('"').map(|(_, after)| after).ok_or("no end of the time")?;
    let (before, middle, after) = (before.to_owned(), middle.to_owned(), after.to_owned());
    let server = Server::kaptap(JOURNAL)?;
    let address = server.http;
    let mut rounds = 0..2_u64;
    let mut round = || {
        let (before, middle, after) = (before.clone(), middle.clone(), after.clone());
        let hour = rounds.next().unwrap_or_default();
        let made = move |n: u64| {
            // Each is a new event of its alert, later than the one before.
            let (id, time) =
                (n % open, format!("2026-11-22T{hour:02}:{:02}:{:02}", n / 60_000_000 % 60, n / 1_000_000 % 60));
            let body =
                format!("{before}\"id\":\"alert-{id}\"{middle}\"time\":\"{time}.{:06}000Z\"{after}", n % 1_000_000);
            post::request(address, false, body.as_bytes())
        };
        post::round_of(&server, false, &post::Made(std::sync::Arc::new(made)))
    };
    // The first opens them all.
    round()?;
    Ok(round()?.server)
}
