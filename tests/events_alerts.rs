//! Every recorded alert and row body through record and event, compared with an independent reading of the body.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: a panic is a failure")]

mod events_support;

use events_support::{OBSERVED, Post, RawSeries, default_details, json, nanoseconds, only, posts, stored, stream};
use kaptap::event::Event;
use kaptap::interpret::{alert_facts, event};
use kaptap::record::Content;
use kaptap::words::{How, Kind, Lane};
use serde_json::Value;

/// Calls `look` with the body and the event of every line of a recording.
fn each(name: &str, lane: Lane, content: Content, mut look: impl FnMut(&Post, &Event<'_>)) -> usize {
    let stream = stream(lane, None, None);
    let posts = posts(name);
    for (n, post) in (1..).zip(&posts) {
        let payload = stored(content, n, &post.note(), post.body.as_bytes());
        let record = only(&payload);
        let event = event(&stream, &record);
        assert_eq!(event.raw.data, post.body.as_bytes());
        assert_eq!(event.origin.n, n);
        look(post, &event);
        let facts = alert_facts(&stream, content, &record.note, OBSERVED, record.raw);
        assert_eq!(facts.map(|facts| facts.event_id), event.alert.as_ref().map(|_| event.id));
    }
    posts.len()
}

#[track_caller]
fn check_alert(post: &Post, event: &Event<'_>) {
    let body: Value = serde_json::from_str(&post.body).unwrap();
    let alert = event.alert.as_ref().unwrap_or_else(|| panic!("no alert: {}", post.body));
    assert_eq!(event.kind, Kind::Alert);
    assert_eq!(alert.id, body["id"].as_str().unwrap());
    assert_eq!(alert.message.as_deref(), body["message"].as_str());
    assert_eq!(alert.details.as_deref(), body["details"].as_str());
    assert_eq!(alert.level.as_str(), body["level"]);
    assert_eq!(alert.previous_level.map(kaptap::words::Level::as_str), body["previousLevel"].as_str());
    assert_eq!(alert.duration_ns, body["duration"].as_i64());
    assert_eq!(alert.recoverable, body["recoverable"].as_bool());
    assert_eq!(event.time, nanoseconds(body["time"].as_str().unwrap()).unwrap_or(OBSERVED));
    check_provenance(post, event, body["details"].as_str().unwrap());
    check_series(&post.body, event);
}

#[track_caller]
fn check_provenance(post: &Post, event: &Event<'_>, details: &str) {
    let details = default_details(details);
    let told = |path: &[&str]| {
        let object = Value::Object(details.clone()?);
        path.iter().try_fold(&object, |value, key| value.get(key)).and_then(Value::as_str).map(ToOwned::to_owned)
    };
    let header = post.headers.get("X-Kapacitor-Task").cloned().map(|task| (task, How::Header));
    let of =
        |said: &Option<(std::borrow::Cow<'_, str>, How)>| said.as_ref().map(|(text, how)| (text.to_string(), *how));
    let by_details = |path: &[&str]| told(path).map(|text| (text, How::Details));
    assert_eq!(of(&event.origin.task), header.or_else(|| by_details(&["TaskName"])));
    assert_eq!(of(&event.origin.host), by_details(&["ServerInfo", "Hostname"]));
    assert_eq!(of(&event.origin.cluster), by_details(&["ServerInfo", "ClusterID"]));
    assert_eq!(of(&event.origin.server), by_details(&["ServerInfo", "ServerID"]));
    assert_eq!(event.origin.group.as_deref().map(ToOwned::to_owned), told(&["Group"]).filter(|group| group != "nil"));
    assert_eq!(
        of(&event.origin.topic),
        post.headers.get("X-Kapacitor-Topic").cloned().map(|topic| (topic, How::Header))
    );
}

#[derive(serde::Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    series: Option<Vec<RawSeries<'a>>>,
}

#[derive(serde::Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(borrow)]
    series: Option<Vec<RawSeries<'a>>>,
}

/// Compares the series in the body with those in the event's JSON: every value, numbers digit for digit.
#[track_caller]
fn check_series(body: &str, event: &Event<'_>) {
    let body: Body<'_> = serde_json::from_str(body).unwrap();
    let sent = body.data.and_then(|data| data.series).or(body.series).unwrap_or_default();
    let text = json(event);
    let written: Body<'_> = serde_json::from_str(&text).unwrap();
    let written = written.series.unwrap_or_default();
    assert_eq!(written.len(), sent.len());
    for (written, sent) in written.iter().zip(&sent) {
        assert_eq!((&written.name, &written.tags, &written.columns), (&sent.name, &sent.tags, &sent.columns));
        assert_eq!(written.rows.len(), sent.rows.len());
        for (written_row, sent_row) in written.rows.iter().zip(&sent.rows) {
            assert_eq!(written_row.len(), sent_row.len());
            for ((kind, written), sent) in written.types.iter().zip(written_row).zip(sent_row) {
                check_value(kind, written.get(), sent.get());
            }
        }
    }
}

#[track_caller]
fn check_value(kind: &str, written: &str, sent: &str) {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    match kind {
        "time" => {
            let (written, sent) = (value(written), value(sent));
            assert_eq!(written.as_str().and_then(nanoseconds), sent.as_str().and_then(nanoseconds));
            assert_eq!(written.as_str().map(str::len), Some(30));
        }
        _ if sent == "null" => assert_eq!(written, "null"),
        "num" => assert_eq!(written, sent),
        "str" => assert_eq!(value(written).as_str().unwrap(), value(sent).as_str().unwrap()),
        "bool" => assert_eq!((written, value(sent).is_boolean()), (sent, true)),
        other => panic!("type {other} of {sent}"),
    }
}

#[test]
fn alert_bodies() {
    let lanes = [
        ("default", 123),
        ("tap", 123),
        ("changes", 30),
        ("topic-cpu", 30),
        ("alert_lane", 123),
        ("endpoint", 27),
        ("basic", 27),
        ("odd", 28),
        ("batch", 58),
        ("aggregated", 16),
        ("deadman", 38),
        ("servicetest", 1),
    ];
    for (name, count) in lanes {
        assert_eq!(each(name, Lane::Post, Content::Alert, check_alert), count, "{name}");
    }
    for (name, lane) in [("tcp", Lane::Tcp), ("exec-stdin", Lane::Exec), ("log-file", Lane::Exec)] {
        assert_eq!(each(name, lane, Content::Alert, check_alert), 127, "{name}");
    }
}

#[test]
fn a_template_of_the_authors_own_is_kept_opaque() {
    let count = each("templated", Lane::Post, Content::Alert, |_, event| {
        assert_eq!((event.kind, event.time), (Kind::Opaque, OBSERVED));
        assert!(event.series.is_empty() && event.alert.is_none());
        assert_eq!(event.raw.media, "application/octet-stream");
    });
    assert_eq!(count, 27);
}

#[test]
fn row_bodies() {
    let (mut rows, mut others) = (0, 0);
    let count = each("rows-cpu", Lane::Row, Content::Row, |post, event| {
        if post.body.starts_with("{\"series\":") {
            rows += 1;
            assert_eq!(event.kind, Kind::Row);
            assert_eq!(event.origin.measurement.as_deref(), Some("cpu"));
            assert_eq!(event.origin.task.as_ref().map(|(task, how)| (&**task, *how)), Some(("rows", How::Header)));
            let times = post.body.split('"').filter_map(nanoseconds);
            assert_eq!(Some(event.time), times.max());
            check_series(&post.body, event);
        } else {
            others += 1;
            assert_eq!((event.kind, event.time), (Kind::Opaque, OBSERVED));
        }
    });
    assert_eq!(rows + others, count);
    assert!(rows > 100 && others > 10, "{rows} rows, {others} others");
}

#[test]
fn extremes_are_exact() {
    let mut all = String::new();
    each("odd", Lane::Post, Content::Alert, |_, event| all += &json(event));
    for exact in ["9007199254740993", "5e-324", "1.7976931348623157e+308", "\"odd:odd\\nhost="] {
        assert!(all.contains(exact), "{exact}");
    }
}

#[test]
fn the_same_event_by_two_handlers_has_one_id() {
    let ids = |name: &str, lane| {
        let mut ids = Vec::new();
        each(name, lane, Content::Alert, |_, event| ids.push(event.id));
        ids.sort();
        ids
    };
    assert_eq!(ids("default", Lane::Post), ids("tap", Lane::Post));
    let by_tcp = ids("tcp", Lane::Tcp);
    assert_eq!(by_tcp, ids("exec-stdin", Lane::Exec));
    assert_eq!(by_tcp, ids("log-file", Lane::Exec));
    assert!(ids("default", Lane::Post).iter().all(|id| by_tcp.contains(id)));
}
