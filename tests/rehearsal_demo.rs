//! The demo against a small stand-in for kaptap that echoes frames and makes the plainest events of what it gets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, helpers included")]

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use kaptap::kapacitor::proto::{self, request, response};
use kaptap::rehearsal::demo::{self, Daemon, Options, Own};
use kaptap::rehearsal::story::{Act, BURST, Story};
use kaptap::rehearsal::wire;
use prost::Message as _;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// The stand-in: everything it takes becomes an event on the channel.
#[derive(Clone)]
struct StandIn {
    events: broadcast::Sender<String>,
    ids: Arc<Mutex<HashSet<String>>>,
    /// Whether it keeps points.
    keeps: bool,
}

impl StandIn {
    fn tell(&self, kind: &str, lane: &str, mut event: Value) {
        event["kind"] = kind.into();
        event["origin"] = json!({ "lane": lane });
        self.events.send(event.to_string()).unwrap();
    }

    fn alert(&self, lane: &str, id: &str, level: &str, time: &str) {
        let state = if level == "OK" { "resolved" } else { "firing" };
        let mut event = json!({"alert": {
            "id": id, "level": level, "state": state, "fingerprint": id, "transition": "seen",
        }});
        if !self.ids.lock().unwrap().insert(format!("{id} {level} {time}")) {
            event["duplicate_of"] = 1.into();
        }
        self.tell("alert", lane, event);
    }

    fn frame(&self, frame: &[u8], alerts: &mut bool) -> Vec<u8> {
        let reply = |message| wire::framed(&proto::Response { message: Some(message) }.encode_to_vec());
        match proto::Request::decode(frame).unwrap().message.unwrap() {
            request::Message::Info(_) => reply(response::Message::Info(proto::InfoResponse::default())),
            request::Message::Init(init) => {
                *alerts = init.options.iter().any(|option| option.name == "alert");
                reply(response::Message::Init(proto::InitResponse { success: true, error: String::new() }))
            }
            request::Message::Snapshot(_) => reply(response::Message::Snapshot(proto::SnapshotResponse::default())),
            request::Message::Point(point) if *alerts => {
                self.alert("udf", &point.tags["alert_id"], &point.tags["alert_level"], &point.time.to_string());
                wire::framed(frame)
            }
            request::Message::Point(point) if self.keeps && !point.name.is_empty() => {
                self.tell("point", "udf", json!({}));
                wire::framed(frame)
            }
            request::Message::End(_) => {
                self.tell("batch", "udf", json!({}));
                wire::framed(frame)
            }
            _ => wire::framed(frame),
        }
    }

    async fn udf(self, mut stream: UnixStream) {
        let (mut input, mut alerts) = (Vec::new(), false);
        while stream.read_buf(&mut input).await.unwrap_or(0) > 0 {
            while let Some((length, used)) = wire::read_varint(&input).unwrap() {
                let end = used + usize::try_from(length).unwrap();
                if input.len() < end {
                    break;
                }
                let frame: Vec<u8> = input.drain(..end).skip(used).collect();
                stream.write_all(&self.frame(&frame, &mut alerts)).await.unwrap();
            }
        }
    }

    /// Listens on everything that the demo speaks to.
    async fn start(self, directory: PathBuf) -> Daemon {
        for name in ["stream.sock", "batch.sock"] {
            let listener = UnixListener::bind(directory.join(name)).unwrap();
            let stand_in = self.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(stand_in.clone().udf(stream));
                }
            });
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let router =
            Router::new().route("/v1/events", get(events)).route("/v1/alerts/{source}", post(take)).with_state(self);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Daemon { http, stream_socket: directory.join("stream.sock"), batch_socket: directory.join("batch.sock") }
    }
}

async fn take(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
    assert_eq!(headers["user-agent"], "Go-http-client/1.1");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let time: jiff::Timestamp = body["time"].as_str().unwrap().parse().unwrap();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    stand_in.alert("post", &text("id"), &text("level"), &time.as_nanosecond().to_string());
    let close = [("connection".parse().unwrap(), "close".parse().unwrap())];
    (StatusCode::NO_CONTENT, close.into_iter().collect())
}

async fn events(State(stand_in): State<StandIn>) -> Body {
    let mut events = stand_in.events.subscribe();
    let (mut writer, reader) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            if writer.write_all(format!("{event}\n").as_bytes()).await.is_err() {
                return;
            }
        }
    });
    Body::new(http_body_util::StreamBody::new(Lines(reader)))
}

/// A reader as a stream of body frames.
struct Lines(tokio::io::DuplexStream);

impl futures_core::Stream for Lines {
    type Item = std::io::Result<hyper::body::Frame<Bytes>>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let mut space = [0; 4096];
        let mut buffer = tokio::io::ReadBuf::new(&mut space);
        std::task::ready!(tokio::io::AsyncRead::poll_read(std::pin::Pin::new(&mut self.0), context, &mut buffer))?;
        let data = Bytes::copy_from_slice(buffer.filled());
        std::task::Poll::Ready((!data.is_empty()).then(|| Ok(hyper::body::Frame::data(data))))
    }
}

fn options(keep: bool) -> Options {
    let own = Own { stream_socket: "/run/kaptap/stream.sock".into(), http: "127.0.0.1:9192".to_owned() };
    Options { seed: 1, pace: 0.0, patience: Duration::from_secs(3), keep, colour: false, own }
}

/// Plays the demo against the stand-in; returns the summary, and everything printed.
async fn play(keeps: bool) -> (demo::Summary, String) {
    let directory = tempfile::tempdir().unwrap();
    let (events, _) = broadcast::channel(1 << 14);
    let stand_in = StandIn { events, ids: Arc::default(), keeps };
    let daemon = stand_in.start(directory.path().to_owned()).await;
    let mut out = Vec::new();
    let render = |event: &Value| event.to_string();
    let stop = CancellationToken::new();
    let options = options(false);
    let demo = demo::run(&options, &daemon, render, &mut out, &stop);
    let summary = tokio::time::timeout(Duration::from_mins(1), demo).await.unwrap().unwrap().unwrap();
    (summary, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn the_demo_plays_to_its_end_and_says_what_was_seen() {
    let (summary, out) = play(true).await;
    println!("{out}");
    assert_eq!(summary.lost(), 0, "{summary:?}");
    assert!(summary.played.echoed());
    assert!(summary.played.points > BURST.unsigned_abs());
    assert_eq!(summary.played.posts.left_open, 0);
    // All but the alert that the task deadman posts come by both lanes.
    assert_eq!(summary.seen.duplicates, summary.played.alert_points);
    assert_eq!(summary.played.posts.taken, summary.played.alert_points + 1);
    let open: Vec<_> = summary.seen.open.keys().map(String::as_str).collect();
    assert_eq!(open, ["cpu:host=cache-1", "host=cache-1:from1 for task 'deadman'"]);
    for text in
        ["lost           0", "equal: yes", "socket = \"/run/kaptap/stream.sock\"", "CRITICAL", "points not shown"]
    {
        assert!(out.contains(text), "{text:?} is missing");
    }
    assert!(out.lines().count() < 120, "{} lines", out.lines().count());
    // The frame is straight.
    let widths: HashSet<_> =
        out.lines().filter(|line| line.starts_with(['│', '┌', '└'])).map(|line| line.chars().count()).collect();
    assert_eq!(widths.len(), 1, "{out}");
}

#[tokio::test]
async fn what_is_missing_is_counted_as_lost() {
    let (summary, out) = play(false).await;
    assert_eq!(summary.lost(), summary.played.points);
    assert!(!out.contains("lost           0"));
}

#[tokio::test]
async fn the_demo_can_be_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let stand_in = StandIn { events: broadcast::channel(1 << 14).0, ids: Arc::default(), keeps: true };
    let daemon = stand_in.start(directory.path().to_owned()).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let mut out = Vec::new();
    let ended = demo::run(&options(true), &daemon, |event: &Value| event.to_string(), &mut out, &stop).await.unwrap();
    assert_eq!(ended, None);
}

#[tokio::test]
async fn nobody_there_is_one_sentence() {
    let daemon = Daemon {
        http: "127.0.0.1:1".parse().unwrap(),
        stream_socket: "/nonexistent/stream.sock".into(),
        batch_socket: "/nonexistent/batch.sock".into(),
    };
    let mut out = Vec::new();
    let render = |event: &Value| event.to_string();
    let error = demo::run(&options(false), &daemon, render, &mut out, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot follow the events");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn the_story_repeats_from_its_seed() {
    let story = Story::new(5, 1_000);
    assert_eq!(story, Story::new(5, 1_000));
    assert_ne!(story, Story::new(6, 1_000));
    assert!(story.steps().is_sorted_by_key(|step| step.at));
    let last = story.steps().last().unwrap().at;
    assert!(last > Duration::from_secs(12) && last < Duration::from_secs(18), "{last:?}");
    let hosts: HashSet<_> = story
        .steps()
        .iter()
        .filter_map(|step| match &step.act {
            Act::Point(point) if step.at > Duration::from_secs(7) => Some(point.tags["host"].as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(hosts, HashSet::from(["web-1", "web-2", "db-1"]), "one host has vanished");
}
