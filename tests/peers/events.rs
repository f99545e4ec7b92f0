//! Events for the tests of sinks, and a worker that does no more than it must.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use super::PATIENCE;
use kaptap::delivery::sink::{Batch, Outcome, Sink};
use kaptap::event::id::{self, EventId};
use kaptap::event::{Alert, Cell, ColumnType, Event, Origin, Raw, Series};
use kaptap::words::{How, Kind, Lane, Level, State, Transition};
use std::time::Instant;

/// 2026-01-31T12:00:00Z, nanoseconds.
pub const NOON: i64 = 1_769_860_800_000_000_000;
/// One second, nanoseconds.
pub const SECOND: i64 = 1_000_000_000;

/// A point, the `n`th of its stream.
pub fn point(n: u64) -> Event<'static> {
    let origin = Origin {
        task: Some(("cpu_alert".into(), How::Init)),
        measurement: Some("cpu".into()),
        ..Origin::new(Lane::Udf, "stream", 1, n)
    };
    let raw = Raw { media: "application/json".into(), data: b"{}" };
    Event {
        series: vec![Series {
            name: "cpu".into(),
            tags: vec![("cpu".into(), "cpu-total".into()), ("host".into(), "web-1".into())],
            columns: vec!["time".into(), "idle".into(), "state".into()],
            types: vec![ColumnType::Time, ColumnType::Float, ColumnType::Str],
            rows: vec![vec![Cell::Time(NOON), Cell::Float(9.5), Cell::Text("s0".into())]],
        }],
        ..Event::new(id::other(Lane::Udf, 1, n), n, Kind::Point, NOON, origin, raw)
    }
}

/// An event of an alert, so many seconds after the alert began.
pub fn alert(alert_id: &'static str, level: Level, transition: Transition, after: i64) -> Event<'static> {
    let time = NOON + after * SECOND;
    let fingerprint = id::fingerprint("default", "cpu_alert", alert_id);
    let firing = level != Level::Ok;
    let (severity, severity_number) = match level {
        Level::Ok => ("ok", 9),
        Level::Info => ("info", 10),
        Level::Warning => ("warning", 13),
        Level::Critical => ("critical", 18),
    };
    let known = transition != Transition::OrphanResolved;
    Event {
        id: id::alert("default", "cpu_alert", alert_id, time, level),
        kind: Kind::Alert,
        time,
        observed: time,
        alert: Some(Alert {
            id: alert_id.into(),
            message: Some(format!("{alert_id} is {level}").into()),
            details: None,
            level,
            previous_level: None,
            duration_ns: Some(after * SECOND),
            recoverable: Some(true),
            state: if firing { State::Firing } else { State::Resolved },
            severity: severity.into(),
            severity_number,
            transition: Some(transition),
            started: known.then_some(NOON),
            repeat: 0,
            fingerprint,
            episode: known.then(|| id::episode(fingerprint, NOON)),
        }),
        ..point(u64::try_from(after).unwrap() + 1)
    }
}

/// The ids of events.
pub fn ids(events: &[Event<'_>]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

/// One delivery.
pub async fn deliver(sink: &mut dyn Sink, events: &[Event<'_>]) -> Vec<Outcome> {
    let outcomes = sink.deliver(&Batch { events, replay: false }).await;
    assert_eq!(outcomes.len(), events.len(), "one outcome per event");
    outcomes
}

/// Delivers until everything is taken; how many deliveries it took. Nothing may be rejected.
pub async fn deliver_all(sink: &mut dyn Sink, events: &[Event<'_>]) -> usize {
    let begun = Instant::now();
    let mut left: Vec<Event<'_>> = events.to_vec();
    let mut deliveries = 0;
    while !left.is_empty() {
        let outcomes = deliver(sink, &left).await;
        deliveries += 1;
        if let Some(refused) = outcomes.iter().find(|outcome| matches!(outcome, Outcome::Reject { .. })) {
            panic!("rejected: {refused:?}");
        }
        let mut at = 0;
        left.retain(|_| {
            at += 1;
            !matches!(outcomes[at - 1], Outcome::Delivered | Outcome::Duplicate)
        });
        assert!(begun.elapsed() < PATIENCE * 2, "{} events left: {:?}", left.len(), outcomes.last());
        tokio::task::yield_now().await;
    }
    deliveries
}

/// The reason and sentence of an outcome that has them.
pub fn why(outcome: &Outcome) -> (&'static str, &'static str, &str) {
    match outcome {
        Outcome::Delivered => ("delivered", "", ""),
        Outcome::Duplicate => ("duplicate", "", ""),
        Outcome::Retry { reason, error, .. } => ("retry", reason.as_str(), error),
        Outcome::Reject { reason, error, .. } => ("reject", reason.as_str(), error),
    }
}
