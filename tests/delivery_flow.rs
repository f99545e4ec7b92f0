//! Delivery over its whole way: journal to peer, with peers that fail, refuse, hang and come back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod delivery_support;
mod support;
mod wait_support;

use delivery_support::{Peers, Rig, alert_id, reject, retry, sink, sinks};
use kaptap::delivery::sink::{Outcome, Reason};
use std::collections::{BTreeMap, BTreeSet};
use wait_support::wait_until_async;

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_in_order_per_alert_whatever_fails() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let peer = peers.get("a");
    let mut n = 0_u32;
    peer.answers(move |_| {
        n += 1;
        // Some fail, some are refused, some all in a row.
        match n % 11 {
            3 | 4 => retry(Reason::PeerFailed),
            7 if n.is_multiple_of(3) => reject(),
            _ if (150..170).contains(&n) => retry(Reason::Unreachable),
            _ => Outcome::Delivered,
        }
    });
    let rig = Rig::start(directory.path(), &sink("a", ""), &peers).await;
    for n in 0..300 {
        rig.post(&format!("id-{}", n % 7), if n % 2 == 0 { "CRITICAL" } else { "WARNING" }, n).await;
    }
    let facts = rig
        .sink_becomes("a", |sink| sink["delivered"].as_u64().unwrap() + sink["parked"].as_u64().unwrap() >= 300)
        .await;
    let taken = peer.taken();
    let parked = rig.lines("/v1/parked/a?limit=1000").await;
    assert!(!parked.is_empty() && facts["retried"].as_u64().unwrap() > 20, "{facts}");
    let seqs: BTreeSet<u64> =
        taken.iter().map(|(_, seq)| *seq).chain(parked.iter().map(|line| line["seq"].as_u64().unwrap())).collect();
    assert_eq!((seqs.len(), taken.len() + parked.len()), (300, 300), "each came once");
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for (id, seq) in &taken {
        assert!(last.insert(id, *seq).is_none_or(|before| before < *seq), "{id}: {seq} came late");
    }
    assert_eq!(facts["circuit"], "closed");
    rig.sink_becomes("a", |sink| sink["lag"]["events"] == 0).await;
    rig.stop().await;
    assert!(peer.inner().closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alert_that_fails_holds_back_only_itself_and_is_remembered() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let peer = peers.get("a");
    peer.answers(|event| if alert_id(event) == "bad" { retry(Reason::PeerFailed) } else { Outcome::Delivered });
    let alerts = sink("a", "kinds = [\"alert\"]");
    let rig = Rig::start(directory.path(), &alerts, &peers).await;
    let before = rig.intake.journal().next_seq() - 1;
    for n in 0..40 {
        rig.post(if n % 4 == 1 { "bad" } else { "good" }, "CRITICAL", n).await;
    }
    let taken = peer.takes(30).await;
    assert!(taken.iter().all(|(id, _)| id == "good"));
    let facts = rig.sink_becomes("a", |sink| sink["first_open"] == before + 2).await;
    assert_eq!((&facts["in_window"], &facts["last_error"]["reason"]), (&10.into(), &"peer_failed".into()));
    rig.stop().await;

    // Only what is open comes again, and then what is new.
    peer.inner().taken.clear();
    peer.answers(|_| Outcome::Delivered);
    let rig = Rig::start(directory.path(), &alerts, &peers).await;
    peer.takes(10).await;
    rig.post("good", "OK", 50).await;
    let seqs: Vec<u64> = peer.takes(11).await.iter().map(|(_, seq)| *seq).collect();
    let open: Vec<u64> = [2, 6, 10, 14, 18, 22, 26, 30, 34, 38].iter().map(|n| before + n).collect();
    assert_eq!(seqs, [open, vec![rig.intake.journal().next_seq() - 1]].concat());
    rig.stop().await;
    let cursor = std::fs::read_to_string(directory.path().join("data/cursors/a")).unwrap();
    assert!(!cursor.contains("pending"), "{cursor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sink_does_not_want_is_left_out() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let config = sinks([
        ("levels", "filter = 'alert.level == \"CRITICAL\"'\nlabels = { site = \"berlin\" }"),
        ("systems", "kinds = [\"system\"]"),
        ("all", "skip_duplicates = false"),
        ("once", ""),
    ]);
    let rig = Rig::start(directory.path(), &config, &peers).await;
    for n in 0..10 {
        rig.post("x", if n % 2 == 0 { "CRITICAL" } else { "WARNING" }, n).await;
    }
    // The same once more.
    rig.post("x", "CRITICAL", 8).await;
    assert_eq!(peers.get("all").takes(11).await.len(), 11);
    assert_eq!(peers.get("once").takes(10).await.len(), 10);
    assert_eq!(peers.get("levels").takes(5).await.len(), 5);
    let sink = rig.sink_becomes("levels", |sink| sink["passed"] == 6).await;
    assert_eq!((&sink["delivered"], &sink["type"], &sink["lag"]["events"]), (&5.into(), &"stdout".into(), &0.into()));
    assert!(peers.get("levels").inner().taken.iter().all(|(event, _)| event["labels"]["site"] == "berlin"));
    assert_eq!(rig.sink("systems").await["delivered"], 0);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_events_are_listed_tried_again_and_dropped() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let peer = peers.get("a");
    peer.answers(|_| reject());
    let alerts = sink("a", "kinds = [\"alert\"]");
    let rig = Rig::start(directory.path(), &alerts, &peers).await;
    let seq = rig.intake.journal().next_seq();
    for n in 0..4 {
        rig.post(&format!("id-{n}"), "CRITICAL", n).await;
    }
    rig.sink_becomes("a", |sink| sink["parked_now"]["events"] == 4).await;
    let lines = rig.lines("/v1/parked/a").await;
    assert_eq!(
        (&lines[0]["seq"], &lines[0]["reason"], &lines[0]["response"]),
        (&seq.into(), &"refused".into(), &"no".into())
    );
    assert_eq!((&lines[0]["event"]["alert"]["id"], &lines[0]["record"]), (&"id-0".into(), &serde_json::Value::Null));
    assert_eq!(rig.lines(&format!("/v1/parked/a?after={}&limit=1", seq + 1)).await[0]["seq"], seq + 2);
    assert!(rig.json(&format!("/v1/parked/a/{}", seq + 1)).await["record"]["payload"].is_string());
    assert_eq!(rig.get("/v1/parked/a/99").await.0, 404);
    assert_eq!(rig.get("/v1/parked/b").await.0, 404);
    assert_eq!(rig.get("/v1/parked/a?limit=0").await.0, 400);

    assert_eq!(rig.act("DELETE", &format!("/v1/parked/a/{seq}"), "").await, (200, "{\"events\":1}\n".to_owned()));
    // Still refused: it stays.
    assert_eq!(rig.act("POST", &format!("/v1/parked/a/{}", seq + 1), "").await, (200, "{\"events\":1}\n".to_owned()));
    rig.sink_becomes("a", |sink| sink["parked"] == 5).await;
    assert_eq!(rig.sink("a").await["parked_now"]["events"], 3);
    rig.stop().await;

    // Over a restart, and taken at last.
    peer.answers(|_| Outcome::Delivered);
    let rig = Rig::start(directory.path(), &alerts, &peers).await;
    assert_eq!(rig.sink("a").await["parked_now"]["events"], 3);
    // One by one, as `kaptap parked retry` asks for them: the later ones come while the first is read.
    for n in 1..=3 {
        let path = format!("/v1/parked/a/{}", seq + n);
        assert_eq!(rig.act("POST", &path, "").await, (200, "{\"events\":1}\n".to_owned()));
    }
    rig.sink_becomes("a", |sink| sink["parked_now"]["events"] == 0).await;
    let mut taken = peer.taken();
    taken.sort();
    assert_eq!(taken, [("id-1".to_owned(), seq + 1), ("id-2".to_owned(), seq + 2), ("id-3".to_owned(), seq + 3)]);
    assert_eq!(rig.act("POST", "/v1/parked/a", "").await, (200, "{\"events\":0}\n".to_owned()));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_is_delivered_again_and_marked() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let peer = peers.get("a");
    let rig = Rig::start(directory.path(), &sink("a", "kinds = [\"alert\"]"), &peers).await;
    let before = rig.intake.journal().next_seq() - 1;
    for n in 0..20 {
        rig.post(&format!("id-{}", n % 2), "CRITICAL", n).await;
    }
    peer.takes(20).await;
    let ids = |replay: bool| -> Vec<String> {
        let inner = peer.inner();
        let taken = inner.taken.iter().filter(|(event, of)| *of == replay && alert_id(event) == "id-1");
        taken.map(|(event, _)| event["id"].as_str().unwrap().to_owned()).collect()
    };
    let (first, last) = (before + 5, before + 14);
    let path = format!("/v1/replay?sink=a&since={first}&until={last}&filter=alert.id%20==%20%22id-1%22");
    let accepted = format!("{{\"sink\":\"a\",\"first_seq\":{first},\"last_seq\":{last}}}\n");
    assert_eq!(rig.act("POST", &path, "").await, (202, accepted));
    let sink = rig.sink_becomes("a", |sink| sink["replay"]["done"] == true).await;
    assert_eq!((&sink["replay"]["delivered"], &sink["replay"]["next_seq"]), (&5.into(), &(last + 1).into()));
    assert_eq!(ids(true), ids(false)[2..7]);
    for (path, status) in [
        ("/v1/replay?sink=b&since=0", 404),
        ("/v1/replay?since=0", 400),
        ("/v1/replay?sink=a", 400),
        ("/v1/replay?sink=a&since=x", 400),
        ("/v1/replay?sink=a&since=0&follow=1", 400),
        ("/v1/replay?sink=a&since=0&filter=nothing", 400),
    ] {
        assert_eq!(rig.act("POST", path, "").await.0, status, "{path}");
    }
    // One at a time.
    peer.hangs(true);
    assert_eq!(rig.act("POST", "/v1/replay?sink=a&since=0", "").await.0, 202);
    assert_eq!(rig.act("POST", "/v1/replay?sink=a&since=0", "").await.0, 409);
    peer.hangs(false);
    rig.sink_becomes("a", |sink| sink["replay"]["done"] == true).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_takes_from_a_slow_sink_is_named() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let (slow, quick) = (peers.get("slow"), peers.get("quick"));
    slow.hangs(true);
    let journal = "[journal]\nsegment_bytes = \"64KiB\"\nmax_bytes = \"256KiB\"\nbuffer = \"1MiB\"\n[http]\nmax_body = \"16KiB\"\n";
    let config = [journal, &sink("slow", "kinds = [\"alert\"]"), &sink("quick", "kinds = [\"system\"]")].concat();
    let rig = Rig::start(directory.path(), &config, &peers).await;
    rig.post("first", "CRITICAL", 0).await;
    rig.stop().await;
    // The sink is away while the journal goes on.
    let rig = Rig::start(directory.path(), &[journal, &sink("quick", "kinds = [\"system\"]")].concat(), &peers).await;
    let (mut n, begin) = (0, rig.intake.journal().next_seq());
    while rig.intake.journal().stats().first_seq < 200 {
        n += 1;
        rig.post(&format!("id-{}-{}", n % 5, "x".repeat(2000)), "CRITICAL", n).await;
    }
    let first = rig.intake.journal().stats().first_seq;
    slow.hangs(false);
    rig.reload(&config).await.unwrap();
    let expected = n - (first - begin);
    let taken = slow.takes(usize::try_from(expected).unwrap()).await;
    assert!(taken[0].1 >= first, "{taken:?}");
    // The other sink may be overtaken as well, where the machine is slow.
    let is_gap = |event: &serde_json::Value| event["system"]["what"] == "sink_gap" && event["system"]["sink"] == "slow";
    let gaps = || -> Vec<serde_json::Value> {
        let inner = quick.inner();
        inner.taken.iter().filter(|(event, _)| is_gap(event)).map(|(event, _)| event["system"].clone()).collect()
    };
    // One gap, or two around the record that was left out before the stop, if the sink had come that far.
    let whole = || Some(gaps()).filter(|gaps| gaps.last().is_some_and(|gap| gap["last_seq"] == first - 1));
    let gaps = wait_until_async("the gap is named", async || whole()).await;
    assert!(gaps.len() <= 2 && gaps.iter().all(|gap| gap["reason"] == "retention"), "{gaps:?}");
    assert!(gaps[0]["first_seq"].as_u64().unwrap() < begin, "{gaps:?}");
    let unnamed =
        gaps.windows(2).map(|pair| pair[1]["first_seq"].as_u64().unwrap() - pair[0]["last_seq"].as_u64().unwrap() - 1);
    assert!(unnamed.sum::<u64>() <= 1, "{gaps:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept_and_correlation_chooses_what_waits_together() {
    let (directory, peers) = (tempfile::tempdir().unwrap(), Peers::default());
    let alerts = "kinds = [\"alert\"]\n";
    let config = sinks([
        ("slow", &format!("{alerts}max_rate = \"10/s\"")),
        ("all", &format!("{alerts}correlation = \"all\"")),
        ("host", &format!("{alerts}correlation = \"tags.host\"")),
        ("each", alerts),
    ]);
    for name in ["all", "host", "each"] {
        peers.get(name).answers(
            |event| {
                if alert_id(event) == "id-0" { retry(Reason::PeerFailed) } else { Outcome::Delivered }
            },
        );
    }
    let rig = Rig::start(directory.path(), &config, &peers).await;
    let begun = std::time::Instant::now();
    for n in 0..25 {
        rig.post(&format!("id-{n}"), "CRITICAL", n).await;
    }
    // All alerts have the same host, so they wait together; by themselves they do not.
    assert_eq!(peers.get("each").takes(24).await.len(), 24);
    assert_eq!(peers.get("slow").takes(25).await.len(), 25);
    // Ten were saved up, fifteen more take a tenth of a second each.
    assert!(begun.elapsed() >= std::time::Duration::from_millis(1450), "{:?}", begun.elapsed());
    assert_eq!((peers.get("all").taken().len(), peers.get("host").taken().len()), (0, 0));
    for name in ["all", "host"] {
        peers.get(name).answers(|_| Outcome::Delivered);
        let taken = peers.get(name).takes(25).await;
        assert!(taken.iter().map(|(_, seq)| seq).is_sorted(), "{taken:?}");
    }
    rig.stop().await;
}
