//! The disk is full, or fails, for a while, with tasks on the UDF socket, alerts coming in and a sink being fed.
//!
//! Held against kaptap: no UDF connection ends and everything sent over it comes back; posts are refused only while the
//! journal does not take them; it goes on by itself; what was answered 204 is in the journal and at the sink; of every
//! task's points each is kept or named in a gap event, never both, and the numbers add up to what was sent.
//!
//! The failing disk of the first two is played by the journal's storage. The third needs a real one that is small and
//! may be filled: `KAPTAP_FULL_DIRECTORY` names an empty directory of its own on it, `KAPTAP_FULL_SECONDS` says how long it
//! stays full (600 without it):
//!
//! ```text
//! mount -t tmpfs -o size=64m tmpfs /mnt/small
//! KAPTAP_FULL_DIRECTORY=/mnt/small cargo test --test delivery_disk_full -- --nocapture real
//! ```
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

use drill_support::books::{Kept, Sent};
use drill_support::load::Load;
use drill_support::receiver::{Mood, Receiver};
use drill_support::victim::Victim;
use drill_support::wait_delivered;
use kaptap::journal::faulty::FaultyDisk;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{Kaptap, PATIENCE};
use wait_support::wait_until_async;

fn config(webhook: SocketAddr, buffer: &str, hold: &str) -> String {
    format!(
        "[http]\nhold = \"{hold}\"\nmax_body = \"8KiB\"\n[udf]\nhold = \"{hold}\"\n\
         [journal]\nbuffer = \"{buffer}\"\nsegment_bytes = \"1MiB\"\nmax_bytes = \"64GiB\"\n\
         [[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{webhook}/hook\"\nstart = \"beginning\"\n\
         batch_age = \"5ms\"\nretry_min = \"10ms\"\nretry_max = \"200ms\"\n"
    )
}

/// When the disk did not take anything.
struct Trouble {
    from: Instant,
    until: Instant,
}

/// Waits until so many more posts are acknowledged than are now.
async fn works(load: &Load, more: u64) {
    let work = load.until_acknowledged(load.acknowledged() + more);
    assert!(tokio::time::timeout(PATIENCE, work).await.is_ok(), "it does not go on by itself");
}

/// Records of UDF streams that were given up so far, as kaptap counts them.
async fn given_up(http: SocketAddr) -> u64 {
    let (_, text) = tokio::task::spawn_blocking(move || support::get(http, "/metrics")).await.unwrap().unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("kaptap_not_kept_records_total") && line.contains("udf"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Waits until posts are refused.
async fn refuses(load: &Load) {
    let before = load.refused();
    wait_until_async("posts are refused", async || (load.refused() >= before + 20).then_some(())).await;
}

/// Holds what came of it against what was promised; says it in figures.
async fn check(what: &str, http: SocketAddr, sent: &Sent, receiver: &Receiver, troubles: &[Trouble]) {
    receiver.becomes(Mood::Well);
    wait_delivered(http, &[]).await;
    let kept = Kept::read(http).await;
    kept.check_posts(sent);
    kept.check_streams();
    kept.check_sink("hook", &receiver.book(), true, &BTreeSet::new());
    assert_eq!(sent.connections, 2, "a connection was ended");
    assert_eq!(sent.failed, 0, "posts were answered neither 204 nor 503");
    let (of_tasks, named) = kept.of_tasks();
    assert!(named > 0, "nothing was given up, so nothing was shown");
    assert_eq!(of_tasks + named, sent.echoed, "kept and named together are what was sent and came back");
    // It is full until the first post that is taken again.
    let full = |begun: Instant, answered: Instant| {
        troubles.iter().any(|trouble| {
            let resumed = *sent.taken.iter().find(|taken| **taken > trouble.until).expect("it went on");
            answered > trouble.from && begun < resumed
        })
    };
    let wrong = sent.refused.iter().filter(|(begun, answered)| !full(*begun, *answered)).count();
    assert_eq!(wrong, 0, "of {} refusals were not while the disk was full", sent.refused.len());
    println!(
        "{what}: {} posts acknowledged, {} refused, all of them while it was full; {} points sent and returned over {} \
         connections, {of_tasks} kept and {named} named in {} gap events; missing at the sink: 0",
        sent.posts.len(),
        sent.refused.len(),
        sent.echoed,
        sent.connections,
        kept.gaps()
    );
}

/// The drill on a storage that fails on command.
async fn injected(what: &str, fail: impl Fn(&FaultyDisk, bool)) {
    let directory = tempfile::tempdir().unwrap();
    let (disk, receiver) = (FaultyDisk::new(), Receiver::start(1, Mood::Wild).await);
    let config = config(receiver.address, "128KiB", "300ms");
    let kaptap = Kaptap::start_on(directory.path(), &config, Arc::new(disk.clone())).await;
    let http = kaptap.addresses.http;
    let load = Load::start(http, &kaptap.addresses.stream_socket, 7);
    let mut troubles = Vec::new();
    works(&load, 50).await;
    for _ in 0..2 {
        let (from, before) = (Instant::now(), given_up(http).await);
        fail(&disk, true);
        refuses(&load).await;
        // Points are given up, too, before it ends.
        wait_until_async("points are given up", async || (given_up(http).await > before).then_some(())).await;
        fail(&disk, false);
        troubles.push(Trouble { from, until: Instant::now() });
        works(&load, 50).await;
    }
    let sent = load.stop().await;
    check(what, http, &sent, &receiver, &troubles).await;
    assert_eq!(disk.touched_after_failure(), 0, "no file is used again after it failed");
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_no_task_and_loses_nothing_acknowledged() {
    injected("a full disk", |disk, on| disk.fail_writes(on.then_some(ErrorKind::StorageFull))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_does_not_sync_ends_no_task_and_loses_nothing_acknowledged() {
    injected("a disk that does not sync", |disk, on| disk.fail_syncs(on.then_some(ErrorKind::Other))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_disk_that_is_full_for_minutes() {
    let Some(directory) = std::env::var_os("KAPTAP_FULL_DIRECTORY") else {
        let said = "\nSKIPPED, NOT TESTED: a real disk that is full; KAPTAP_FULL_DIRECTORY names a small one\n";
        std::io::stderr().write_all(said.as_bytes()).ok();
        return;
    };
    let seconds = std::env::var("KAPTAP_FULL_SECONDS").map_or(600, |text| text.parse().expect("a number of seconds"));
    let directory = Path::new(&directory);
    let receiver = Receiver::start(1, Mood::Wild).await;
    let mut victim = Victim::new(directory, &config(receiver.address, "4MiB", "5s"));
    victim.start();
    victim.wait_ready().await;
    let load = Load::start(victim.http, &victim.stream_socket(), 7);
    works(&load, 500).await;

    let from = Instant::now();
    let filler = directory.join("filler");
    let mut file = File::create(&filler).unwrap();
    let mut block = vec![0x55; 1 << 20];
    // Now and again: what kaptap gives back meanwhile is taken as well.
    while from.elapsed() < Duration::from_secs(seconds) {
        match file.write_all(&block) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull && block.len() > 1 => block.truncate(block.len() / 2),
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                // Not a wait for anything: it is full, and is looked at again now and then until the time is over.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    let troubles = [Trouble { from, until: Instant::now() }];
    works(&load, 500).await;
    let sent = load.stop().await;
    check(&format!("a real disk, full for {seconds} s"), victim.http, &sent, &receiver, &troubles).await;
    victim.kill();
}
