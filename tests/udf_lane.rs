//! The UDF lane of a whole kaptap over real sockets: what comes back, what becomes of it, and what a hostile peer gets.
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

use kaptap::rehearsal::acceptor::{Acceptor, Ending, Fatal};
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::recording::{Cut, Recording, echoed};
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer};
use kaptap::rehearsal::wire;
use std::path::Path;
use std::time::Duration;
use support::{Kaptap, recordings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

const START: i64 = 1_795_353_827_000_000_000;

fn socket<'a>(kaptap: &'a Kaptap, recording: &str) -> &'a Path {
    if recording.starts_with("batch") { &kaptap.addresses.batch_socket } else { &kaptap.addresses.stream_socket }
}

fn point(n: i64) -> Point {
    Point::new("cpu", START + n)
        .tag("host", &format!("web-{}", n % 4))
        .field("usage_idle", n as f64 / 2.0)
        .field("n", n)
        .group_by(&["host"])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recording_comes_back_byte_for_byte_however_it_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let folder = recordings().join("udf");
    let names = Recording::names(&folder).unwrap();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let recording = Recording::load(&folder, &name).unwrap().with_options(&[]).unwrap();
        let expected = recording.expected().unwrap();
        for cut in [Cut::Recorded, Cut::OneByte, Cut::Random(1), Cut::Random(2)] {
            let got = recording.replay(socket(&kaptap, &name), cut).await.unwrap();
            assert!(echoed(&got).unwrap() == expected, "{name} {cut:?}: what came back is not what was sent");
        }
    }
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_close_right_after_the_last_point_loses_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let mut random = Random::new(7);
    let frames: Vec<u8> = (0..3_000).flat_map(|n| wire::framed(&wire::point(&point(n), &mut random))).collect();
    for run in 0..100 {
        let mut stream = UnixStream::connect(&kaptap.addresses.stream_socket).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let mut got = Vec::with_capacity(frames.len());
        let sending = async {
            writer.write_all(&frames).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let ((), read) = tokio::join!(sending, reader.read_to_end(&mut got));
        read.unwrap();
        assert!(got == frames, "run {run}: {} of {} bytes came back before the end", got.len(), frames.len());
    }
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_lives_through_info_init_points_snapshot_and_restore() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let (socket, settings) = (&kaptap.addresses.stream_socket, Settings::stream());
    let info = UdfPeer::info_only(socket, &settings).await.unwrap();
    assert!(info.options.contains_key("echo") && info.options.contains_key("label"));

    let mut peer = UdfPeer::connect(socket, &settings).await.unwrap();
    let options = [wire::texts("label", &["dc", "eu-1"]), wire::texts("label", &["stage", "prod"])];
    assert!(peer.init("cpu_task", "kaptap2", options.to_vec()).await.unwrap().success);
    for n in 0..10 {
        peer.send_point(&point(n)).await.unwrap();
    }
    let snapshot = peer.snapshot().await.unwrap();
    assert!(peer.finish().await.echoed());

    let mut peer = UdfPeer::connect(socket, &settings).await.unwrap();
    peer.init("cpu_task", "kaptap2", options.to_vec()).await.unwrap();
    assert!(peer.restore(snapshot).await.unwrap().success);
    for n in 10..15 {
        peer.send_point(&point(n)).await.unwrap();
    }
    assert!(peer.finish().await.echoed());

    let events = kaptap.events_when("&filter=kind==%22point%22", |events| events.len() == 15).await;
    let streams: std::collections::BTreeSet<_> = events.iter().map(|e| e["origin"]["stream"].to_string()).collect();
    assert_eq!(streams.len(), 1, "the stream goes on over the restore");
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["origin"]["n"], index + 1);
        assert_eq!(event["origin"]["task"], "cpu_task");
        assert_eq!(event["origin"]["how"]["task"], "init");
        assert_eq!(event["labels"]["dc"], "eu-1");
        assert_eq!(event["labels"]["stage"], "prod");
        assert_eq!(event["series"][0]["tags"]["host"], format!("web-{}", index % 4));
    }
    assert!(kaptap.events("&filter=kind==%22system%22").await.is_empty(), "nothing was odd");
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_promises_more_than_the_journal_holds_is_a_gap() {
    let first = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(first.path(), "").await;
    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    peer.init("t", "kaptap2", vec![]).await.unwrap();
    for n in 0..7 {
        peer.send_point(&point(n)).await.unwrap();
    }
    let snapshot = peer.snapshot().await.unwrap();
    peer.finish().await;
    kaptap.stop().await;

    // The data directory is lost; Kapacitor still has the snapshot.
    let second = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(second.path(), "").await;
    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    peer.init("t", "kaptap2", vec![]).await.unwrap();
    assert!(peer.restore(snapshot).await.unwrap().success);
    peer.send_point(&point(7)).await.unwrap();
    assert!(peer.finish().await.echoed());
    let events = kaptap.events_when("", |events| events.len() == 2).await;
    assert_eq!(events[0]["kind"], "system");
    assert_eq!(events[0]["system"]["what"], "gap");
    assert_eq!((&events[0]["system"]["first_n"], &events[0]["system"]["last_n"]), (&1.into(), &7.into()));
    assert_eq!(events[0]["system"]["stream"], events[1]["origin"]["stream"]);
    assert_eq!(events[1]["origin"]["n"], 8);
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_somebody_else_begins_a_new_stream() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    peer.init("t", "kaptap2", vec![]).await.unwrap();
    assert!(peer.restore(b"another agent's state".to_vec()).await.unwrap().success, "anything else fails the task");
    peer.send_point(&point(0)).await.unwrap();
    assert!(peer.finish().await.echoed());
    let events = kaptap.events_when("", |events| events.len() == 2).await;
    assert_eq!(events[0]["system"]["what"], "stream_begun_anew");
    assert_eq!(events[1]["origin"]["n"], 1);
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_decide_what_goes_back_and_bad_ones_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    peer.init("quiet", "kaptap2", vec![wire::flag("echo", false)]).await.unwrap();
    for n in 0..5 {
        peer.send_point(&point(n)).await.unwrap();
    }
    let finished = peer.finish().await;
    assert_eq!((finished.ending, finished.returned.frames()), (Ending::Done, 0));
    kaptap.events_when("", |events| events.len() == 5).await;

    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    let refused = peer.init("bad", "kaptap2", vec![wire::texts("colour", &["red"])]).await.unwrap();
    assert!(!refused.success && refused.error.contains("colour"), "{refused:?}");
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_read_cannot_hold_up_the_stop() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let mut stream = UnixStream::connect(&kaptap.addresses.stream_socket).await.unwrap();
    let mut random = Random::new(3);
    let frames: Vec<u8> = (0..2_000).flat_map(|n| wire::framed(&wire::point(&point(n), &mut random))).collect();
    // Writes until nothing goes in any more: what comes back has filled both sockets. That it stands still shows in nothing
    // but time: a whole second without a byte, however long it took to get there.
    let mut written = 0;
    let full = async {
        while let Ok(count) = timeout(Duration::from_secs(1), stream.write(&frames[written..])).await {
            written = (written + count.unwrap()) % frames.len();
        }
    };
    assert!(timeout(support::PATIENCE, full).await.is_ok(), "it never stood still");
    timeout(support::PATIENCE, kaptap.stop()).await.expect("the stop was held up");
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_does_not_come_back_after_a_restart_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let settings = Settings::stream();
    let mut peers = Vec::new();
    for task in ["returns", "lost", "disabled"] {
        let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &settings).await.unwrap();
        peer.init(task, "kaptap2", vec![]).await.unwrap();
        peers.push(peer);
    }
    assert_eq!(kaptap.intake.streams().len(), 4, "seen from Init on, beside kaptap's own");
    peers.pop().unwrap().finish().await;
    kaptap.stop().await;

    let kaptap = Kaptap::start(directory.path(), "").await;
    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &settings).await.unwrap();
    peer.init("returns", "kaptap2", vec![]).await.unwrap();
    kaptap.intake.report_missing();
    let events = kaptap.events_when("&filter=kind==%22system%22", |events| !events.is_empty()).await;
    let named: Vec<_> = events.iter().map(|event| (&event["system"]["what"], &event["system"]["task"])).collect();
    assert_eq!(named, [(&"udf_missing".into(), &"lost".into())]);
    assert!(events[0]["system"]["message"].as_str().unwrap().contains("kapacitor reload lost"));
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_too_long_ends_its_connection_with_a_sentence_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "[udf]\nmax_frame = \"64 KiB\"").await;
    let mut bystander = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    bystander.init("bystander", "kaptap2", vec![]).await.unwrap();

    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    peer.init("loud", "kaptap2", vec![]).await.unwrap();
    peer.send_point(&point(0)).await.unwrap();
    peer.send_raw(&wire::prefix(64 * 1024 + 1)).await.unwrap();
    let finished = peer.finish().await;
    match &finished.ending {
        Ending::Error(sentence) => {
            assert!(sentence.contains("65537") && sentence.contains("65536"), "{sentence}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(finished.returned.frames(), 1);

    bystander.send_point(&point(1)).await.unwrap();
    assert!(bystander.finish().await.echoed());
    let events = kaptap.events_when("", |events| events.len() == 3).await;
    let violation = events.iter().find(|e| e["kind"] == "system").unwrap();
    assert_eq!((&violation["system"]["what"], &violation["system"]["task"]), (&"violation".into(), &"loud".into()));
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_recordings_never_get_an_answer_that_harms_kapacitor() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let folder = recordings().join("udf");
    let seed = std::env::var("KAPTAP_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(11);
    println!("KAPTAP_SEED={seed}");
    let mut random = Random::new(seed);
    for name in Recording::names(&folder).unwrap() {
        let recording = Recording::load(&folder, &name).unwrap().with_options(&[]).unwrap();
        let whole: Vec<u8> = recording.pieces(Cut::Recorded).concat();
        let batch = name.starts_with("batch");
        for _ in 0..25 {
            let mut bytes = whole[..=random.below(whole.len().min(20_000))].to_vec();
            for _ in 0..=random.below(20) {
                let at = random.below(bytes.len().max(1));
                match random.below(3) {
                    0 if at < bytes.len() => bytes[at] = random.bits() as u8,
                    1 if at < bytes.len() => drop(bytes.drain(at..(at + 1 + random.below(9)).min(bytes.len()))),
                    _ => {
                        bytes.splice(at.min(bytes.len())..at.min(bytes.len()), [random.bits() as u8; 3]).for_each(drop);
                    }
                }
            }
            let stream = UnixStream::connect(socket(&kaptap, &name)).await.unwrap();
            let (mut reader, mut writer) = stream.into_split();
            let sent = bytes.clone();
            let sending = tokio::spawn(async move {
                // The other side may have ended the connection for good reason.
                drop(writer.write_all(&sent).await);
                drop(writer.shutdown().await);
            });
            let mut got = Vec::new();
            // A reset after an error answer is an end as good as any.
            drop(
                tokio::time::timeout(support::PATIENCE, reader.read_to_end(&mut got)).await.expect("no end of stream"),
            );
            sending.await.unwrap();
            check_harmless(&bytes, &got, batch, &name);
        }
    }
    // And it still works.
    let mut peer = UdfPeer::connect(&kaptap.addresses.stream_socket, &Settings::stream()).await.unwrap();
    peer.init("after", "kaptap2", vec![]).await.unwrap();
    peer.send_point(&point(1)).await.unwrap();
    assert!(peer.finish().await.echoed());
    kaptap.stop().await;
}

/// What came back is a sequence that kapacitord survives, whatever was sent.
fn check_harmless(sent: &[u8], got: &[u8], batch: bool, name: &str) {
    let edge =
        if batch { kaptap::kapacitor::proto::EdgeType::Batch } else { kaptap::kapacitor::proto::EdgeType::Stream };
    let mut acceptor = Acceptor::new(edge);
    // As far as the sent bytes can be cut into frames, kaptap was asked what is in them.
    let mut rest = sent;
    while let Ok(Some((length, prefix))) = wire::read_varint(rest) {
        let Some(frame) = usize::try_from(length).ok().and_then(|length| rest.get(prefix..prefix.checked_add(length)?))
        else {
            break;
        };
        acceptor.sent(frame);
        rest = &rest[prefix + frame.len()..];
    }
    match acceptor.accept_all(got) {
        // A data frame goes back also when its inside is not the schema: it is what this peer sent.
        // A request that is one by its field, but damaged inside, is answered; this acceptor does not see that it asked.
        Ok(_) | Err(Ending::Error(_) | Ending::NotTheSchema | Ending::Fatal(Fatal::Unrequested(_))) => {}
        Err(other) => panic!("{name}: {other:?} after {} bytes sent", sent.len()),
    }
}
