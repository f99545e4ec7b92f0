//! A Kapacitor API to test against, on a port of its own, without any runtime: threads and blocking sockets.
//!
//! ```ignore
//! mod kapacitor_support;
//! mod wait_support;
//! use kapacitor_support::{FakeKapacitor, Reply, state::Kapacitor};
//!
//! let fake = FakeKapacitor::recorded();             // answers what tests/recordings/api holds
//! let fake = FakeKapacitor::start(Kapacitor::default()); // answers from a state, wrong levels included
//! fake.state().collect("cpu", "a", "CRITICAL", time);    // changes that state
//! fake.state().restart();                           // as the real one: OK events gone, counts from 0, new UUIDs
//! fake.answers(|request| (request.path.ends_with("/ping")).then(|| Reply::status(500, "no"))); // a script on top
//! fake.answers_itself();                            // without the script again
//! fake.down(); fake.up();                           // the port closed, and open again
//! fake.requests();                                  // method and path of all requests so far
//! ```
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

pub mod recorded;
pub mod state;

use crate::wait_support::wait_until;
use state::Kapacitor;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A request, as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// As it was sent: escaped, with its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is done with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A whole answer.
    Answer { status: u16, version: String, body: Vec<u8> },
    /// The head of an answer, half of its body, and the end of the connection.
    Half { status: u16, body: Vec<u8> },
    /// Nothing for so long, then what follows.
    Late(Duration, Box<Reply>),
    /// The end of the connection.
    Cut,
    /// These bytes and the end of the connection.
    Bytes(Vec<u8>),
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Answer { status, version: "1.8.3".to_owned(), body: serde_json::to_vec_pretty(body).unwrap() }
    }

    /// An error as Kapacitor says it.
    pub fn status(status: u16, error: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": error, "message": error }))
    }
}

type Script = Box<dyn FnMut(&Request) -> Option<Reply> + Send>;

/// Answers when no script does.
enum Answers {
    Recorded,
    State,
}

struct Inner {
    answers: Answers,
    state: Mutex<Kapacitor>,
    script: Mutex<Option<Script>>,
    requests: Mutex<Vec<String>>,
    /// Open connections; `None` while it is down.
    open: Mutex<Option<Vec<TcpStream>>>,
}

/// A Kapacitor's API, until it is dropped.
pub struct FakeKapacitor {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeKapacitor {
    /// Answers what a real one answered once.
    pub fn recorded() -> Self {
        Self::begin(Answers::Recorded, Kapacitor::default())
    }

    /// Answers from a state.
    pub fn start(state: Kapacitor) -> Self {
        Self::begin(Answers::State, state)
    }

    fn begin(answers: Answers, state: Kapacitor) -> Self {
        let inner = Arc::new(Inner {
            answers,
            state: Mutex::new(state),
            script: Mutex::default(),
            requests: Mutex::default(),
            open: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        listen(&inner, listener);
        Self { address, inner }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its state, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, Kapacitor> {
        lock(&self.inner.state)
    }

    /// From now on the script answers first; what it gives `None` for is answered as before.
    pub fn answers(&self, script: impl FnMut(&Request) -> Option<Reply> + Send + 'static) {
        *lock(&self.inner.script) = Some(Box::new(script));
    }

    /// Without a script again.
    pub fn answers_itself(&self) {
        *lock(&self.inner.script) = None;
    }

    /// Method and path of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.inner.requests).clone()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        lock(&self.inner.requests).clear();
    }

    /// Closes the port and every connection.
    pub fn down(&self) {
        let open = lock(&self.inner.open).take();
        open.into_iter().flatten().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        // Wakes the thread that accepts, which then ends and closes the port.
        drop(TcpStream::connect(self.address));
        wait_until("the port is closed", || TcpStream::connect(self.address).err());
    }

    /// Opens the port again.
    pub fn up(&self) {
        listen(&self.inner, TcpListener::bind(self.address).unwrap());
    }
}

impl Drop for FakeKapacitor {
    fn drop(&mut self) {
        if lock(&self.inner.open).is_some() {
            self.down();
        }
    }
}

fn listen(inner: &Arc<Inner>, listener: TcpListener) {
    *lock(&inner.open) = Some(Vec::new());
    let inner = Arc::clone(inner);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            {
                let mut open = lock(&inner.open);
                let Some(open) = open.as_mut() else { return };
                open.push(stream.try_clone().unwrap());
            }
            let inner = Arc::clone(&inner);
            std::thread::spawn(move || serve(&inner, &stream));
        }
    });
}

fn serve(inner: &Inner, stream: &TcpStream) {
    stream.set_nodelay(true).ok();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        lock(&inner.requests).push(format!("{} {}", request.method, request.path));
        let scripted = lock(&inner.script).as_mut().and_then(|script| script(&request));
        let reply = scripted.unwrap_or_else(|| match inner.answers {
            Answers::Recorded => recorded::answer(&request),
            Answers::State => lock(&inner.state).answer(&request),
        });
        if !send(stream, reply) {
            stream.shutdown(Shutdown::Both).ok();
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let request = Request { method, path, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { body, ..request })
}

/// Whether the connection goes on.
fn send(mut stream: &TcpStream, reply: Reply) -> bool {
    let head = |status: u16, version: &str, length: usize| {
        format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json; charset=utf-8\r\nX-Kapacitor-Version: {version}\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    };
    match reply {
        Reply::Answer { status, version, body } => {
            // 204 has no length.
            let mut bytes = head(status, &version, body.len()).into_bytes();
            if status == 204 {
                bytes = format!("HTTP/1.1 204 No Content\r\nX-Kapacitor-Version: {version}\r\n\r\n").into_bytes();
            }
            bytes.extend(body);
            stream.write_all(&bytes).is_ok()
        }
        Reply::Half { status, body } => {
            let mut bytes = head(status, "1.8.3", body.len()).into_bytes();
            bytes.extend(&body[..body.len() / 2]);
            stream.write_all(&bytes).ok();
            false
        }
        Reply::Late(wait, then) => {
            // The script of this peer: it answers so late.
            std::thread::sleep(wait);
            send(stream, *then)
        }
        Reply::Cut => false,
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes).ok();
            false
        }
    }
}

/// Decodes `%xy`.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}
