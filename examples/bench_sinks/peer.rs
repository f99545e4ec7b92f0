//! A webhook's peer that does one thing, over and over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What it does with every request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Manner {
    /// Takes it.
    Well,
    /// Takes it after this time.
    Slow(Duration),
    /// Answers 400.
    Refusing,
    /// Answers what is not HTTP.
    Garbled,
    /// Reads half of it and ends the connection.
    Cutting,
    /// Takes it, and is gone for half of every second.
    Restarting,
    /// Nobody listens.
    Dead,
}

/// A running peer.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Bytes of the bodies taken.
    pub(crate) taken: Arc<AtomicU64>,
    _listening: JoinSet<()>,
}

impl Peer {
    pub(crate) async fn start(manner: Manner) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, taken, mut listening) = (listener.local_addr()?, Arc::new(AtomicU64::new(0)), JoinSet::new());
        if manner != Manner::Dead {
            let count = Arc::clone(&taken);
            listening.spawn(listen(listener, manner, count));
        }
        Ok(Self { address, taken, _listening: listening })
    }
}

async fn listen(listener: TcpListener, manner: Manner, taken: Arc<AtomicU64>) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    loop {
        let Some(listening) = listener.take() else { return };
        let mut connections = JoinSet::new();
        let accepting = async {
            while let Ok((stream, _)) = listening.accept().await {
                connections.spawn(serve(stream, manner, Arc::clone(&taken)));
            }
        };
        if manner != Manner::Restarting {
            return accepting.await;
        }
        // It ends only by its time.
        drop(tokio::time::timeout(Duration::from_millis(500), accepting).await);
        drop((listening, connections));
        tokio::time::sleep(Duration::from_millis(500)).await;
        listener = TcpListener::bind(address).await.ok();
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, taken: Arc<AtomicU64>) {
    let mut buffer = Vec::with_capacity(1 << 20);
    while let Some((head, length)) = read_head(&mut stream, &mut buffer).await {
        let wanted = head + if manner == Manner::Cutting { length / 2 } else { length };
        while buffer.len() < wanted {
            if !stream.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
                return;
            }
        }
        let answer: &[u8] = match manner {
            Manner::Cutting => return,
            Manner::Refusing => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            Manner::Garbled => b"nothing of the kind\r\n\r\n",
            Manner::Slow(wait) => {
                tokio::time::sleep(wait).await;
                b"HTTP/1.1 204 No Content\r\n\r\n"
            }
            _ => b"HTTP/1.1 204 No Content\r\n\r\n",
        };
        taken.fetch_add(length as u64, Ordering::Relaxed);
        if stream.write_all(answer).await.is_err() {
            return;
        }
        buffer.drain(..wanted);
    }
}

/// Reads to the end of a head: its length, and that of the body.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(usize, usize)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(buffer.get(..end)?).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            return Some((end + 4, length.trim().parse().ok()?));
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
