//! The alert lanes of a whole kaptap: posts as a real Kapacitor made them, and the same alerts through a UDF.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::missing_panics_doc,
    clippy::items_after_statements,
    reason = "a test says what it found by failing"
)]

mod support;
mod wait_support;

use kaptap::rehearsal::poster;
use kaptap::rehearsal::recording::{Cut, RecordedPost, Recording};
use kaptap::rehearsal::wire;
use serde_json::Value;
use std::collections::BTreeSet;
use support::{Kaptap, recordings};

/// Recordings that were made by other means than a POST.
const NOT_POSTED: &[&str] = &["tcp", "exec-stdin", "log-file"];

fn posts(name: &str) -> Vec<RecordedPost> {
    RecordedPost::load(&recordings().join("alerts").join(format!("{name}.jsonl"))).unwrap()
}

async fn send(kaptap: &Kaptap, post: &RecordedPost) {
    let answer = poster::send(kaptap.addresses.http, &post.bytes(kaptap.addresses.http)).await.unwrap();
    assert_eq!(answer.status, 204, "{}", post.path());
    assert!(answer.closes, "Kapacitor would leave the connection open");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_post_becomes_an_event_that_says_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let mut sent = Vec::new();
    let mut names: Vec<_> =
        std::fs::read_dir(recordings().join("alerts")).unwrap().map(|f| f.unwrap().path()).collect();
    names.sort();
    for file in names {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if NOT_POSTED.contains(&&*name) {
            continue;
        }
        for post in posts(&name) {
            send(&kaptap, &post).await;
            sent.push(post);
        }
    }
    assert!(sent.len() > 800, "{} posts", sent.len());
    let events = kaptap.events("").await;
    assert_eq!(events.len(), sent.len());
    let (mut native, mut provenance) = (0, 0);
    for (post, event) in sent.iter().zip(&events) {
        assert!(post.path().ends_with(event["origin"]["source"].as_str().unwrap()), "{} {event}", post.path());
        let Ok(body) = serde_json::from_str::<Value>(&post.body) else {
            assert_eq!(event["kind"], "opaque");
            continue;
        };
        if body.get("level").is_none() {
            continue;
        }
        native += 1;
        provenance += usize::from(check_alert(&body, event));
    }
    assert!(native > 500 && provenance > 300, "{native} native alerts, {provenance} with provenance");
    kaptap.stop().await;
}

/// Compares an alert's event with the body it came from; whether the details told the task.
fn check_alert(body: &Value, event: &Value) -> bool {
    assert_eq!(event["kind"], "alert", "{event}");
    let alert = &event["alert"];
    for (ours, theirs) in [
        ("id", "id"),
        ("message", "message"),
        ("details", "details"),
        ("level", "level"),
        ("previous_level", "previousLevel"),
        ("duration_ns", "duration"),
        ("recoverable", "recoverable"),
    ] {
        assert_eq!(alert[ours], body[theirs], "{ours} of {event}");
    }
    let time: jiff::Timestamp = body["time"].as_str().unwrap().parse().unwrap();
    if time.as_nanosecond() > 0 {
        let ours: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(ours.as_nanosecond(), time.as_nanosecond());
        assert!(event["time"].as_str().unwrap().ends_with('Z') && event["time"].as_str().unwrap().len() == 30);
    }
    let told = body["details"].as_str().unwrap().contains("TaskName");
    if told {
        assert!(event["origin"]["task"].is_string(), "{event}");
        let how = &event["origin"]["how"];
        assert!(how["task"] == "details" || how["task"] == "header", "{event}");
        assert_eq!(how["cluster"], "details");
        assert_eq!(event["origin"]["host"], "kap-lab");
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn extreme_numbers_stay_as_they_were_written() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    for post in posts("odd") {
        send(&kaptap, &post).await;
    }
    let (status, body) = {
        let address = kaptap.addresses.http;
        tokio::task::spawn_blocking(move || support::get(address, "/v1/events").unwrap()).await.unwrap()
    };
    assert_eq!(status, 200);
    let text = String::from_utf8(body).unwrap();
    let mut seen = 0;
    for post in posts("odd") {
        for number in [
            "9223372036854775807",
            "-9223372036854775808",
            "9007199254740993",
            "5e-324",
            "1.7976931348623157e+308",
            "1.7976931348623157e308",
        ] {
            if post.body.contains(number) {
                seen += 1;
                assert!(text.contains(number), "{number} is lost");
            }
        }
    }
    assert!(seen > 0, "the recording has extreme numbers");
    assert!(text.lines().any(|line| line.contains(r#""id":"odd:odd\nhost="#)), "ids with a newline");
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_alert_has_one_id_in_both_lanes() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    for post in posts("alert_lane") {
        send(&kaptap, &post).await;
    }
    for name in ["stream-alert", "stream-alert-restored"] {
        let recording = Recording::load(&recordings().join("udf"), name).unwrap();
        let recording = recording.with_options(&[wire::flag("alert", true)]).unwrap();
        recording.replay(&kaptap.addresses.stream_socket, Cut::Recorded).await.unwrap();
    }
    let events = kaptap.events_when("&filter=kind==%22alert%22", |events| events.len() == 250).await;
    let ids = |lane: &str| -> BTreeSet<String> {
        events.iter().filter(|e| e["origin"]["lane"] == lane).map(|e| e["id"].as_str().unwrap().to_owned()).collect()
    };
    let (post, udf) = (ids("post"), ids("udf"));
    assert_eq!((post.len(), udf.len(), post.intersection(&udf).count()), (123, 127, 123));
    for event in events.iter().filter(|e| e["origin"]["lane"] == "udf" && post.contains(e["id"].as_str().unwrap())) {
        let first = event["duplicate_of"].as_u64().expect("the post came first");
        assert_eq!(events.iter().find(|e| e["seq"] == first).unwrap()["id"], event["id"]);
    }
    kaptap.stop().await;
}
