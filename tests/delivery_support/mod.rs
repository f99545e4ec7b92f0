//! A whole kaptap whose sinks are scripted peers in the test's own memory.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use crate::support::{PATIENCE, alert_body, configuration, get};
use crate::wait_support::wait_until_async;
use kaptap::app::{App, Build, ReloadError, Reloader};
use kaptap::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Reason, Sink};
use kaptap::event::json;
use kaptap::intake::Intake;
use kaptap::journal::Disk;
use kaptap::rehearsal::poster;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Says what becomes of an event.
type Answer = Box<dyn FnMut(&Value) -> Outcome + Send>;

/// What a peer was sent and answers.
pub(crate) struct Inner {
    /// Events taken, with whether they came as a replay.
    pub(crate) taken: Vec<(Value, bool)>,
    /// Sizes of the batches.
    pub(crate) batches: Vec<usize>,
    answer: Answer,
    /// No delivery ends while this is set.
    hangs: watch::Sender<bool>,
    /// Alerts that it says it could not remember.
    pub(crate) forgotten: u64,
    pub(crate) closed: bool,
}

/// A scripted peer.
#[derive(Clone)]
pub(crate) struct Peer(Arc<Mutex<Inner>>);

impl Peer {
    fn new() -> Self {
        let answer: Answer = Box::new(|_| Outcome::Delivered);
        let hangs = watch::Sender::new(false);
        let inner = Inner { taken: Vec::new(), batches: Vec::new(), answer, hangs, forgotten: 0, closed: false };
        Self(Arc::new(Mutex::new(inner)))
    }

    pub(crate) fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Some tests make it panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on no delivery ends, or all go on.
    pub(crate) fn hangs(&self, hangs: bool) {
        self.inner().hangs.send_replace(hangs);
    }

    /// From now on it answers so.
    pub(crate) fn answers(&self, answer: impl FnMut(&Value) -> Outcome + Send + 'static) {
        self.inner().answer = Box::new(answer);
    }

    /// What it has taken, by alert id and then seq.
    pub(crate) fn taken(&self) -> Vec<(String, u64)> {
        let inner = self.inner();
        inner.taken.iter().map(|(event, _)| (alert_id(event), event["seq"].as_u64().unwrap())).collect()
    }

    /// Waits until it has taken so many.
    pub(crate) async fn takes(&self, count: usize) -> Vec<(String, u64)> {
        wait_until_async("events taken", async || Some(self.taken()).filter(|taken| taken.len() >= count)).await
    }
}

pub(crate) fn alert_id(event: &Value) -> String {
    event["alert"]["id"].as_str().unwrap_or_default().to_owned()
}

struct Scripted(Peer);

impl Sink for Scripted {
    fn limits(&self) -> Limits {
        Limits { events: 100, bytes: 1 << 20 }
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async {
            // It hangs for as long as the test wants, and holds no lock meanwhile.
            let mut hangs = self.0.inner().hangs.subscribe();
            drop(hangs.wait_for(|hangs| !hangs).await);
            let mut inner = self.0.inner();
            inner.batches.push(batch.events.len());
            let mut stopped = false;
            let mut outcome = |event| {
                let mut text = Vec::new();
                json::write(event, false, &mut text);
                let event: Value = serde_json::from_slice(&text).unwrap();
                if stopped {
                    return retry(Reason::PeerFailed);
                }
                let outcome = (inner.answer)(&event);
                match outcome {
                    Outcome::Delivered | Outcome::Duplicate => inner.taken.push((event, batch.replay)),
                    // As a sink that sends one after another.
                    Outcome::Retry { .. } => stopped = true,
                    Outcome::Reject { .. } => {}
                }
                outcome
            };
            batch.events.iter().map(&mut outcome).collect()
        })
    }

    fn preview(&self, _: &Batch<'_>) -> Result<String, String> {
        Err("not here".to_owned())
    }

    fn forgotten(&self) -> u64 {
        self.0.inner().forgotten
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.0.inner().closed = true;
        Box::pin(std::future::ready(()))
    }
}

pub(crate) fn retry(reason: Reason) -> Outcome {
    Outcome::Retry { after: None, reason, error: "not now".to_owned() }
}

pub(crate) fn reject() -> Outcome {
    Outcome::Reject { reason: Reason::Refused, error: "never".to_owned(), response: Some("no".to_owned()) }
}

/// The peers of a test, by name of the sink.
#[derive(Clone, Default)]
pub(crate) struct Peers(Arc<Mutex<HashMap<String, Peer>>>);

impl Peers {
    pub(crate) fn get(&self, name: &str) -> Peer {
        self.0.lock().unwrap().entry(name.to_owned()).or_insert_with(Peer::new).clone()
    }

    fn build(&self) -> Build {
        let peers = self.clone();
        Arc::new(move |settings| {
            let name = &settings.options.name;
            if name.starts_with("broken") {
                return Err("it is broken".into());
            }
            Ok(Box::new(Scripted(peers.get(name))))
        })
    }
}

/// A whole kaptap in this process.
pub(crate) struct Rig {
    pub(crate) http: SocketAddr,
    pub(crate) intake: Intake,
    pub(crate) stream_socket: PathBuf,
    pub(crate) peers: Peers,
    directory: PathBuf,
    reloader: Reloader,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// One scripted sink, with short waits, and more keys.
pub(crate) fn sink(name: &str, more: &str) -> String {
    format!(
        "[[sink]]\nname = \"{name}\"\ntype = \"stdout\"\nbatch_age = \"1ms\"\nretry_min = \"10ms\"\nretry_max = \"40ms\"\n{more}\n"
    )
}

/// Several of them: names and more keys.
pub(crate) fn sinks<const COUNT: usize>(sinks: [(&str, &str); COUNT]) -> String {
    sinks.map(|(name, more)| sink(name, more)).concat()
}

impl Rig {
    pub(crate) async fn start(directory: &Path, more: &str, peers: &Peers) -> Self {
        Self::try_start(directory, more, peers).await.unwrap()
    }

    /// Starts one, or says why not.
    pub(crate) async fn try_start(directory: &Path, more: &str, peers: &Peers) -> Result<Self, String> {
        let config = configuration(directory, more);
        let app = App::bind_with(config, Arc::new(Disk::default()), peers.build()).await;
        let app = app.map_err(|error| kaptap::cli::chain(&error))?;
        let (addresses, intake, reloader) = (app.addresses().clone(), app.intake().clone(), app.reloader().clone());
        let (stop, peers) = (CancellationToken::new(), peers.clone());
        let until = stop.clone();
        let running = tokio::spawn(async move { app.run(until).await.unwrap() });
        let (http, stream_socket, directory) = (addresses.http, addresses.stream_socket, directory.to_owned());
        Ok(Self { http, intake, stream_socket, peers, directory, reloader, stop, running })
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    pub(crate) async fn reload(&self, more: &str) -> Result<Vec<&'static str>, ReloadError> {
        let mut config = configuration(&self.directory, more);
        // The port was free, and is ours now.
        config.http.listen = "127.0.0.1:0".parse().unwrap();
        self.reloader.reload(config).await
    }

    /// Posts an alert; it is kept when this returns.
    pub(crate) async fn post(&self, id: &str, level: &str, second: u64) {
        let target = poster::Target::new(self.http, "/v1/alerts/test");
        let answer = poster::post(&target, &alert(id, level, second)).await.unwrap();
        assert_eq!(answer.status, 204);
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let (address, path) = (self.http, path.to_owned());
        let (status, body) = tokio::task::spawn_blocking(move || get(address, &path)).await.unwrap().unwrap();
        (status, String::from_utf8(body).unwrap())
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) async fn lines(&self, path: &str) -> Vec<Value> {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A request with another method and no body.
    pub(crate) async fn act(&self, method: &str, path: &str, token: &str) -> (u16, String) {
        let address = self.http;
        let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let request = format!("{method} {path} HTTP/1.0\r\nHost: t\r\n{authorization}Content-Length: 0\r\n\r\n");
        let ask = move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// One sink, as `GET /v1/sinks` says it.
    pub(crate) async fn sink(&self, name: &str) -> Value {
        let sinks = self.json("/v1/sinks").await;
        let found = sinks.as_array().unwrap().iter().find(|sink| sink["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {sinks}")).clone()
    }

    /// Waits until a sink is as wanted.
    pub(crate) async fn sink_becomes(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_until_async("a sink becomes as wanted", async || Some(self.sink(name).await).filter(&wanted)).await
    }
}

/// One that was well before.
pub(crate) fn alert(id: &str, level: &str, second: u64) -> Vec<u8> {
    alert_body(id, level, "OK", second)
}
