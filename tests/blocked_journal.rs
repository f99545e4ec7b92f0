//! What happens while the journal cannot take records: on UDF connections in virtual time, on posts for real.
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

use kaptap::intake::checkpoint::Recovered;
use kaptap::intake::gather::Flowing;
use kaptap::intake::{Arrival, Intake, udf};
use kaptap::interpret;
use kaptap::journal::Journal;
use kaptap::journal::faulty::FaultyDisk;
use kaptap::kapacitor::proto;
use kaptap::record::{self, Content, Edge, Note, Stream};
use kaptap::rehearsal::acceptor::Ending;
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::poster;
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer};
use kaptap::rehearsal::wire;
use kaptap::telemetry::Metrics;
use kaptap::words::{Kind, Lane};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{Kaptap, configuration};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use wait_support::wait_until_async;

const START: i64 = 1_795_353_827_000_000_000;
/// A buffer that fills after some hundred points.
const SMALL: &str = "[http]\nmax_body = \"8 KiB\"\n[journal]\nbuffer = \"64 KiB\"\n";

fn point(n: i64) -> Point {
    Point::new("cpu", START + n).tag("host", "web-1").field("usage_idle", 50.5).field("n", n)
}

fn intake(directory: &Path, more: &str, disk: &FaultyDisk) -> Intake {
    let config = configuration(directory, more);
    let (journal, _) = Journal::open(config.journal, Arc::new(disk.clone())).unwrap();
    Intake::new(config.intake, journal, Metrics::default(), Recovered::default())
}

/// A UDF connection to that intake without any socket.
fn connect(intake: &Intake) -> UdfPeer {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (reader, writer) = tokio::io::split(theirs);
    tokio::spawn(udf::serve(
        intake.clone(),
        Edge::Stream,
        reader,
        writer,
        Flowing::default(),
        CancellationToken::new(),
    ));
    let (reader, writer) = tokio::io::split(ours);
    UdfPeer::over(reader, writer, &Settings { timeout: Duration::from_secs(4), ..Settings::stream() })
}

/// A task that is connected to a kaptap whose buffer is small.
struct Scene {
    disk: FaultyDisk,
    intake: Intake,
    peer: UdfPeer,
    _directory: TempDir,
}

/// With this `[udf] hold` and these options of the node.
async fn scene(hold: &str, options: Vec<proto::Option>) -> Scene {
    let (directory, disk) = (tempfile::tempdir().unwrap(), FaultyDisk::new());
    let intake = intake(directory.path(), &format!("{SMALL}[udf]\nhold = \"{hold}\"\n"), &disk);
    let mut peer = connect(&intake);
    peer.init("t", "kaptap2", options).await.unwrap();
    Scene { disk, intake, peer, _directory: directory }
}

/// What the journal holds now: numbers of the points kept, and the gaps named, as first and last number.
fn kept(intake: &Intake) -> (Vec<u64>, Vec<(u64, u64)>) {
    let (mut points, mut gaps) = (Vec::new(), Vec::new());
    let mut reader = intake.journal().reader(0);
    while let Some(block) = reader.next_block().unwrap() {
        let stream = Stream::decode(&block.description).unwrap();
        for record in record::records(&block.payload, block.first_seq, block.count, block.time).unwrap() {
            let record = record.unwrap();
            let event = interpret::event(&stream, &record);
            match event.kind {
                Kind::Point => points.push(event.origin.n),
                Kind::System => {
                    let notice: serde_json::Value = serde_json::from_str(&event.system.unwrap()).unwrap();
                    assert_eq!(notice["what"], "gap");
                    let number = |key: &str| notice[key].as_u64().unwrap();
                    assert_eq!(number("count"), number("last_n") - number("first_n") + 1);
                    gaps.push((number("first_n"), number("last_n")));
                }
                other => panic!("{other}"),
            }
        }
    }
    (points, gaps)
}

/// Real time passes in the journal's thread, virtual time here: the pauses of the wait are virtual, so others get the
/// processor.
async fn eventually(mut holds: impl FnMut() -> bool) {
    let look = async || {
        std::thread::yield_now();
        holds().then_some(())
    };
    wait_until_async("the journal has it", look).await;
}

#[tokio::test(start_paused = true)]
async fn with_a_bounded_hold_the_task_lives_the_echo_goes_on_and_the_gap_is_exact() {
    let Scene { _directory, disk, intake, mut peer } = scene("5s", vec![]).await;
    disk.block_writes(true);

    // 60 s of data, a point every 20 ms; the peer's own timeout is 4 s.
    const POINTS: u64 = 3_000;
    for n in 0..POINTS {
        peer.send_point(&point(n as i64)).await.unwrap();
        // The pace of the peer, in virtual time, as everywhere in this file.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    peer.wait_returned(POINTS).await.unwrap();
    assert_eq!(peer.ending(), None, "the task goes on");
    assert!(intake.metrics().keepalives_unasked.get() > 0, "reading was held back for a while");
    assert_eq!(intake.metrics().holds.get(), 1, "and only once");

    disk.block_writes(false);
    eventually(|| kept(&intake).1.len() == 1).await;
    for n in POINTS..POINTS + 100 {
        peer.send_point(&point(n as i64)).await.unwrap();
    }
    let finished = peer.finish().await;
    assert!(finished.echoed(), "{:?}", finished.ending);
    eventually(|| kept(&intake).0.last() == Some(&(POINTS + 100))).await;

    let (points, gaps) = kept(&intake);
    let [(first, last)] = gaps[..] else { panic!("{gaps:?}") };
    let expected: Vec<u64> = (1..first).chain(last + 1..=POINTS + 100).collect();
    assert!(first > 100 && last >= first, "the buffer took something first: {gaps:?}");
    assert_eq!(points, expected, "kept and named together are everything, once");
}

#[tokio::test(start_paused = true)]
async fn room_for_a_notice_alone_begins_no_second_wait() {
    let Scene { _directory, disk, intake, mut peer } = scene("5s", vec![]).await;
    disk.fail_writes(Some(ErrorKind::StorageFull));
    // Points so large that a full buffer still has room for a gap notice.
    let large = "x".repeat(5_000);
    for n in 0..200 {
        peer.send_point(&point(n).field("text", large.as_str())).await.unwrap();
        // The pace of the peer, in virtual time.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(intake.metrics().holds.get(), 1);
    disk.fail_writes(None);
    eventually(|| kept(&intake).1.len() == 1).await;
    assert!(peer.finish().await.echoed());
    let (points, gaps) = kept(&intake);
    assert_eq!(points.len() as u64 + gaps[0].1 - gaps[0].0 + 1, 200);
}

#[tokio::test(start_paused = true)]
async fn with_an_endless_hold_nothing_is_lost_and_the_task_lives() {
    let Scene { _directory, disk, intake, mut peer } = scene("forever", vec![]).await;
    disk.block_writes(true);
    const POINTS: u64 = 5_000;
    let sending = tokio::spawn(async move {
        for n in 0..POINTS {
            peer.send_point(&point(n as i64)).await.unwrap();
        }
        peer
    });
    // How long it is held, in virtual time.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(!sending.is_finished(), "reading is held back");
    // At least one a second; the peer itself would have ended the task after 4 s of silence.
    assert!(intake.metrics().keepalives_unasked.get() >= 55, "{}", intake.metrics().keepalives_unasked.get());
    disk.block_writes(false);
    let peer = sending.await.unwrap();
    let finished = peer.finish().await;
    assert_eq!(finished.ending, Ending::Done);
    assert!(finished.echoed());
    eventually(|| kept(&intake).0.len() as u64 == POINTS).await;
    let (points, gaps) = kept(&intake);
    assert_eq!((points, gaps), ((1..=POINTS).collect(), vec![]));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_input_is_answered_at_once_though_the_journal_is_blocked() {
    let Scene { _directory, disk, intake, mut peer } = scene("forever", vec![]).await;
    disk.block_writes(true);
    for n in 0..50 {
        peer.send_point(&point(n)).await.unwrap();
    }
    let begun = tokio::time::Instant::now();
    assert!(peer.finish().await.echoed());
    assert!(begun.elapsed() < Duration::from_secs(1), "Kapacitor waits for this without a limit");
    disk.block_writes(false);
    eventually(|| kept(&intake).0.len() == 50).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_that_moves_brings_neither_silence_nor_a_hold_without_end() {
    const POINTS: i64 = 1_000;
    // Alert points are kept one by one: a gulp of them must not wait once for each.
    let Scene { _directory, disk, intake, mut peer } = scene("3s", vec![wire::flag("alert", true)]).await;
    // A sync takes 900 ms of virtual time.
    let (slow, stop) = (disk.clone(), CancellationToken::new());
    let stopped = stop.clone();
    let slowing = tokio::spawn(async move {
        while !stopped.is_cancelled() {
            slow.block_syncs(true);
            // How slow the disk is, in virtual time.
            tokio::time::sleep(Duration::from_millis(900)).await;
            let before = slow.syncs();
            slow.block_syncs(false);
            for _ in 0..1_000 {
                if slow.syncs() != before {
                    break;
                }
                std::thread::yield_now();
            }
        }
        slow.block_syncs(false);
    });
    let large = "x".repeat(6_000);
    let sending = tokio::spawn(async move {
        for n in 0..POINTS {
            peer.send_point(&point(n).field("text", large.as_str())).await.unwrap();
        }
        peer
    });
    let peer = tokio::time::timeout(Duration::from_hours(1), sending).await.expect("it stands still").unwrap();
    // A silence of 4 s at any time would have ended the task.
    let finished = peer.finish().await;
    assert!(finished.echoed(), "{:?}", finished.ending);
    assert!(intake.metrics().holds.get() > 0, "the disk was not slow enough");
    stop.cancel();
    slowing.await.unwrap();
    let named = |gaps: &[(u64, u64)]| gaps.iter().map(|(first, last)| last - first + 1).sum::<u64>();
    eventually(|| {
        let (points, gaps) = kept(&intake);
        points.len() as u64 + named(&gaps) == POINTS as u64
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_use_keeps_its_context_whatever_else_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new();
    let intake = intake(directory.path(), SMALL, &disk);
    let post = |source: String, length: usize| {
        let intake = intake.clone();
        tokio::spawn(async move {
            let raw = vec![b'x'; length];
            let arrival = Arrival {
                lane: Lane::Post,
                source: &source,
                content: Content::Alert,
                note: Note::default(),
                raw: &raw,
            };
            intake.keep(arrival).await
        })
    };
    disk.block_writes(true);
    let filling: Vec<_> = (0..12).map(|_| post("fill".to_owned(), 7_000)).collect();
    let victim = post("victim".to_owned(), 7_000);
    // More other sources than are kept open at once.
    let others: Vec<_> = (0..1_100).map(|n| post(format!("other-{n}"), 10)).collect();
    wait_until_async("1,024 streams are open", async || (intake.streams().len() >= 1_024).then_some(())).await;
    disk.block_writes(false);
    for posted in filling.into_iter().chain([victim]).chain(others) {
        posted.await.unwrap().unwrap();
    }
    let mut sources = BTreeSet::new();
    let mut reader = intake.journal().reader(0);
    while let Some(block) = reader.next_block().unwrap() {
        sources.insert(Stream::decode(&block.description).expect("every record finds its context").source);
    }
    assert!(sources.contains("victim") && sources.len() == 1_102, "{}", sources.len());
    // One more after they are all done: the longest silent one makes room, and nothing grows.
    post("late".to_owned(), 10).await.unwrap().unwrap();
    assert!(intake.streams().len() <= 1_102);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_posts_only_after_the_hold_and_only_while_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new();
    let kaptap = Kaptap::start_on(directory.path(), "[http]\nhold = \"400ms\"\n", Arc::new(disk.clone())).await;
    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    peer.init("t", "kaptap2", vec![]).await.unwrap();
    let target = poster::Target::new(kaptap.addresses.http, "/v1/alerts/full");
    let body = |id: &str| format!(r#"{{"id":"{id}","level":"INFO","time":"2026-11-22T14:00:00Z"}}"#).into_bytes();
    let mut taken = BTreeSet::new();

    assert_eq!(poster::post(&target, &body("before")).await.unwrap().status, 204);
    taken.insert("before".to_owned());
    disk.fail_writes(Some(ErrorKind::StorageFull));
    let begun = std::time::Instant::now();
    assert_eq!(poster::post(&target, &body("held")).await.unwrap().status, 503);
    assert!(begun.elapsed() >= Duration::from_millis(400), "held first");
    // Everything after it is refused without waiting: many answers within one hold time.
    let begun = std::time::Instant::now();
    for n in 0..20 {
        assert_eq!(poster::post(&target, &body(&format!("refused-{n}"))).await.unwrap().status, 503);
    }
    println!("20 refusals in {:?}", begun.elapsed());
    let http = kaptap.addresses.http;
    let ready = tokio::task::spawn_blocking(move || support::get(http, "/readyz")).await.unwrap();
    assert_eq!(ready.map(|(status, _)| status), Some(503));
    peer.send_point(&point(1)).await.unwrap();
    peer.wait_returned(1).await.unwrap();

    disk.fail_writes(None);
    wait_until_async("it resumes by itself", async || {
        (poster::post(&target, &body("after")).await.unwrap().status == 204).then_some(())
    })
    .await;
    taken.insert("after".to_owned());
    assert!(peer.finish().await.echoed(), "no UDF connection was ended");
    let events = kaptap.events_when("", |events| events.iter().any(|e| e["kind"] == "point")).await;
    let ids: BTreeSet<String> = events.iter().filter_map(|e| e["alert"]["id"].as_str().map(str::to_owned)).collect();
    assert!(ids.is_superset(&taken), "{ids:?}");
    // It was told 503 but had been taken into the buffer: kept too, rather than dropped.
    assert!(ids.contains("held"), "{ids:?}");
    assert_eq!(disk.touched_after_failure(), 0, "no file is written or synced again after a failure");
    kaptap.stop().await;
}
