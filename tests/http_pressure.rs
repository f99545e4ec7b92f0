//! Disks that fail and readers that are slow, over real connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod http_support;
mod parts_support;
mod wait_support;

use http_support::{Rig, Setup, post};
use kaptap::journal::faulty::FaultyDisk;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wait_support::wait_until_async;

/// Small enough that a few MiB of records push the oldest out.
fn short_memory() -> Setup {
    Setup { segment_bytes: 256 << 10, max_bytes: 1 << 20, ..Setup::default() }
}

/// Checks that the lines of an answer, events and gaps, say everything about `first..` up to the last line, without a
/// hole and without saying anything twice. Returns the last seq and the number of events and gaps.
fn check_complete(text: &str, first: u64) -> (u64, usize, usize) {
    let (mut next, mut events, mut gaps) = (first, 0, 0);
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(gap) = line.get("gap") {
            assert_eq!(gap["first_seq"], next, "{line}");
            assert_eq!(gap["reason"], "retention", "{line}");
            next = gap["last_seq"].as_u64().unwrap() + 1;
            gaps += 1;
        } else {
            assert_eq!(line["seq"], next, "after {events} events and {gaps} gaps");
            next += 1;
            events += 1;
        }
    }
    (next - 1, events, gaps)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_too_slow_gets_a_gap_and_goes_on() {
    let rig = Rig::with(short_memory());
    rig.keep_rows(1, 1).await;
    let mut slow = rig.client().await;
    slow.send(b"GET /v1/events?since=1&follow=1&raw=1 HTTP/1.1\r\nHost: t\r\n\r\n").await;
    slow.head().await.unwrap();
    let mut text = slow.pieces("\n", 1).await;

    // Far more than sockets hold and the journal keeps, while the client reads nothing.
    let padding = "x".repeat(64 << 10);
    for _ in 0..600 {
        assert_eq!(rig.post("/v1/rows/wide", &padding).await.status, 204);
    }
    rig.keep_rows(602, 1).await;
    while !text.contains("\"seq\":602,") {
        text.push_str(&slow.chunk().await.expect("ended early"));
    }
    let (last, events, gaps) = check_complete(&text, 1);
    assert_eq!(last, 602);
    assert!(gaps >= 1 && events < 602, "{events} events, {gaps} gaps");
    assert_eq!(rig.metric("kaptap_reader_gaps_total").await, gaps as u64);
    rig.end().await;
}

#[tokio::test]
async fn who_comes_too_late_is_told_what_is_gone() {
    let rig = Rig::with(short_memory());
    let padding = "x".repeat(64 << 10);
    for _ in 0..100 {
        assert_eq!(rig.post("/v1/rows/wide", &padding).await.status, 204);
    }
    let gone = async || (rig.intake.journal().stats().first_seq > 2).then_some(());
    wait_until_async("retention has gone on", gone).await;
    let first = rig.intake.journal().stats().first_seq;
    let late = rig.get("/v1/events?since=2").await.body;
    assert_eq!(check_complete(&late, 2).2, 1);
    // The beginning is wherever it is by now.
    let all = rig.seqs("since=0").await;
    assert_eq!(all, (first..=100).collect::<Vec<_>>());
    assert_eq!(rig.seqs("last=1000").await, all);
    let gone = rig.get("/v1/events/2").await;
    assert_eq!((gone.status, gone.body.contains("retention")), (404, true), "{}", gone.body);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_journal_holds_posts_and_then_refuses_them_at_once() {
    let disk = FaultyDisk::new();
    let hold = Duration::from_millis(300);
    let rig = Rig::on(Setup { hold, ..Setup::default() }, Arc::new(disk.clone()));
    assert_eq!(rig.post("/v1/alerts", "before").await.status, 204);
    assert_eq!(rig.get("/readyz").await.status, 200);

    disk.fail_writes(Some(ErrorKind::StorageFull));
    let begin = Instant::now();
    let answer = rig.post("/v1/alerts", "while blocked").await;
    assert!(begin.elapsed() >= hold);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(answer.body, "the journal cannot take records now");
    assert_eq!(rig.post("/v1/alerts", "while blocked").await.status, 503);
    let unready = wait_until_async("it says that it is not ready", async || {
        let ready = rig.get("/readyz").await;
        (ready.status == 503).then_some(ready)
    });
    assert!(unready.await.body.starts_with("the journal is blocked"));
    assert_eq!(rig.metric("kaptap_journal_blocked").await, 1);

    // A follower stays, and sees what comes once the disk takes writes again.
    let mut follower = rig.client().await;
    follower.send(b"GET /v1/events?since=1&follow=1 HTTP/1.1\r\nHost: t\r\n\r\n").await;
    follower.head().await.unwrap();
    disk.fail_writes(None);
    let taken = async || (rig.post("/v1/alerts", "after").await.status == 204).then_some(());
    wait_until_async("a post is taken", taken).await;
    let last = format!("\"seq\":{},", rig.seqs("").await.last().unwrap());
    let mut text = String::new();
    while !text.contains(&last) {
        text.push_str(&follower.chunk().await.expect("ended early"));
    }
    rig.end().await;
}

#[tokio::test]
async fn a_failing_read_breaks_the_answer_off() {
    let disk = FaultyDisk::new();
    let rig = Rig::on(Setup::default(), Arc::new(disk.clone()));
    rig.keep_rows(1, 10).await;
    disk.fail_reads(Some(ErrorKind::Other));
    assert_eq!(rig.get("/v1/events/1").await.status, 500);
    let mut client = rig.client().await;
    client.send(b"GET /v1/events HTTP/1.1\r\nHost: t\r\n\r\n").await;
    assert_eq!(client.head().await.unwrap().0, 200);
    // What was there is not all, and without the last chunk of size zero the client knows.
    assert!(client.is_cut_off().await);
    disk.fail_reads(None);
    assert_eq!(rig.get("/v1/events/1").await.status, 200);
    rig.end().await;
}

#[tokio::test]
async fn stopping_breaks_off_an_answer_that_is_not_complete() {
    let rig = Rig::start();
    let padding = "x".repeat(256 << 10);
    for _ in 0..100 {
        assert_eq!(rig.ask(&post("/v1/rows/wide", "", &padding)).await.status, 204);
    }
    let mut client = rig.client().await;
    client.send(b"GET /v1/events?raw=1 HTTP/1.1\r\nHost: t\r\n\r\n").await;
    client.head().await.unwrap();
    client.chunk().await.unwrap();
    rig.stop.cancel();
    assert!(client.is_cut_off().await);
    rig.end().await;
}
