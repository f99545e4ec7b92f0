//! Reading the events of several kaptaps from one stream: `GET /v1/events` with `[read] from = "nats"`, and
//! `kaptap tail --nats`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod peers;
mod stream_support;
mod support;
mod wait_support;

use kaptap::rehearsal::poster::{Target, post};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use stream_support::{Server, Tail, run};
use support::{Kaptap, PATIENCE};
use tempfile::TempDir;
use wait_support::wait_until_async;

/// Kaptaps that publish to one stream, and one that reads it.
struct Rig {
    server: Server,
    publishers: Vec<(TempDir, Kaptap)>,
    reader: Kaptap,
    _directory: TempDir,
}

impl Rig {
    async fn start(publishers: usize) -> Option<Self> {
        let server = Server::start()?;
        server.create(Duration::from_mins(2)).await;
        let mut started = Vec::new();
        for number in 0..publishers {
            let directory = tempfile::tempdir().unwrap();
            let more = format!("scope = \"s{number}\"\n{}", server.sink(""));
            let kaptap = Kaptap::start(directory.path(), &more).await;
            started.push((directory, kaptap));
        }
        let directory = tempfile::tempdir().unwrap();
        let reader = Kaptap::start(directory.path(), &server.read()).await;
        Some(Self { server, publishers: started, reader, _directory: directory })
    }

    /// Posts an alert to a publisher and waits until it is the last of `place` messages in the stream.
    async fn publish(&self, publisher: usize, name: &str, second: u64, place: usize) {
        let kaptap = &self.publishers[publisher].1;
        let time = format!("2020-11-22T10:00:{second:02}Z");
        let body = format!(
            r#"{{"id":"{name}","message":"{name} is CRITICAL","details":"","time":"{time}","duration":0,"level":"CRITICAL","data":{{"series":[]}}}}"#
        );
        let target = Target::new(kaptap.addresses.http, "/v1/alerts/test");
        assert_eq!(post(&target, body.as_bytes()).await.unwrap().status, 204);
        self.server.stores(place).await;
    }

    /// Five events, one after another, of two publishers: a, b, c, d, e.
    async fn publish_five(&self) {
        for (place, (name, publisher)) in [("a", 0), ("b", 1), ("c", 0), ("d", 1), ("e", 0)].into_iter().enumerate() {
            self.publish(publisher, name, place as u64, place + 1).await;
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        get(self.reader.addresses.http, path).await
    }

    /// Names of the alerts that a query gives.
    async fn names(&self, query: &str) -> String {
        let (status, body) = self.get(&format!("/v1/events?{query}")).await;
        assert_eq!(status, 200, "{query}: {body}");
        names(body.lines())
    }

    async fn stop(self) {
        for (_, kaptap) in self.publishers {
            kaptap.stop().await;
        }
        self.reader.stop().await;
    }
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let path = path.to_owned();
    let (status, body) = tokio::task::spawn_blocking(move || support::get(address, &path)).await.unwrap().unwrap();
    (status, String::from_utf8(body).unwrap())
}

fn name(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    match &event["gap"] {
        Value::Null => event["alert"]["id"].as_str().unwrap().to_owned(),
        gap => format!("[{}-{} {}]", gap["first_seq"], gap["last_seq"], gap["reason"].as_str().unwrap()),
    }
}

fn names<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(name).collect()
}

/// A request that is answered with server-sent events, read line by line.
struct Sse(BufReader<TcpStream>);

impl Sse {
    fn open(address: SocketAddr, query: &str, more: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("GET /v1/events?{query} HTTP/1.0\r\nHost: t\r\nAccept: text/event-stream\r\n{more}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut this = Self(BufReader::new(stream));
        let head: Vec<String> = std::iter::from_fn(|| Some(this.line()).filter(|line| !line.is_empty())).collect();
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("kaptap-positions: stream")), "{head:?}");
        this
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the answer ended");
        line.trim_end().to_owned()
    }

    /// The next event: its id and its alert's name; what is no event in between.
    fn event(&mut self) -> (u64, String, Vec<String>) {
        let (mut id, mut between) = (0, Vec::new());
        loop {
            let line = self.line();
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.parse().unwrap();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (id, name(data), between);
            } else if line.starts_with(':') {
                between.push(line);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_read_by_their_places_in_the_stream() {
    let Some(rig) = Rig::start(2).await else { return };
    assert_eq!(rig.names("").await, "");
    rig.publish_five().await;
    for (query, expected) in [
        ("", "abcde"),
        ("since=0", "abcde"),
        ("since=3", "cde"),
        ("since=2&until=4", "bcd"),
        ("until=0", ""),
        ("since=6", ""),
        ("since=9&until=12", "[6-8 never_given]"),
        ("limit=2", "ab"),
        ("last=2", "de"),
        ("last=2&until=3", "bc"),
        ("last=4&since=4", "de"),
        ("last=9", "abcde"),
        ("last=3&limit=1", "c"),
        ("since=1h", "abcde"),
        ("until=1h", ""),
        ("filter=alert.id%20in%20[%22b%22,%22e%22]", "be"),
        ("last=1&filter=alert.id%20!=%20%22e%22", "d"),
        ("filter=kind==%22point%22", ""),
    ] {
        assert_eq!(rig.names(query).await, expected, "{query}");
    }
    // Times are those at which the server stored a message.
    let stream = stream_of(&rig.server).await;
    let (third, fifth) = (time_of(&stream, 3).await, time_of(&stream, 5).await);
    assert_eq!(rig.names(&format!("since={third}")).await, "cde");
    assert_eq!(rig.names(&format!("until={third}")).await, "ab");
    assert_eq!(rig.names(&format!("since={third}&until={fifth}")).await, "cd");
    assert_eq!(rig.names(&format!("until={fifth}&last=3")).await, "bcd");
    assert_eq!(rig.names(&format!("since={third}&last=9")).await, "cde");

    // Byte for byte what was published; its seq is that of the journal it was written from.
    let body = rig.get("/v1/events?since=4&until=4").await.1;
    let message = stream.get_raw_message(4).await.unwrap();
    assert_eq!(body.trim_end().as_bytes(), &message.payload[..]);
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_ne!(event["seq"], 4);
    let id = event["id"].as_str().unwrap();
    assert_eq!(rig.get(&format!("/v1/events/{id}")).await, (200, body.trim_end().to_owned()));
    assert_eq!(rig.get("/v1/events/4").await, (200, body.trim_end().to_owned()));
    assert_eq!(rig.get("/v1/events/6").await.0, 404);
    assert_eq!(rig.get(&format!("/v1/events/{}", "0".repeat(32))).await.0, 404);
    for path in ["/v1/events?raw=1", "/v1/events/4?raw=1", "/v1/events?since=soon", "/v1/events/x"] {
        assert_eq!(rig.get(path).await.0, 400, "{path}");
    }
    rig.stop().await;
}

async fn stream_of(server: &Server) -> async_nats::jetstream::stream::Stream {
    server.jetstream().await.get_stream("KAPTAP").await.unwrap()
}

async fn time_of(stream: &async_nats::jetstream::stream::Stream, sequence: u64) -> String {
    let time = stream.get_raw_message(sequence).await.unwrap().time.unix_timestamp_nanos();
    jiff::Timestamp::from_nanosecond(time).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_has_no_more_is_a_gap() {
    let Some(rig) = Rig::start(1).await else { return };
    for place in 1..=6 {
        rig.publish(0, &"abcdef"[place - 1..place], place as u64, place).await;
    }
    let stream = stream_of(&rig.server).await;
    stream.purge().sequence(3).await.unwrap();
    stream.delete_message(5).await.unwrap();
    assert_eq!(rig.names("").await, "cd[5-5 removed]f", "the beginning is wherever it is by now");
    assert_eq!(rig.names("since=2").await, "[2-2 retention]cd[5-5 removed]f");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_sent_events_go_on_where_they_were() {
    let Some(mut rig) = Rig::start(2).await else { return };
    rig.publish_five().await;
    let address = rig.reader.addresses.http;
    let mut sse = tokio::task::spawn_blocking(move || Sse::open(address, "since=4&follow=1", "")).await.unwrap();
    let mut next = || {
        let (id, name, between) = sse.event();
        (id, name, between.len())
    };
    assert_eq!([next(), next()], [(4, "d".to_owned(), 0), (5, "e".to_owned(), 0)]);
    rig.publish(1, "f", 10, 6).await;
    assert_eq!(next(), (6, "f".to_owned(), 0));

    // The server goes: who comes is told so at once, who follows is told with the next sign of life.
    rig.server.kill();
    let refused = wait_until_async("who comes is told so", async || {
        let answer = rig.get("/v1/events").await;
        // A question that was under way when it went is answered with what became of it.
        if answer.0 == 503 && answer.1.contains(&rig.server.url()) { Ok(answer.1) } else { Err(answer) }
    });
    let refused = refused.await;
    assert!(refused.starts_with("events are read from NATS, which cannot be read now: "), "{refused}");
    assert_eq!(rig.get("/v1/events/1").await.0, 503);
    assert_eq!(rig.get("/v1/alerts").await.0, 200, "what is its own is served all the same");
    let waiting = tokio::task::spawn_blocking(move || {
        let line = std::iter::from_fn(|| Some(sse.line())).find(|line| line.starts_with(": ")).unwrap();
        (sse, line)
    });
    let (mut sse, line) = waiting.await.unwrap();
    assert!(line.starts_with(": waiting for NATS: "), "{line}");

    rig.server.revive();
    rig.publish(0, "g", 11, 7).await;
    let (id, name, _) = tokio::task::block_in_place(|| sse.event());
    assert_eq!((id, name.as_str()), (7, "g"));
    drop(sse);

    // Another connection, as a browser makes it.
    let mut sse = tokio::task::block_in_place(|| Sse::open(address, "follow=1&since=1", "Last-Event-ID: 5\r\n"));
    assert_eq!(tokio::task::block_in_place(|| sse.event()).0, 6);
    let mut rest = String::new();
    let mut ended = tokio::task::block_in_place(|| Sse::open(address, "", "Last-Event-ID: 6\r\n"));
    tokio::task::block_in_place(|| ended.0.read_to_string(&mut rest)).unwrap();
    assert!(rest.starts_with("id: 7\nevent: alert\ndata: {"), "{rest}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_follows_through_a_restart_of_the_server() {
    let Some(mut rig) = Rig::start(2).await else { return };
    rig.publish_five().await;
    let url = rig.server.url();
    let tail = ["tail", "--nats", &url];
    let mut following = Tail::start(&[&tail[..], &["--since", "3"]].concat());
    let lines = following.lines(4).await;
    assert!(lines[0].starts_with("── "), "the day: {lines:?}");
    assert_eq!(lines[1], "10:00:02.000 CRITICAL test  opened  c is CRITICAL");
    assert!(lines[3].ends_with("e is CRITICAL"), "{lines:?}");
    let filtered = ["--since", "5", "--json", "--filter", "alert.id != \"f\"", "--subject", "kaptap.alert"];
    let mut new = Tail::start(&[&tail[..], &filtered].concat());
    // It is connected once this is there.
    assert_eq!(names(new.lines(1).await.iter().map(String::as_str)), "e");

    rig.server.kill();
    rig.server.revive();
    rig.publish(0, "f", 10, 6).await;
    assert!(following.lines(1).await[0].ends_with("f is CRITICAL"));
    rig.publish(1, "g", 11, 7).await;
    assert!(following.lines(1).await[0].ends_with("g is CRITICAL"));
    assert_eq!(names(new.lines(1).await.iter().map(String::as_str)), "g");
    for tail in [following, new] {
        let (more, said) = tail.end();
        assert_eq!(more, Vec::<String>::new());
        // A restart as quick as this one may pass unseen, between two looks of the client library.
        assert_eq!(said.matches("; trying again\n").count(), said.matches(&format!("reading {url} again\n")).count());
    }

    let once = |more: &[&str]| {
        let arguments: Vec<String> =
            tail.iter().chain(&["--json", "--no-follow"]).chain(more).map(|&a| a.to_owned()).collect();
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let (code, lines, said) = run(&arguments).await;
            assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
            names(lines.iter().map(String::as_str))
        }
    };
    assert_eq!(once(&[]).await, "abcdefg");
    assert_eq!(once(&["--since", "2", "--until", "3"]).await, "bc");
    assert_eq!(once(&["--since", "1h"]).await, "abcdefg");
    assert_eq!(once(&["--until", "1h"]).await, "");
    assert_eq!(once(&["-n", "2"]).await, "fg");
    assert_eq!(once(&["-n", "1", "--filter", "alert.id < \"d\""]).await, "c");
    assert_eq!(once(&["--subject", "kaptap.point"]).await, "");

    // Through a kaptap that reads the stream it is the same.
    let http = format!("http://{}", rig.reader.addresses.http);
    let (_, lines, _) = run(&["tail", "--url", &http, "--json", "--no-follow", "--since", "6"]).await;
    assert_eq!(names(lines.iter().map(String::as_str)), "fg");
    let mut following = Tail::start(&["tail", "--url", &http, "--json", "--since", "7"]);
    following.lines(1).await;
    rig.publish(0, "h", 12, 8).await;
    assert_eq!(names(following.lines(1).await.iter().map(String::as_str)), "h");
    following.end();
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said() {
    let check = |arguments: &[&str], code: i32, sentence: &str| {
        let (arguments, sentence) = (arguments.iter().map(|&a| a.to_owned()).collect::<Vec<_>>(), sentence.to_owned());
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let (found, lines, said) = run(&arguments).await;
            assert_eq!((found, lines.len()), (Some(code), 0), "{arguments:?}: {said}");
            assert!(said.contains(&sentence), "{said}\nhas not\n{sentence}");
            assert!(!said.contains("secret"), "{said}");
        }
    };
    let nobody = format!("nats://me:secret@{}", peers::free_address());
    check(&["tail", "--nats", &nobody], 1, "(is it running?)").await;
    check(&["tail", "--nats", "ws://127.0.0.1"], 2, "--nats is not a list of NATS servers").await;
    check(&["tail", "--nats", &nobody, "--stream", "a.b"], 2, "\"a.b\" cannot name a stream").await;
    check(&["tail", "--nats", &nobody, "--subject", "a..b"], 2, "cannot be subscribed to").await;
    check(&["tail", "--nats", &nobody, "--filter", "kind =="], 2, "the filter is not good").await;
    check(&["tail", "--nats", &nobody, "--ca-file", "/nowhere/ca.pem"], 2, "cannot read /nowhere/ca.pem").await;
    check(&["tail", "--stream", "X"], 2, "--nats").await;
    let Some(server) = Server::start() else { return };
    check(&["tail", "--nats", &server.url()], 1, "there is no stream KAPTAP on this server").await;

    let directory = tempfile::tempdir().unwrap();
    let reader = Kaptap::start(directory.path(), &server.read()).await;
    let (status, body) = get(reader.addresses.http, "/v1/events?follow=1").await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("there is no stream KAPTAP"), "{body}");
    reader.stop().await;
}
