//! The posts that a real kapacitord sent, and the answers that it gave at the same time.

use crate::asking::{BASE, Raw, get, post};
use crate::http_support::{Rig, knowing};
use kaptap::connector::Snapshot;
use kaptap::kapacitor::api::Handlers;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/recordings/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// An answer that was recorded. The build that was recorded has no version.
fn recorded(name: &str) -> Raw {
    let mut raw = Raw {
        body: file(&format!("api/{name}.body")).into_bytes(),
        ..Raw::read(file(&format!("api/{name}.headers")).trim_end(), b"0\r\n\r\n")
    };
    raw.headers.insert("x-kapacitor-version".to_owned(), "1.8.3".to_owned());
    raw
}

/// Posts what was recorded, up to a time, into a topic.
async fn replay(rig: &Rig, recording: &str, topic: &str, until: &str) {
    for line in file(&format!("alerts/{recording}.jsonl")).lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        let body = request["body"].as_str().unwrap();
        let alert: Value = serde_json::from_str(body).unwrap();
        if alert["time"].as_str().unwrap() <= until {
            post(rig.address, topic, body.to_owned()).await;
        }
    }
}

/// A kaptap that was told what the topic `cpu` was told, and knows its handlers.
async fn told() -> Rig {
    let handlers: Handlers = serde_json::from_str(&file("api/handlers.body")).unwrap();
    let handlers = Arc::new(BTreeMap::from([(handlers.topic, handlers.handlers)]));
    let snapshot = Snapshot { scope: "test".to_owned(), handlers, ..Snapshot::default() };
    let rig = Rig::with(knowing(vec![Arc::new(snapshot)]));
    replay(&rig, "topic-cpu", "cpu", "9").await;
    rig
}

#[track_caller]
fn check(ours: &Raw, theirs: &Raw) {
    assert_eq!(ours.text(), theirs.text());
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn every_byte_as_recorded() {
    let rig = told().await;
    for (path, name) in [
        ("/ping", "ping"),
        ("/alerts/topics/cpu/events", "topic-events"),
        ("/alerts/topics/cpu/events?min-level=OK", "topic-events"),
        ("/alerts/topics/cpu/handlers", "handlers"),
        ("/alerts/topics/nope/events", "topic-unknown"),
        ("/alerts/topics/nope", "topic-unknown2"),
    ] {
        check(&get(rig.address, path).await, &recorded(name));
    }
    rig.end().await;
}

/// Where Kapacitor's answer was wrong, ours is what it should have been.
#[tokio::test]
async fn levels_are_right_where_the_recorded_ones_are_wrong() {
    let rig = told().await;

    // One event of it was CRITICAL.
    let topic = recorded("event-one");
    let right = Raw { body: topic.text().replace("\"OK\"", "\"CRITICAL\"").into_bytes(), ..topic };
    let ours = get(rig.address, "/alerts/topics/cpu").await;
    assert_eq!((ours.text(), ours.status), (right.text(), 200));
    let names = |raw: &Raw| raw.headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&right));

    // The list by level was empty.
    let all = recorded("topic-events").json();
    let mut expected = recorded("topic-events-warn").json();
    assert_eq!(expected["events"], Value::Array(Vec::new()));
    expected["events"] = Value::Array(vec![all["events"][1].clone()]);
    for level in ["WARNING", "CRITICAL", "warn", "info"] {
        let ours = get(rig.address, &format!("/alerts/topics/cpu/events?min-level={level}")).await;
        assert_eq!((ours.status, ours.json()), (200, expected.clone()), "{level}");
    }

    // Asked for one event with a slash in its id, Kapacitor said what it knows of the topic.
    let ours = get(rig.address, "/alerts/topics/cpu/events/cpu/web-1").await;
    assert_eq!((ours.status, ours.json()), (200, all["events"][1].clone()));
    rig.end().await;
}

#[tokio::test]
async fn events_with_their_details() {
    let rig = Rig::start();
    let theirs = recorded("topic-events-tap");
    let mut list = theirs.json();
    let events = list["events"].as_array_mut().unwrap();
    let newest = events.iter().map(|event| event["state"]["time"].as_str().unwrap().to_owned()).max().unwrap();
    // In no order, there.
    events.sort_by_key(|event| event["id"].as_str().unwrap().to_owned());
    replay(&rig, "tap", "main:alert_default:alert2", &newest).await;
    let ours = get(rig.address, "/alerts/topics/main:alert_default:alert2/events").await;
    assert_eq!((ours.status, &ours.json(), ours.body.len()), (200, &list, theirs.body.len()));
    assert_eq!(ours.headers, theirs.headers);
    rig.end().await;
}

#[tokio::test]
async fn the_list_of_topics() {
    let rig = told().await;
    replay(&rig, "aggregated", "aggregated", "2026-11-22T13:25").await;
    for (name, path) in [("topics", "/alerts/topics"), ("topics-crit", "/alerts/topics?min-level=CRITICAL")] {
        let mut theirs = recorded(name).json();
        let topics = theirs["topics"].as_array_mut().unwrap();
        topics.retain(|topic| ["aggregated", "cpu"].contains(&topic["id"].as_str().unwrap()));
        let ours = get(rig.address, path).await;
        assert_eq!(ours.headers["content-type"], "application/json; charset=utf-8");
        let mut ours = ours.json();
        assert_eq!(ours["link"]["href"], format!("{BASE}{path}"));
        // Posted by two handlers, so received more often than collected.
        ours["topics"][0]["collected"] = theirs["topics"][0]["collected"].clone();
        // The level of `cpu` was wrong, so the list by level lacked it.
        let cpu = ours["topics"].as_array().unwrap().iter().position(|topic| topic["id"] == "cpu").unwrap();
        assert_eq!(ours["topics"][cpu]["level"], "CRITICAL");
        if name == "topics" {
            ours["topics"][cpu]["level"] = "OK".into();
        } else {
            ours["topics"].as_array_mut().unwrap().remove(cpu);
        }
        assert_eq!(ours, theirs);
    }
    rig.end().await;
}
