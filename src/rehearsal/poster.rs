//! Alert posts as Kapacitor makes them: one at a time per handler, each on a connection of its own, at most once.
//!
//! What is sent, header by header, is what the recordings under `tests/recordings/alerts` show: `Host`, `User-Agent`,
//! `Content-Length`, then the rest sorted by name as Go's `net/http` does, and `Accept-Encoding` last.

use crate::sorted;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Events a handler queues before it drops them (`alert/topics.go`).
pub const QUEUE: usize = 5000;
/// Time for a whole request (`http/transport.go`).
pub const LIMIT: Duration = Duration::from_secs(30);
/// Longest head of an answer that is read.
const MAX_HEAD: usize = 64 << 10;

/// Where posts go and what is written beside the body.
#[derive(Debug, Clone)]
pub struct Target {
    /// Address of the listener.
    pub address: SocketAddr,
    /// Path, for example `/v1/alerts/cpu`.
    pub path: String,
    /// Headers of the handler, for example `X-Kapacitor-Topic`; `Content-Type: application/json` is added.
    pub headers: Vec<(String, String)>,
}

impl Target {
    /// A target without headers of its own.
    #[must_use]
    pub fn new(address: SocketAddr, path: &str) -> Self {
        Self { address, path: path.to_owned(), headers: Vec::new() }
    }

    /// Adds a header, as `.header()` does.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What became of the posts of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Posts {
    /// Answered 2xx.
    pub taken: u64,
    /// Answered otherwise: logged by Kapacitor and forgotten.
    pub refused: u64,
    /// No answer within the limit, or no connection: logged and forgotten.
    pub failed: u64,
    /// Dropped because the queue was full.
    pub dropped: u64,
    /// Taken or refused without `Connection: close`: connections that Kapacitor would leave open for 90 s.
    pub left_open: u64,
}

impl std::ops::Add for Posts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            taken: self.taken + other.taken,
            refused: self.refused + other.refused,
            failed: self.failed + other.failed,
            dropped: self.dropped + other.dropped,
            left_open: self.left_open + other.left_open,
        }
    }
}

/// An answer, as far as Kapacitor looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Status code.
    pub status: u16,
    /// Whether the peer said that it closes the connection.
    pub closes: bool,
}

/// One handler: a queue and the one task that empties it.
#[derive(Debug)]
pub struct AlertPoster {
    queue: mpsc::Sender<Vec<u8>>,
    posts: Arc<Mutex<Posts>>,
    worker: AbortOnDropHandle<()>,
}

impl AlertPoster {
    /// Starts a handler. Dropping it forgets what is queued, as an exit of kapacitord does.
    #[must_use]
    pub fn start(target: Target) -> Self {
        let (queue, mut queued) = mpsc::channel::<Vec<u8>>(QUEUE);
        let posts = Arc::new(Mutex::new(Posts::default()));
        let counts = Arc::clone(&posts);
        let worker = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(body) = queued.recv().await {
                let answer = post(&target, &body).await;
                let mut posts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                match answer {
                    Ok(answer) => {
                        posts.left_open += u64::from(!answer.closes);
                        match answer.status {
                            200..=299 => posts.taken += 1,
                            _ => posts.refused += 1,
                        }
                    }
                    Err(_) => posts.failed += 1,
                }
            }
        }));
        Self { queue, posts, worker }
    }

    /// Queues one body; drops it when the queue is full.
    pub fn post(&self, body: Vec<u8>) {
        if self.queue.try_send(body).is_err() {
            self.posts.lock().unwrap_or_else(PoisonError::into_inner).dropped += 1;
        }
    }

    /// What became of the posts so far.
    #[must_use]
    pub fn posts(&self) -> Posts {
        *self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything queued was handled, as stopping a task does.
    pub async fn finish(self) -> Posts {
        let Self { queue, posts, worker } = self;
        drop(queue);
        // The worker ends with its queue; only a panic in it could make this an error.
        drop(worker.await);
        *posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes one post on a connection of its own.
///
/// # Errors
/// When there is no connection, or no answer within [`LIMIT`].
pub async fn post(target: &Target, body: &[u8]) -> std::io::Result<Answered> {
    let mut headers = target.headers.clone();
    headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    send(target.address, &request(target.address, &target.path, &headers, body)).await
}

/// The bytes of a request.
#[must_use]
pub fn request(address: SocketAddr, path: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut sorted: Vec<_> = headers.iter().collect();
    sorted::sort_by(&mut sorted, |one, other| one.0.cmp(&other.0));
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in sorted {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("Accept-Encoding: gzip\r\n\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Sends a whole request on a connection of its own and reads the head of the answer.
///
/// # Errors
/// When there is no connection, or no answer within [`LIMIT`].
pub async fn send(address: SocketAddr, request: &[u8]) -> std::io::Result<Answered> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        // Go writes through a 4 KiB buffer.
        for piece in request.chunks(4096) {
            stream.write_all(piece).await?;
        }
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if head.len() > MAX_HEAD || stream.read_buf(&mut head).await? == 0 {
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "no HTTP answer"));
            }
        }
        parse_head(&head).ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "no HTTP answer"))
    };
    tokio::time::timeout(LIMIT, exchange)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 30 s")))
}

fn parse_head(head: &[u8]) -> Option<Answered> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let closes = lines.any(|line| line.eq_ignore_ascii_case("connection: close"));
    Some(Answered { status, closes })
}
