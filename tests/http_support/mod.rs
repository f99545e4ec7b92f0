//! A kaptap of journal, intake and HTTP on a free port, and clients that speak raw bytes to it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use crate::parts_support::{intake_options, journal_options};
use crate::wait_support::wait_until_async;
use kaptap::connector::Snapshot;
use kaptap::intake::checkpoint::Recovered;
use kaptap::intake::http::{HttpOptions, Posts};
use kaptap::intake::{self, Intake, accept};
use kaptap::journal::{self, Journal};
use kaptap::serve::front::Front;
use kaptap::serve::listener::{Listener, ListenerOptions};
use kaptap::serve::{self, ServeOptions, ServeState};
use kaptap::telemetry::Metrics;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// No answer takes that long unless something is broken.
pub(crate) const WATCHDOG: Duration = Duration::from_mins(1);

/// What a test may want otherwise.
pub(crate) struct Setup {
    pub(crate) tokens: Vec<String>,
    pub(crate) read_tokens: Vec<String>,
    pub(crate) max_body: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) hold: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) readers: usize,
    pub(crate) listener: ListenerOptions,
    pub(crate) segment_bytes: u64,
    pub(crate) max_bytes: u64,
    pub(crate) buffer_bytes: usize,
    /// Of alerts and rows.
    pub(crate) sync: journal::Sync,
    /// What is known of Kapacitors that are asked.
    pub(crate) snapshots: Snapshots,
}

/// Gives what is known of Kapacitors.
type Snapshots = Arc<dyn Fn() -> Vec<Arc<Snapshot>> + Send + std::marker::Sync>;

/// A set-up in which this is known of Kapacitors.
pub(crate) fn knowing(snapshots: Vec<Arc<Snapshot>>) -> Setup {
    Setup { snapshots: Arc::new(move || snapshots.clone()), ..Setup::default() }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            read_tokens: Vec::new(),
            max_body: 1 << 20,
            body_timeout: WATCHDOG,
            hold: WATCHDOG,
            heartbeat: WATCHDOG,
            readers: 64,
            listener: ListenerOptions { connections: 256, header_timeout: WATCHDOG, grace: Duration::from_millis(200) },
            segment_bytes: 64 << 20,
            max_bytes: 1 << 30,
            buffer_bytes: 32 << 20,
            sync: journal::Sync::Os,
            snapshots: Arc::new(Vec::new),
        }
    }
}

/// A kaptap that runs.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) intake: Intake,
    pub(crate) stop: CancellationToken,
    server: JoinHandle<()>,
    _directory: TempDir,
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        Self::on(setup, Arc::new(journal::Disk::default()))
    }

    pub(crate) fn on(setup: Setup, disk: Arc<dyn journal::Storage>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = journal::Options {
            segment_bytes: setup.segment_bytes,
            max_bytes: setup.max_bytes,
            buffer_bytes: setup.buffer_bytes,
            ..journal_options(directory.path())
        };
        let (journal, _) = Journal::open(options, disk).unwrap();
        let (http_hold, max_body, sync) = (setup.hold, setup.max_body, setup.sync);
        let own = intake_options(directory.path());
        let options = intake::Options { http_hold, max_body, sync_alert: sync, sync_row: sync, ..own };
        let intake = Intake::new(options, journal, Metrics::default(), Recovered::default());

        let stop = CancellationToken::new();
        let posts = HttpOptions {
            tokens: setup.tokens.into_iter().collect(),
            max_body: setup.max_body,
            body_timeout: setup.body_timeout,
        };
        let reading = ServeOptions {
            read_tokens: setup.read_tokens.into_iter().collect(),
            readers: setup.readers,
            heartbeat: setup.heartbeat,
        };
        let reading = serve::router(
            ServeState::new(intake.clone(), reading, stop.clone()).with_snapshots(move || (setup.snapshots)()),
        );
        let front = Front::new(Posts::new(intake.clone(), posts), reading);
        let socket = accept::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let (options, metrics) = (setup.listener, intake.metrics().clone());
        let listener = Listener { socket, front, options, tls: None, metrics, stop: stop.clone() };
        let server = tokio::spawn(listener.serve());
        Self { address, intake, stop, server, _directory: directory }
    }

    pub(crate) async fn client(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), received: Vec::new() }
    }

    /// One request on a connection of its own; head and body of the answer.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        let mut client = self.client().await;
        client.send(request.as_bytes()).await;
        client.answer().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask(&post(path, "", body)).await
    }

    /// Keeps `count` rows, each an event of its own; the `n`-th has a tag `n` with that number, counted from `from`.
    pub(crate) async fn keep_rows(&self, from: u64, count: u64) {
        // Many at once, because each waits until it is written; begun in order, because a record gets its seq then.
        let mut waiting = Vec::new();
        for n in from..from + count {
            let mut keeping = Box::pin(self.keep_row(n));
            let kept = std::future::poll_fn(|context| Poll::Ready(keeping.as_mut().poll(context).is_ready())).await;
            if !kept {
                waiting.push(keeping);
            }
            if waiting.len() == 1000 || n + 1 == from + count {
                for keeping in waiting.drain(..) {
                    tokio::time::timeout(WATCHDOG, keeping).await.expect("not kept");
                }
            }
        }
        // What was kept can be read once it was written.
        let mut written = self.intake.journal().written();
        let last = self.intake.journal().next_seq() - 1;
        tokio::time::timeout(WATCHDOG, written.wait_for(|seq| *seq >= last)).await.unwrap().unwrap();
    }

    async fn keep_row(&self, n: u64) {
        let raw = row(n);
        let arrival = intake::Arrival {
            lane: kaptap::words::Lane::Row,
            source: "rows",
            content: kaptap::record::Content::Row,
            note: kaptap::record::Note::default(),
            raw: raw.as_bytes(),
        };
        self.intake.keep(arrival).await.unwrap();
    }

    /// The events of a query without `follow`.
    pub(crate) async fn events(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/v1/events?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Seqs of the events of a query without `follow`.
    pub(crate) async fn seqs(&self, query: &str) -> Vec<u64> {
        self.events(query).await.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    }

    /// Value of a metric, by the beginning of its line.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let body = self.get("/metrics").await.body;
        let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until a metric has a value.
    pub(crate) async fn metric_becomes(&self, name: &str, value: u64) {
        wait_until_async("a metric has its value", async || match self.metric(name).await {
            now if now == value => Ok(()),
            now => Err(format!("{name} is {now}, not {value}")),
        })
        .await;
    }

    /// Stops, and waits for the end.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(WATCHDOG, self.server).await.unwrap().unwrap();
    }
}

pub(crate) fn row(n: u64) -> String {
    format!(
        r#"{{"series":[{{"name":"m","tags":{{"n":"{n}"}},"columns":["time","v"],"values":[["2026-01-01T00:00:00Z",{n}]]}}]}}"#
    )
}

pub(crate) fn post(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A connection that is read byte by byte, as it comes.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends as far as the peer takes it.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    async fn more(&mut self) -> usize {
        let reading = self.stream.read_buf(&mut self.received);
        tokio::time::timeout(WATCHDOG, reading).await.expect("no answer").unwrap_or(0)
    }

    async fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.received.windows(end.len()).position(|window| window == end) {
                let found: Vec<u8> = self.received.drain(..at + end.len()).collect();
                return Some(String::from_utf8(found).unwrap());
            }
            if self.more().await == 0 {
                return None;
            }
        }
    }

    /// Head of the next answer.
    pub(crate) async fn head(&mut self) -> Option<(u16, String)> {
        let head = self.until(b"\r\n\r\n").await?;
        Some((head.split(' ').nth(1).unwrap().parse().unwrap(), head))
    }

    /// One piece of a chunked body; `None` at its proper end.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let size = self.until(b"\r\n").await.expect("cut off inside a chunked body");
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let piece = self.exactly(size + 2).await;
        (size > 0).then(|| piece[..size].to_owned())
    }

    async fn exactly(&mut self, count: usize) -> String {
        while self.received.len() < count {
            assert_ne!(self.more().await, 0, "cut off");
        }
        String::from_utf8(self.received.drain(..count).collect()).unwrap()
    }

    /// The next answer with its body.
    pub(crate) async fn answer(&mut self) -> Answer {
        let (status, head) = self.head().await.expect("no answer");
        let mut body = String::new();
        if header(&head, "transfer-encoding") == Some("chunked") {
            while let Some(piece) = self.chunk().await {
                body.push_str(&piece);
            }
        } else if let Some(length) = header(&head, "content-length") {
            body = self.exactly(length.parse().unwrap()).await;
        }
        Answer { status, head, body }
    }

    /// Whether the peer closed, without anything more to read.
    pub(crate) async fn is_closed(&mut self) -> bool {
        assert_eq!(self.received, b"", "there is more");
        self.more().await == 0
    }

    /// Pieces of a chunked body until `count` of `separator` have come.
    pub(crate) async fn pieces(&mut self, separator: &str, count: usize) -> String {
        let mut text = String::new();
        while text.matches(separator).count() < count {
            text.push_str(&self.chunk().await.expect("ended early"));
        }
        text
    }

    /// Whether a chunked body ends without its last chunk.
    pub(crate) async fn is_cut_off(&mut self) -> bool {
        while self.more().await > 0 {}
        !self.received.ends_with(b"0\r\n\r\n")
    }
}
