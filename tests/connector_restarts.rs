//! Reconciliation and the medic through the polls of a whole kaptap, while either side is started anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod kapacitor_support;
mod support;
mod wait_support;

use kapacitor_support::state::{FakeEvent, FakeTask, Kapacitor, LEVELS};
use kapacitor_support::{FakeKapacitor, Reply};
use kaptap::rehearsal::go_text;
use kaptap::rehearsal::poster::{self, Target};
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::{Kaptap, get};
use wait_support::wait_until_async;

const BEGIN: i64 = 1_795_353_827_000_000_000;
const DETAILS: &str = "{&#34;TaskName&#34;:&#34;t&#34;}\n";
const LOST: &str = "kaptap2: stopping UDF server: write error: write unix @->/run/s.sock: write: broken pipe";

/// A Kapacitor and a kaptap that polls it when it is asked to. Either may be started anew.
struct Scene {
    fake: FakeKapacitor,
    directory: tempfile::TempDir,
    table: String,
    kaptap: Option<Kaptap>,
}

impl Scene {
    async fn start(state: Kapacitor, more: &str) -> Self {
        let fake = FakeKapacitor::start(state);
        let table = format!(
            "[[kapacitor]]\nname = \"k\"\nurl = \"{}\"\npoll = \"1h\"\npoll_tasks = \"1h\"\npoll_handlers = \"1h\"\n\
             poll_vars = \"1h\"\n{more}\n",
            fake.url()
        );
        let mut scene = Self { fake, directory: tempfile::tempdir().unwrap(), table, kaptap: None };
        scene.start_kaptap().await;
        scene
    }

    async fn start_kaptap(&mut self) {
        self.kaptap = Some(Kaptap::start(self.directory.path(), &self.table).await);
        // From its first answer on it knows whom it watches: a refresh would be over at once if it did not.
        let (status, watched) = self.ask("/v1/kapacitor").await;
        assert_eq!((status, &watched[0]["name"]), (200, &json!("k")), "{watched}");
        self.refresh().await;
    }

    async fn stop_kaptap(&mut self) {
        self.kaptap.take().unwrap().stop().await;
    }

    fn kaptap(&self) -> &Kaptap {
        self.kaptap.as_ref().unwrap()
    }

    async fn refresh(&self) {
        let target = self.target("/v1/refresh", vec![]);
        assert_eq!(poster::post(&target, b"").await.unwrap().status, 200);
    }

    fn target(&self, path: &str, headers: Vec<(String, String)>) -> Target {
        Target { address: self.kaptap().addresses.http, path: path.to_owned(), headers }
    }

    async fn ask(&self, path: &str) -> (u16, Value) {
        let (address, path) = (self.kaptap().addresses.http, path.to_owned());
        let (status, body) = tokio::task::spawn_blocking(move || get(address, &path)).await.unwrap().unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// What is said of the loss of one topic.
    async fn loss(&self, topic: &str) -> Value {
        let (_, loss) = self.ask("/v1/kapacitor/k/loss").await;
        let topics = loss["loss"]["topics"].as_array().unwrap();
        topics.iter().find(|known| known["topic"] == topic).unwrap().clone()
    }

    /// An event into Kapacitor's topic, and by POST if it arrives.
    async fn tell(&self, topic: &str, id: &str, level: usize, time: i64, arrives: bool) {
        self.fake.state().collect(topic, id, LEVELS[level], &go_text::time(time));
        if arrives {
            let body = json!({
                "id": id, "message": format!("{id} is {}", LEVELS[level]), "details": "d",
                "time": go_text::time(time), "duration": 90_000_000_000_i64, "level": LEVELS[level],
                "data": { "series": null }, "previousLevel": "OK", "recoverable": true,
            });
            let target = self.target("/v1/alerts", vec![("X-Kapacitor-Topic".to_owned(), topic.to_owned())]);
            assert_eq!(poster::post(&target, body.to_string().as_bytes()).await.unwrap().status, 204);
        }
    }

    /// Levels of the alerts that are on, by id.
    async fn firing(&self) -> BTreeMap<String, String> {
        let (_, alerts) = self.ask("/v1/alerts").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        alerts.as_array().unwrap().iter().map(|alert| (text(&alert["id"]), text(&alert["level"]))).collect()
    }

    /// Those of the topic in Kapacitor.
    fn truth(&self, topic: &str) -> BTreeMap<String, String> {
        let state = self.fake.state();
        let events = state.topics[topic].sorted.iter().filter(|event| event.level > 0);
        events.map(|event| (event.id.clone(), LEVELS[event.level].to_owned())).collect()
    }

    /// `medic` notices: whether each is of a try, and its `failure`.
    async fn treated(&self) -> Vec<(bool, Value)> {
        let events = self.kaptap().events("").await;
        let medic = events.iter().filter(|event| event["system"]["what"] == "medic");
        medic.map(|event| (event["system"]["attempt"].is_u64(), event["system"]["failure"].clone())).collect()
    }
}

fn with_topic(topic: &str) -> Kapacitor {
    let mut state = Kapacitor::default();
    state.topics.entry(topic.to_owned()).or_default();
    state
}

/// 500 transitions through polls, while POSTs are lost, and kaptap and Kapacitor are started anew at random.
async fn check_restarts(seed: u64) {
    let mut scene = Scene::start(with_topic("rec"), "expire = \"1s\"").await;
    let mut random = Random::new(seed);
    let mut said = BTreeSet::new();
    let (mut down, mut stopped, mut lost, mut restarts) = (0_usize, 0_usize, 0, 0);
    for step in 0..500 {
        let id = format!("cpu:host=h{}", random.below(10));
        let before = scene.truth("rec").get(&id).map_or(0, |level| LEVELS.iter().position(|l| l == level).unwrap());
        let level = (before + 1 + random.below(3)) % 4;
        let time = BEGIN + step * 1_000_000_000;
        let arrives = down == 0 && stopped == 0;
        scene.tell("rec", &id, level, time, arrives).await;
        lost += usize::from(!arrives);
        said.insert((id, LEVELS[level].to_owned(), go_text::time(time)));
        down = if down == 0 && random.below(30) == 0 { random.below(25) } else { down.saturating_sub(1) };
        if random.below(40) == 0 {
            scene.fake.state().restart();
            restarts += 1;
        }
        if stopped > 0 {
            stopped -= 1;
            if stopped == 0 {
                scene.start_kaptap().await;
            }
        } else if random.below(100) == 0 {
            scene.stop_kaptap().await;
            stopped = 1 + random.below(20);
        } else if random.below(7) == 0 {
            scene.refresh().await;
        }
    }
    if scene.kaptap.is_none() {
        scene.start_kaptap().await;
    }
    assert!(lost > 20 && restarts > 5, "{lost} lost, {restarts} restarts");
    // What was OK at a restart is gone from Kapacitor: where its POST was lost, the alert expires here.
    let truth = scene.truth("rec");
    wait_until_async("both sides are equal", async || {
        scene.refresh().await;
        (scene.firing().await == truth).then_some(())
    })
    .await;
    let events = scene.kaptap().events("").await;
    let mut polled = 0;
    for event in events.iter().filter(|event| event["kind"] == "alert") {
        let alert = &event["alert"];
        if alert["transition"] == "expired" {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let time = event["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_nanosecond();
        let time = go_text::time(i64::try_from(time).unwrap());
        let told = (text(&alert["id"]), text(&alert["level"]), time);
        assert!(said.contains(&told), "invented, seed {seed}: {event}");
        if event["origin"]["lane"] == "poll" {
            assert_eq!(event["duplicate_of"], Value::Null, "recorded what was there, seed {seed}: {event}");
            polled += 1;
        }
    }
    assert!(polled > 0, "seed {seed}");
    scene.stop_kaptap().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_restarts_of_both_sides_the_last_states_are_equal() {
    for seed in 0..2 {
        check_restarts(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_while_kaptap_was_away_is_counted() {
    let mut scene = Scene::start(with_topic("rec"), "").await;
    for (step, level) in (0..).zip([3, 0, 3]) {
        scene.tell("rec", "a", level, BEGIN + step, true).await;
    }
    scene.refresh().await;
    scene.stop_kaptap().await;
    // It has collected more than before by the time that somebody looks again: its count tells nothing.
    scene.fake.state().restart();
    for (step, level) in (10..).zip([0, 3, 0, 3, 0]) {
        scene.tell("rec", "a", level, BEGIN + step, false).await;
    }
    scene.start_kaptap().await;
    // Handlers are asked for after the first look, and without them it is not said what arrived.
    scene.refresh().await;
    let loss = scene.loss("rec").await;
    assert_eq!((&loss["collected"], &loss["arrived"], &loss["restarts"]), (&json!(8), &json!(3), &json!(1)), "{loss}");
    // The same run again is no restart.
    scene.stop_kaptap().await;
    scene.start_kaptap().await;
    let loss = scene.loss("rec").await;
    assert_eq!((&loss["collected"], &loss["restarts"]), (&json!(8), &json!(1)), "{loss}");
    scene.stop_kaptap().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_posts_without_naming_its_topic_is_one_topic_here() {
    let mut state = with_topic("main:t:alert2");
    let event = FakeEvent {
        id: "a".to_owned(),
        level: 3,
        message: "m".to_owned(),
        details: DETAILS.to_owned(),
        time: go_text::time(BEGIN),
        duration: "0s".to_owned(),
    };
    state.topics.get_mut("main:t:alert2").unwrap().sorted.push(event);
    let mut scene = Scene::start(state, "").await;
    let events = wait_until_async("it is recorded", async || {
        scene.refresh().await;
        let events = scene.kaptap().events("&filter=kind==%22alert%22").await;
        (!events.is_empty()).then_some(events)
    })
    .await;
    // As its POST would have been: under the task, whose topic then holds both.
    let origin = &events[0]["origin"];
    assert_eq!((&origin["lane"], &origin["task"]), (&json!("poll"), &json!("t")), "{origin}");
    assert_eq!(origin["topic"], Value::Null, "{origin}");
    scene.stop_kaptap().await;
}

/// A task that died of its connection to a kaptap with a medic; its first `failures` enablings fail.
async fn died(failures: usize) -> Scene {
    let script = "stream|from()@kaptap()".to_owned();
    let mut state = Kapacitor::default();
    state.tasks.insert("t".to_owned(), FakeTask { script, ..FakeTask::running() });
    let scene = Scene::start(state, "medic = true\nmedic_backoff = \"1s\"").await;
    let mut peer = UdfPeer::connect(&scene.kaptap().addresses.stream_socket, &Settings::stream()).await.unwrap();
    peer.init("t", "kaptap2", vec![]).await.unwrap();
    peer.finish().await;
    {
        let mut state = scene.fake.state();
        let task = state.tasks.get_mut("t").unwrap();
        (task.executing, task.error) = (false, LOST.to_owned());
    }
    let mut left = failures;
    scene.fake.answers(move |request| {
        let enables = request.method == "PATCH" && request.body.windows(7).any(|part| part == b"enabled");
        let fails = enables && left > 0;
        left -= usize::from(fails);
        fails.then(|| Reply::status(500, "no"))
    });
    scene.refresh().await;
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_was_left_disabled_is_enabled_later() {
    let mut scene = died(1).await;
    assert_eq!(scene.fake.state().tasks["t"].status, "disabled");
    assert!(scene.treated().await[0].1.as_str().unwrap().contains("no"));
    // Over a restart, too.
    scene.stop_kaptap().await;
    scene.start_kaptap().await;
    assert!(scene.fake.state().tasks["t"].executing);
    assert_eq!(scene.treated().await[1..], [(false, Value::Null)]);
    scene.stop_kaptap().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_somebody_changed_since_is_theirs() {
    let mut scene = died(1).await;
    scene.stop_kaptap().await;
    // Enabled, defined anew and disabled by an operator, say.
    scene.fake.state().tasks.get_mut("t").unwrap().changes += 3;
    scene.start_kaptap().await;
    scene.refresh().await;
    assert_eq!(scene.fake.state().tasks["t"].status, "disabled");
    assert_eq!(scene.treated().await.len(), 1);
    scene.stop_kaptap().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_events_than_one_answer_has_come_in_several() {
    let mut state = with_topic("rec");
    let event = |id: usize| FakeEvent {
        id: id.to_string(),
        level: 3,
        message: String::new(),
        details: "x".repeat(6 << 20),
        time: go_text::time(BEGIN),
        duration: "0s".to_owned(),
    };
    state.topics.get_mut("rec").unwrap().sorted.extend((0..3).map(event));
    let mut scene = Scene::start(state, "reconcile = false\ntimeout = \"60s\"").await;
    assert_eq!(scene.ask("/v1/kapacitor/k/events").await.0, 413);
    let (status, first) = scene.ask("/v1/kapacitor/k/events?topic=rec").await;
    assert_eq!((status, first["events"].as_array().unwrap().len(), &first["next_from"]), (200, 2, &json!(2)));
    let (_, rest) = scene.ask("/v1/kapacitor/k/events?topic=rec&from=2").await;
    assert_eq!((&rest["events"][0]["id"], &rest["next_from"]), (&json!("2"), &Value::Null));
    assert_eq!(scene.ask("/v1/kapacitor/k/events?topic=rec&from=x").await.0, 400);
    scene.stop_kaptap().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_leaves_out_is_not_recorded_from_the_first_poll_on() {
    let mut state = with_topic("rec");
    state.collect("rec", "a", "WARNING", &go_text::time(BEGIN));
    let handler = |matching: &str| json!({ "id": "h", "kind": "post", "options": { "url": "http://localhost:9192/v1/alerts" }, "match": matching });
    state.topics.get_mut("rec").unwrap().handlers.insert("h".to_owned(), handler("level() >= CRITICAL"));
    let mut scene = Scene::start(state, "address = \"http://localhost:9192\"").await;
    for _ in 0..3 {
        scene.refresh().await;
    }
    assert_eq!(scene.kaptap().events("&filter=kind==%22alert%22").await, Vec::<Value>::new());
    let (_, loss) = scene.ask("/v1/kapacitor/k/loss").await;
    assert_eq!(loss["loss"]["cannot_tell"], 1, "{loss}");
    scene.stop_kaptap().await;
}
