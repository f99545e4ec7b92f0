//! Two Kapacitors that evaluate the same data, each with its own kaptap, one stream: one message per transition.
//!
//! Both kaptaps take each alert twice, by POST and through a UDF. One of them is a process that is killed; the others, and
//! the reader, run in this process. The nats-server is a real one.
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

use kaptap::rehearsal::alert_node::{AlertNode, Raised, Rule, Server as Identity};
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::poster::{Target, post};
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer};
use kaptap::rehearsal::wire;
use kaptap::words::Level;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use stream_support::{Server, Tail, run};
use support::{Kaptap, Process};
use tempfile::TempDir;
use wait_support::wait_until_async;

const SECOND: i64 = 1_000_000_000;
const BEGIN: i64 = 1_795_000_000 * SECOND;
const HOSTS: [&str; 5] = ["web-1", "web-2", "web-3", "db-1", "db-2"];
const SCOPE: &str = "scope = \"pair\"\n";

/// One of the pair: a Kapacitor with its kaptap.
struct Member {
    name: &'static str,
    directory: TempDir,
    node: AlertNode,
    kaptap: Option<Running>,
    udf: Option<UdfPeer>,
}

/// A kaptap, in this process or as one of its own that can be killed.
enum Running {
    Here(Kaptap),
    Child(Process),
}

impl Running {
    fn http(&self) -> SocketAddr {
        match self {
            Self::Here(kaptap) => kaptap.addresses.http,
            Self::Child(process) => process.http,
        }
    }

    fn stream_socket(&self) -> PathBuf {
        match self {
            Self::Here(kaptap) => kaptap.addresses.stream_socket.clone(),
            Self::Child(process) => process.stream_socket(),
        }
    }

    async fn events(&self, query: &str) -> Vec<Value> {
        let (address, path) = (self.http(), format!("/v1/events?since=0{query}"));
        tokio::task::spawn_blocking(move || support::lines(address, &path)).await.unwrap()
    }
}

impl Member {
    /// A Kapacitor whose kaptap does not run yet.
    fn new(name: &'static str) -> Self {
        let rule = Rule::above("usage").at(Level::Warning, 70.0).at(Level::Critical, 90.0);
        let id = |number: u8| format!("5a3c1b52-0000-4000-8000-0000000000{number:02x}");
        let number = name.as_bytes()[0];
        let identity = Identity { host: format!("kap-{name}"), cluster: id(number), server: id(number + 16) };
        let node = AlertNode::new("cpu_alert", rule).server(identity);
        Self { name, directory: tempfile::tempdir().unwrap(), node, kaptap: None, udf: None }
    }

    async fn start(&mut self, configuration: &str) {
        let kaptap = Kaptap::start(self.directory.path(), &format!("{SCOPE}{configuration}")).await;
        self.connect(Running::Here(kaptap)).await;
    }

    /// The same as a process of its own.
    async fn start_child(&mut self, configuration: &str) {
        let (directory, configuration) = (self.directory.path().to_owned(), format!("{SCOPE}{configuration}"));
        let starting = tokio::task::spawn_blocking(move || Process::start_with(&directory, None, &configuration));
        self.connect(Running::Child(starting.await.unwrap())).await;
    }

    async fn connect(&mut self, kaptap: Running) {
        let mut udf = UdfPeer::connect(&kaptap.stream_socket(), &Settings::stream()).await.unwrap();
        let options = vec![wire::flag("alert", true)];
        assert!(udf.init("cpu_alert", "kaptap3", options).await.unwrap().success);
        (self.kaptap, self.udf) = (Some(kaptap), Some(udf));
    }

    /// Stops the kaptap, or kills it; its Kapacitor goes on, and nothing it raises meanwhile comes here.
    async fn stop(&mut self) {
        match self.kaptap.take().unwrap() {
            Running::Here(kaptap) => {
                drop(self.udf.take());
                kaptap.stop().await;
            }
            Running::Child(process) => {
                process.kill();
                drop(self.udf.take());
            }
        }
    }

    /// Evaluates a point, and sends what comes of it in both lanes. When this returns the post is kept.
    async fn evaluate(&mut self, host: &str, second: i64, usage: f64, udf_first: bool) -> Option<Raised> {
        let point =
            Point::new("cpu", BEGIN + second * SECOND).tag("host", host).field("usage", usage).group_by(&["host"]);
        let raised = self.node.point(&point)?;
        let Some(kaptap) = &self.kaptap else { return Some(raised) };
        let target = Target::new(kaptap.http(), "/v1/alerts/cpu");
        let udf = self.udf.as_mut().unwrap();
        if udf_first {
            udf.send_point(&raised.point).await.unwrap();
        }
        assert_eq!(post(&target, raised.body.as_ref().unwrap()).await.unwrap().status, 204, "{}", self.name);
        if !udf_first {
            udf.send_point(&raised.point).await.unwrap();
        }
        Some(raised)
    }

    /// Ids of the alert events that this kaptap has kept, each once.
    async fn kept(&self) -> BTreeSet<String> {
        ids(&self.kaptap.as_ref().unwrap().events("&filter=kind==%22alert%22").await).into_iter().collect()
    }
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// What the load of a host is in a second; long enough a story to open, escalate, repeat and resolve often.
fn usage(host: usize, second: i64) -> f64 {
    [10.0, 75.0, 95.0, 95.0, 80.0, 20.0, 10.0, 99.0][(usize::try_from(second).unwrap() + host) % 8]
}

/// Times of the events by alert, in the order of the events.
fn times(events: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events {
        let alert = event["alert"]["id"].as_str().unwrap_or_else(|| panic!("{event}"));
        found.entry(alert.to_owned()).or_default().push(event["time"].as_str().unwrap().to_owned());
    }
    found
}

/// Checks that each of the expected ids is there once, and the events of each alert in their order.
#[track_caller]
fn check_once_in_order(events: &[Value], expected: &BTreeSet<String>, who: &str) {
    let found = ids(events);
    assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len(), "{who}: an event came twice");
    assert_eq!(&found.into_iter().collect::<BTreeSet<_>>(), expected, "{who}");
    for (alert, times) in times(events) {
        assert!(times.is_sorted(), "{who}: {alert} is out of order: {times:?}");
    }
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_yields_one_message_per_transition() {
    let Some(server) = Server::start() else { return };
    let (mut a, mut b) = (Member::new("a"), Member::new("b"));
    let reader_directory = tempfile::tempdir().unwrap();
    let reader = Kaptap::start(reader_directory.path(), &server.read()).await;
    let sink = server.sink("");
    a.start(&sink).await;
    b.start_child(&sink).await;

    let mut raised = BTreeSet::new();
    let mut follower = None;
    for second in 0..60 {
        // b's kaptap is killed while it delivers, twice. The first time it is away for a while, and misses what its
        // Kapacitor raises meanwhile.
        if second == 20 || second == 45 {
            b.stop().await;
        }
        if second == 35 || second == 45 {
            b.start_child(&sink).await;
        }
        for (number, host) in HOSTS.iter().enumerate() {
            let (usage, b_first) = (usage(number, second), (second + i64::try_from(number).unwrap()) % 3 == 0);
            // Now the one is first, now the other; now the one lane, now the other.
            let (first, last) = if b_first { (&mut b, &mut a) } else { (&mut a, &mut b) };
            let one = first.evaluate(host, second, usage, second % 2 == 0).await;
            let other = last.evaluate(host, second, usage, second % 2 == 1).await;
            assert_eq!(
                one.as_ref().map(|one| (&one.id, one.level, one.time)),
                other.as_ref().map(|o| (&o.id, o.level, o.time))
            );
            raised.extend(one.map(|one| (one.id, one.time)));
        }
        if second == 10 {
            let url = server.url();
            follower = Some(Tail::start(&["tail", "--nats", &url, "--since", "0", "--json"]));
        }
    }
    let expected = a.kept().await;
    assert_eq!(expected.len(), raised.len(), "a has everything");
    let of_b = b.kept().await;
    assert!(of_b.is_subset(&expected) && of_b.len() < expected.len() && of_b.len() > expected.len() / 2);

    // Once b has delivered all that it has, nothing more comes.
    server.stores(expected.len()).await;
    for member in [&a, &b] {
        let kaptap = member.kaptap.as_ref().unwrap();
        let what = format!("{} has delivered everything", member.name);
        wait_until_async(&what, async || delivered(kaptap).await.then_some(())).await;
    }
    check_once_in_order(&server.stored().await, &expected, "the stream");

    let mut follower = follower.unwrap();
    check_once_in_order(&parsed(&follower.lines(expected.len()).await), &expected, "a tail that follows");
    let (more, said) = follower.end();
    assert_eq!((more, said), (Vec::new(), String::new()));
    let (code, lines, said) = run(&["tail", "--nats", &server.url(), "--json", "--no-follow"]).await;
    assert_eq!((code, said), (Some(0), String::new()));
    check_once_in_order(&parsed(&lines), &expected, "a tail");
    check_once_in_order(&reader.events("").await, &expected, "GET /v1/events");

    a.stop().await;
    b.stop().await;
    reader.stop().await;
}

/// Whether the sink of a kaptap has nothing more to do.
async fn delivered(kaptap: &Running) -> bool {
    let address = kaptap.http();
    let (_, body) = tokio::task::spawn_blocking(move || support::get(address, "/v1/sinks").unwrap()).await.unwrap();
    let sinks: Value = serde_json::from_slice(&body).unwrap();
    sinks[0]["lag"]["events"] == 0
}

/// What the two may say differently: each has its own memory of the alert, and the message is of whoever was first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_are_of_the_one_that_published_first() {
    let Some(server) = Server::start() else { return };
    let (mut a, mut b) = (Member::new("a"), Member::new("b"));
    let sink = server.sink("");
    a.start(&sink).await;
    a.evaluate("web-1", 1, 75.0, false).await;
    server.stores(1).await;
    // b's kaptap was not there for the beginning: for it this is one.
    b.node.point(&Point::new("cpu", BEGIN + SECOND).tag("host", "web-1").field("usage", 75.0).group_by(&["host"]));
    b.start(&sink).await;
    b.evaluate("web-1", 2, 95.0, false).await;
    server.stores(2).await;
    a.evaluate("web-1", 2, 95.0, false).await;
    a.evaluate("web-1", 3, 10.0, false).await;
    let stored = server.stores(3).await;
    b.evaluate("web-1", 3, 10.0, false).await;

    let words: Vec<_> = stored.iter().map(|event| event["alert"]["transition"].as_str().unwrap()).collect();
    assert_eq!(words, ["opened", "opened", "resolved"], "a alone says opened, escalated, resolved");
    let of_a = a.kaptap.as_ref().unwrap().events("&filter=kind==%22alert%22%26%26!(duplicate_of%3E0)").await;
    assert_eq!(of_a[1]["alert"]["transition"], "escalated");
    assert_eq!(
        (&of_a[1]["id"], &of_a[1]["alert"]["fingerprint"]),
        (&stored[1]["id"], &stored[1]["alert"]["fingerprint"])
    );
    assert_eq!(of_a[1]["alert"]["level"], stored[1]["alert"]["level"]);
    assert_ne!(of_a[1]["alert"]["episode"], stored[1]["alert"]["episode"], "it began elsewhere for b");
    a.stop().await;
    b.stop().await;
}

/// What the duplicate window does not cover: a kaptap that delivers later than that. The reader does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_window_the_reader_shows_each_once() {
    let Some(server) = Server::start() else { return };
    server.create(Duration::from_millis(200)).await;
    let (mut a, mut b) = (Member::new("a"), Member::new("b"));
    a.start(&server.sink("")).await;
    // b takes the same alerts and cannot deliver them yet.
    b.start("").await;
    for second in 0..8 {
        for (number, host) in HOSTS.iter().enumerate() {
            a.evaluate(host, second, usage(number, second), false).await;
            b.evaluate(host, second, usage(number, second), false).await;
        }
    }
    let expected = a.kept().await;
    assert_eq!(b.kept().await, expected);
    server.stores(expected.len()).await;
    until_forgotten(&server).await;
    b.stop().await;
    b.start(&server.sink("start = \"beginning\"")).await;
    let stored = server.stores(expected.len() * 2).await;
    assert_eq!(stored.len(), expected.len() * 2, "each is there twice");

    let reader_directory = tempfile::tempdir().unwrap();
    let reader = Kaptap::start(reader_directory.path(), &server.read()).await;
    check_once_in_order(&reader.events("").await, &expected, "GET /v1/events");
    let tail = ["tail", "--nats", &server.url(), "--json", "--no-follow"];
    let (code, lines, said) = run(&tail).await;
    assert_eq!(code, Some(0), "{said}");
    check_once_in_order(&parsed(&lines), &expected, "tail");
    assert!(said.contains(" is in the stream twice, as 1 and "), "{said}");
    assert!(said.contains(&format!("{} events were in the stream twice; each shown once", expected.len())), "{said}");
    assert!(said.contains("is no event of kaptap; such messages are left out"), "{said}");
    let (_, lines, _) = run(&[&tail[..], &["--duplicates"]].concat()).await;
    assert_eq!(lines.len(), stored.len());
    a.stop().await;
    b.stop().await;
    reader.stop().await;
}

/// Publishes the same id until the server stores it again: then it has forgotten everything before the first one.
async fn until_forgotten(server: &Server) {
    let jetstream = server.jetstream().await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", "probe");
    let probe = || async {
        let sent = jetstream.publish_with_headers("kaptap.probe", headers.clone(), "probe".into()).await;
        sent.unwrap().await.unwrap().duplicate
    };
    assert!(!probe().await);
    wait_until_async("the server forgets", async || (!probe().await).then_some(())).await;
}

/// Two pairs, or two Kapacitors with data of their own, have names of their own: nothing of one is taken for the other's.
#[tokio::test]
async fn another_scope_makes_other_ids() {
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut found = Vec::new();
    for (directory, scope) in directories.iter().zip(["berlin", "paris"]) {
        let kaptap = Kaptap::start(directory.path(), &format!("scope = \"{scope}\"\n")).await;
        let mut member = Member::new("a");
        let point = Point::new("cpu", BEGIN).tag("host", "web-1").field("usage", 95.0).group_by(&["host"]);
        let body = member.node.point(&point).unwrap().body.unwrap();
        post(&Target::new(kaptap.addresses.http, "/v1/alerts/cpu"), &body).await.unwrap();
        found.push(kaptap.events("&filter=kind==%22alert%22").await.remove(0));
        kaptap.stop().await;
    }
    let [berlin, paris] = [&found[0], &found[1]];
    assert_eq!(berlin["time"], paris["time"]);
    assert_ne!(berlin["id"], paris["id"]);
    for key in ["fingerprint", "episode"] {
        assert_ne!(berlin["alert"][key], paris["alert"][key], "{key}");
    }
}
