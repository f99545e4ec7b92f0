//! What a sink loses is written down before anything forgets it: the cursor waits, and so do the oldest parked events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod delivery_support;
mod support;
mod wait_support;

use delivery_support::alert;
use kaptap::delivery::backoff::Bounds;
use kaptap::delivery::cursor::{self, Cursor, Position};
use kaptap::delivery::options::SinkOptions;
use kaptap::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Reason, Sink};
use kaptap::delivery::{Delivery, Plan, Trouble};
use kaptap::intake::checkpoint::Recovered;
use kaptap::intake::{Arrival, Intake};
use kaptap::journal::{Disk, Journal};
use kaptap::record::{Content, Note};
use kaptap::telemetry::Metrics;
use kaptap::words::{Kind, Lane};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::configuration;
use tokio::sync::watch;
use wait_support::wait_until_async;

/// Takes everything, or refuses it.
struct Judge {
    refuses: bool,
}

impl Sink for Judge {
    fn limits(&self) -> Limits {
        Limits { events: 10, bytes: 1 << 20 }
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        let refused = Outcome::Reject { reason: Reason::Refused, error: "never".to_owned(), response: None };
        let outcome = if self.refuses { refused } else { Outcome::Delivered };
        Box::pin(std::future::ready(vec![outcome; batch.events.len()]))
    }

    fn preview(&self, _: &Batch<'_>) -> Result<String, String> {
        Err("not here".to_owned())
    }
}

/// Delivery whose losses are told, but durable only when the test says so.
struct Scene {
    directory: tempfile::TempDir,
    intake: Intake,
    delivery: Delivery,
    told: Arc<Mutex<Vec<Trouble>>>,
    durable: watch::Sender<bool>,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let journal = "[journal]\nsegment_bytes = \"64KiB\"\nmax_bytes = \"256KiB\"\nbuffer = \"1MiB\"\n[http]\nmax_body = \"16KiB\"\n";
        let config = configuration(directory.path(), journal);
        let (journal, _) = Journal::open(config.journal, Arc::new(Disk::default())).unwrap();
        let intake = Intake::new(config.intake, journal, Metrics::default(), Recovered::default());
        let (told, (durable, is_durable)) = (Arc::new(Mutex::new(Vec::new())), watch::channel(false));
        let heard = Arc::clone(&told);
        let tell = Arc::new(move |trouble| {
            heard.lock().unwrap().push(trouble);
            let mut is_durable = is_durable.clone();
            tokio::spawn(async move { is_durable.wait_for(|durable| *durable).await.is_ok() })
        });
        let (journal, metrics) = (intake.journal().clone(), intake.metrics().clone());
        let delivery = Delivery::new(journal, metrics, directory.path(), Duration::from_secs(5), tell);
        Self { directory, intake, delivery, told, durable }
    }

    async fn start(&self, options: SinkOptions, refuses: bool) {
        let options = SinkOptions {
            name: "a".to_owned(),
            kinds: vec![Kind::Alert],
            batch_age: Duration::ZERO,
            retry: Bounds { first: Duration::from_millis(10), longest: Duration::from_millis(40) },
            ..options
        };
        let build = Arc::new(move || Ok(Box::new(Judge { refuses }) as Box<dyn Sink>));
        let plan = Plan { options, kind: "stdout", unchanged: false, build };
        let prepared = self.delivery.prepare(vec![plan]).unwrap_or_else(|errors| panic!("{errors:?}"));
        self.delivery.start(prepared).await.unwrap();
    }

    async fn post(&self, n: u64, length: usize) {
        let raw = alert(&format!("id-{n}-{}", "x".repeat(length)), "CRITICAL", n);
        let note = Note::default();
        let arrival = Arrival { lane: Lane::Post, source: "test", content: Content::Alert, note, raw: &raw };
        self.intake.keep(arrival).await.unwrap();
    }

    fn cursors(&self) -> std::path::PathBuf {
        self.directory.path().join("cursors")
    }

    /// Seq of the first record that the file does not pass.
    fn first_open(&self) -> u64 {
        cursor::read(&self.cursors(), "a").unwrap().map_or(0, |cursor| cursor.position.first())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_passes_a_gap_only_when_it_is_written_down() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.cursors()).unwrap();
    cursor::write(&scene.cursors(), "a", &Cursor { position: Position::at(5), detached: false }).unwrap();
    let mut n = 0;
    while scene.intake.journal().stats().first_seq < 50 {
        n += 1;
        scene.post(n, 2000).await;
    }
    let (first, next) = (scene.intake.journal().stats().first_seq, scene.intake.journal().next_seq());
    scene.start(SinkOptions::default(), false).await;
    let facts = || scene.delivery.report()[0].facts.clone();
    wait_until_async("the rest is delivered", async || (facts().delivered == next - first).then_some(())).await;
    let missed = || scene.told.lock().unwrap().clone();
    let gap = Trouble::Missed { sink: "a".to_owned(), seqs: (5, first - 1), reason: "retention" };
    assert_eq!(missed(), std::slice::from_ref(&gap));
    // What is delivered is passed in the file; what is lost is not.
    let pending = vec![(5, first - 1)];
    let passed = async || cursor::read(&scene.cursors(), "a").unwrap().filter(|it| it.position.next == next);
    let kept = wait_until_async("the rest is passed", passed).await;
    assert_eq!(kept.position, Position { next, pending });
    assert_eq!(facts().first_open, 5);

    // Killed now, it would say the same again. Started again, it does.
    scene.delivery.stop().await;
    assert_eq!(scene.first_open(), 5);
    scene.start(SinkOptions::default(), false).await;
    wait_until_async("it is said again", async || (missed().len() == 2).then_some(())).await;
    assert_eq!(missed()[1], gap);
    scene.durable.send(true).unwrap();
    let all = async || (scene.first_open() == next).then_some(());
    wait_until_async("the cursor is at the end", all).await;
    scene.delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_parked_events_go_only_when_that_is_written_down() {
    let scene = Scene::new();
    scene.start(SinkOptions { parked_events: 3, ..SinkOptions::default() }, true).await;
    let first = scene.intake.journal().next_seq();
    for n in 0..4 {
        scene.post(n, 1).await;
    }
    let facts = || scene.delivery.report()[0].facts.clone();
    wait_until_async("one is too many", async || (!scene.told.lock().unwrap().is_empty()).then_some(())).await;
    assert_eq!((facts().parked_now, facts().dropped), (4, 0));
    let seqs = || scene.delivery.parked("a").unwrap().lock().unwrap().seqs().collect::<Vec<_>>();
    assert_eq!(seqs()[0], first);
    scene.durable.send(true).unwrap();
    wait_until_async("the oldest is dropped", async || (facts().dropped == 1).then_some(())).await;
    assert_eq!((facts().parked_now, seqs()), (3, (first + 1..first + 4).collect()));
    scene.delivery.stop().await;
}
