//! A whole kaptap that watches a Kapacitor: what is shown of it, what becomes an event, and all the ways in which it
//! may fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod kapacitor_support;
mod support;
mod wait_support;

use kapacitor_support::state::{FakeTask, Kapacitor};
use kapacitor_support::{FakeKapacitor, Reply};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::time::Duration;
use support::{Kaptap, PATIENCE, get};
use wait_support::wait_until_async;

const TIME: &str = "2026-11-22T13:24:55.424828053Z";

/// A kaptap with intervals so long that it polls only when it is asked to, after the first time.
struct Rig {
    kaptap: Kaptap,
    _directory: tempfile::TempDir,
}

fn table(fake: &FakeKapacitor, more: &str) -> String {
    format!(
        "[[kapacitor]]\nname = \"k\"\nurl = \"{}\"\npoll = \"1h\"\npoll_tasks = \"1h\"\npoll_handlers = \"1h\"\npoll_vars = \"1h\"\n\
         timeout = \"2s\"\n{more}\n",
        fake.url()
    )
}

impl Rig {
    async fn start(fake: &FakeKapacitor, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kaptap = Kaptap::start(directory.path(), &table(fake, more)).await;
        Self { kaptap, _directory: directory }
    }

    async fn text(&self, path: &str) -> (u16, String) {
        let (address, path) = (self.kaptap.addresses.http, path.to_owned());
        let found = tokio::task::spawn_blocking(move || get(address, &path)).await.unwrap().unwrap();
        (found.0, String::from_utf8(found.1).unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.text(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Polls now; the state afterwards.
    async fn refresh(&self) -> Value {
        let address = self.kaptap.addresses.http;
        let ask = move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(b"POST /v1/refresh?kapacitor=k HTTP/1.0\r\nHost: t\r\nContent-Length: 0\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"), "{answer}");
            serde_json::from_str::<Value>(body).unwrap()[0].clone()
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// Waits until the state shows it.
    async fn wait(&self, what: &str, is: impl Fn(&Value) -> bool) {
        let look = async || is(&self.json("/v1/kapacitor/k").await).then_some(());
        wait_until_async(what, look).await;
    }

    /// What system events say, with what they are about.
    async fn told(&self) -> Vec<(String, String)> {
        // What was told is written behind our back.
        let journal = self.kaptap.intake.journal();
        let (mut written, last) = (journal.written(), journal.next_seq() - 1);
        tokio::time::timeout(PATIENCE, written.wait_for(|seq| *seq >= last)).await.unwrap().unwrap();
        let events = self.kaptap.events("").await;
        let told = events.iter().filter(|event| event["system"]["kapacitor"] == "k").map(|event| {
            let system = &event["system"];
            let about = [&system["task"], &system["handler"], &system["topic"]].into_iter().find_map(Value::as_str);
            (system["what"].as_str().unwrap().to_owned(), about.unwrap_or_default().to_owned())
        });
        told.collect()
    }

    /// Told since `before`.
    async fn news(&self, before: usize) -> Vec<(String, String)> {
        self.told().await.split_off(before)
    }
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(what, about)| ((*what).to_owned(), (*about).to_owned())).collect()
}

fn full() -> Kapacitor {
    let mut state = Kapacitor::default();
    state.tasks.insert("good".to_owned(), FakeTask { alerts: 7, ..FakeTask::running() });
    let error = "keepalive timedout".to_owned();
    state.tasks.insert("dead".to_owned(), FakeTask { executing: false, error, ..FakeTask::running() });
    // The order that Kapacitor gets wrong: it says OK.
    for (id, level) in [("b", "CRITICAL"), ("a", "CRITICAL"), ("a", "OK"), ("b", "WARNING")] {
        state.collect("cpu", id, level, TIME);
    }
    state.collect("a/b", "x", "INFO", TIME);
    let handler = json!({ "id": "ops", "kind": "post", "options": { "url": "http://a", "headers": { "Authorization": "Bearer s3cret" } }, "match": "" });
    state.topics.get_mut("cpu").unwrap().handlers.insert("ops".to_owned(), handler);
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_is_shown() {
    let fake = FakeKapacitor::start(full());
    {
        let topic = &fake.state().topics["cpu"];
        assert_eq!((topic.their_level(), topic.true_level()), (0, 2));
    }
    let rig = Rig::start(&fake, "").await;
    let state = rig.refresh().await;
    assert_eq!((&state["up"], &state["stale"], &state["version"]), (&json!(true), &json!(false), &json!("1.8.3")));
    assert_eq!(state["tasks"], json!({ "dead": 1, "disabled": 0, "executing": 1 }));
    assert_eq!(
        (&state["topics"]["WARNING"], &state["left_out"], &state["handlers"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let tasks = rig.json("/v1/kapacitor/k/tasks").await;
    assert_eq!((&tasks["stale"], &tasks["tasks"][0]["error"]), (&json!(false), &json!("keepalive timedout")));
    assert_eq!(tasks["tasks"][1]["nodes"]["alert2"]["alerts_triggered"], 7.0);
    let topics = rig.json("/v1/kapacitor/k/topics").await;
    let expected =
        json!({ "id": "cpu", "level": "WARNING", "their_level": "OK", "collected": 4, "events": 2, "handlers": 1 });
    assert_eq!(topics["topics"][1], expected);
    // One that Kapacitor cannot be asked for is shown, without what is not known.
    assert_eq!((&topics["topics"][0]["id"], &topics["topics"][0]["level"]), (&json!("a/b"), &Value::Null));
    let events = rig.json("/v1/kapacitor/k/events?topic=cpu").await;
    let event = events["events"].as_array().unwrap().iter().find(|event| event["id"] == "b").unwrap();
    assert_eq!((&event["level"], &event["time"]), (&json!("WARNING"), &json!(TIME)));
    assert_eq!((&event["duration"], &event["duration_ns"]), (&json!("1m30s"), &json!(90_000_000_000_u64)));
    assert_eq!(rig.json("/v1/kapacitor/k/handlers").await["handlers"][0]["topic"], "cpu");
    // A token of a handler is nothing for whoever may only read.
    for path in ["/v1/kapacitor/k/handlers", "/v1/kapacitor/last", "/kapacitor/v1/alerts/topics/cpu/handlers/ops"] {
        let shown = rig.text(path).await.1;
        assert!(shown.contains("[secret]") && !shown.contains("s3cret"), "{path}: {shown}");
    }
    assert_eq!(rig.json("/v1/kapacitor/k/vars").await["vars"]["server_id"], "s");
    let last = rig.json("/v1/kapacitor/last").await;
    let topics = last.as_array().unwrap().iter().find(|one| one["what"] == "topics").unwrap();
    assert!(topics["status"] == 200 && topics["body"].as_str().unwrap().contains("\"collected\": 4"), "{topics}");
    assert!(fake.requests().iter().all(|path| !path.contains("min-level") && !path.contains("script")));

    assert_eq!(rig.text("/v1/kapacitor/x/tasks").await.0, 404);
    assert_eq!(rig.text("/v1/kapacitor/k/nothing").await.0, 404);
    assert_eq!(rig.text("/v1/kapacitor/k/tasks?x=1").await.0, 400);
    let metrics = rig.text("/metrics").await.1;
    for line in [
        "kaptap_kapacitor_up{kapacitor=\"k\"} 1",
        "kaptap_kapacitor_tasks{kapacitor=\"k\",state=\"dead\"} 1",
        "kaptap_kapacitor_topics{kapacitor=\"k\",level=\"WARNING\"} 1",
        "kaptap_kapacitor_task_alerts_triggered_total{kapacitor=\"k\",task=\"good\"} 7",
        "kaptap_kapacitor_task_collected_total{kapacitor=\"k\",task=\"good\"} 10",
        "kaptap_kapacitor_task_node_errors_total{kapacitor=\"k\",task=\"good\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    rig.kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_becomes_an_event() {
    let fake = FakeKapacitor::start(full());
    let rig = Rig::start(&fake, "").await;
    // The first may end with a round that began before it was asked for.
    rig.refresh().await;
    rig.refresh().await;
    // The first look is no news, but for what is wrong.
    let mut seen = rig.told().await;
    assert_eq!(seen, pairs(&[("kapacitor_reachable", ""), ("task_died", "dead")]));
    {
        let mut state = fake.state();
        state.tasks.insert("new".to_owned(), FakeTask::running());
        state.tasks.get_mut("dead").unwrap().executing = true;
        state.tasks.remove("good");
        state.collect("disk", "d", "INFO", TIME);
        state.topics.remove("a/b");
        state.topics.get_mut("cpu").unwrap().handlers.clear();
        state.version = "1.8.4".to_owned();
    }
    rig.refresh().await;
    let mut news = rig.news(seen.len()).await;
    news.sort();
    let expected = [
        ("handler_removed", "ops"),
        ("kapacitor_version", ""),
        ("task_appeared", "new"),
        ("task_revived", "dead"),
        ("task_vanished", "good"),
        ("topic_appeared", "disk"),
        ("topic_vanished", "a/b"),
    ];
    assert_eq!(news, pairs(&expected));

    // A restart: what was OK is gone, and the UUIDs of the statistics are others.
    seen = rig.told().await;
    fake.state().restart();
    fake.state().topics.remove("disk");
    fake.forget_requests();
    let state = rig.refresh().await;
    assert!(state["restarted"].is_string(), "{state}");
    assert_eq!(rig.news(seen.len()).await, pairs(&[("kapacitor_restarted", ""), ("topic_vanished", "disk")]));
    assert_eq!(rig.json("/v1/kapacitor/k/topics").await["topics"][0]["events"], 1);
    rig.kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_asked_for_only_where_something_was_collected() {
    let fake = FakeKapacitor::start(Kapacitor::default());
    for topic in 0..20 {
        fake.state().collect(&format!("t{topic}"), "a", "INFO", TIME);
    }
    let rig = Rig::start(&fake, "").await;
    rig.refresh().await;
    fake.state().collect("t7", "a", "CRITICAL", TIME);
    fake.forget_requests();
    rig.refresh().await;
    let asked: Vec<String> = fake.requests().into_iter().filter(|path| path.ends_with("/events")).collect();
    assert!(asked.iter().any(|path| path.contains("/t7/")) && asked.len() < 10, "{asked:?}");
    assert_eq!(rig.json("/v1/kapacitor/k/events?topic=t7").await["events"][0]["level"], "CRITICAL");
    // In the end every topic has its turn, whatever its counts say.
    fake.forget_requests();
    for _ in 0..30 {
        rig.refresh().await;
    }
    let asked = fake.requests().into_iter().filter(|path| path.ends_with("/events")).count();
    assert_eq!(asked, 20);
    rig.kaptap.stop().await;
}

/// While `reply` is the answer to whatever `when` says, the state of a poll is stale with this reason, and what was
/// known stays; after that it recovers.
#[track_caller]
fn check_stale(state: &Value, poll: &str, reason: &str) {
    let found = &state["polls"][poll];
    assert_eq!((&state["stale"], &found["stale"]), (&json!(true), &json!(true)), "{poll}: {state}");
    assert!(
        found["failed"][reason].as_u64().unwrap_or(0) > 0 && found["error"].is_string(),
        "{poll} {reason}: {found}"
    );
    assert!(found["age_seconds"].as_f64().unwrap() > 0.0 && found["last_success"].is_string(), "{found}");
    assert_eq!(state["tasks"]["executing"], 1, "{state}");
    assert_eq!(state["topics"]["WARNING"], 1, "{state}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_leave_what_is_known_and_say_its_age() {
    let fake = FakeKapacitor::start(full());
    let rig = Rig::start(&fake, "").await;
    assert_eq!(rig.refresh().await["stale"], false);
    let half = Reply::Half { status: 200, body: b"{\"topics\": [], \"tasks\": [] }".to_vec() };
    let late = Reply::Late(Duration::from_secs(4), Box::new(Reply::Cut));
    let cases: [(&str, &str, Reply, &str); 8] = [
        ("tasks", "/tasks", Reply::status(500, "boom"), "status"),
        ("tasks", "/tasks", half.clone(), "not_understood"),
        ("tasks", "/tasks", late, "timed_out"),
        ("topics", "/topics", Reply::json(200, &json!({ "topics": "none" })), "not_understood"),
        ("topics", "/events", Reply::status(500, "boom"), "status"),
        ("handlers", "/handlers", Reply::Cut, "unreachable"),
        ("vars", "/debug/vars", Reply::status(403, "no"), "denied"),
        ("ping", "/ping", Reply::status(401, "no"), "denied"),
    ];
    for (poll, path, reply, reason) in cases {
        fake.answers(move |request| {
            let asked = request.path.split('?').next().unwrap();
            asked.ends_with(path).then(|| reply.clone())
        });
        // So that events have to be asked for.
        fake.state().collect("cpu", "b", "WARNING", TIME);
        fake.state().collect("a/b", "b", "INFO", TIME);
        check_stale(&rig.refresh().await, poll, reason);
        fake.answers_itself();
        assert_eq!(rig.refresh().await["stale"], false);
    }
    // Nothing of it was news, but for what is known to have come.
    assert_eq!(rig.told().await, pairs(&[("kapacitor_reachable", ""), ("task_died", "dead")]));
    rig.kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_topic_that_cannot_be_asked_for_does_not_keep_the_others() {
    let fake = FakeKapacitor::start(Kapacitor::default());
    for topic in ["bad", "good"] {
        fake.state().collect(topic, "a", "INFO", TIME);
    }
    let rig = Rig::start(&fake, "").await;
    rig.refresh().await;
    fake.answers(|request| {
        let is_bad = request.path.contains("/bad/events") || request.path.contains("/bad/handlers");
        is_bad.then(|| Reply::status(500, "boom"))
    });
    for topic in ["bad", "good"] {
        fake.state().collect(topic, "a", "CRITICAL", TIME);
    }
    let state = rig.refresh().await;
    assert_eq!((&state["stale"], &state["topics"]["CRITICAL"]), (&json!(false), &json!(1)), "{state}");
    for poll in ["topics", "handlers"] {
        let said = &state["polls"][poll]["partial"];
        assert!(said.as_str().unwrap().contains("\"bad\"") && said.as_str().unwrap().contains("boom"), "{said}");
    }
    // What was known of it stays; the other is known.
    assert_eq!(rig.json("/v1/kapacitor/k/events?topic=bad").await["events"][0]["level"], "INFO");
    assert_eq!(rig.json("/v1/kapacitor/k/events?topic=good").await["events"][0]["level"], "CRITICAL");
    // And it is reconciled, while the one still fails.
    rig.refresh().await;
    rig.refresh().await;
    let lane = "&filter=origin.lane%20==%20%22poll%22";
    let is_new = |event: &Value| event["origin"]["topic"] == "good" && event["alert"]["level"] == "CRITICAL";
    rig.kaptap.events_when(lane, |events| events.iter().any(is_new)).await;
    fake.answers_itself();
    let state = rig.refresh().await;
    assert_eq!((&state["polls"]["topics"]["partial"], &state["topics"]["CRITICAL"]), (&Value::Null, &json!(2)));
    rig.kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_goes_down_is_told_and_comes_back_by_itself() {
    let fake = FakeKapacitor::start(full());
    let rig = Rig::start(&fake, "").await;
    rig.refresh().await;
    let seen = rig.told().await.len();
    fake.down();
    for _ in 0..3 {
        let state = rig.refresh().await;
        assert_eq!(state["up"], false);
        for poll in ["ping", "tasks", "topics", "handlers", "vars"] {
            check_stale(&state, poll, "unreachable");
        }
    }
    assert_eq!(rig.news(seen).await, pairs(&[("kapacitor_unreachable", "")]));
    assert!(rig.text("/metrics").await.1.contains("kaptap_kapacitor_up{kapacitor=\"k\"} 0"));
    // With fewer topics than before, as after a restart.
    fake.state().restart();
    fake.state().topics.remove("a/b");
    fake.up();
    let state = rig.refresh().await;
    assert_eq!((&state["up"], &state["stale"]), (&json!(true), &json!(false)));
    let mut news = rig.news(seen + 1).await;
    news.sort();
    assert_eq!(news, pairs(&[("kapacitor_reachable", ""), ("kapacitor_restarted", ""), ("topic_vanished", "a/b")]));
    rig.kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_polls_by_itself_and_goes_on_after_a_failure() {
    let fake = FakeKapacitor::start(full());
    fake.down();
    let directory = tempfile::tempdir().unwrap();
    let table = format!("[[kapacitor]]\nname = \"k\"\nurl = \"{}\"\npoll = \"1s\"\n", fake.url());
    let kaptap = Kaptap::start(directory.path(), &table).await;
    let rig = Rig { kaptap, _directory: directory };
    rig.wait("it was asked", |state| state["polls"]["ping"]["attempts"] != 0).await;
    fake.up();
    rig.wait("it answers again", |state| state["stale"] == false).await;
    fake.state().collect("cpu", "b", "CRITICAL", TIME);
    rig.wait("the next poll finds the event", |state| state["topics"]["CRITICAL"] != 0).await;
    rig.kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_and_what_pull_clients_ask_is_in_the_traffic() {
    let fake = FakeKapacitor::start(full());
    let rig = Rig::start(&fake, "token = \"geheim\"").await;
    rig.refresh().await;
    assert_eq!(rig.text("/kapacitor/v1/ping?u=x&p=geheim").await.0, 204);
    let (_, traffic) = rig.text("/v1/wire?lane=poll").await;
    let titles = |source: &str| -> Vec<String> {
        let exchanges = traffic.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_source = exchanges.filter(|exchange| exchange["source"] == source);
        let title = |exchange: Value| {
            let title = exchange["messages"][0]["title"].as_str().unwrap().to_owned();
            format!("{} {title}", exchange["direction"].as_str().unwrap())
        };
        of_source.map(title).collect()
    };
    let polled = titles("k");
    let asked = polled.iter().position(|title| title == "sent GET /kapacitor/v1/alerts/topics HTTP/1.1").unwrap();
    assert_eq!(polled[asked + 1], "received HTTP/1.1 200 OK", "{polled:?}");
    let expected = ["received GET /kapacitor/v1/ping?u=x&p=[secret] HTTP/1.1", "sent HTTP/1.1 204 No Content"];
    assert_eq!(titles("pull"), expected);
    assert!(!traffic.contains("geheim"), "a secret is shown");
    rig.kaptap.stop().await;
}
