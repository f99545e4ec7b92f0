//! What the servers are loaded with: points as Kapacitor sends them, over one connection.

use super::Result;
use super::process::Server;
use kaptap::kapacitor::proto::{InitRequest, request};
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::wire;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A point of 4 tags and 5 fields in three types, about 300 bytes with all that Kapacitor puts around.
pub fn point(n: u64) -> Point {
    let n = i64::try_from(n).unwrap_or_default();
    Point::new("cpu", 1_795_353_827_000_000_000 + n)
        .tag("host", &format!("web-{:03}.example.net", n % 200))
        .tag("cpu", "cpu-total")
        .tag("datacenter", "eu-central-1")
        .tag("environment", "production")
        .field("usage_idle", 93.25)
        .field("usage_user", 4.5)
        .field("usage_system", 2.25)
        .field("processes_running", 211 + n % 100)
        .field("state", "running")
        .group_by(&["host"])
}

/// The frames of so many points, each with its length prefix.
pub fn frames(count: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(1);
    (0..count).map(|n| wire::framed(&wire::point(&point(n), &mut random))).collect()
}

/// Connects and opens a task's node. Baselines send the Init back, or an answer to it; either way one frame comes.
pub fn connect(socket: &Path, task: &str) -> Result<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    let init = InitRequest { options: Vec::new(), task_id: task.to_owned(), node_id: "kaptap2".to_owned() };
    stream.write_all(&wire::framed(&wire::request(request::Message::Init(init))))?;
    let mut length = [0];
    stream.read_exact(&mut length)?;
    // The answers to Init are short, so the length is one byte.
    let mut answer = vec![0; usize::from(length[0])];
    stream.read_exact(&mut answer)?;
    Ok(stream)
}

/// Reads what comes back until the end or until so many bytes have come, in reads of this size.
fn read_back(mut stream: UnixStream, bytes: u64, read: usize) -> JoinHandle<std::io::Result<u64>> {
    std::thread::spawn(move || {
        let (mut buffer, mut got) = (vec![0; read], 0);
        while got < bytes {
            match stream.read(&mut buffer)? {
                0 => break,
                read => got += read as u64,
            }
        }
        Ok(got)
    })
}

/// What one run of points cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Points a second, by the clock.
    pub rate: f64,
    /// Processor time of the server a point, microseconds.
    pub server: f64,
}

/// Sends points as fast as they are taken, many in a write.
pub fn saturate(server: &Server, points: u64) -> Result<Cost> {
    let chunk = frames(500).concat();
    let stream = connect(&server.socket, "saturated")?;
    run(server, &stream, points / 500 * 500, points / 500 * chunk.len() as u64, 256 << 10, |mut stream| {
        (0..points / 500).try_for_each(|_| stream.write_all(&chunk))
    })
}

/// Sends points as Kapacitor does: length and message are two writes, answers are read through 4 KiB. `rate` is the
/// pace, points a second; without one, as fast as it goes.
pub fn paced(server: &Server, points: u64, rate: Option<u64>) -> Result<Cost> {
    let stream = connect(&server.socket, "paced")?;
    let frames = split_frames(1000);
    let bytes =
        (0..points).zip(frames.iter().cycle()).map(|(_, (prefix, body))| (prefix.len() + body.len()) as u64).sum();
    run(server, &stream, points, bytes, 4096, |mut stream| {
        let pace = Pace::new(rate);
        for (n, (prefix, body)) in (0..points).zip(frames.iter().cycle()) {
            pace.wait(n);
            stream.write_all(prefix)?;
            stream.write_all(body)?;
        }
        Ok(())
    })
}

/// Frames with their prefixes apart.
pub fn split_frames(count: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut random = Random::new(1);
    let split = |n| {
        let body = wire::point(&point(n), &mut random);
        (wire::prefix(body.len()), body)
    };
    (0..count).map(split).collect()
}

fn run(
    server: &Server,
    stream: &UnixStream,
    points: u64,
    bytes: u64,
    read: usize,
    send: impl FnOnce(&UnixStream) -> std::io::Result<()>,
) -> Result<Cost> {
    let reading = read_back(stream.try_clone()?, bytes, read);
    let (begun, cpu) = (Instant::now(), server.cpu()?);
    send(stream)?;
    stream.shutdown(Shutdown::Write)?;
    let got = reading.join().map_err(|_| "reading failed")??;
    if got != bytes {
        return Err(format!("{got} of {bytes} bytes came back").into());
    }
    let elapsed = begun.elapsed().as_secs_f64();
    // What was put off is part of the work: writing and syncing what is buffered.
    std::thread::sleep(Duration::from_secs(1));
    Ok(Cost { rate: super::float(points) / elapsed, server: (server.cpu()? - cpu) * 1e6 / super::float(points) })
}

/// Holds a pace by looking at the clock before each point, as even as the machine lets it. What is late is made up for.
pub struct Pace {
    begun: Instant,
    rate: Option<f64>,
}

impl Pace {
    /// So many a second from now on.
    pub fn new(rate: Option<u64>) -> Self {
        Self { begun: Instant::now(), rate: rate.map(super::float) }
    }

    /// Waits until number `n` is due. Naps where there is time, for a machine has others to serve.
    pub fn wait(&self, n: u64) {
        let Some(rate) = self.rate else { return };
        let due = self.begun + Duration::from_secs_f64(super::float(n) / rate);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if left > Duration::from_micros(300) {
                std::thread::sleep(left.saturating_sub(Duration::from_micros(200)));
            } else {
                std::hint::spin_loop();
            }
        }
    }
}
