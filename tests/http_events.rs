//! Reading events over real connections: what is asked for, followers, gaps, slow readers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod http_support;
mod parts_support;
mod wait_support;

use http_support::{Client, Rig, Setup, WATCHDOG};
use jiff::Timestamp;
use kaptap::journal::{Entry, Share, Sync};
use std::time::{Duration, Instant};
use wait_support::wait_until_async;

async fn check_seqs(rig: &Rig, query: &str, expected: impl IntoIterator<Item = u64>) {
    assert_eq!(rig.seqs(query).await, expected.into_iter().collect::<Vec<_>>(), "{query}");
}

async fn check_bad(rig: &Rig, path: &str, expected: &str) {
    let answer = rig.get(path).await;
    assert_eq!(answer.status, 400, "{path}: {}", answer.body);
    assert!(answer.body.contains(expected), "{path}: {}\nhas not\n{expected}", answer.body);
}

/// Opens a stream of events and reads the head of the answer.
async fn open(rig: &Rig, path: &str, headers: &str) -> (Client, String) {
    let mut client = rig.client().await;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n{headers}\r\n").as_bytes()).await;
    let (status, head) = client.head().await.unwrap();
    assert_eq!(status, 200, "{path}");
    (client, head)
}

const SSE: &str = "Accept: text/html, text/event-stream;q=0.9\r\n";

fn seqs(lines: &str) -> Vec<u64> {
    lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn seqs_limits_and_lasts() {
    let rig = Rig::start();
    check_seqs(&rig, "", []).await;
    check_seqs(&rig, "last=3", []).await;
    rig.keep_rows(1, 10).await;
    check_seqs(&rig, "", 1..=10).await;
    check_seqs(&rig, "since=0", 1..=10).await;
    check_seqs(&rig, "since=4", 4..=10).await;
    check_seqs(&rig, "since=4&until=6", 4..=6).await;
    check_seqs(&rig, "until=0", []).await;
    check_seqs(&rig, "since=11", []).await;
    check_seqs(&rig, "since=18446744073709551615", []).await;
    check_seqs(&rig, "limit=2", 1..=2).await;
    check_seqs(&rig, "since=4&limit=2", 4..=5).await;
    check_seqs(&rig, "last=3", 8..=10).await;
    check_seqs(&rig, "last=3&limit=2", 8..=9).await;
    check_seqs(&rig, "last=3&until=5", 3..=5).await;
    check_seqs(&rig, "last=100", 1..=10).await;
    check_seqs(&rig, "last=5&since=8", 8..=10).await;
    rig.end().await;
}

#[tokio::test]
async fn filters_come_before_counting() {
    let rig = Rig::start();
    rig.keep_rows(1, 5000).await;
    let filter = "filter=tags.n.endsWith(%2200%22)";
    check_seqs(&rig, filter, (1..=50).map(|n| n * 100)).await;
    check_seqs(&rig, &format!("{filter}&limit=2&since=101"), [200, 300]).await;
    // Beyond the first stretch that is searched from the end.
    check_seqs(&rig, &format!("{filter}&last=3"), [4800, 4900, 5000]).await;
    check_seqs(&rig, &format!("{filter}&last=30"), (21..=50).map(|n| n * 100)).await;
    check_seqs(&rig, &format!("{filter}&last=3&until=4850"), [4600, 4700, 4800]).await;
    check_seqs(&rig, &format!("{filter}&last=1000"), (1..=50).map(|n| n * 100)).await;
    rig.end().await;
}

#[tokio::test]
async fn times_and_ages() {
    let rig = Rig::start();
    for n in 1..=4 {
        rig.keep_rows(n, 1).await;
        let observed = rig.events("last=1").await[0]["observed"].as_str().unwrap().parse::<Timestamp>().unwrap();
        wait_until_async("the clock goes on", async || (Timestamp::now() > observed).then_some(())).await;
    }
    let observed: Vec<String> =
        rig.events("").await.iter().map(|event| event["observed"].as_str().unwrap().to_owned()).collect();
    check_seqs(&rig, &format!("since={}", observed[2]), 3..=4).await;
    check_seqs(&rig, &format!("until={}", observed[2]), 1..=2).await;
    check_seqs(&rig, &format!("since={}&until={}", observed[1], observed[3]), 2..=3).await;
    check_seqs(&rig, &format!("until={}&last=1", observed[2]), [2]).await;
    check_seqs(&rig, "since=1h", 1..=4).await;
    check_seqs(&rig, "until=1h", []).await;
    check_seqs(&rig, "since=2000-01-01T00:00:00%2B02:00&until=2200-01-01T00:00:00Z", 1..=4).await;
    rig.end().await;
}

#[tokio::test]
async fn raw_bytes_only_on_request() {
    let rig = Rig::start();
    rig.keep_rows(1, 1).await;
    assert!(rig.events("").await[0].get("raw").is_none());
    assert_eq!(rig.events("raw=1").await[0]["raw"]["data"], http_support::row(1));
    rig.end().await;
}

#[tokio::test]
async fn everything_wrong_is_said_at_once() {
    let rig = Rig::start();
    for expected in ["since: \"soon\" is neither", "limit: \"-1\" is not", "\"sinze\" is not a parameter"] {
        check_bad(&rig, "/v1/events?since=soon&limit=-1&sinze=1", expected).await;
    }
    check_bad(&rig, "/v1/events?filter=kind%20==%20", "\n").await;
    check_bad(&rig, "/v1/events?filter=kind%20==%20", "^").await;
    check_bad(&rig, "/v1/events?filter=kind%20==%20", "kind == ").await;
    check_bad(&rig, "/v1/events/xyz", "an event is named by").await;
    check_bad(&rig, "/v1/events/1?raww=1", "the only parameter").await;
    check_bad(&rig, "/v1/alerts?al=1", "the only parameter").await;
    rig.end().await;
}

/// How often the journal wrote while small runs came for so long, and how often it does if it lets them pile up for 5 ms.
async fn writes_of_small_runs(rig: &Rig) -> (u64, u64) {
    let journal = rig.intake.journal();
    let (mut written, mut writes, begun) = (journal.written(), 0, Instant::now());
    while begun.elapsed() < Duration::from_millis(50) {
        let entry = Entry { context: 77, count: 1, time: 1, payload: &[b"small"] };
        journal.append(entry, Sync::Os, Share::Last).unwrap();
        // The pace of what comes.
        tokio::time::sleep(Duration::from_millis(1)).await;
        writes += u64::from(written.has_changed().unwrap());
        written.mark_unchanged();
    }
    (writes, 2 + u64::try_from(begun.elapsed().as_millis()).unwrap() / 5)
}

async fn writes_sooner(rig: &Rig) {
    // A machine that has others to serve may take as long for each.
    wait_until_async("it writes sooner", async || {
        let (writes, alone) = writes_of_small_runs(rig).await;
        if writes > alone { Ok(()) } else { Err((writes, alone)) }
    })
    .await;
}

#[tokio::test]
async fn the_journal_writes_sooner_for_those_who_wait_for_it() {
    let rig = Rig::with(Setup { sync: Sync::Commit, ..Setup::default() });
    rig.keep_rows(1, 1).await;
    rig.events("").await;
    let (writes, alone) = writes_of_small_runs(&rig).await;
    assert!((1..=alone).contains(&writes), "{writes} writes, at most {alone}");
    let (_follower, _) = open(&rig, "/v1/events?follow=1", "").await;
    writes_sooner(&rig).await;
    // Posts that are answered once they are written wait for it too.
    writes_sooner(&Rig::with(Setup { sync: Sync::Os, ..Setup::default() })).await;
}

#[tokio::test]
async fn a_follower_sees_what_comes() {
    let rig = Rig::start();
    rig.keep_rows(1, 3).await;
    let (mut only_new, head) = open(&rig, "/v1/events?follow=1", "").await;
    assert!(head.to_lowercase().contains("content-type: application/x-ndjson"), "{head}");
    let (mut all, _) = open(&rig, "/v1/events?follow=1&since=0", "").await;
    let (mut last, _) = open(&rig, "/v1/events?follow=1&last=2", "").await;
    assert_eq!(seqs(&all.pieces("\n", 3).await), [1, 2, 3]);
    assert_eq!(seqs(&last.pieces("\n", 2).await), [2, 3]);
    for n in 4..=6 {
        rig.keep_rows(n, 1).await;
        assert_eq!(seqs(&only_new.pieces("\n", 1).await), [n]);
    }
    assert_eq!(seqs(&all.pieces("\n", 3).await), [4, 5, 6]);
    assert_eq!(rig.intake.metrics().readers.get(), 3);
    // Who goes away is noticed without anything to send.
    drop((only_new, last));
    wait_until_async("two readers are gone", async || (rig.intake.metrics().readers.get() == 1).then_some(())).await;
    // The stop ends the answer properly.
    rig.stop.cancel();
    assert_eq!(all.chunk().await, None);
    rig.end().await;
}

#[tokio::test]
async fn following_ends_at_until_and_at_the_limit() {
    let rig = Rig::start();
    rig.keep_rows(1, 2).await;
    let (mut until, _) = open(&rig, "/v1/events?follow=1&since=2&until=4", "").await;
    let (mut limit, _) = open(&rig, "/v1/events?follow=1&limit=2", "").await;
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300);
    let (mut clock, _) = open(&rig, &format!("/v1/events?follow=1&since=0&until={then}"), "").await;
    rig.keep_rows(3, 3).await;
    assert_eq!(seqs(&until.pieces("\n", 3).await), [2, 3, 4]);
    assert_eq!(until.chunk().await, None);
    assert_eq!(seqs(&limit.pieces("\n", 2).await), [3, 4]);
    assert_eq!(limit.chunk().await, None);
    while clock.chunk().await.is_some() {}
    assert!(jiff::Timestamp::now() >= then);
    rig.end().await;
}

#[tokio::test]
async fn server_sent_events_resume() {
    let rig = Rig::start();
    rig.keep_rows(1, 3).await;
    let (mut client, head) = open(&rig, "/v1/events?since=2", SSE).await;
    assert!(head.to_lowercase().contains("content-type: text/event-stream"), "{head}");
    let text = client.pieces("\n\n", 2).await;
    let first: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(&first[..2], ["id: 2", "event: row"]);
    let data: serde_json::Value = serde_json::from_str(first[2].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(data["seq"], 2);

    let resume = format!("{SSE}Last-Event-ID: 2\r\n");
    let (mut client, _) = open(&rig, "/v1/events?since=0&follow=1", &resume).await;
    assert!(client.pieces("\n\n", 1).await.starts_with("id: 3\n"));
    rig.keep_rows(4, 1).await;
    assert!(client.pieces("\n\n", 1).await.starts_with("id: 4\n"));

    // Nothing left, and not following: an `EventSource` is told not to come again.
    let ask = |id: &str| format!("GET /v1/events HTTP/1.1\r\nHost: t\r\n{SSE}Last-Event-ID: {id}\r\n\r\n");
    assert_eq!(rig.ask(&ask("4")).await.status, 204);
    assert_eq!(rig.ask(&ask("x")).await.status, 400);
    rig.end().await;
}

#[tokio::test]
async fn silent_streams_show_signs_of_life() {
    let rig = Rig::with(Setup { heartbeat: Duration::from_millis(20), ..Setup::default() });
    rig.keep_rows(1, 3).await;
    let (mut client, _) = open(&rig, "/v1/events?since=0&follow=1&filter=kind==%22alert%22", SSE).await;
    // Moves the client over what did not pass.
    assert_eq!(client.chunk().await.unwrap(), ": still here\nid: 3\n\n");
    assert_eq!(client.chunk().await.unwrap(), ": still here\nid: 3\n\n");
    rig.keep_rows(4, 1).await;
    while client.chunk().await.unwrap() != ": still here\nid: 4\n\n" {}
    rig.end().await;
}

#[tokio::test]
async fn large_answers_come_in_pages() {
    let rig = Rig::start();
    rig.keep_rows(1, 20_000).await;
    let (mut client, _) = open(&rig, "/v1/events", "").await;
    let mut text = String::new();
    while let Some(piece) = client.chunk().await {
        assert!(piece.len() < 80 << 10, "{}", piece.len());
        text.push_str(&piece);
    }
    assert_eq!(seqs(&text), (1..=20_000).collect::<Vec<_>>());
    rig.end().await;
}

#[tokio::test]
async fn readers_are_limited_and_make_room_when_they_go() {
    let rig = Rig::with(Setup { readers: 1, ..Setup::default() });
    let (client, _) = open(&rig, "/v1/events?follow=1", "").await;
    let refused = rig.get("/v1/events").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert!(refused.body.starts_with("1 readers are served already"), "{}", refused.body);
    drop(client);
    wait_until_async("there is room again", async || (rig.get("/v1/events").await.status == 200).then_some(())).await;
    rig.end().await;
}

#[tokio::test]
async fn one_event_by_seq_and_by_id() {
    let rig = Rig::start();
    rig.keep_rows(1, 40_000).await;
    for seq in [1, 20_000, 40_000] {
        let event = rig.get(&format!("/v1/events/{seq}")).await;
        assert_eq!((event.status, event.header("content-type")), (200, Some("application/json")));
        assert_eq!(event.json()["seq"], seq);
        let id = event.json()["id"].as_str().unwrap().to_owned();
        let again = rig.get(&format!("/v1/events/{id}?raw=1")).await.json();
        assert_eq!((&again["seq"], &again["raw"]["data"]), (&seq.into(), &http_support::row(seq).into()));
    }
    for (path, said) in [
        ("/v1/events/0", "no event has this seq yet"),
        ("/v1/events/40001", "no event has this seq yet"),
        ("/v1/events/00000000000000000000000000000000", "no event in the journal has this id"),
    ] {
        let answer = rig.get(path).await;
        assert_eq!((answer.status, answer.body.trim_end()), (404, said), "{path}");
    }
    rig.end().await;
}

#[tokio::test]
async fn a_follower_is_fast() {
    let rig = Rig::start();
    let (mut client, _) = open(&rig, "/v1/events?follow=1", "").await;
    let mut written = rig.intake.journal().written();
    let mut best = WATCHDOG;
    for n in 1..=50 {
        rig.keep_rows(n, 1).await;
        tokio::time::timeout(WATCHDOG, written.wait_for(|seq| *seq >= n)).await.unwrap().unwrap();
        let begin = Instant::now();
        client.pieces("\n", 1).await;
        best = best.min(begin.elapsed());
    }
    // The best of many: a loaded machine makes some slow, only waiting on a clock would make all slow.
    assert!(best < Duration::from_millis(20), "{best:?}");
    rig.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_gap_and_reading_goes_on() {
    let rig = Rig::start();
    rig.keep_rows(1, 2).await;
    let journal = rig.intake.journal();
    journal.describe(77, b"not a stream");
    let entry = Entry { context: 77, count: 3, time: 1, payload: &[b"not a run"] };
    journal.append(entry, Sync::Os, Share::Last).unwrap();
    rig.keep_rows(6, 1).await;

    let gap = |first: u64, last: u64| serde_json::json!({"schema": "kaptap.event/v1", "gap": {"first_seq": first, "last_seq": last, "reason": "unreadable"}});
    let events = rig.events("").await;
    assert_eq!(events.len(), 4);
    assert_eq!((&events[2], &events[3]["seq"]), (&gap(3, 5), &6.into()));
    // Cut to what was asked for; a gap is no event, so it does not count.
    assert_eq!(rig.events("since=4&until=4").await, [gap(4, 4)]);
    assert_eq!(rig.events("since=2&limit=2").await.len(), 3);
    check_seqs(&rig, "last=2&since=6", [6]).await;
    let missing = rig.get("/v1/events/4").await;
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("not in the journal any more: unreadable"), "{}", missing.body);
    assert_eq!(rig.metric("kaptap_reader_gaps_total").await, 3);

    let (mut client, _) = open(&rig, "/v1/events?since=3&limit=1", SSE).await;
    let text = client.pieces("\n\n", 2).await;
    let line = r#"{"schema":"kaptap.event/v1","gap":{"first_seq":3,"last_seq":5,"reason":"unreadable"}}"#;
    assert!(text.starts_with(&format!("id: 5\nevent: gap\ndata: {line}\n\nid: 6\nevent: row\n")), "{text}");
    rig.end().await;
}
