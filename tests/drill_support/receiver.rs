//! A webhook receiver in the test's own process, in any mood that a peer may be in.

use super::books::Book;
use kaptap::rehearsal::random::Random;
use serde_json::value::RawValue;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How it treats requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    /// Takes everything.
    Well,
    /// Takes most, and does all that is below for the rest.
    Wild,
    /// Takes everything, and is this long about it.
    Slow(Duration),
    /// Refuses every request with this text in it for good, and takes the others.
    Refusing(&'static str),
    /// Answers what is not HTTP.
    Garbled,
    /// Ends connections in the middle of a request, or after it, taken or not.
    Cutting,
    /// Answers nothing until its mood changes; then it ends the connection.
    Stuck,
}

struct State {
    book: Mutex<Book>,
    random: Mutex<Random>,
    mood: watch::Sender<Mood>,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    accepting: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start(seed: u64, mood: Mood) -> Self {
        let state =
            State { book: Mutex::default(), random: Mutex::new(Random::new(seed)), mood: watch::Sender::new(mood) };
        let address = "127.0.0.1:0".parse().unwrap();
        let mut receiver = Self { address, state: Arc::new(state), accepting: JoinSet::new() };
        receiver.up().await;
        receiver
    }

    /// Listens, again.
    pub(crate) async fn up(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let state = Arc::clone(&self.state);
        self.accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&state)));
                while connections.try_join_next().is_some() {}
            }
        });
    }

    /// Is not there any more, and all its connections are cut.
    pub(crate) async fn down(&mut self) {
        self.accepting.shutdown().await;
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        self.state.mood.send_replace(mood);
    }

    /// What came so far; it is taken out.
    pub(crate) fn book(&self) -> Book {
        std::mem::take(&mut *self.state.book.lock().unwrap())
    }

    /// How many events came so far.
    pub(crate) fn taken(&self) -> usize {
        self.state.book.lock().unwrap().len()
    }
}

impl State {
    fn take(&self, body: &[u8]) {
        let events: Vec<&RawValue> = serde_json::from_slice(body).unwrap();
        let mut book = self.book.lock().unwrap();
        for event in events {
            book.take(event.get().as_bytes());
        }
    }

    fn below(&self, bound: usize) -> usize {
        self.random.lock().unwrap().below(bound)
    }
}

const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\nnot this.";
const FAILED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
const GARBAGE: &[u8] = b"this is not HTTP\r\n\r\n";

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let (mut buffer, mut mood) = (Vec::new(), state.mood.subscribe());
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
        let mut now = *mood.borrow_and_update();
        if now == Mood::Wild {
            now = match state.below(100) {
                0..8 => Mood::Cutting,
                8..10 => Mood::Garbled,
                10..13 => Mood::Stuck,
                _ => Mood::Well,
            };
        }
        let cut = if now == Mood::Cutting { Some(state.below(3)) } else { None };
        if cut == Some(0) {
            return;
        }
        while buffer.len() < whole {
            if !stream.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
                return;
            }
        }
        let body = &buffer[head..whole];
        let answer = match now {
            Mood::Slow(wait) => {
                // The script of this peer: it is as slow as that.
                tokio::time::sleep(wait).await;
                TAKEN
            }
            Mood::Refusing(text) if String::from_utf8_lossy(body).contains(text) => REFUSED,
            Mood::Well | Mood::Wild | Mood::Refusing(_) => TAKEN,
            Mood::Garbled => GARBAGE,
            Mood::Cutting => {
                // Taken, but that is not said.
                if cut == Some(1) {
                    state.take(body);
                }
                return;
            }
            // One that is only now and then so is not for long.
            Mood::Stuck if *mood.borrow() == Mood::Wild => FAILED,
            Mood::Stuck => {
                drop(mood.changed().await);
                return;
            }
        };
        if answer == TAKEN {
            state.take(body);
        }
        if stream.write_all(answer).await.is_err() || answer == GARBAGE {
            return;
        }
        buffer.drain(..whole);
    }
}
