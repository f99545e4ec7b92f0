//! Sinks and tokens that change while kaptap runs, and what is said of sinks from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod delivery_support;
mod support;
mod wait_support;

use delivery_support::{Peers, Rig, retry, sink};
use kaptap::delivery::cursor::{self, Cursor, Position};
use kaptap::delivery::sink::{Outcome, Reason};
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer};
use tempfile::TempDir;
use wait_support::wait_until_async;

#[tokio::test(flavor = "multi_thread")]
async fn sinks_come_and_go_without_touching_a_udf() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let alerts = "kinds = [\"alert\"]";
    let rig = Rig::start(directory.path(), &sink("a", alerts), &peers).await;
    let mut task = UdfPeer::connect(&rig.stream_socket, &Settings::stream()).await.unwrap();
    task.init("task", "kaptap2", vec![]).await.unwrap();
    task.send_point(&Point::new("cpu", 1).field("v", 1)).await.unwrap();
    rig.post("x", "CRITICAL", 1).await;
    peers.get("a").takes(1).await;

    // Another one; the first is left alone.
    rig.reload(&[sink("a", alerts), sink("b", alerts)].concat()).await.unwrap();
    assert!(!peers.get("a").inner().closed);
    rig.post("x", "WARNING", 2).await;
    peers.get("a").takes(2).await;
    // It begins with what comes, not with what was.
    assert_eq!(peers.get("b").takes(1).await.len(), 1);

    // A change makes it anew, and it goes on where it was.
    rig.reload(&[sink("a", "filter = 'alert.level == \"CRITICAL\"'"), sink("b", alerts)].concat()).await.unwrap();
    assert!(peers.get("a").inner().closed && !peers.get("b").inner().closed);
    rig.post("x", "INFO", 3).await;
    rig.post("x", "CRITICAL", 4).await;
    peers.get("b").takes(3).await;
    assert_eq!(peers.get("a").takes(3).await.len(), 3);

    // Gone, and back again: at its cursor, or where it is asked to begin.
    rig.reload("").await.unwrap();
    assert_eq!(rig.get("/v1/sinks").await.1, "[]\n");
    rig.post("x", "OK", 5).await;
    let first = peers.get("a").taken()[0].1;
    rig.reload(&[sink("a", "kinds = [\"alert\"]\nstart = \"beginning\""), sink("b", alerts)].concat()).await.unwrap();
    assert_eq!(peers.get("b").takes(4).await.len(), 4);
    assert_eq!(peers.get("a").takes(8).await[3].1, first);
    rig.reload("").await.unwrap();
    rig.post("x", "INFO", 6).await;
    rig.reload(&sink("b", "kinds = [\"alert\"]\nstart = \"end\"")).await.unwrap();
    rig.post("x", "OK", 7).await;
    let taken = peers.get("b").takes(5).await;
    assert_eq!((taken.len(), taken[4].1), (5, rig.intake.journal().next_seq() - 1));

    // The task has run all the while.
    task.send_point(&Point::new("cpu", 2).field("v", 2)).await.unwrap();
    assert!(task.finish().await.echoed());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_fails_changes_nothing() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let open = "[http]\ntokens = [\"old\"]\n";
    let rig = Rig::start(directory.path(), &[open, &sink("a", "")].concat(), &peers).await;
    let changed = "[http]\ntokens = [\"new\"]\n";
    let error = rig.reload(&[changed, &sink("broken-1", ""), &sink("broken-2", "")].concat()).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("nothing was changed: sink broken-1 cannot be made: it is broken; sink broken-2"),
        "{said}"
    );
    assert!(!peers.get("a").inner().closed);
    assert_eq!(rig.act("GET", "/v1/sinks", "old").await.0, 200);
    assert_eq!(rig.act("GET", "/v1/sinks", "new").await.0, 401);

    // A good one takes over the tokens too, and says what it cannot take over.
    let more = "[udf]\nhold = \"1s\"\n[journal]\nbuffer = \"2MiB\"\n";
    let later = rig.reload(&[changed, more, &sink("a", "")].concat()).await.unwrap();
    assert_eq!(later.iter().filter(|section| **section != "http").collect::<Vec<_>>().len(), 2, "{later:?}");
    assert_eq!(rig.act("GET", "/v1/sinks", "old").await.0, 401);
    assert_eq!(rig.act("GET", "/v1/sinks", "new").await.0, 200);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_sink_that_cannot_be_made_is_none() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let refused = Rig::try_start(directory.path(), &[sink("broken", ""), sink("a", "")].concat(), &peers).await;
    assert_eq!(refused.err().unwrap(), "cannot deliver: sink broken cannot be made: it is broken");
    // A cursor of another journal would wait for ever.
    Rig::start(directory.path(), &sink("a", ""), &peers).await.stop().await;
    std::fs::remove_dir_all(directory.path().join("data/journal")).unwrap();
    let cursor = Cursor { position: Position::at(1_000_000), detached: false };
    cursor::write(&directory.path().join("data/cursors"), "a", &cursor).unwrap();
    let rig = Rig::start(directory.path(), &sink("a", ""), &peers).await;
    rig.post("x", "CRITICAL", 1).await;
    wait_until_async("delivered", async || peers.get("a").taken().iter().find(|(id, _)| id == "x").cloned()).await;
    rig.stop().await;
}

/// A kaptap whose sink `a` has had an alert.
async fn one_delivered() -> (TempDir, Peers, Rig) {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let rig = Rig::start(directory.path(), &sink("a", "kinds = [\"alert\"]"), &peers).await;
    rig.post("x", "CRITICAL", 1).await;
    peers.get("a").takes(1).await;
    (directory, peers, rig)
}

/// Where a sink was cannot be read: it begins with the oldest, and what was there is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cursor_is_set_aside() {
    let (directory, peers, rig) = one_delivered().await;
    rig.stop().await;
    let cursors = directory.path().join("data/cursors");
    for number in 1..3 {
        let damaged = format!("kaptap.cursor/v1\nnext {number}\n");
        std::fs::write(cursors.join("a"), &damaged).unwrap();
        let rig = Rig::start(directory.path(), &sink("a", "kinds = [\"alert\"]"), &peers).await;
        let taken = peers.get("a").takes(1 + number).await;
        assert!(taken.iter().all(|(id, seq)| id == "x" && *seq == taken[0].1), "{taken:?}");
        let error = rig.sink("a").await["last_error"]["error"].as_str().unwrap().to_owned();
        assert!(error.contains("cursors/a is damaged; it is kept as"), "{error}");
        assert_eq!(std::fs::read_to_string(cursors.join(format!("a.damaged-{number}"))).unwrap(), damaged);
        let named = wait_until_async("it is named", async || {
            let events = rig.lines("/v1/events?since=0&filter=kind%20==%20%22system%22").await;
            let of_sink: Vec<_> = events.into_iter().filter(|it| it["system"]["what"] == "sink_begun_anew").collect();
            (of_sink.len() == number).then_some(of_sink)
        })
        .await;
        let system = &named[number - 1]["system"];
        assert!(system["sink"] == "a" && system["error"].as_str().unwrap().contains("is damaged"), "{system}");
        rig.stop().await;
    }
}

/// A sink that is changed while it runs goes on where it was, whatever became of its file; that it cannot be written is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_sink_needs_no_cursor_file_to_go_on() {
    let (directory, peers, rig) = one_delivered().await;
    let (cursors, next) = (directory.path().join("data/cursors"), rig.intake.journal().next_seq());
    let saved = async || cursor::read(&cursors, "a").unwrap().filter(|cursor| cursor.position.next == next);
    wait_until_async("the cursor is written", saved).await;
    std::fs::remove_file(cursors.join("a")).unwrap();
    std::fs::create_dir_all(cursors.join("a/in the way")).unwrap();
    rig.reload(&sink("a", "kinds = [\"alert\"]\nbatch_events = 7")).await.unwrap();
    rig.post("x", "OK", 2).await;
    let taken = peers.get("a").takes(2).await;
    assert_eq!((taken.len(), taken[1].1), (2, next));
    let said = "Cannot write the cursor";
    rig.sink_becomes("a", |sink| sink["last_error"]["error"].as_str().is_some_and(|it| it.starts_with(said))).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_whose_parked_events_cannot_be_opened_stands_alone() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let in_the_way = directory.path().join("data/parked/a/parked.ndjson");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let both = [sink("a", "kinds = [\"alert\"]"), sink("b", "kinds = [\"alert\"]")].concat();
    let rig = Rig::start(directory.path(), &both, &peers).await;
    let broken = rig.sink("a").await;
    assert_eq!((&broken["circuit"], &broken["last_error"]["reason"]), (&"broken".into(), &"local".into()));
    assert!(broken["last_error"]["error"].as_str().unwrap().contains("parked/a"), "{broken}");
    assert_eq!(rig.get("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(rig.get("/readyz?sinks=1").await.0, 503);
    rig.post("x", "CRITICAL", 1).await;
    peers.get("b").takes(1).await;
    // A reload tries again, and it goes on where it would have begun.
    std::fs::remove_dir(&in_the_way).unwrap();
    rig.reload(&both).await.unwrap();
    peers.get("a").takes(1).await;
    assert_eq!(rig.sink("a").await["circuit"], "closed");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_down_is_seen() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let peer = peers.get("a");
    peer.answers(|_| retry(Reason::Unreachable));
    let rig = Rig::start(directory.path(), &sink("a", ""), &peers).await;
    rig.post("x", "CRITICAL", 1).await;
    let sink = rig.sink_becomes("a", |sink| sink["circuit"] == "open" && sink["retried"].as_u64().unwrap() > 2).await;
    assert_eq!((&sink["lag"]["events"], &sink["last_error"]["error"]), (&1.into(), &"not now".into()));
    assert!(sink["lag"]["seconds"].as_f64().unwrap() > 0.0 && sink["lag"]["bytes"].as_u64().unwrap() > 0, "{sink}");
    assert!(sink["next_try"].is_string());
    // kaptap itself is ready all the same.
    assert_eq!(rig.get("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(rig.get("/readyz?sinks=1").await.0, 503);
    let metrics = rig.get("/metrics").await.1;
    for line in [
        "kaptap_sink_lag_events{sink=\"a\"} 1",
        "kaptap_sink_circuit_open{sink=\"a\"} 1",
        "kaptap_sink_parked{sink=\"a\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found.starts_with(line)), "{line} is not in\n{metrics}");
    }
    for name in [
        "kaptap_sink_retried_events_total{sink=\"a\",reason=\"unreachable\"}",
        "kaptap_sink_lag_seconds{",
        "kaptap_sink_lag_bytes{",
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    peer.answers(|_| Outcome::Delivered);
    rig.sink_becomes("a", |sink| sink["circuit"] == "closed" && sink["lag"]["events"] == 0).await;
    assert_eq!(rig.get("/readyz?sinks=1").await.0, 200);
    assert!(rig.get("/metrics").await.1.contains("kaptap_sink_delivered_events_total{sink=\"a\"} 1"));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_something_needs_a_token_for_posting() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let config = ["[http]\ntokens = [\"in\"]\nread_tokens = [\"out\"]\n", &sink("a", "")].concat();
    let rig = Rig::start(directory.path(), &config, &peers).await;
    for (method, path) in [
        ("POST", "/v1/parked/a"),
        ("POST", "/v1/parked/a/1"),
        ("DELETE", "/v1/parked/a"),
        ("POST", "/v1/replay?sink=a&since=0"),
    ] {
        assert_eq!(rig.act(method, path, "").await.0, 401, "{method} {path}");
        assert_eq!(rig.act(method, path, "out").await.0, 401, "{method} {path}");
        assert!(rig.act(method, path, "in").await.0 < 300, "{method} {path}");
    }
    assert_eq!(rig.act("GET", "/v1/parked/a", "out").await.0, 200);
    rig.reload(&["[http]\nread_tokens = [\"out\"]\n", &sink("a", "")].concat()).await.unwrap();
    assert_eq!(rig.act("DELETE", "/v1/parked/a", "").await.0, 401);
    assert_eq!(rig.act("DELETE", "/v1/parked/a", "out").await.0, 200);
    rig.stop().await;
}
