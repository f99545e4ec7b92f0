//! The sink `nats`: against a real nats-server with `JetStream`, and where nobody listens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod peers;
mod wait_support;

use async_nats::jetstream::{self, stream};
use kaptap::delivery::sink::{Batch, Outcome, Sink};
use kaptap::event::Event;
use kaptap::nats;
use kaptap::nats::follower::{Follower, Start, Step};
use kaptap::sinks::nats::Nats;
use kaptap::sinks::options;
use kaptap::words::{Level, Transition};
use peers::events::{alert, deliver, deliver_all, ids, point, why};
use peers::{Daemon, free_address, nats_server};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use wait_support::wait_until_async;

/// A server in a directory of its own, or nothing where it is not installed.
struct Server {
    directory: TempDir,
    address: SocketAddr,
    daemon: Option<Daemon>,
}

impl Server {
    fn start(more: &str) -> Option<Self> {
        let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
        let daemon = nats_server(directory.path(), address, more)?;
        Some(Self { directory, address, daemon: Some(daemon) })
    }

    fn restart(&mut self) {
        self.daemon.take().unwrap().kill();
        self.daemon = nats_server(self.directory.path(), self.address, "");
    }

    fn options(&self) -> options::Nats {
        options::Nats::at(format!("nats://{}", self.address))
    }

    async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.address.to_string()).await.unwrap())
    }

    /// Message ids in the stream in order, read as a follower reads them.
    async fn ids(&self) -> Vec<String> {
        let access = kaptap::sinks::nats::access(&self.options()).unwrap();
        let source = nats::Source::new(nats::Options { access, stream: "KAPTAP".to_owned(), subject: None });
        let mut follower = Follower::new(Arc::new(source), Start::Sequence(0), true);
        let mut found = Vec::new();
        loop {
            match follower.next().await.unwrap() {
                Step::Message(message) => found.push(message.id.unwrap().to_string()),
                Step::AtEnd => return found,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Message ids in the stream, each with its subject, in order.
    async fn stored(&self) -> Vec<(String, String)> {
        let mut stream = self.jetstream().await.get_stream("KAPTAP").await.unwrap();
        let state = stream.info().await.unwrap().state.clone();
        let mut found = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            let id = message.headers.get("Nats-Msg-Id").unwrap().to_string();
            found.push((id, message.subject.to_string()));
        }
        found
    }
}

fn sink(options: &options::Nats) -> Nats {
    Nats::new(options).unwrap()
}

fn hex(events: &[Event<'_>]) -> Vec<String> {
    ids(events).iter().map(ToString::to_string).collect()
}

#[test]
fn the_preview_shows_the_message() {
    let mut options = options::Nats::at("nats://user:secret@one.example:4222, tls://two.example");
    options.subject = "kaptap.{{ origin.task }}.{{ tags.host }}.{{ alert.id }}.{{ kind }}".to_owned();
    let event = alert("cpu > 90.host=web 1*", Level::Critical, Transition::Opened, 0);
    let text = sink(&options).preview(&Batch { events: std::slice::from_ref(&event), replay: true }).unwrap();
    let mut json = Vec::new();
    kaptap::event::json::write(&event, false, &mut json);
    let expected = format!(
        "PUBLISH kaptap.cpu_alert.web-1.cpu___90_host=web_1_.alert (nats://one.example:4222,tls://two.example:4222)\n\
         Nats-Msg-Id: {}\nNats-Expected-Stream: KAPTAP\nKaptap-Replay: true\n\n{}\n",
        event.id,
        String::from_utf8(json).unwrap()
    );
    assert_eq!(text, expected);
}

#[test]
fn options_that_cannot_work_are_refused() {
    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut options::Nats), sentence: &str) {
        let mut options = options::Nats::at("nats://localhost:4222");
        change(&mut options);
        let error = Nats::new(&options).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    check_refused(|options| options.url = "nats://me:secret@".to_owned(), "`url`: not a list of NATS servers");
    check_refused(|options| options.url = " , ".to_owned(), "`url`: not a list");
    check_refused(|options| options.url = "ws://localhost".to_owned(), "`url`: not a list");
    check_refused(|options| options.stream = "a.b".to_owned(), "`stream`: \"a.b\"");
    check_refused(|options| options.stream = String::new(), "`stream`: \"\"");
    check_refused(|options| options.subject = "a.{{ nonsense }}".to_owned(), "nonsense");
    check_refused(|options| options.subject = "a..b".to_owned(), "empty token");
    check_refused(|options| options.subject = "a.*.{{ kind }}".to_owned(), "wildcards");
    check_refused(|options| options.subject = "$JS.{{ kind }}".to_owned(), "the server's own");
}

#[tokio::test]
async fn events_are_stored_once_with_their_id_and_subject() {
    let Some(server) = Server::start("") else { return };
    let mut sink = sink(&server.options());
    let events = [point(1), alert("a", Level::Warning, Transition::Opened, 0), point(2)];
    assert_eq!(deliver(&mut sink, &events).await, vec![Outcome::Delivered; 3]);
    // The same again, as after a restart: nothing new.
    assert_eq!(deliver(&mut sink, &events[1..]).await, vec![Outcome::Duplicate; 2]);
    let stored = server.stored().await;
    let subjects: Vec<_> = stored.iter().map(|(_, subject)| subject.as_str()).collect();
    assert_eq!(subjects, ["kaptap.point", "kaptap.alert", "kaptap.point"]);
    assert_eq!(stored.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), hex(&events));

    let stream = server.jetstream().await.get_stream("KAPTAP").await.unwrap();
    let config = &stream.cached_info().config;
    assert_eq!(config.subjects, ["kaptap.>"]);
    assert_eq!(config.duplicate_window, Duration::from_mins(2));
    assert_eq!(config.max_age, kaptap::sinks::nats::MAX_AGE);
    let message = stream.get_raw_message(2).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!((&body["schema"], &body["alert"]["id"]), (&"kaptap.event/v1".into(), &"a".into()));
    assert!(message.headers.get("Kaptap-Replay").is_none());
    sink.close().await;
}

/// Events published while the server is killed twice. 100,000 of them, as many as are promised, take about half a minute
/// without optimizations; `KAPTAP_NATS_EVENTS` says another number.
const EVENTS: u64 = 100_000;

/// Each event is in the stream once, and those of an alert are in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_twice_has_each_event_once() {
    const ALERTS: u64 = 50;
    let all = std::env::var("KAPTAP_NATS_EVENTS").map_or(EVENTS, |number| number.parse().unwrap());
    let Some(mut server) = Server::start("") else { return };
    let begun = std::time::Instant::now();
    let names: Vec<&'static str> = (0..ALERTS).map(|n| &*Box::leak(format!("alert-{n}").into_boxed_str())).collect();
    let level = |round: i64| [Level::Warning, Level::Critical][usize::try_from(round % 2).unwrap()];
    let event = move |n: u64| {
        if n.is_multiple_of(2) {
            return point(n);
        }
        let round = i64::try_from(n / 2 / ALERTS).unwrap();
        alert(names[usize::try_from(n / 2 % ALERTS).unwrap()], level(round), Transition::Repeated, round)
    };
    let options = options::Nats { timeout: Duration::from_secs(3), ..server.options() };
    let delivering = tokio::spawn({
        let event = event.clone();
        async move {
            let mut sink = sink(&options);
            let mut deliveries = 0;
            for first in (0..all).step_by(500) {
                let batch: Vec<_> = (first..all.min(first + 500)).map(&event).collect();
                deliveries += u64::try_from(deliver_all(&mut sink, &batch).await).unwrap();
            }
            sink.close().await;
            deliveries
        }
    });
    for reached in [all / 5, all / 2] {
        until_stored(&server, reached).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    let deliveries = delivering.await.unwrap();
    assert!(deliveries > all.div_ceil(500), "the kills were not noticed: {deliveries} deliveries");
    let published = begun.elapsed();

    let mut found = server.ids().await;
    let places: BTreeMap<&str, usize> = found.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for event in (0..all).map(&event) {
        // Points are of one stream, and keep their order as the events of an alert do.
        let key = event.alert.as_ref().map_or_else(|| "points".to_owned(), |alert| alert.id.to_string());
        let place = places[event.id.to_string().as_str()];
        if let Some(before) = last.insert(key.clone(), place) {
            assert!(before < place, "{key}: {before}, then {place}");
        }
    }
    assert_eq!(last.len() as u64, ALERTS + 1);
    let mut expected: Vec<_> = (0..all).map(|n| event(n).id.to_string()).collect();
    found.sort();
    expected.sort();
    assert!(found == expected, "{} messages for {} events", found.len(), expected.len());
    println!("{all} events in {published:.1?}, {deliveries} deliveries, each once in the stream");
}

async fn until_stored(server: &Server, enough: u64) {
    let jetstream = server.jetstream().await;
    wait_until_async(&format!("{enough} messages are in the stream"), async || {
        let stream = jetstream.get_stream("KAPTAP").await.ok()?;
        (stream.cached_info().state.messages >= enough).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_is_rejected_with_the_limit() {
    let Some(server) = Server::start("max_payload: 2048") else { return };
    let jetstream = server.jetstream().await;
    let config = stream::Config {
        name: "KAPTAP".to_owned(),
        subjects: vec!["kaptap.*".to_owned()],
        max_message_size: 1500,
        duplicate_window: Duration::from_mins(2),
        ..stream::Config::default()
    };
    jetstream.create_stream(config).await.unwrap();
    let with_message = |length: usize| {
        let mut event = alert("a", Level::Critical, Transition::Opened, 0);
        event.alert.as_mut().unwrap().message = Some("x".repeat(length).into());
        event
    };
    let events = [with_message(4000), with_message(900), point(1)];
    let outcomes = deliver(&mut sink(&server.options()), &events).await;
    let (first, second) = (why(&outcomes[0]), why(&outcomes[1]));
    assert_eq!((first.0, first.1), ("reject", "too_large"), "{first:?}");
    assert!(first.2.contains("max_payload") && first.2.contains("2048"), "{first:?}");
    assert_eq!((second.0, second.1), ("reject", "too_large"), "{second:?}");
    assert!(second.2.contains("max_msg_size") && second.2.contains("1500"), "{second:?}");
    assert_eq!(outcomes[2], Outcome::Delivered);
}

#[tokio::test]
async fn a_stream_that_does_not_fit_is_waited_for() {
    let Some(server) = Server::start("") else { return };
    let mut missing = sink(&options::Nats { create: false, ..server.options() });
    let outcomes = deliver(&mut missing, &[point(1)]).await;
    let found = why(&outcomes[0]);
    assert_eq!((found.0, found.1), ("retry", "refused"), "{found:?}");
    assert!(found.2.contains("KAPTAP") && found.2.contains("`create` is false"), "{found:?}");

    let jetstream = server.jetstream().await;
    let config = |subject: &str| stream::Config {
        name: "KAPTAP".to_owned(),
        subjects: vec![subject.to_owned()],
        ..stream::Config::default()
    };
    jetstream.create_stream(config("kaptap.alert")).await.unwrap();
    let outcomes = deliver(&mut missing, &[point(1)]).await;
    let found = why(&outcomes[0]);
    assert!(found.2.contains("takes kaptap.alert, but not kaptap.*"), "{found:?}");

    jetstream.update_stream(config("kaptap.*")).await.unwrap();
    assert_eq!(deliver(&mut missing, &[point(1)]).await, [Outcome::Delivered]);

    // Taken away under a sink that knew it: it says so, and goes on when the stream is back.
    jetstream.delete_stream("KAPTAP").await.unwrap();
    let outcomes = deliver(&mut missing, &[point(2), point(3)]).await;
    assert!(outcomes.iter().all(|outcome| why(outcome).0 == "retry"), "{outcomes:?}");
    assert!(why(&outcomes[0]).2.contains("kaptap.point"), "{outcomes:?}");
    jetstream.create_stream(config("kaptap.*")).await.unwrap();
    assert_eq!(deliver(&mut missing, &[point(2), point(3)]).await, vec![Outcome::Delivered; 2]);
    assert_eq!(server.stored().await.len(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_know_us_is_told_apart() {
    let Some(server) = Server::start("authorization { user: kaptap, password: \"sec/r@t\" }") else { return };
    let outcomes = deliver(&mut sink(&server.options()), &[point(1)]).await;
    let found = why(&outcomes[0]);
    assert_eq!((found.0, found.1), ("retry", "unauthorized"), "{found:?}");
    let wrong = options::Nats::at(format!("nats://kaptap:wrong-secret@{}", server.address));
    let outcomes = deliver(&mut sink(&wrong), &[point(1)]).await;
    let found = why(&outcomes[0]);
    assert_eq!((found.0, found.1), ("retry", "unauthorized"), "{found:?}");
    assert!(!found.2.contains("wrong-secret"), "{found:?}");
    let basic = Some(("kaptap".to_owned(), options::Hidden("sec/r@t".to_owned())));
    let mut right = sink(&options::Nats { basic, ..server.options() });
    assert_eq!(deliver(&mut right, &[point(1)]).await, [Outcome::Delivered]);
    let in_url = options::Nats::at(format!("nats://kaptap:sec%2Fr%40t@{}", server.address));
    assert_eq!(deliver(&mut sink(&in_url), &[point(2)]).await, [Outcome::Delivered]);
}

#[tokio::test]
async fn a_server_without_jetstream_and_no_server_are_waited_for() {
    let nobody = format!("nats://{}", free_address());
    let outcomes = deliver(&mut sink(&options::Nats::at(&nobody)), &[point(1), point(2)]).await;
    assert_eq!(outcomes.len(), 2);
    let found = why(&outcomes[1]);
    assert_eq!((found.0, found.1), ("retry", "unreachable"), "{found:?}");
    assert!(found.2.contains(&nobody), "{found:?}");

    // A core NATS server answers requests to JetStream with "no responders".
    let Some(server) = Server::start("jetstream: disabled") else { return };
    let outcomes = deliver(&mut sink(&server.options()), &[point(1)]).await;
    let found = why(&outcomes[0]);
    assert_eq!((found.0, found.1), ("retry", "peer_failed"), "{found:?}");
    assert!(found.2.contains("is it enabled"), "{found:?}");
}

#[tokio::test]
async fn dropping_a_delivery_loses_and_doubles_nothing() {
    let Some(server) = Server::start("") else { return };
    let mut sink = sink(&options::Nats { in_flight: 4, ..server.options() });
    let events: Vec<_> = (0..200).map(point).collect();
    assert_eq!(deliver(&mut sink, &events[..1]).await, [Outcome::Delivered]);
    for polls in 1..20 {
        let batch = Batch { events: &events, replay: false };
        let mut delivery = sink.deliver(&batch);
        for _ in 0..polls {
            // Polled by hand: the delivery is dropped at another place each time.
            let done =
                std::future::poll_fn(|context| std::task::Poll::Ready(delivery.as_mut().poll(context).is_ready()));
            if done.await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    deliver_all(&mut sink, &events).await;
    let mut found: Vec<_> = server.stored().await.into_iter().map(|(id, _)| id).collect();
    let mut expected = hex(&events);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
