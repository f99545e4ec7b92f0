//! What the tests of sinks share: events, and a peer that does what a script says.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod receiver;

use kaptap::delivery::sink::{Batch, Outcome, Reason, Sink};
use kaptap::event::id::{self, EventId};
use kaptap::event::{Alert, Cell, ColumnType, Event, Origin, Raw, Series, json};
use kaptap::sinks::options;
use kaptap::words::{How, Kind, Lane, Level, State, Transition};
use serde_json::Value;
use std::time::Duration;

/// Longest wait for anything; only a test that has failed already comes near it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const START: i64 = 1_795_353_827_000_000_001;

/// The alert with this number: id `web-<n>`, opened.
pub(crate) fn alert(n: u64) -> Event<'static> {
    let id = format!("web-{n}");
    let time = START + n.cast_signed();
    let fingerprint = id::fingerprint("", "cpu alert", &id);
    Event {
        id: id::alert("", "cpu alert", &id, time, Level::Critical),
        seq: n,
        kind: Kind::Alert,
        time,
        observed: time + 1_000_000,
        origin: Origin { task: Some(("cpu alert".into(), How::Header)), ..Origin::new(Lane::Post, "ops", 0xabc, n) },
        alert: Some(Alert {
            id: id.into(),
            message: Some(format!("web-{n} is \"CRITICAL\" ✗").into()),
            details: None,
            level: Level::Critical,
            previous_level: Some(Level::Ok),
            duration_ns: Some(0),
            recoverable: Some(true),
            state: State::Firing,
            severity: "critical".into(),
            severity_number: 18,
            transition: Some(Transition::Opened),
            started: Some(time),
            repeat: 0,
            fingerprint,
            episode: Some(id::episode(fingerprint, time)),
        }),
        ..point(n)
    }
}

/// The point with this number.
pub(crate) fn point(n: u64) -> Event<'static> {
    let time = START + n.cast_signed();
    let origin = Origin { measurement: Some("cpu".into()), ..Origin::new(Lane::Udf, "ops", 0xabc, n) };
    let raw = Raw { media: "text/plain".into(), data: b"as received" };
    Event {
        observed: time + 1_000_000,
        series: vec![Series {
            name: "cpu".into(),
            tags: vec![("host".into(), "web & db".into())],
            columns: vec!["time".into(), "usage".into()],
            types: vec![ColumnType::Time, ColumnType::Float],
            rows: vec![vec![Cell::Time(time), Cell::Float(99.5)]],
        }],
        ..Event::new(EventId(n.into()), n, Kind::Point, time, origin, raw)
    }
}

/// Alerts with these numbers.
pub(crate) fn alerts(numbers: impl IntoIterator<Item = u64>) -> Vec<Event<'static>> {
    numbers.into_iter().map(alert).collect()
}

/// The events as JSON.
pub(crate) fn as_json(events: &[Event<'_>]) -> Vec<Value> {
    events.iter().map(value).collect()
}

/// An event as JSON.
pub(crate) fn value(event: &Event<'_>) -> Value {
    let mut text = Vec::new();
    json::write(event, false, &mut text);
    serde_json::from_slice(&text).unwrap()
}

/// Delivers events as the worker does.
pub(crate) async fn deliver(sink: &mut (impl Sink + ?Sized), events: &[Event<'_>]) -> Vec<Outcome> {
    assert!(events.len() <= sink.limits().events, "more events than the sink takes");
    let batch = Batch { events, replay: false };
    let outcomes = tokio::time::timeout(PATIENCE, sink.deliver(&batch)).await.expect("delivered in time");
    assert_eq!(outcomes.len(), events.len(), "one outcome for each event");
    outcomes
}

/// What became of one event, for comparing: the word, and the sentence apart.
#[track_caller]
pub(crate) fn check_retry(outcome: &Outcome, reason: Reason, after: Option<u64>, sentence: &str) {
    let Outcome::Retry { after: found, reason: why, error } = outcome else {
        panic!("not to be tried again: {outcome:?}")
    };
    assert_eq!((*why, *found), (reason, after.map(Duration::from_secs)), "{error}");
    assert!(error.contains(sentence), "{error:?} does not contain {sentence:?}");
}

/// The same for one that is parked.
#[track_caller]
pub(crate) fn check_reject(outcome: &Outcome, reason: Reason, sentence: &str, answer: Option<&str>) {
    let Outcome::Reject { reason: why, error, response } = outcome else { panic!("not refused: {outcome:?}") };
    assert_eq!((*why, response.as_deref()), (reason, answer), "{error}");
    assert!(error.contains(sentence), "{error:?} does not contain {sentence:?}");
}

/// Options of a peer at this URL.
pub(crate) fn http(url: &str) -> options::Http {
    options::Http { timeout: PATIENCE, ..options::Http::at(url) }
}

/// Options of a webhook at this URL.
pub(crate) fn webhook(url: &str, format: options::Format) -> options::Webhook {
    options::Webhook { http: http(url), method: "POST".to_owned(), format, hmac: None, raw: false }
}
