//! The worker of a sink when something is wrong with itself, with one event, or with what it should have had.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod delivery_support;
mod support;
mod wait_support;

use delivery_support::{Peers, Rig, alert, alert_id, reject, retry, sink, sinks};
use kaptap::delivery::sink::{Outcome, Reason};
use kaptap::rehearsal::poster;

/// A sink that is not tried again by itself while a test lasts.
fn patient(name: &str) -> String {
    format!(
        "[[sink]]\nname = \"{name}\"\ntype = \"stdout\"\nkinds = [\"alert\"]\nbatch_age = \"1ms\"\nretry_min = \"1h\"\nretry_max = \"1h\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_panics_is_seen_and_a_reload_starts_it_again() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    peers.get("a").answers(|_| panic!("a fault in the sink"));
    let config = [patient("a"), patient("b")].concat();
    let rig = Rig::start(directory.path(), &config, &peers).await;
    rig.post("x", "CRITICAL", 1).await;
    let broken = rig.sink_becomes("a", |sink| sink["circuit"] == "broken").await;
    let error = broken["last_error"]["error"].as_str().unwrap();
    assert_eq!(error, "its worker ended: it panicked: a fault in the sink");
    assert!(broken["next_try"].is_string() && broken["lag"]["events"] == 1, "{broken}");
    assert_eq!(rig.get("/readyz").await.0, 200, "intake goes on");
    let (status, said) = rig.get("/readyz?sinks=1").await;
    assert!(status == 503 && said.contains("cannot deliver now: a"), "{status} {said}");
    assert!(rig.get("/metrics").await.1.contains("kaptap_sink_circuit_open{sink=\"a\"} 1"));
    assert_eq!(rig.act("POST", "/v1/replay?sink=a&since=0", "").await.0, 503, "nobody is there to do it");
    peers.get("b").takes(1).await;

    // Nothing in the configuration has changed: it is started again all the same, and goes on where it was.
    peers.get("a").answers(|_| Outcome::Delivered);
    rig.reload(&config).await.unwrap();
    assert_eq!(peers.get("a").takes(1).await.len(), 1);
    rig.sink_becomes("a", |sink| sink["circuit"] == "closed" && sink["lag"]["events"] == 0).await;
    assert_eq!(rig.get("/readyz?sinks=1").await.0, 200);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_panics_is_started_again_by_itself() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let peer = peers.get("a");
    let mut chances = 0;
    peer.answers(move |_| {
        chances += 1;
        assert!(chances % 4 != 1 || chances > 12, "a fault in the sink");
        Outcome::Delivered
    });
    let rig = Rig::start(directory.path(), &sink("a", "kinds = [\"alert\"]"), &peers).await;
    for n in 0..10 {
        rig.post(&format!("id-{n}"), "CRITICAL", n).await;
    }
    let well = rig.sink_becomes("a", |sink| sink["lag"]["events"] == 0 && sink["circuit"] == "closed").await;
    let restarts = well["restarts"].as_u64().unwrap();
    assert!((1..=3).contains(&restarts), "{well}");
    let metric = format!("kaptap_sink_restarts_total{{sink=\"a\"}} {restarts}");
    assert!(rig.get("/metrics").await.1.contains(&metric));
    let seqs: std::collections::BTreeSet<u64> = peer.taken().iter().map(|(_, seq)| *seq).collect();
    assert_eq!(seqs.len(), 10, "what was under way came again");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_peer_never_takes_is_given_up_where_that_is_asked_for() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let config = [sink("a", "kinds = [\"alert\"]\ngive_up_after = \"1s\""), sink("b", "kinds = [\"alert\"]")].concat();
    for name in ["a", "b"] {
        let is_first = |event: &serde_json::Value| alert_id(event) == "bad" && event["alert"]["level"] == "WARNING";
        peers
            .get(name)
            .answers(move |event| if is_first(event) { retry(Reason::PeerFailed) } else { Outcome::Delivered });
    }
    let rig = Rig::start(directory.path(), &config, &peers).await;
    rig.post("bad", "WARNING", 1).await;
    rig.post("bad", "CRITICAL", 2).await;
    rig.post("good", "CRITICAL", 3).await;
    let given_up = rig.sink_becomes("a", |sink| sink["lag"]["events"] == 0).await;
    assert_eq!((&given_up["delivered"], &given_up["parked_now"]["events"]), (&2.into(), &1.into()));
    let parked = &rig.lines("/v1/parked/a").await[0];
    assert_eq!((&parked["reason"], &parked["event"]["alert"]["level"]), (&"peer_failed".into(), &"WARNING".into()));
    let error = parked["error"].as_str().unwrap();
    assert!(error.starts_with("given up, not taken since 20") && error.ends_with(": not now"), "{error}");
    assert!(parked["attempts"].as_u64().unwrap() > 2, "{parked}");
    // Without the key it is tried for as long as it takes, and its alert waits behind it.
    let waiting = rig.sink("b").await;
    assert_eq!((&waiting["delivered"], &waiting["parked"], &waiting["in_window"]), (&1.into(), &0.into(), &2.into()));
    // What was given up can be tried again like everything that is parked.
    peers.get("a").answers(|_| Outcome::Delivered);
    assert_eq!(rig.act("POST", "/v1/parked/a", "").await, (200, "{\"events\":1}\n".to_owned()));
    rig.sink_becomes("a", |sink| sink["parked_now"]["events"] == 0).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_event_that_a_replay_delivers_is_off_the_list() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    peers.get("a").answers(|_| reject());
    let rig = Rig::start(directory.path(), &sink("a", "kinds = [\"alert\"]"), &peers).await;
    let first = rig.intake.journal().next_seq();
    for n in 0..3 {
        rig.post(&format!("id-{n}"), "CRITICAL", n).await;
    }
    rig.sink_becomes("a", |sink| sink["parked_now"]["events"] == 3).await;
    peers.get("a").answers(|_| Outcome::Delivered);
    let path = format!("/v1/replay?sink=a&since={first}&until={}", first + 1);
    assert_eq!(rig.act("POST", &path, "").await.0, 202);
    rig.sink_becomes("a", |sink| sink["replay"]["done"] == true).await;
    let left = rig.lines("/v1/parked/a").await;
    assert_eq!((left.len(), &left[0]["seq"]), (1, &(first + 2).into()));
    rig.stop().await;
}

/// What comes over two ways is one event to a sink that wants both; to one that wants the second way only, it is not a
/// repetition of anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_one_of_what_the_sink_has_had() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let config = sinks([
        ("both", "kinds = [\"alert\"]"),
        ("one", "filter = 'origin.source == \"one\"'"),
        ("two", "filter = 'origin.source == \"two\"'"),
        ("either", "filter = 'origin.source in [\"one\", \"two\"]'"),
    ]);
    let rig = Rig::start(directory.path(), &config, &peers).await;
    for n in 0..3 {
        // The last one repeats what the sink of the second way has had.
        for source in ["one", "two", "two"] {
            let target = poster::Target::new(rig.http, &format!("/v1/alerts/{source}"));
            let answer = poster::post(&target, &alert(&format!("id-{n}"), "CRITICAL", n)).await.unwrap();
            assert_eq!(answer.status, 204);
        }
    }
    for name in ["both", "one", "two", "either"] {
        rig.sink_becomes(name, |sink| sink["lag"]["events"] == 0 && sink["delivered"] == 3).await;
        let inner = peers.get(name);
        let inner = inner.inner();
        let source = |event: &serde_json::Value| event["origin"]["source"].as_str().unwrap().to_owned();
        let wanted = if name == "two" { "two" } else { "one" };
        assert!(inner.taken.iter().all(|(event, _)| source(event) == wanted), "{name}: {:?}", inner.taken);
        // To none of them it repeats anything that it has had.
        assert!(inner.taken.iter().all(|(event, _)| event["duplicate_of"].is_null()), "{name}: {:?}", inner.taken);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_had_already_and_what_a_sink_forgets_is_counted() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let rig = Rig::start(directory.path(), &sink("a", "kinds = [\"alert\"]"), &peers).await;
    for n in 0..3 {
        rig.post(&format!("id-{n}"), "CRITICAL", n).await;
    }
    let sink = rig.sink_becomes("a", |sink| sink["lag"]["events"] == 0 && sink["delivered"] == 3).await;
    assert_eq!((&sink["duplicates"], &sink["forgotten"]), (&0.into(), &0.into()));
    // As a JetStream answers within its duplicate window.
    peers.get("a").answers(|_| Outcome::Duplicate);
    peers.get("a").inner().forgotten = 2;
    assert_eq!(rig.act("POST", "/v1/replay?sink=a&since=0", "").await.0, 202);
    let sink = rig.sink_becomes("a", |sink| sink["replay"]["done"] == true).await;
    assert_eq!((&sink["replay"]["delivered"], &sink["replay"]["duplicates"]), (&3.into(), &3.into()));
    assert_eq!((&sink["delivered"], &sink["duplicates"], &sink["forgotten"]), (&6.into(), &3.into(), &2.into()));
    let metrics = rig.get("/metrics").await.1;
    for line in ["kaptap_sink_duplicate_events_total{sink=\"a\"} 3", "kaptap_sink_forgotten_alerts_total{sink=\"a\"} 2"]
    {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    rig.stop().await;
}
