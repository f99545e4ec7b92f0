//! The labels that Alertmanager gets, of alerts that a real Kapacitor sent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod events_support;
mod sink_support;

use events_support::{alert_stream, only, points, posts, stored, stream};
use kaptap::delivery::sink::{Batch, Sink};
use kaptap::event::Event;
use kaptap::record::{Content, Edge, Note, Stream};
use kaptap::sinks::alertmanager::Alertmanager;
use kaptap::sinks::http::Proxies;
use kaptap::sinks::options;
use kaptap::words::{Lane, Level};
use serde_json::Value;
use sink_support::http;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What was seen of one alert: all label sets, all levels.
#[derive(Default)]
struct Seen {
    labels: BTreeSet<String>,
    levels: BTreeSet<Level>,
}

fn labels(event: &Event<'_>) -> Value {
    let options = options::Alertmanager {
        http: http("http://localhost"),
        resend: Duration::from_mins(1),
        generator_url: None,
        labels: BTreeMap::new(),
    };
    let sink = Alertmanager::new("ops", &options, None, &Proxies::none()).unwrap();
    let text = sink.preview(&Batch { events: std::slice::from_ref(event), replay: false }).unwrap();
    let posted: Value = serde_json::from_str(text.split_once("\n\n").unwrap().1).unwrap();
    posted[0]["labels"].clone()
}

fn see(stream: &Stream, content: Content, note: &Note, raw: &[u8], seen: &mut BTreeMap<String, Seen>) {
    let payload = stored(content, 1, note, raw);
    let record = only(&payload);
    let event = kaptap::interpret::event(stream, &record);
    let Some(alert) = &event.alert else { return };
    let of_alert = seen.entry(alert.fingerprint.to_string()).or_default();
    of_alert.labels.insert(labels(&event).to_string());
    of_alert.levels.insert(alert.level);
}

/// One set of labels for each alert, whatever its level; alerts of several levels were among them.
#[track_caller]
fn check_stable(name: &str, seen: &BTreeMap<String, Seen>) {
    for (fingerprint, of_alert) in seen {
        assert_eq!(of_alert.labels.len(), 1, "{name}: {fingerprint}: {:#?}", of_alert.labels);
    }
    assert!(seen.values().any(|of_alert| of_alert.levels.len() > 1), "{name}: no alert changed its level");
    let different: BTreeSet<_> = seen.values().flat_map(|of_alert| &of_alert.labels).collect();
    assert_eq!(different.len(), seen.len(), "{name}: two alerts share their labels");
}

#[test]
fn posted_alerts_keep_their_labels() {
    for name in ["alert_lane", "default", "changes"] {
        let mut seen = BTreeMap::new();
        for post in posts(name) {
            see(&stream(Lane::Post, None, None), Content::Alert, &post.note(), post.body.as_bytes(), &mut seen);
        }
        check_stable(name, &seen);
    }
}

/// On the UDF lane the level and the id are among the tags.
#[test]
fn alert_points_keep_their_labels() {
    let stream = alert_stream(Edge::Stream, "alert_lane");
    let mut seen = BTreeMap::new();
    for (frame, _) in points("stream-alert") {
        see(&stream, Content::Point, &Note::default(), &frame, &mut seen);
    }
    check_stable("stream-alert", &seen);
}
