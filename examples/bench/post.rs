//! Posts: requests a second, processor time each, time to the answer.

use super::process::Server;
use super::table::Row;
use super::{Result, float, median, quantile};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Measured in turns with the baseline; the middle one counts.
const ROUNDS: usize = 3;
/// How long one round lasts.
const ROUND: Duration = Duration::from_secs(4);
/// Posts at a pace: so many a second, for so long.
const PACE: u64 = 100;
const PACED: u64 = 1500;

/// All rows.
pub fn rows() -> Result<Vec<Row>> {
    let mut rows = capacity(false)?;
    rows.extend(capacity(true)?);
    rows.extend(latency()?);
    Ok(rows)
}

/// A recorded alert.
pub fn body() -> &'static [u8] {
    include_str!("../../tests/recordings/alerts/log-file.jsonl").lines().next().unwrap_or_default().as_bytes()
}

/// The request, as Kapacitor makes it; only Kapacitor's own agent asks for the close.
pub fn request(address: SocketAddr, closes: bool, body: &[u8]) -> Vec<u8> {
    let agent = if closes { "Go-http-client/1.1" } else { "bench" };
    let length = body.len();
    let head = format!(
        "POST /v1/alerts/bench HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {agent}\r\nContent-Length: {length}\r\n\
         Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Rate and processor time each, against each kind in turns. Server and client have a core each, if there is `taskset`.
fn capacity(closes: bool) -> Result<Vec<Row>> {
    let (mut kaptap, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        kaptap.push(round(&Server::kaptap("[journal]\nmax_bytes = \"512MiB\"\n")?, closes, body())?);
        bare.push(round(&Server::baseline("hyper")?, closes, body())?);
    }
    let of = |costs: &[Cost], part: fn(&Cost) -> f64| median(costs.iter().map(part).collect());
    let (rate, bare_rate) = (of(&kaptap, |cost| cost.rate), of(&bare, |cost| cost.rate));
    let (cpu, bare_cpu) = (of(&kaptap, |cost| cost.server), of(&bare, |cost| cost.server));
    let (name, share, limit) = if closes {
        ("POST, durable, a connection each, 8 clients", 0.8, 36.0)
    } else {
        ("POST, durable, keep-alive, 32 connections", 0.45, 15.0)
    };
    Ok(vec![
        Row::new(name, format!("{:.1} k/s", rate / 1e3))
            .beside(format!("bare hyper 204: {:.1} k/s", bare_rate / 1e3), rate / bare_rate)
            .bound(format!("≥ {share} ×"), rate / bare_rate >= share),
        Row::new(format!("{name}: CPU each"), format!("{cpu:.1} µs"))
            .beside(format!("bare hyper 204: {bare_cpu:.1} µs"), cpu / bare_cpu)
            .bound(format!("≤ {limit} µs"), cpu <= limit),
    ])
}

/// What posting cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Requests a second.
    pub rate: f64,
    /// Processor time of the server each, microseconds.
    pub server: f64,
}

/// Posts for a round with as many clients as that takes.
pub fn round(server: &Server, closes: bool, body: &[u8]) -> Result<Cost> {
    let request = request(server.http, closes, body);
    round_of(server, closes, &Made(Arc::new(move |_| request.clone())))
}

/// Makes the request of a number.
#[derive(Clone)]
pub struct Made(pub Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>);

/// The same, with requests that differ.
pub fn round_of(server: &Server, closes: bool, made: &Made) -> Result<Cost> {
    pin(server.id(), 0);
    pin(std::process::id(), 1);
    let numbers = Arc::new(AtomicU64::new(0));
    let (begun, cpu) = (Instant::now(), server.cpu()?);
    let posted = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..if closes { 8 } else { 32 } {
            clients.spawn(client(server.http, made.clone(), Arc::clone(&numbers), closes, begun + ROUND));
        }
        let mut posted = 0;
        while let Some(done) = clients.join_next().await {
            posted += done??;
        }
        Result::Ok(posted)
    })?;
    let elapsed = begun.elapsed().as_secs_f64();
    let used = server.cpu()? - cpu;
    unpin(std::process::id());
    Ok(Cost { rate: float(posted) / elapsed, server: used * 1e6 / float(posted) })
}

async fn client(address: SocketAddr, made: Made, numbers: Arc<AtomicU64>, closes: bool, until: Instant) -> Result<u64> {
    let (mut posted, mut stream) = (0, None);
    while Instant::now() < until {
        let mut connection = match stream.take() {
            Some(connection) => connection,
            None => connect(address).await?,
        };
        let request = (made.0)(numbers.fetch_add(1, Ordering::Relaxed));
        post(&mut connection, &request, closes).await?;
        posted += 1;
        stream = (!closes).then_some(connection);
    }
    Ok(posted)
}

/// A connection without delay.
pub async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One post and its answer, to the end of the connection if the server closes it.
pub async fn post(stream: &mut TcpStream, request: &[u8], closes: bool) -> Result<()> {
    stream.write_all(request).await?;
    let mut answer = [0; 1024];
    let mut length = 0;
    loop {
        let read = stream.read(answer.get_mut(length..).unwrap_or_default()).await?;
        length += read;
        let got = answer.get(..length).unwrap_or_default();
        if read == 0 || !closes && got.ends_with(b"\r\n\r\n") {
            return if got.starts_with(b"HTTP/1.1 204") { Ok(()) } else { Err("a post was not answered 204".into()) };
        }
    }
}

/// Time from the post to its 204, a connection each as Kapacitor has it, beside an append and fdatasync of the same
/// bytes, in turns.
fn latency() -> Result<Vec<Row>> {
    let server = Server::kaptap("")?;
    let request = request(server.http, true, body());
    let folder = super::process::Folder::new()?;
    let mut file = File::create(folder.0.join("bare"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut posts, mut syncs) = (Vec::new(), Vec::new());
    let pace = super::load::Pace::new(Some(PACE));
    for n in 0..PACED {
        pace.wait(n);
        let begun = Instant::now();
        runtime.block_on(async { post(&mut connect(server.http).await?, &request, true).await })?;
        posts.push(begun.elapsed().as_secs_f64() * 1e3);
        // Half a turn later, so that neither is in the other's way.
        std::thread::sleep(Duration::from_millis(2));
        let begun = Instant::now();
        file.write_all(body())?;
        file.sync_data()?;
        syncs.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    posts.sort_by(f64::total_cmp);
    syncs.sort_by(f64::total_cmp);
    let row = |name: &str, share: f64| {
        let (post, sync) = (quantile(&posts, share), quantile(&syncs, share));
        let what = format!("post to 204 at 100 alerts/s, durable, {name}");
        (
            Row::new(what, format!("{post:.2} ms")).beside(format!("append and fdatasync: {sync:.2} ms"), post / sync),
            post / sync,
        )
    };
    let (p99, ratio) = row("p99", 0.99);
    Ok(vec![row("p50", 0.5).0, p99.bound("≤ 3 ×", ratio <= 3.0), row("p99.9", 0.999).0])
}

/// Binds a process to one core; where there is no `taskset`, it stays as it is.
fn pin(id: u32, core: u32) {
    taskset(&core.to_string(), id);
}

fn unpin(id: u32) {
    taskset("0-1023", id);
}

fn taskset(cores: &str, id: u32) {
    let mut command = Command::new("taskset");
    command.args(["-a", "-c", "-p", cores, &id.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    drop(command.status());
}
