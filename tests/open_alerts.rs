//! Ten thousand open alerts: an alert that comes costs what it costs when ten are open, and memory has its bounds.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use kaptap::interpret::fold::{self, Fold};
use kaptap::interpret::topics::{self, Topics};
use kaptap::interpret::{AlertFacts, alert_facts};
use kaptap::record::{Content, Note, Stream, StreamId};
use kaptap::words::Lane;
use std::time::{Duration, Instant};

const SECOND: i64 = 1_000_000_000;

/// What takes alerts in when they arrive.
struct State {
    stream: Stream,
    fold: Fold,
    topics: Topics,
    seq: u64,
    body: String,
}

impl State {
    fn new(alerts: fold::Bounds, topics: topics::Bounds) -> Self {
        let text = include_str!("recordings/alerts/log-file.jsonl").lines().next().unwrap();
        let body = text
            .replace("\"id\":\"cpu:host=web-1\"", "\"id\":\"ID\"")
            .replace("\"level\":\"OK\"", "\"level\":\"INFO\"");
        let stream = Stream::new(StreamId(1), Lane::Post, "test", "test");
        Self { stream, fold: Fold::new(alerts), topics: Topics::new(topics), seq: 0, body }
    }

    /// The next event of an alert.
    fn take(&mut self, number: usize) {
        self.seq += 1;
        let raw = self.body.replace("\"ID\"", &format!("\"alert-{number}\""));
        let (note, time) = (Note::default(), i64::try_from(self.seq).unwrap() * SECOND);
        let facts = alert_facts(&self.stream, Content::Alert, &note, time, raw.as_bytes()).unwrap();
        let facts = AlertFacts { time, event_id: kaptap::event::id::EventId(self.seq.into()), ..facts };
        let verdict = self.fold.judge("test", &facts, self.seq, time);
        let topic = topics::name_of(&self.stream, &facts);
        self.topics.take("test", topic, &facts, &verdict, self.seq, time);
    }

    /// The least time that a thousand events of these open alerts took.
    fn least(&mut self, open: usize) -> Duration {
        (0..open).for_each(|number| self.take(number));
        let mut round = || {
            let begun = Instant::now();
            // Not one after the other, as neighbours in memory would be.
            (0..1000).for_each(|number| self.take(number * 7919 % open));
            begun.elapsed()
        };
        (0..9).map(|_| round()).min().unwrap()
    }
}

#[test]
fn an_alert_costs_the_same_when_ten_thousand_are_open() {
    let few = State::new(fold::Bounds::default(), topics::Bounds::default()).least(10);
    let many = State::new(fold::Bounds::default(), topics::Bounds::default()).least(10_000);
    // 1.1 to 1.2 was seen: a deeper tree, and memory that no cache holds. Were anything searched, it would be hundreds.
    assert!(many < few * 8, "{many:?} for a thousand with 10,000 open, {few:?} with 10");
}

#[test]
fn ten_thousand_open_alerts_are_known_and_take_their_texts() {
    let mut state = State::new(fold::Bounds::default(), topics::Bounds::default());
    (0..10_000).for_each(|number| state.take(number));
    let filled = state.topics.bytes();
    assert_eq!((state.fold.open().count(), state.topics.len()), (10_000, 10_000));
    assert!(filled < 10_000 * (state.body.len() + 512), "{filled}");
    // The same alerts again take no more.
    (0..10_000).for_each(|number| state.take(number));
    assert!(state.topics.bytes() < filled + filled / 100, "{} {filled}", state.topics.bytes());
}

#[test]
fn memory_stays_within_its_bounds_when_more_are_open() {
    let (alerts, bytes) = (1000, 1 << 20);
    let bounds = topics::Bounds { events: 2000, bytes, ..topics::Bounds::default() };
    let mut state = State::new(fold::Bounds { alerts, ..fold::Bounds::default() }, bounds);
    for number in 0..10_000 {
        state.take(number);
        assert!(state.fold.len() <= alerts && state.topics.bytes() <= bytes && state.topics.len() <= 2000);
    }
    assert_eq!((state.fold.len(), state.fold.evicted()), (alerts, 9000));
    assert!(state.topics.lost().details > 0, "details go before the alerts themselves");
}
