//! The sink `alertmanager`: what it writes, and how it stands an Alertmanager that fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod peers;
mod wait_support;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use kaptap::delivery::sink::{Batch, Outcome, Sink};
use kaptap::event::Event;
use kaptap::sinks::alertmanager::Alertmanager;
use kaptap::sinks::http::Proxies;
use kaptap::sinks::options;
use kaptap::words::{Level, Transition};
use peers::PATIENCE;
use peers::events::{alert, deliver, point, why};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn options_for(url: &str) -> options::Alertmanager {
    options::Alertmanager {
        http: options::Http::at(url),
        resend: Duration::from_mins(1),
        generator_url: None,
        labels: BTreeMap::new(),
    }
}

fn sink(options: &options::Alertmanager) -> Alertmanager {
    Alertmanager::new("ops", options, None, &Proxies::none()).unwrap()
}

/// What an Alertmanager answers; after the last of them, 200.
#[derive(Clone)]
enum Answer {
    Status(u16, &'static str),
    /// 400 if an alert of this id is in it, as Alertmanager does: the others are taken all the same.
    RefuseIfHolds(&'static str),
}

#[derive(Clone, Default)]
struct Fake {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    posts: Arc<Mutex<Vec<Vec<Value>>>>,
}

impl Fake {
    async fn start(answers: &[Answer]) -> (Self, SocketAddr) {
        let fake = Self { answers: Arc::new(Mutex::new(answers.iter().cloned().collect())), ..Self::default() };
        let routes = Router::new()
            .route("/api/v2/alerts", post(async |State(fake): State<Self>, body: Bytes| fake.take(&body)))
            .with_state(fake.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (fake, address)
    }

    fn take(&self, body: &[u8]) -> (StatusCode, &'static str) {
        let alerts: Vec<Value> = serde_json::from_slice(body).unwrap();
        let holds = |id: &str| alerts.iter().any(|alert| alert["labels"]["alert_id"] == id);
        let answer = self.answers.lock().unwrap().pop_front();
        let answered = match answer {
            None => (StatusCode::OK, ""),
            Some(Answer::Status(status, text)) => (StatusCode::from_u16(status).unwrap(), text),
            Some(Answer::RefuseIfHolds(id)) => {
                // For good: it stays at the front.
                self.answers.lock().unwrap().push_front(Answer::RefuseIfHolds(id));
                if holds(id) { (StatusCode::BAD_REQUEST, "\"invalid label set\"") } else { (StatusCode::OK, "") }
            }
        };
        self.posts.lock().unwrap().push(alerts);
        answered
    }

    /// The posts since this was called last.
    fn posts(&self) -> Vec<Vec<Value>> {
        std::mem::take(&mut self.posts.lock().unwrap())
    }
}

/// What is posted for events, by the preview.
fn posted(options: &options::Alertmanager, events: &[Event<'_>], replay: bool) -> Vec<Value> {
    let text = sink(options).preview(&Batch { events, replay }).unwrap();
    text.split_once("\n\n").map(|(_, body)| serde_json::from_str(body).unwrap()).unwrap_or_default()
}

fn opened() -> Event<'static> {
    alert("a", Level::Warning, Transition::Opened, 0)
}

#[test]
fn a_firing_alert_is_written_so() {
    let mut options = options_for("http://user:secret@am.example:9093/prefix/");
    options.labels = BTreeMap::from([("env".to_owned(), "prod".to_owned()), ("cpu".to_owned(), String::new())]);
    options.generator_url = Some("https://grafana.example/d/x?host={{ tags.host }}&id={{ alert.id }}".to_owned());
    let mut event = alert("cpu/host=web 1", Level::Critical, Transition::Escalated, 30);
    event.labels = vec![("team".into(), "ops".into()), ("env".into(), "prod".into())];
    let text = sink(&options).preview(&Batch { events: std::slice::from_ref(&event), replay: false }).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap();
    assert!(head.starts_with("POST /prefix/api/v2/alerts HTTP/1.1\nhost: am.example:9093\n"), "{head}");
    assert!(head.contains("content-type: application/json") && !text.contains("secret\n"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    let expected = json!([{
        "labels": {
            "alertname": "cpu_alert", "alert_id": "cpu/host=web 1", "task": "cpu_alert",
            "host": "web-1", "team": "ops", "env": "prod",
        },
        "annotations": {
            "summary": "cpu/host=web 1 is CRITICAL", "level": "CRITICAL", "severity": "critical",
            "values": "idle=9.5, state=s0", "event_id": event.id.to_string(),
        },
        "startsAt": "2026-01-31T12:00:00.000000000Z",
        "endsAt": "2026-01-31T12:05:30.000000000Z",
        "generatorURL": "https://grafana.example/d/x?host=web-1&id=cpu%2Fhost%3Dweb%201",
    }]);
    assert_eq!(body, expected);
}

#[test]
fn labels_do_not_change_with_the_severity() {
    let options = options_for("http://localhost");
    let with_level_tag = |mut event: Event<'static>| {
        let level = event.alert.as_ref().unwrap().level.as_str();
        event.series[0].tags.push(("lvl".into(), level.into()));
        event.series[0].tags.push(("the_id".into(), "a".into()));
        event
    };
    let labels = |event| posted(&options, &[with_level_tag(event)], false)[0]["labels"].clone();
    let first = labels(opened());
    for (level, transition) in [
        (Level::Info, Transition::Deescalated),
        (Level::Critical, Transition::Escalated),
        (Level::Ok, Transition::Resolved),
    ] {
        assert_eq!(labels(alert("a", level, transition, 60)), first);
    }
    assert!(first.get("lvl").is_none() && first.get("severity").is_none(), "{first}");
}

#[test]
fn tags_become_label_names_of_their_own() {
    let mut event = opened();
    event.series[0].tags = vec![
        ("".into(), "empty name".into()),
        ("1st".into(), "digit".into()),
        ("a b".into(), "one".into()),
        ("a-b".into(), "two".into()),
        ("a.b".into(), "three".into()),
        ("alert_id".into(), "not the id".into()),
        ("alertname".into(), "cpu_alert".into()),
        ("gone".into(), "".into()),
        ("größe".into(), "klein".into()),
        ("task".into(), "another".into()),
    ];
    let labels = posted(&options_for("http://localhost"), &[event], false)[0]["labels"].clone();
    let expected = json!({
        "alertname": "cpu_alert", "alert_id": "a", "task": "cpu_alert",
        "_": "empty name", "_1st": "digit", "a_b": "one", "a_b_2": "two", "a_b_3": "three",
        "tag_alert_id": "not the id", "gr__e": "klein", "tag_task": "another",
    });
    assert_eq!(labels, expected);
}

#[test]
fn an_alert_without_a_task_has_a_name() {
    let options = options_for("http://localhost");
    let mut event = opened();
    event.origin.task = None;
    let labels = |event: &Event<'static>| posted(&options, std::slice::from_ref(event), false)[0]["labels"].clone();
    assert_eq!((&labels(&event)["alertname"], labels(&event).get("task")), (&json!("cpu"), None));
    event.origin.measurement = None;
    assert_eq!(labels(&event)["alertname"], "kapacitor");
}

#[test]
fn resolved_has_its_end_and_long_texts_are_cut() {
    let options = options_for("http://localhost");
    let resolved = posted(&options, &[alert("a", Level::Ok, Transition::Resolved, 90)], false);
    assert_eq!(resolved[0]["startsAt"], "2026-01-31T12:00:00.000000000Z");
    assert_eq!(resolved[0]["endsAt"], "2026-01-31T12:01:30.000000000Z");
    // Never seen firing here: told all the same, Alertmanager may have seen it.
    let orphan = posted(&options, &[alert("a", Level::Ok, Transition::OrphanResolved, 90)], false);
    assert_eq!(orphan[0]["startsAt"], orphan[0]["endsAt"]);
    let mut expired = alert("a", Level::Critical, Transition::Expired, 90);
    assert_eq!(posted(&options, &[expired.clone()], false)[0]["endsAt"], resolved[0]["endsAt"]);
    // A clock that is ahead of ours must not make a resolved alert fire on.
    expired.observed = expired.time - 1_000_000_000;
    assert_eq!(posted(&options, &[expired], false)[0]["endsAt"], "2026-01-31T12:01:29.000000000Z");

    let mut long = opened();
    let found = long.alert.as_mut().unwrap();
    found.message = Some("é".repeat(9000).into());
    found.details = Some(" {&#34;Name&#34;:1}".into());
    let annotations = posted(&options, &[long.clone()], false)[0]["annotations"].clone();
    let summary = annotations["summary"].as_str().unwrap();
    assert!(summary.len() <= 8192 && summary.ends_with("é…"), "{}", summary.len());
    assert!(annotations.get("description").is_none());
    long.alert.as_mut().unwrap().details = Some("<b>for people</b>".into());
    assert_eq!(posted(&options, &[long], false)[0]["annotations"]["description"], "<b>for people</b>");
}

#[tokio::test]
async fn what_passes_a_limit_is_parked_with_the_limit() {
    let (fake, address) = Fake::start(&[]).await;
    let mut sink = sink(&options_for(&format!("http://{address}")));
    let mut long = alert("long", Level::Warning, Transition::Opened, 0);
    long.series[0].tags.push(("path".into(), "x".repeat(5000).into()));
    let mut many = alert("many", Level::Warning, Transition::Opened, 0);
    many.series[0].tags = (0..70).map(|n| (format!("t{n}").into(), "x".into())).collect();
    let outcomes = deliver(&mut sink, &[long, opened(), many, point(9)]).await;
    let found: Vec<_> = outcomes.iter().map(why).collect();
    assert_eq!(found[0], ("reject", "too_large", "the label path has 5000 bytes, at most 4096 are sent"));
    assert_eq!(found[2], ("reject", "too_large", "73 labels, at most 64 are sent"));
    assert_eq!((&outcomes[1], &outcomes[3]), (&Outcome::Delivered, &Outcome::Delivered));
    let posts = fake.posts();
    assert_eq!((posts.len(), posts[0].len()), (1, 1), "{posts:?}");
}

#[test]
fn options_that_cannot_work_are_refused() {
    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut options::Alertmanager), sentence: &str) {
        let mut options = options_for("http://localhost");
        change(&mut options);
        let error = Alertmanager::new("ops", &options, None, &Proxies::none()).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    }
    let label = |name: &str| BTreeMap::from([(name.to_owned(), "x".to_owned())]);
    check_refused(|options| options.labels = label("a-b"), "`labels`: \"a-b\" is no name of a label");
    check_refused(|options| options.labels = label("1"), "\"1\" is no name");
    check_refused(|options| options.labels = label("alert_id"), "cannot be set");
    check_refused(|options| options.labels = label(&"x".repeat(300)), "is too long");
    check_refused(
        |options| options.generator_url = Some("{{ alert.id }}".to_owned()),
        "`generator_url`: does not begin",
    );
    check_refused(|options| options.generator_url = Some("http://x/{{ nonsense }}".to_owned()), "nonsense");
}

#[tokio::test]
async fn what_changes_nothing_is_not_sent() {
    let (fake, address) = Fake::start(&[]).await;
    let mut sink = sink(&options_for(&format!("http://{address}")));
    let mut duplicate = opened();
    duplicate.duplicate_of = Some(1);
    let late = alert("a", Level::Critical, Transition::Late, 10);
    assert_eq!(deliver(&mut sink, &[duplicate, late, point(1)]).await, vec![Outcome::Delivered; 3]);
    assert!(fake.posts().is_empty());

    // Several events of an alert are one state, the last one; what is older than it is not told any more.
    let resolved = alert("a", Level::Ok, Transition::Resolved, 60);
    let events = [opened(), alert("b", Level::Info, Transition::Opened, 5), resolved.clone(), opened()];
    assert_eq!(deliver(&mut sink, &events).await, vec![Outcome::Delivered; 4]);
    let posts = fake.posts();
    let ids: Vec<_> = posts[0].iter().map(|alert| alert["labels"]["alert_id"].as_str().unwrap()).collect();
    assert_eq!((posts.len(), ids.len()), (1, 2), "{posts:?}");
    let of_a = posts[0].iter().find(|alert| alert["labels"]["alert_id"] == "a").unwrap();
    assert_eq!(of_a["endsAt"], "2026-01-31T12:01:00.000000000Z");
    assert_eq!(deliver(&mut sink, &[opened()]).await, [Outcome::Delivered]);
    assert!(fake.posts().is_empty(), "an older event would fire again");
    // The same event once more is told once more: its answer may have been lost.
    deliver(&mut sink, std::slice::from_ref(&resolved)).await;
    assert_eq!(fake.posts().len(), 1);

    // Replayed: nothing of what is known, once of what is not, and that is not told again.
    let unknown = alert("old", Level::Critical, Transition::Opened, 0);
    let replayed = [opened(), resolved, unknown];
    let outcomes = sink.deliver(&Batch { events: &replayed, replay: true }).await;
    assert_eq!(outcomes, vec![Outcome::Delivered; 3]);
    let posts = fake.posts();
    assert_eq!((posts.len(), posts[0].len(), &posts[0][0]["labels"]["alert_id"]), (1, 1, &json!("old")));
    sink.tick().await.unwrap();
    let ids: Vec<_> = fake.posts().concat().iter().map(|alert| alert["labels"]["alert_id"].clone()).collect();
    assert!(ids.contains(&json!("b")) && !ids.contains(&json!("old")), "{ids:?}");
}

#[tokio::test]
async fn one_refused_alert_does_not_take_the_others_with_it() {
    let (fake, address) = Fake::start(&[Answer::RefuseIfHolds("n-3")]).await;
    let mut sink = sink(&options_for(&format!("http://{address}")));
    let event = |name| alert(name, Level::Warning, Transition::Opened, 0);
    let events: Vec<_> = ["n-0", "n-1", "n-2", "n-3", "n-4", "n-5"].map(event).into();
    let outcomes = deliver(&mut sink, &events).await;
    for (event, outcome) in events.iter().zip(&outcomes) {
        if event.alert.as_ref().unwrap().id == "n-3" {
            let Outcome::Reject { reason, response, .. } = outcome else { panic!("{outcome:?}") };
            assert_eq!((reason.as_str(), response.as_deref()), ("refused", Some("\"invalid label set\"")));
        } else {
            assert_eq!(outcome, &Outcome::Delivered);
        }
    }
    fake.posts();
    // It is not remembered, so it does not spoil telling the others again.
    sink.tick().await.unwrap();
    assert_eq!(fake.posts().iter().map(Vec::len).collect::<Vec<_>>(), [5]);
}

#[tokio::test]
async fn failures_are_tried_again_and_nothing_is_remembered_of_them() {
    let answers = [Answer::Status(503, "starting"), Answer::Status(401, ""), Answer::Status(500, "")];
    let (fake, address) = Fake::start(&answers).await;
    let mut sink = sink(&options_for(&format!("http://{address}")));
    for reason in ["peer_failed", "unauthorized", "peer_failed"] {
        let outcomes = deliver(&mut sink, &[opened(), alert("b", Level::Info, Transition::Opened, 1)]).await;
        assert!(outcomes.iter().all(|outcome| (why(outcome).0, why(outcome).1) == ("retry", reason)), "{outcomes:?}");
    }
    fake.posts();
    sink.tick().await.unwrap();
    assert!(fake.posts().is_empty());
    assert_eq!(deliver(&mut sink, &[opened()]).await, [Outcome::Delivered]);

    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut sink = self::sink(&options_for(&format!("http://{nobody}")));
    let outcomes = deliver(&mut sink, &[opened()]).await;
    assert_eq!(why(&outcomes[0]).1, "unreachable", "{outcomes:?}");
}

/// Ticks as the worker does until something is posted.
async fn ticked(sink: &mut Alertmanager, fake: &Fake) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let next = sink.tick().await.unwrap();
        let posts = fake.posts();
        if !posts.is_empty() {
            return posts.concat();
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is told again");
        // As long as the sink asks its caller to wait.
        tokio::time::sleep(next).await;
    }
}

#[tokio::test]
async fn firing_alerts_are_told_again_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (fake, address) = Fake::start(&[]).await;
    let mut options = options_for(&format!("http://{address}"));
    options.resend = Duration::from_secs(1);
    let state_file = Some(directory.path().join("ops.json"));
    let remembering = |options: &options::Alertmanager| {
        Alertmanager::new("ops", options, state_file.clone(), &Proxies::none()).unwrap()
    };
    let mut first = remembering(&options);
    assert!(first.tick().await.unwrap() <= Duration::from_secs(1));
    assert!(fake.posts().is_empty(), "there is nothing to tell");
    deliver(&mut first, &[opened()]).await;
    let told = fake.posts().concat();
    let (again, once_more) = (ticked(&mut first, &fake).await, ticked(&mut first, &fake).await);
    assert_eq!((&again[0]["labels"], &again[0]["startsAt"]), (&told[0]["labels"], &told[0]["startsAt"]));
    assert!(again[0]["endsAt"].as_str() < once_more[0]["endsAt"].as_str(), "the end moves on");
    drop(first);

    // After a restart, with other labels configured: told again at once, and resolved, as it was opened.
    options.labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    let mut second = remembering(&options);
    let next = second.tick().await.unwrap();
    assert!(next <= Duration::from_secs(1), "{next:?}");
    assert_eq!(fake.posts().concat()[0]["labels"], told[0]["labels"]);
    let mut resolved = alert("a", Level::Ok, Transition::Resolved, 60);
    resolved.series[0].tags = vec![("host".into(), "another".into())];
    deliver(&mut second, &[resolved]).await;
    let ended = fake.posts().concat();
    assert_eq!(ended[0]["labels"], told[0]["labels"]);
    assert_eq!(ended[0]["endsAt"], "2026-01-31T12:01:00.000000000Z");
    // Resolved ones are told again too; the next episode has the labels of now.
    assert_eq!(ticked(&mut second, &fake).await, ended);
    let mut reopened = alert("a", Level::Critical, Transition::Opened, 120);
    reopened.alert.as_mut().unwrap().started = Some(reopened.time);
    deliver(&mut second, &[reopened]).await;
    let opened = fake.posts().concat();
    assert_eq!(
        (&opened[0]["labels"]["env"], &opened[0]["startsAt"]),
        (&json!("prod"), &json!("2026-01-31T12:02:00.000000000Z"))
    );
}

proptest::proptest! {
    /// Whatever tags are called: each has a label, under a name that Prometheus takes.
    #[test]
    fn any_tags_become_labels(
        tags in proptest::collection::btree_map("\\PC{0,6}|[a-b._-]{1,3}|alert_id|task", "x[a-z]{0,4}", 0..20),
    ) {
        let mut event = opened();
        event.series[0].tags = tags.iter().map(|(tag, value)| (tag.clone().into(), value.clone().into())).collect();
        let posted = posted(&options_for("http://localhost"), std::slice::from_ref(&event), false);
        let labels = posted[0]["labels"].as_object().unwrap();
        for name in labels.keys() {
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            proptest::prop_assert!(plain && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()), "{name}");
        }
        let values: Vec<_> = labels.values().collect();
        for value in tags.values() {
            proptest::prop_assert!(values.contains(&&json!(value)), "{value} is missing in {labels:?}");
        }
        proptest::prop_assert_eq!((&labels["alert_id"], &labels["task"]), (&json!("a"), &json!("cpu_alert")));
    }
}
