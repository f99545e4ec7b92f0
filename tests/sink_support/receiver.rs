//! An HTTP peer that does what its script says: good, slow, full, broken, gone.

use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What is done with one request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Answers this, byte for byte, and goes on with the connection.
    Answer(String),
    /// Reads the request and never answers.
    Silence,
    /// Reads the head of the request and ends the connection.
    CutInRequest,
    /// Reads the request, and ends the connection without an answer.
    CutAfterTaking,
    /// Answers this, and ends the connection.
    AnswerAndCut(String),
}

/// An answer with a status, headers (each with its line end) and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Step {
    Step::Answer(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
}

pub(crate) fn ok() -> Step {
    answer("204 No Content", "", "")
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// First line.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Numbers of the events in an array.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.json().as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    }
}

/// Decides by the request when the script is at its end.
type Rule = Box<dyn Fn(&Request) -> Step + Send>;

struct State {
    script: VecDeque<Step>,
    rule: Rule,
    requests: Vec<Request>,
    connections: usize,
}

/// A running receiver; dropping it ends it with all its connections.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    /// Starts one that does the steps of the script and then takes everything.
    pub(crate) async fn start(script: impl IntoIterator<Item = Step>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), None, script).await
    }

    /// Starts one that does what the rule says.
    pub(crate) async fn by_rule(rule: impl Fn(&Request) -> Step + Send + 'static) -> Self {
        let receiver = Self::start([]).await;
        receiver.state.lock().unwrap().rule = Box::new(rule);
        receiver
    }

    pub(crate) async fn start_at(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        script: impl IntoIterator<Item = Step>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let rule: Rule = Box::new(|_| ok());
        let script = script.into_iter().collect();
        let state = Arc::new(Mutex::new(State { script, rule, requests: Vec::new(), connections: 0 }));
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&state);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                shared.lock().unwrap().connections += 1;
                let (state, tls) = (Arc::clone(&shared), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, &state).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &state).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, state, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) {
    while let Some((mut request, length)) = read_head(&mut stream).await {
        let early = matches!(state.lock().unwrap().script.front(), Some(Step::CutInRequest));
        if early {
            state.lock().unwrap().script.pop_front();
            return;
        }
        request.body = vec![0; length];
        if stream.read_exact(&mut request.body).await.is_err() {
            return;
        }
        let step = {
            let mut state = state.lock().unwrap();
            state.requests.push(request.clone());
            state.script.pop_front().unwrap_or_else(|| (state.rule)(&request))
        };
        match step {
            Step::Answer(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Step::AnswerAndCut(text) => {
                stream.write_all(text.as_bytes()).await.ok();
                stream.shutdown().await.ok();
                return;
            }
            Step::Silence => {
                // Until the client goes away.
                stream.read_to_end(&mut Vec::new()).await.ok();
                return;
            }
            Step::CutAfterTaking | Step::CutInRequest => return,
        }
    }
}

/// The head of a request and the length of its body.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<(Request, usize)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let request = Request { line, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    Some((request, length))
}

/// A proxy that only makes tunnels. Returns its address and what it was asked for.
pub(crate) async fn tunnel_proxy() -> (SocketAddr, Arc<Mutex<Vec<Request>>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    let seen = Arc::clone(&asked);
    tasks.spawn(async move {
        let mut tunnels = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (request, _) = read_head(&mut stream).await.unwrap();
            let target = request.line.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap().to_owned();
            seen.lock().unwrap().push(request);
            tunnels.spawn(async move {
                let mut peer = TcpStream::connect(target).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                tokio::io::copy_bidirectional(&mut stream, &mut peer).await.ok();
            });
        }
    });
    (address, asked, tasks)
}
