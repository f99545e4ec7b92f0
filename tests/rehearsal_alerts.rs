//! The rehearsal's alerts against recorded ones: bodies byte for byte, requests byte for byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, helpers included")]

use kaptap::kapacitor::proto;
use kaptap::rehearsal::alert_node::{AlertNode, Rule, Server};
use kaptap::rehearsal::point::{Point, Value};
use kaptap::rehearsal::recording::{RecordedPost, Recording};
use kaptap::rehearsal::{go_text, poster, wire};
use kaptap::words::Level;
use prost::Message as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

/// The points of one measurement that a recorded UDF connection carried.
fn points(recording: &str, measurement: &str) -> Vec<Point> {
    let recording = Recording::load(&recordings().join("udf"), recording).unwrap();
    let requests = recording.frames().unwrap().into_iter().map(|frame| proto::Request::decode(frame).unwrap());
    requests
        .filter_map(|request| match request.message {
            Some(proto::request::Message::Point(point)) if point.name == measurement => Some(plain(point)),
            _ => None,
        })
        .collect()
}

fn plain(point: proto::Point) -> Point {
    let floats = point.fields_double.into_iter().map(|(key, value)| (key, Value::Float(value)));
    let ints = point.fields_int.into_iter().map(|(key, value)| (key, Value::Int(value)));
    let texts = point.fields_string.into_iter().map(|(key, value)| (key, Value::Text(value)));
    let bools = point.fields_bool.into_iter().map(|(key, value)| (key, Value::Bool(value)));
    Point {
        time: point.time,
        name: point.name,
        database: point.database,
        retention_policy: point.retention_policy,
        dimensions: point.dimensions,
        by_name: point.by_name,
        tags: point.tags.into_iter().collect(),
        fields: floats.chain(ints).chain(texts).chain(bools).collect(),
    }
}

/// The server that the recordings speak of.
fn lab() -> Server {
    Server {
        host: "kap-lab".to_owned(),
        cluster: "6fb9fc06-783a-4590-bc8d-0030660ff7df".to_owned(),
        server: "918c37bd-b3b1-4f43-af86-20536d81ba82".to_owned(),
    }
}

/// The rule of `alert_default.tick` and `alert_lane.tick`.
fn idle() -> Rule {
    Rule::below("usage_idle").at(Level::Info, 60.0).at(Level::Warning, 30.0).at(Level::Critical, 10.0)
}

/// Bodies by what tells events apart, so that the order between hosts does not count.
fn by_event(bodies: impl IntoIterator<Item = String>) -> BTreeMap<(String, String), String> {
    let key = |body: &str| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        (body["time"].as_str().unwrap().to_owned(), body["id"].as_str().unwrap().to_owned())
    };
    bodies.into_iter().map(|body| (key(&body), body.trim_end().to_owned())).collect()
}

#[test]
fn bodies_equal_the_recorded_ones() {
    let mut node = AlertNode::new("alert_default", idle()).server(lab());
    let mut raised = Vec::new();
    for recording in ["stream-a", "stream-restored"] {
        for point in points(recording, "cpu") {
            raised.extend(node.point(&point.group_by(&["host"])));
        }
        node.restart();
    }
    let ours = by_event(raised.into_iter().map(|raised| String::from_utf8(raised.body.unwrap()).unwrap()));
    let recorded = std::fs::read_to_string(recordings().join("alerts/exec-stdin.jsonl")).unwrap();
    let recorded = by_event(recorded.lines().map(str::to_owned));
    assert_eq!(recorded.len(), 127);
    for (event, body) in &recorded {
        assert_eq!(ours.get(event), Some(body), "{event:?}");
    }
    assert_eq!(ours.len(), recorded.len());
}

#[test]
fn points_of_the_alert_lane_equal_the_recorded_ones() {
    let mut node =
        AlertNode::new("alert_lane", idle()).id(|facts| format!("{}/{}", facts.task, facts.group)).message(|facts| {
            let mut idle = String::new();
            go_text::json_value(&facts.point.fields["usage_idle"], &mut idle).unwrap();
            format!("{} is {}: idle {idle}", facts.id, facts.level)
        });
    let mut seen = 0;
    for (source, lane) in [("stream-a", "stream-alert"), ("stream-restored", "stream-alert-restored")] {
        let mut ours = BTreeMap::new();
        for point in points(source, "cpu") {
            if let Some(raised) = node.point(&point.group_by(&["host"])) {
                ours.insert((raised.point.time, raised.id), raised.point);
            }
        }
        for recorded in points(lane, "cpu") {
            let key = (recorded.time, recorded.tags["alert_id"].clone());
            assert_eq!(ours.get(&key), Some(&recorded));
            seen += 1;
        }
        node.restart();
    }
    assert_eq!(seen, 127);
}

#[test]
fn requests_equal_the_recorded_ones() {
    let address = "127.0.0.1:9201".parse().unwrap();
    let mut seen = 0;
    for file in ["default", "alert_lane", "topic-cpu", "endpoint", "basic", "rows-cpu", "servicetest", "templated"] {
        for post in RecordedPost::load(&recordings().join(format!("alerts/{file}.jsonl"))).unwrap() {
            let own = ["Host", "User-Agent", "Content-Length", "Accept-Encoding"];
            let headers: Vec<_> =
                post.headers.iter().filter(|(name, _)| !own.contains(&name.as_str())).rev().cloned().collect();
            let ours = poster::request(address, post.path(), &headers, post.body.as_bytes());
            assert_eq!(String::from_utf8(ours).unwrap(), String::from_utf8(post.bytes(address)).unwrap());
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn points_are_written_as_kapacitor_writes_them() {
    let mut random = kaptap::rehearsal::random::Random::new(7);
    for recording in ["stream-a", "stream-b", "stream-alert"] {
        let recording = Recording::load(&recordings().join("udf"), recording).unwrap();
        for frame in recording.frames().unwrap() {
            let request = proto::Request::decode(frame).unwrap();
            let Some(proto::request::Message::Point(point)) = request.message else { continue };
            let ours = wire::point(&plain(point), &mut random);
            // The order of maps is random on both sides; every byte is there on both sides.
            assert_eq!(sorted(&ours), sorted(frame));
            assert_eq!(proto::Request::decode(&*ours).unwrap(), proto::Request::decode(frame).unwrap());
        }
    }
}

fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.sort_unstable();
    bytes
}

#[test]
fn floats_are_written_as_go_writes_them() {
    let cases = [
        (50.0, "50"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (0.000_001, "0.000001"),
        (0.000_000_9, "9e-7"),
    ];
    for (value, expected) in cases {
        let mut out = String::new();
        go_text::json_float(value, &mut out);
        assert_eq!(out, expected);
    }
    assert_eq!(go_text::json_value(&Value::Float(f64::NAN), &mut String::new()), None);
    assert_eq!(go_text::time(1_795_353_827_870_817_000), "2026-11-22T13:23:47.870817Z");
    assert_eq!(go_text::time(-1), "1969-12-31T23:59:59.999999999Z");
}
