//! A whole kaptap with three sinks is killed with SIGKILL again and again while alerts and points come in, and
//! everything that it acknowledged has to be at every sink in the end.
//!
//! Outside of it stand the load (alert posts, and tasks on the UDF socket), a webhook receiver that fails, refuses to
//! answer and cuts connections, a file sink's rotated and compressed files, and a real nats-server. What is held
//! against kaptap is only what it promises:
//!
//! * A post answered 204 is kept. One that was not answered may or may not be.
//! * A point sent before a snapshot that was answered is kept. That a point came back promises nothing by itself under
//!   `journal.sync.point = "interval"`: a kill may take what was sent within the last interval. But of what a
//!   connection sent, everything before the last one kept has to be there, or be named in a gap event.
//! * What is in the journal, but for duplicates, is at every sink, byte for byte as `/v1/events` shows it; what comes to a
//!   sink twice is the same both times.
//! * Each sink has the events of an alert in the journal's order, by their first arrivals. NATS promises no more; the
//!   others have the points of a stream in order, too.
//!
//! `KAPTAP_KILL_CYCLES` (200 in CI, 20 otherwise) says how often it is killed, `KAPTAP_KILL_SEED` where the chances begin;
//! both are printed. What else decides is the machine's own timing, so a seed narrows a failure down and does not repeat
//! it exactly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, helpers included"
)]

mod drill_support;
mod peers;
mod support;
mod wait_support;

use drill_support::books::{Book, Kept};
use drill_support::load::Load;
use drill_support::receiver::{Mood, Receiver};
use drill_support::victim::Victim;
use drill_support::{archive, stored, wait_delivered};
use kaptap::rehearsal::random::Random;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn cycles() -> u64 {
    let everything = std::env::var_os("CI").is_some() || std::env::var_os("KAPTAP_REQUIRE_PEERS").is_some();
    setting("KAPTAP_KILL_CYCLES").unwrap_or(if everything { 200 } else { 20 })
}

/// Three sinks. Short waits, so that much happens between two kills; small files, so that they are rotated often.
fn config(webhook: SocketAddr, nats: Option<SocketAddr>) -> String {
    let all = "start = \"beginning\"\nbatch_age = \"5ms\"\nretry_min = \"10ms\"\nretry_max = \"200ms\"\n";
    let hook = format!("type = \"webhook\"\nurl = \"http://{webhook}/hook\"\ntimeout = \"2s\"\n");
    let files = "rotate_bytes = \"512KiB\"\nkeep_files = 100000\ngzip = true\n";
    let archive = format!("type = \"file\"\npath = \"archive/events.ndjson\"\n{files}");
    let stream = nats.map(|nats| ("stream", format!("type = \"nats\"\nurl = \"nats://{nats}\"\n")));
    let sinks = [("hook", hook), ("archive", archive)].into_iter().chain(stream);
    let tables = sinks.map(|(name, more)| format!("[[sink]]\nname = \"{name}\"\n{more}{all}"));
    format!("[journal]\nsegment_bytes = \"4MiB\"\nmax_bytes = \"64GiB\"\n{}", tables.collect::<String>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_at_every_sink_whenever_it_is_killed() {
    let (cycles, seed) = (cycles(), setting("KAPTAP_KILL_SEED").unwrap_or_else(|| u64::from(std::process::id())));
    println!("KAPTAP_KILL_SEED={seed} KAPTAP_KILL_CYCLES={cycles}");
    let mut random = Random::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let nats = peers::free_address();
    let nats_directory = directory.path().join("nats");
    std::fs::create_dir(&nats_directory).unwrap();
    let server = peers::nats_server(&nats_directory, nats, "");
    let receiver = Receiver::start(random.bits(), Mood::Wild).await;
    std::fs::create_dir(directory.path().join("archive")).unwrap();
    let mut victim = Victim::new(directory.path(), &config(receiver.address, server.as_ref().map(|_| nats)));

    // Once to its end, so that the first kill finds a kaptap that knows its sinks.
    victim.start();
    victim.wait_ready().await;
    let load = Load::start(victim.http, &victim.stream_socket(), random.bits());
    let begun = Instant::now();
    for cycle in 1..=cycles {
        // A few are killed while they start; the others when they have done some work.
        let in_its_start = cycle > 1 && random.below(5) == 0;
        if in_its_start {
            // A chance of the drill: a kill comes at any moment.
            tokio::time::sleep(Duration::from_micros(random.below(60_000) as u64)).await;
        } else {
            victim.wait_ready().await;
            let enough = load.acknowledged() + 1 + random.below(120) as u64;
            let work = load.until_acknowledged(enough);
            assert!(tokio::time::timeout(support::PATIENCE, work).await.is_ok(), "no work done: {}", victim.log());
            // The other chance: so much later than the work that was waited for.
            tokio::time::sleep(Duration::from_micros(random.below(20_000) as u64)).await;
        }
        victim.kill();
        victim.start();
        if cycle.is_multiple_of(50) {
            println!("cycle {cycle}: {} acknowledged, {:.0?}", load.acknowledged(), begun.elapsed());
        }
    }
    victim.wait_ready().await;
    let sent = load.stop().await;
    receiver.becomes(Mood::Well);
    wait_delivered(victim.http, &[]).await;

    let kept = Kept::read(victim.http).await;
    kept.check_posts(&sent);
    kept.check_points(&sent);
    let mut sinks: Vec<(&str, Book, bool)> =
        vec![("webhook", receiver.book(), true), ("file", archive::read(&directory.path().join("archive")), true)];
    if server.is_some() {
        sinks.push(("nats", stored::read(nats).await, false));
    }
    victim.kill();
    for (name, book, points_in_order) in &sinks {
        kept.check_sink(name, book, *points_in_order, &BTreeSet::new());
        for key in &sent.posts {
            assert!(book.has(key), "acknowledged and missing at {name}: {key}");
        }
    }
    println!(
        "{cycles} kills in {:.0?}: {} posts and {} points acknowledged, {} events kept; missing at each sink: 0; \
         came again: {}",
        begun.elapsed(),
        sent.posts.len(),
        sent.points.len(),
        kept.len(),
        sinks.iter().map(|(name, book, _)| format!("{name} {}", book.repeated())).collect::<Vec<_>>().join(", "),
    );
    println!(
        "{} starts were killed before they were ready; the slowest that was ready took {:.0?}; {} snapshots, {} gaps named",
        victim.killed_early,
        victim.slowest_start,
        sent.snapshots,
        kept.gaps()
    );
    kept.check_streams();
}
