//! A Kapacitor that keeps topics as the real one does, its order that is none included, and tells them over its API; and
//! a kaptap of journal and intake that can be stopped and started again.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

use crate::parts_support::{intake_options, journal_options};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use kaptap::connector::reconcile::{Reconciler, Report};
use kaptap::connector::repair::Seat;
use kaptap::connector::{Client, Options, Snapshot};
use kaptap::http::Proxies;
use kaptap::intake::{Arrival, Intake, checkpoint};
use kaptap::journal::{self, Journal};
use kaptap::record::{Content, Note};
use kaptap::rehearsal::go_text;
use kaptap::telemetry::Metrics;
use kaptap::words::{How, Lane, Level};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// One alert event, as Kapacitor has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) level: Level,
    pub(crate) time: i64,
}

/// One topic.
#[derive(Debug, Default, Clone)]
pub(crate) struct Topic {
    pub(crate) collected: u64,
    /// In the order that the real one has: not sorted by anything.
    pub(crate) sorted: Vec<Told>,
}

impl Topic {
    /// Takes an event in (`updateEvent`, `alert/topics.go`).
    pub(crate) fn collect(&mut self, told: &Told) {
        self.collected += 1;
        let known = self.sorted.iter_mut().find(|known| known.id == told.id);
        let sort = known.as_ref().is_none_or(|known| known.level != told.level);
        match known {
            Some(known) => *known = told.clone(),
            None => self.sorted.push(told.clone()),
        }
        if sort {
            self.sort();
        }
    }

    /// Go's sort of up to twelve elements, with the comparison that is no order.
    fn sort(&mut self) {
        let less = |left: &Told, right: &Told| left.level > right.level || left.id < right.id;
        assert!(self.sorted.len() <= 12, "longer ones are sorted otherwise");
        for end in 1..self.sorted.len() {
            let mut at = end;
            while at > 0 && less(&self.sorted[at], &self.sorted[at - 1]) {
                self.sorted.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    /// What the real one says its level is.
    pub(crate) fn level(&self) -> Level {
        self.sorted.first().map_or(Level::Ok, |first| first.level)
    }

    /// What the real one lists with `min-level`.
    pub(crate) fn at_least(&self, level: Level) -> Vec<&Told> {
        self.sorted.iter().take_while(|told| told.level >= level).collect()
    }
}

/// A Kapacitor.
#[derive(Debug, Default, Clone)]
pub(crate) struct Kapacitor {
    pub(crate) topics: BTreeMap<String, Topic>,
    /// Whether topics survive a restart.
    pub(crate) persists: bool,
    /// Details of the author's own instead of the default ones.
    pub(crate) own_details: bool,
}

impl Kapacitor {
    /// A restart: what is OK is gone, counters begin anew.
    pub(crate) fn restart(&mut self) {
        let persists = self.persists;
        for topic in self.topics.values_mut() {
            topic.collected = 0;
            topic.sorted.retain(|told| persists && told.level != Level::Ok);
        }
    }

    fn details(&self) -> String {
        if self.own_details { "own words".to_owned() } else { go_text::html("{\"TaskName\":\"t\"}") + "\n" }
    }

    /// The body of a POST.
    pub(crate) fn body(&self, told: &Told) -> String {
        let (mut id, mut details) = (String::new(), String::new());
        go_text::json_string(&told.id, &mut id);
        go_text::json_string(&self.details(), &mut details);
        format!(
            r#"{{"id":{id},"message":"m","details":{details},"time":"{}","duration":0,"level":"{}","data":{{"series":null}},"previousLevel":"OK","recoverable":true}}"#,
            go_text::time(told.time),
            told.level
        )
    }

    fn event(&self, told: &Told) -> String {
        let (mut id, mut details) = (String::new(), String::new());
        go_text::json_string(&told.id, &mut id);
        go_text::json_string(&self.details(), &mut details);
        format!(
            "{{\n  \"link\": {{}},\n  \"id\": {id},\n  \"state\": {{\"message\": \"m\", \"details\": {details}, \"time\": \"{}\", \"duration\": \"0s\", \"level\": \"{}\"}}\n}}",
            go_text::time(told.time),
            told.level
        )
    }
}

pub(crate) type Shared = Arc<Mutex<Kapacitor>>;

async fn topics(State(kapacitor): State<Shared>) -> impl IntoResponse {
    let kapacitor = kapacitor.lock().unwrap();
    let topics: Vec<_> = kapacitor
        .topics
        .iter()
        .map(|(id, topic)| serde_json::json!({"id": id, "level": topic.level().as_str(), "collected": topic.collected}))
        .collect();
    serde_json::json!({ "topics": topics }).to_string()
}

async fn events(State(kapacitor): State<Shared>, Path(topic): Path<String>) -> impl IntoResponse {
    let kapacitor = kapacitor.lock().unwrap();
    match kapacitor.topics.get(&topic) {
        Some(known) => {
            let events: Vec<_> = known.sorted.iter().map(|told| kapacitor.event(told)).collect();
            (StatusCode::OK, format!("{{\"topic\":\"{topic}\",\"events\":[{}]}}", events.join(",")))
        }
        None => (StatusCode::INTERNAL_SERVER_ERROR, format!("{{\"error\":\"unknown topic: \\\"{topic}\\\"\"}}")),
    }
}

/// Serves a Kapacitor's API; its URL.
pub(crate) async fn serve(kapacitor: Shared) -> String {
    let router = Router::new()
        .route("/kapacitor/v1/alerts/topics", get(topics))
        .route("/kapacitor/v1/alerts/topics/{topic}/events", get(events))
        .with_state(kapacitor);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A kaptap, running or stopped.
pub(crate) struct Kaptap {
    /// When Kapacitor is known to have been started anew.
    pub(crate) restarted: Option<i64>,
    directory: TempDir,
    options: Options,
    client: Client,
    running: Option<(Intake, Reconciler)>,
}

impl Kaptap {
    pub(crate) fn new(options: Options) -> Self {
        let client = Client::new(&options, &Proxies::none()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("state")).unwrap();
        let mut kaptap = Self { directory, options, client, running: None, restarted: None };
        kaptap.start();
        kaptap
    }

    pub(crate) fn start(&mut self) {
        let (path, state) = (self.directory.path(), self.directory.path().join("state"));
        let disk = Arc::new(journal::Disk::default());
        let (journal, _) = Journal::open(journal_options(path), disk).unwrap();
        let recovered = checkpoint::recover(&state, &journal);
        let intake = Intake::new(intake_options(path), journal, Metrics::default(), recovered);
        let reconciler = Reconciler::new(&self.options, Seat::alone("test"), Some(&state));
        self.running = Some((intake, reconciler));
    }

    /// Stops as after a crash: nothing is written but what the journal has.
    pub(crate) async fn stop(&mut self) {
        if let Some((intake, _)) = self.running.take() {
            let journal = intake.journal().clone();
            tokio::task::spawn_blocking(move || journal.close()).await.unwrap().unwrap();
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.running.as_ref().unwrap().0
    }

    pub(crate) fn report(&self) -> Report {
        self.running.as_ref().unwrap().1.report().lock().unwrap().clone()
    }

    /// A POST; lost when nobody takes it.
    pub(crate) async fn post(&self, topic: Option<&str>, body: &str) {
        let note = Note { topic: topic.map(|topic| (topic.to_owned(), How::Header)), ..Note::default() };
        let raw = body.as_bytes();
        let arrival = Arrival { lane: Lane::Post, source: "kap", content: Content::Alert, note, raw };
        self.intake().keep(arrival).await.unwrap();
    }

    /// One look at Kapacitor.
    pub(crate) async fn look(&mut self) {
        let mut snapshot = Snapshot { name: "k".to_owned(), scope: self.options.scope.clone(), ..Snapshot::default() };
        snapshot.restarted = self.restarted;
        snapshot.polls.handlers.last_success = Some(1);
        snapshot.polls.tasks.last_success = Some(1);
        let topics: BTreeMap<_, _> =
            self.client.topics().await.unwrap().into_iter().map(|topic| (topic.id.clone(), topic)).collect();
        for topic in topics.keys() {
            snapshot.events.insert(topic.clone(), Arc::new(self.client.events(topic).await.unwrap()));
        }
        snapshot.topics = Arc::new(topics);
        let (intake, reconciler) = self.running.as_mut().unwrap();
        reconciler.after_events(&self.client, &snapshot, intake).await;
    }

    /// Levels of a topic's events that are not OK.
    pub(crate) fn firing(&self, topic: &str) -> BTreeMap<String, Level> {
        let topics = self.intake().topics();
        let events = topics.events("test", topic).into_iter().flatten();
        events.filter(|event| event.level != Level::Ok).map(|event| (event.id.to_string(), event.level)).collect()
    }

    /// Every alert event in the journal: lane, id, level, time, and whether it is a duplicate.
    pub(crate) async fn recorded(&self) -> Vec<(Lane, Told, Option<kaptap::words::Transition>, bool)> {
        let journal = self.intake().journal().clone();
        let mut written = journal.written();
        let last = journal.next_seq() - 1;
        tokio::time::timeout(Duration::from_mins(1), written.wait_for(|seq| *seq >= last)).await.unwrap().unwrap();
        let mut reader = journal.reader(0);
        let mut recorded = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            let stream = kaptap::record::Stream::decode(&block.description).unwrap();
            for record in kaptap::record::records(&block.payload, block.first_seq, block.count, block.time).unwrap() {
                let record = record.unwrap();
                let event = kaptap::interpret::event(&stream, &record);
                if let Some(alert) = &event.alert {
                    let told = Told { id: alert.id.to_string(), level: alert.level, time: event.time };
                    recorded.push((event.origin.lane, told, alert.transition, event.duplicate_of.is_some()));
                }
            }
        }
        recorded
    }
}

pub(crate) fn firing(topic: &Topic) -> BTreeMap<String, Level> {
    topic.sorted.iter().filter(|told| told.level != Level::Ok).map(|told| (told.id.clone(), told.level)).collect()
}

/// What was told, to see that nothing else was recorded.
pub(crate) type Said = BTreeSet<Told>;
