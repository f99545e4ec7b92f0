//! Every trouble that a sink's peer may be in, all at the same time beside one journal, while tasks and alerts go on.
//!
//! Held against kaptap: posts and points go through while a sink stands still for good; each trouble shows in
//! `GET /v1/sinks` for what it is; once the peers are well again each has everything, byte for byte as the journal has it
//! and in order per alert and stream, but for what it refused, and that is parked.
//!
//! How long a slow peer takes for an answer says `KAPTAP_SLOW_MILLISECONDS` (300 without it, 5000 by hand), how long the
//! troubles last at least `KAPTAP_TROUBLE_SECONDS` (0 without it: as long as it takes to see them).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, helpers included"
)]

mod drill_support;
mod support;
mod wait_support;

use drill_support::books::Kept;
use drill_support::load::Load;
use drill_support::receiver::{Mood, Receiver};
use drill_support::{sinks, wait_delivered};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use support::{Kaptap, PATIENCE};
use wait_support::wait_until_async;

/// What the refusing peer does not take: one alert of one task.
const REFUSED: &str = "cpu0:host=web-3";

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

fn sink(name: &str, address: SocketAddr) -> String {
    format!(
        "[[sink]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"http://{address}/hook\"\nstart = \"beginning\"\n\
         timeout = \"10m\"\nbatch_age = \"5ms\"\nretry_min = \"10ms\"\nretry_max = \"100ms\"\n"
    )
}

/// Waits until a sink is as wanted, and gives it back.
async fn seen(http: SocketAddr, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = async || sinks(http).await.into_iter().find(|sink| sink["name"] == name && wanted(sink));
    wait_until_async(&format!("{name} is as wanted"), look).await
}

/// Seqs of what the refusing peer refused.
async fn parked(http: SocketAddr) -> BTreeSet<u64> {
    let mut seqs = BTreeSet::new();
    loop {
        let path = format!("/v1/parked/refusing?limit=1000&after={}", seqs.last().unwrap_or(&0));
        let lines = tokio::task::spawn_blocking(move || support::lines(http, &path)).await.unwrap();
        if lines.is_empty() {
            return seqs;
        }
        for line in lines {
            assert_eq!(
                (&line["event"]["alert"]["id"], &line["reason"]),
                (&REFUSED.into(), &"refused".into()),
                "{line}"
            );
            seqs.insert(line["seq"].as_u64().unwrap());
        }
    }
}

fn failed_by(reason: &'static str) -> impl Fn(&Value) -> bool {
    move |sink| sink["last_error"]["reason"] == reason && sink["retried"].as_u64().unwrap() > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn troubles_of_peers_stay_their_own() {
    let slow = Duration::from_millis(setting("KAPTAP_SLOW_MILLISECONDS", 300));
    let lasting = Duration::from_secs(setting("KAPTAP_TROUBLE_SECONDS", 0));
    let directory = tempfile::tempdir().unwrap();
    let moods = [
        ("well", Mood::Well),
        ("dead", Mood::Well),
        ("slow", Mood::Slow(slow)),
        ("refusing", Mood::Refusing(REFUSED)),
        ("garbled", Mood::Garbled),
        ("cutting", Mood::Cutting),
        ("stuck", Mood::Stuck),
        ("restarted", Mood::Well),
    ];
    let mut peers = Vec::new();
    for (name, mood) in moods {
        peers.push((name, Receiver::start(1, mood).await));
    }
    let sinks: String = peers.iter().map(|(name, peer)| sink(name, peer.address)).collect();
    let config = format!("[journal]\nmax_bytes = \"64GiB\"\n{sinks}");
    peers[1].1.down().await;
    let kaptap = Kaptap::start(directory.path(), &config).await;
    let http = kaptap.addresses.http;
    let load = Load::start(http, &kaptap.addresses.stream_socket, 11);
    let begun = Instant::now();

    // Each shows for what it is.
    let unreachable = seen(http, "dead", failed_by("unreachable")).await;
    assert!(unreachable["circuit"] != "closed" && unreachable["delivered"] == 0, "{unreachable}");
    assert_eq!(seen(http, "garbled", failed_by("garbage")).await["delivered"], 0);
    seen(http, "cutting", failed_by("peer_failed")).await;
    let refused = seen(http, "refusing", |sink| sink["parked"].as_u64().unwrap() > 3).await;
    assert!(refused["delivered"].as_u64().unwrap() > 0 && refused["last_error"]["reason"] == "refused", "{refused}");
    seen(http, "slow", |sink| sink["delivered"].as_u64().unwrap() > 0).await;
    // One of them goes down in the middle, and comes back.
    seen(http, "restarted", |sink| sink["delivered"].as_u64().unwrap() > 0).await;
    peers[7].1.down().await;
    seen(http, "restarted", failed_by("unreachable")).await;
    peers[7].1.up().await;

    // Posts go through while a peer has stood still from the first event on. No time is measured: had a post waited for
    // that peer, it would wait now.
    let more = load.acknowledged() + 300;
    let work = load.until_acknowledged(more);
    assert!(tokio::time::timeout(PATIENCE, work).await.is_ok(), "posts wait for a sink");
    let stuck = seen(http, "stuck", |sink| sink["lag"]["events"].as_u64().unwrap() >= 300).await;
    assert_eq!(stuck["delivered"], 0, "{stuck}");
    assert_eq!(peers[6].1.taken(), 0);
    let seconds = stuck["lag"]["seconds"].as_f64().unwrap();
    assert!(seconds > 0.0, "{stuck}");
    // How long it lasts is what is asked for by hand; nothing is waited for.
    tokio::time::sleep(lasting.saturating_sub(begun.elapsed())).await;

    let sent = load.stop().await;
    let lasted = begun.elapsed();
    assert_eq!((sent.connections, sent.failed, sent.refused.len()), (2, 0, 0), "intake has noticed it");
    for (name, peer) in &mut peers {
        match *name {
            "dead" => peer.up().await,
            "refusing" => {}
            _ => peer.becomes(Mood::Well),
        }
    }
    wait_delivered(http, &["refusing"]).await;
    let kept = Kept::read(http).await;
    kept.check_posts(&sent);
    kept.check_streams();
    assert_eq!(kept.of_tasks(), (sent.echoed, 0), "every point is kept");
    let parked = parked(http).await;
    let mut said = Vec::new();
    for (name, peer) in &peers {
        let book = peer.book();
        said.push(format!("{name} {}", book.repeated()));
        kept.check_sink(name, &book, true, if *name == "refusing" { &parked } else { &EMPTY });
    }
    println!(
        "{} posts and {} points in {lasted:.0?} of trouble, none refused; {} events at every sink, {} of them parked where \
         they were refused; came again: {}",
        sent.posts.len(),
        sent.echoed,
        kept.len(),
        parked.len(),
        said.join(", ")
    );
    kaptap.stop().await;
}

static EMPTY: BTreeSet<u64> = BTreeSet::new();
