//! kaptap as a process: killed in the middle of its work, flooded, and started where it cannot start.
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

use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer};
use kaptap::rehearsal::{poster, random::Random, wire};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Process, alert_body};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wait_support::wait_until_async;

const START: i64 = 1_795_353_827_000_000_000;

/// Posts one alert after another until kaptap is gone; the ids that were acknowledged.
async fn shoot(
    http: SocketAddr,
    worker: u64,
    first: u64,
    acknowledged: Arc<Mutex<Vec<String>>>,
    count: Arc<AtomicU64>,
) -> u64 {
    let target = poster::Target::new(http, "/v1/alerts/kill");
    let mut n = first;
    loop {
        let id = format!("kill-{worker}-{n}");
        match poster::post(&target, &alert_body(&id, "CRITICAL", "OK", n)).await {
            Ok(answer) if answer.status == 204 => {
                acknowledged.lock().unwrap().push(id);
                count.fetch_add(1, Ordering::Relaxed);
            }
            _ => return n + 1,
        }
        n += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let seed = std::env::var("KAPTAP_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(3);
    println!("KAPTAP_SEED={seed}");
    let mut random = Random::new(seed);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut http = None;
    let mut next = [0_u64; 4];
    // One alert that stays open over all the kills: it must be opened once only.
    let mut steady = 0;
    for cycle in 0..4 {
        let process = Process::start(directory.path(), http);
        let target = poster::Target::new(process.http, "/v1/alerts/steady");
        for _ in 0..3 {
            let previous = if steady == 0 { "OK" } else { "WARNING" };
            let answer =
                poster::post(&target, &alert_body("steady", "WARNING", previous, 40_000 + steady)).await.unwrap();
            assert_eq!(answer.status, 204);
            steady += 1;
        }
        // A task runs all the while.
        let mut peer = UdfPeer::connect(&process.stream_socket(), &Settings::stream()).await.unwrap();
        peer.init("running", "kaptap2", vec![]).await.unwrap();
        let feeding = tokio::spawn(async move {
            let mut n = 0;
            while peer.send_point(&Point::new("cpu", START + n).field("v", n)).await.is_ok() {
                n += 1;
                tokio::task::yield_now().await;
            }
        });
        let count = Arc::new(AtomicU64::new(0));
        let shooters: Vec<_> = (0..4)
            .map(|w| {
                tokio::spawn(shoot(process.http, w, next[w as usize], Arc::clone(&acknowledged), Arc::clone(&count)))
            })
            .collect();
        let enough = 250 + random.below(100) as u64;
        let works = async || (count.load(Ordering::Relaxed) >= enough).then_some(());
        wait_until_async("posts are acknowledged", works).await;
        http = Some(process.kill());
        for (worker, shooter) in shooters.into_iter().enumerate() {
            next[worker] = shooter.await.unwrap();
        }
        feeding.await.unwrap();
        println!("cycle {cycle}: {enough} posts and more, then kill -9");
    }
    let process = Process::start(directory.path(), http);
    let events = tokio::task::spawn_blocking(move || (process.events(""), process)).await.unwrap();
    let (events, process) = events;
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() >= 1_000, "{} acknowledged", acknowledged.len());
    let mut by_id: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| event["kind"] == "alert" && event["alert"]["id"] != "steady") {
        *by_id.entry(event["alert"]["id"].as_str().unwrap()).or_default() += 1;
    }
    let missing: Vec<_> = acknowledged.iter().filter(|id| !by_id.contains_key(id.as_str())).collect();
    assert!(missing.is_empty(), "acknowledged and missing: {missing:?}");
    let twice: Vec<_> = by_id.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "kept twice: {twice:?}");
    let transitions: Vec<_> = events
        .iter()
        .filter(|event| event["alert"]["id"] == "steady")
        .map(|event| event["alert"]["transition"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(transitions.len(), 12);
    assert_eq!(transitions.iter().filter(|t| *t == "opened").count(), 1, "{transitions:?}");
    assert_eq!(transitions.iter().filter(|t| *t == "reaffirmed").count(), 3, "after each restart: {transitions:?}");
    let seqs: BTreeSet<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs.len(), events.len(), "a seq was given twice");
    drop(process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_alerts_and_fifty_tasks_fit_into_64_mb() {
    // 10,000 a second for three seconds, if the machine can: as fast as it can otherwise.
    const ALERTS: u64 = 30_000;
    const PER_SECOND: f64 = 10_000.0;
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(directory.path(), None);
    let (http, socket) = (process.http, process.stream_socket());
    let over = Arc::new(AtomicBool::new(false));
    // The tasks run for as long as the flood does.
    let tasks: Vec<_> = (0..50_i64)
        .map(|task| {
            let (socket, over) = (socket.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut peer = UdfPeer::connect(&socket, &Settings::stream()).await.unwrap();
                peer.init(&format!("task-{task}"), "kaptap2", vec![wire::texts("label", &["n", "1"])]).await.unwrap();
                let mut n = 0;
                while n < 20 || !over.load(Ordering::Relaxed) {
                    let point = Point::new("cpu", START + task * 1_000_000 + n).tag("host", "h").field("v", n);
                    peer.send_point(&point).await.unwrap();
                    n += 1;
                    // The pace of the task.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let finished = peer.finish().await;
                assert!(finished.echoed(), "task {task}: {:?}", finished.ending);
                n
            })
        })
        .collect();
    let (next, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let posters: Vec<_> = (0..64)
        .map(|worker| {
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                // Half of them as Kapacitor does it, a connection for each alert; half keep theirs.
                let mut kept = if worker % 2 == 0 { Some(TcpStream::connect(http).await.unwrap()) } else { None };
                let target = poster::Target::new(http, "/v1/alerts/flood");
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= ALERTS {
                        return;
                    }
                    // The pace of the flood.
                    tokio::time::sleep_until((begun + Duration::from_secs_f64(n as f64 / PER_SECOND)).into()).await;
                    let body = alert_body(&format!("flood-{n}"), "INFO", "OK", n);
                    match &mut kept {
                        Some(connection) => post_on(connection, &body).await,
                        None => assert_eq!(poster::post(&target, &body).await.unwrap().status, 204),
                    }
                }
            })
        })
        .collect();
    let mut peak = process.resident();
    let posted = all(posters);
    tokio::pin!(posted);
    loop {
        tokio::select! {
            _ = &mut posted => break,
            // The memory is looked at so often; nothing is waited for.
            () = tokio::time::sleep(Duration::from_millis(20)) => peak = peak.max(process.resident()),
        }
    }
    let rate = ALERTS as f64 / begun.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    let points: i64 = all(tasks).await.into_iter().sum();
    peak = peak.max(process.resident());
    println!("{rate:.0} alerts/s beside {points} points; peak of resident memory: {:.1} MB", peak as f64 / 1e6);
    // The rest of the 64 MB is for the program itself: 13 MB as it is shipped.
    assert!(peak < 50_000_000, "{peak} bytes");
    let (process, events) = tokio::task::spawn_blocking(move || {
        let events = process.events("");
        (process, events)
    })
    .await
    .unwrap();
    assert_eq!(events.iter().filter(|e| e["kind"] == "alert").count() as u64, ALERTS);
    assert_eq!(events.iter().filter(|e| e["kind"] == "point").count() as i64, points);
    drop(process);
}

async fn post_on(connection: &mut TcpStream, body: &[u8]) {
    let head = format!("POST /v1/alerts/flood HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(connection.read_buf(&mut answer).await.unwrap() > 0, "closed instead of an answer");
    }
    assert!(answer.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&answer));
}

async fn all<T>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// Starts kaptap where it cannot start: it must say so in one sentence and exit with 1.
fn check_refused(arguments: &[&str], directory: &std::path::Path, named: &str) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_kaptap")).args(arguments).arg("run").current_dir(directory).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(named), "{named:?} is not named: {said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("kaptap:")).count(), 1, "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn what_is_taken_is_named_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(directory.path(), None);
    let taken = process.http.to_string();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    // A second instance on the same data directory.
    check_refused(&["--data-dir", data, "--listen", "127.0.0.1:0"], directory.path(), data);
    // A taken port.
    let other = directory.path().join("other");
    check_refused(&["--data-dir", other.to_str().unwrap(), "--listen", &taken], directory.path(), &taken);
    // A data directory that cannot be one.
    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    check_refused(&["--data-dir", file.to_str().unwrap(), "--listen", "127.0.0.1:0"], directory.path(), "file");
    // A taken socket.
    let third = directory.path().join("third");
    std::fs::create_dir(&third).unwrap();
    let socket = third.join("stream.sock");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    check_refused(
        &["--data-dir", third.to_str().unwrap(), "--listen", "127.0.0.1:0"],
        directory.path(),
        socket.to_str().unwrap(),
    );
    assert!(process.stream_socket().exists(), "the first one was left alone");
}

/// One that is killed again and again writes no checkpoint when its time has come; it must not read more at each start.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_had_much_to_read_leaves_less_to_the_next() {
    const POINTS: i64 = 12_000;
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(directory.path(), None);
    let mut peer = UdfPeer::connect(&process.stream_socket(), &Settings::stream()).await.unwrap();
    peer.init("much", "kaptap2", vec![]).await.unwrap();
    for n in 0..POINTS {
        peer.send_point(&Point::new("cpu", START + n).field("v", n)).await.unwrap();
    }
    // Everything before it is on the disk.
    peer.snapshot().await.unwrap();
    let checkpoint = directory.path().join("data/state/checkpoint");
    let mut http = process.kill();
    let mut waits = Vec::new();
    // Otherwise it is written after 30 s. On a machine that has others to serve it may take as long, but not each time.
    while waits.iter().all(|wait| *wait >= Duration::from_secs(25)) {
        assert!(waits.len() < 3, "a checkpoint is only written in its time: {waits:?}");
        // On a slow machine it may have been written in its time before.
        drop(std::fs::remove_file(&checkpoint));
        let process = Process::start(directory.path(), Some(http));
        let begun = Instant::now();
        let written = async || std::fs::metadata(&checkpoint);
        wait_until_async("a checkpoint is written", written).await;
        waits.push(begun.elapsed());
        http = process.kill();
    }
}
