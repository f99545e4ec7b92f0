//! A webhook receiver in the test's own process that often does not do what it should, until it is calmed.

use super::books::Book;
use kaptap::rehearsal::random::Random;
use serde_json::value::RawValue;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

struct State {
    book: Mutex<Book>,
    random: Mutex<Random>,
    is_calm: AtomicBool,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            book: Mutex::default(),
            random: Mutex::new(Random::new(seed)),
            is_calm: AtomicBool::new(false),
        });
        let mut accepting = JoinSet::new();
        let shared = Arc::clone(&state);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&shared)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, state, _accepting: accepting }
    }

    /// From now on it takes everything.
    pub(crate) fn calm(&self) {
        self.state.is_calm.store(true, Ordering::Relaxed);
    }

    /// What came so far; it is taken out.
    pub(crate) fn book(&self) -> Book {
        std::mem::take(&mut *self.state.book.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !stream.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
                return;
            }
        };
        let text = String::from_utf8(buffer[..head].to_vec()).unwrap().to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let whole = head + length.trim().parse::<usize>().unwrap();
        let dice = if state.is_calm.load(Ordering::Relaxed) { 100 } else { state.random.lock().unwrap().below(100) };
        if dice < 3 {
            // In the middle of the request.
            return;
        }
        while buffer.len() < whole {
            if !stream.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
                return;
            }
        }
        let answer: &[u8] = match dice {
            3..6 => b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
            6..8 => b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            8..10 => b"this is not HTTP\r\n\r\n",
            _ => {
                let events: Vec<&RawValue> = serde_json::from_slice(&buffer[head..whole]).unwrap();
                let mut book = state.book.lock().unwrap();
                for event in events {
                    book.take(event.get().as_bytes());
                }
                // Taken, but that is not said.
                if (10..15).contains(&dice) {
                    return;
                }
                b"HTTP/1.1 204 No Content\r\n\r\n"
            }
        };
        if stream.write_all(answer).await.is_err() || (6..10).contains(&dice) {
            return;
        }
        buffer.drain(..whole);
    }
}
