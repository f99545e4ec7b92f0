//! Tails: time from the frame to the line, and what many of them cost.

use super::load::{self, Pace};
use super::process::Server;
use super::table::Row;
use super::{Result, float, median, quantile};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Points sent for the times.
const TIMED: u64 = 15_000;
/// Points a second while times are taken.
const SLOW: u64 = 1000;
/// Points sent to many tails, and points a second.
const MANY: u64 = 200_000;
const FAST: u64 = 50_000;
/// Measured in turns; the middle one counts.
const ROUNDS: usize = 3;

/// All rows.
pub fn rows() -> Result<Vec<Row>> {
    let mut rows = times()?;
    rows.extend(many()?);
    Ok(rows)
}

/// A tail of everything from now on, as far as its first line.
fn tail(http: SocketAddr) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(http)?;
    stream.set_nodelay(true)?;
    write!(stream, "GET /v1/events?follow=1 HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err("the tail ended".into());
        }
    }
    Ok(reader)
}

/// From the write of a frame until its line has come, beside the way to a gathering echo and back.
fn times() -> Result<Vec<Row>> {
    let lines = {
        let server = Server::kaptap("")?;
        let mut reader = tail(server.http)?;
        timed(&server, move |mut stream, seen| {
            // What comes back has to be read, or kaptap would wait for us.
            std::thread::spawn(move || while let Ok(1..) = stream.read(&mut [0; 4096]) {});
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                // The number that the point carries in its time.
                let text = String::from_utf8_lossy(&line);
                let found = number(&text);
                line.clear();
                let Some(n) = found else { continue };
                if seen.send((n, Instant::now())).is_err() {
                    return;
                }
            }
        })?
    };
    let echoes = timed(&Server::baseline("gather")?, |mut stream, seen| {
        let lengths: Vec<u64> = load::frames(TIMED).iter().map(|frame| frame.len() as u64).collect();
        let (mut buffer, mut got, mut seen_so_far, mut covered) = (vec![0; 64 << 10], 0, 0, 0);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            got += read as u64;
            while let Some(length) = lengths.get(seen_so_far).filter(|length| covered + **length <= got) {
                covered += length;
                seen_so_far += 1;
                if seen.send((seen_so_far as u64 - 1, Instant::now())).is_err() {
                    return;
                }
            }
        }
    })?;
    let row = |name: &str, share: f64| {
        let (figure, echo) = (quantile(&lines, share), quantile(&echoes, share));
        let what = format!("frame to tail at 1,000 points/s, {name}");
        let beside = format!("to a gathering echo and back: {echo:.2} ms");
        (Row::new(what, format!("{figure:.2} ms")).beside(beside, figure / echo), figure)
    };
    let (p99, milliseconds) = row("p99", 0.99);
    Ok(vec![row("p50", 0.5).0, p99.bound("≤ 2 ms", milliseconds <= 2.0), row("p99.9", 0.999).0])
}

/// The number of a point in its event: its time is a fixed one plus its number.
fn number(line: &str) -> Option<u64> {
    let time = line.contains(r#""kind":"point""#).then_some(line)?.split_once(r#""time":""#)?.1;
    let fraction = time.get(20..29)?;
    fraction.parse().ok()
}

/// Milliseconds from sending each point until `watch` has seen it, sorted.
fn timed(
    server: &Server,
    watch: impl FnOnce(UnixStream, mpsc::SyncSender<(u64, Instant)>) + Send + 'static,
) -> Result<Vec<f64>> {
    let mut stream = load::connect(&server.socket, "timed")?;
    let (seen, times) = mpsc::sync_channel(1024);
    let answers = stream.try_clone()?;
    std::thread::spawn(move || watch(answers, seen));
    let frames = load::split_frames(TIMED);
    let sending = std::thread::spawn(move || -> Result<Vec<Instant>> {
        let pace = Pace::new(Some(SLOW));
        let mut sent = Vec::new();
        for (n, (prefix, body)) in (0..).zip(&frames) {
            pace.wait(n);
            sent.push(Instant::now());
            stream.write_all(prefix)?;
            stream.write_all(body)?;
        }
        Ok(sent)
    });
    let mut found = Vec::new();
    while found.len() < usize::try_from(TIMED)? {
        found.push(times.recv_timeout(Duration::from_secs(20)).map_err(|_| "not every point was seen")?);
    }
    let sent = sending.join().map_err(|_| "sending failed")??;
    let mut times = Vec::with_capacity(found.len());
    for (n, at) in found {
        let sent = sent.get(usize::try_from(n)?).ok_or("a point that was not sent")?;
        times.push(at.duration_since(*sent).as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Reads until so many events have come. They end in a brace and a line feed, which nothing else of the answer does.
fn lines(mut reader: BufReader<TcpStream>, events: u64) -> Result<()> {
    let (mut buffer, mut seen, mut before) = (vec![0; 256 << 10], 0, 0);
    reader.get_ref().set_read_timeout(Some(Duration::from_mins(1)))?;
    while seen < events {
        let read = reader.read(&mut buffer)?;
        for byte in buffer.get(..read).unwrap_or_default() {
            seen += u64::from(before == b'}' && *byte == b'\n');
            before = *byte;
        }
        if read == 0 {
            return Err("a tail ended".into());
        }
    }
    Ok(())
}

/// Processor time of kaptap with ten tails of everything, beside that with one.
fn many() -> Result<Vec<Row>> {
    let cost = |tails: usize| -> Result<f64> {
        let server = Server::kaptap("[journal]\nmax_bytes = \"512MiB\"\n")?;
        let readers = (0..tails).map(|_| tail(server.http)).collect::<Result<Vec<_>>>()?;
        let before = server.cpu()?;
        let reading: Vec<_> =
            readers.into_iter().map(|reader| std::thread::spawn(move || lines(reader, MANY))).collect();
        load::paced(&server, MANY, Some(FAST))?;
        for reader in reading {
            // Only what every tail has got was served.
            reader.join().map_err(|_| "a tail failed")??;
        }
        Ok((server.cpu()? - before) * 1e6 / float(MANY))
    };
    let mut found: [Vec<f64>; 3] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (tails, found) in [0, 1, 10].into_iter().zip(&mut found) {
            found.push(cost(tails)?);
        }
    }
    let [none, one, ten] = found.map(median);
    Ok(vec![
        Row::new("one tail of everything at 50 k points/s", format!("{one:.2} µs a point"))
            .beside(format!("no tail: {none:.2} µs a point"), one / none),
        Row::new("10 tails of everything at 50 k points/s", format!("{ten:.2} µs a point"))
            .beside(format!("one tail: {one:.2} µs a point"), ten / one)
            .bound("≤ 2 ×", ten / one <= 2.0),
    ])
}
