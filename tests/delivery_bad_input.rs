//! Faults in what people and Kapacitor give to sinks: said at once, with their lines, before anything starts; a reload
//! keeps what runs; an event that a peer cannot take is parked with the limit named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod drill_support;
mod peers;
mod support;
mod wait_support;

use drill_support::receiver::{Mood, Receiver};
use drill_support::sinks;
use drill_support::victim::Victim;
use kaptap::rehearsal::poster;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use support::Kaptap;
use wait_support::wait_until_async;

/// Five sinks with a fault each, and what has to be said of it: line, key, and words.
const FAULTS: [(&str, u32, &str, &str); 5] = [
    ("type = \"webhook\"\nurl = \"http://\"", 4, "sink.a.url", "is not a URL"),
    ("type = \"stdout\"\nfiltre = \"true\"", 8, "sink.b.filtre", "did you mean filter?"),
    ("type = \"stdout\"\nfilter = 'alert.level == '", 12, "sink.c.filter", "is no filter"),
    (
        "type = \"nats\"\nurl = \"nats://localhost\"\nsubject = \"k.{{ alert.levle }}\"",
        17,
        "sink.d.subject",
        "alert.levle",
    ),
    ("type = \"webhook\"\nurl = \"https://h\"\nca_file = \"/nowhere/ca.pem\"", 22, "sink.e.ca_file", "/nowhere/ca.pem"),
];

fn faulty() -> String {
    let tables = FAULTS.iter().zip('a'..).map(|((keys, ..), name)| format!("[[sink]]\nname = \"{name}\"\n{keys}\n"));
    tables.collect::<Vec<_>>().concat()
}

#[track_caller]
fn check_all_said(said: &str) {
    for (_, line, key, words) in FAULTS {
        let place = format!("kaptap.toml:{line}: {key}");
        let found = said.lines().find(|line| line.contains(&place));
        assert!(found.is_some(), "{place} is not in\n{said}");
        assert!(said.contains(words), "{words:?} is not in\n{said}");
    }
}

#[test]
fn every_fault_is_named_with_its_line_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("kaptap.toml"), faulty()).unwrap();
    for command in ["run", "check"] {
        let output = Command::new(env!("CARGO_BIN_EXE_kaptap"))
            .args(["--config", "kaptap.toml", "--data-dir", "data", "--listen", "127.0.0.1:0", command])
            .current_dir(directory.path())
            .output()
            .unwrap();
        assert!(!output.status.success(), "{command}: {output:?}");
        check_all_said(&String::from_utf8(output.stderr).unwrap());
        assert!(!directory.path().join("data").exists(), "{command} has begun something");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_with_faults_keeps_what_runs_and_names_them() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(1, Mood::Well).await;
    let good =
        format!("[[sink]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"http://{}/\"\nbatch_age = 0\n", receiver.address);
    let mut victim = Victim::new(directory.path(), &good);
    victim.start();
    victim.wait_ready().await;
    post(victim.http, "before", 1).await;
    wait_until_async("delivered", async || (receiver.taken() >= 1).then_some(())).await;

    let config = directory.path().join("kaptap.toml");
    std::fs::write(&config, faulty()).unwrap();
    victim.hang_up();
    wait_until_async("said", async || victim.log().contains("not taken over").then_some(())).await;
    check_all_said(&victim.log());
    // The old sink is there, is the only one, and goes on.
    let found = sinks(victim.http).await;
    assert_eq!((found.len(), &found[0]["name"]), (1, &"a".into()), "{found:?}");
    let before = receiver.taken();
    post(victim.http, "after", 1).await;
    wait_until_async("delivered", async || (receiver.taken() > before).then_some(())).await;

    // Mended, it is taken over without a restart.
    std::fs::write(&config, format!("{good}[[sink]]\nname = \"b\"\ntype = \"stdout\"\n")).unwrap();
    victim.hang_up();
    wait_until_async("taken over", async || (sinks(victim.http).await.len() == 2).then_some(())).await;
    victim.kill();
}

/// One too large among two others: it is parked after one try with the limit named, and they are delivered.
async fn check_parked(http: SocketAddr, name: &'static str, limit: &[&str]) {
    let sink = wait_until_async("two are delivered", async || {
        let found = sinks(http).await.into_iter().find(|sink| sink["name"] == name).unwrap();
        (found["lag"]["events"] == 0 && found["delivered"] == 2).then_some(found)
    })
    .await;
    assert_eq!((&sink["parked"], &sink["retried"]), (&1.into(), &0.into()), "{sink}");
    let path = format!("/v1/parked/{name}");
    let lines = tokio::task::spawn_blocking(move || support::lines(http, &path)).await.unwrap();
    let [parked]: &[Value; 1] = lines.as_slice().try_into().unwrap();
    assert_eq!((&parked["reason"], &parked["attempts"]), (&"too_large".into(), &1.into()), "{parked}");
    for words in limit {
        assert!(parked["error"].as_str().unwrap().contains(words), "{words:?} is not in {parked}");
    }
    assert_eq!(parked["event"]["alert"]["id"], "large");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_nats_is_parked_with_the_limit() {
    let (directory, address) = (tempfile::tempdir().unwrap(), peers::free_address());
    let Some(_server) = peers::nats_server(directory.path(), address, "max_payload: 4096") else { return };
    let kaptap = start(directory.path(), &format!("type = \"nats\"\nurl = \"nats://{address}\"")).await;
    post(kaptap.addresses.http, "small", 1).await;
    post(kaptap.addresses.http, "large", 5000).await;
    post(kaptap.addresses.http, "other", 1).await;
    check_parked(kaptap.addresses.http, "a", &["max_payload", "4096"]).await;
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_too_large_labels_for_alertmanager_is_parked_with_the_limit() {
    let (directory, address) = (tempfile::tempdir().unwrap(), peers::free_address());
    let Some(_daemon) = peers::alertmanager(directory.path(), address) else { return };
    let kaptap = start(directory.path(), &format!("type = \"alertmanager\"\nurl = \"http://{address}\"")).await;
    post(kaptap.addresses.http, "small", 1).await;
    post(kaptap.addresses.http, "large", 5000).await;
    post(kaptap.addresses.http, "other", 1).await;
    check_parked(kaptap.addresses.http, "a", &["label", "5000 bytes", "at most 4096"]).await;
    kaptap.stop().await;
}

async fn start(directory: &Path, peer: &str) -> Kaptap {
    Kaptap::start(directory, &format!("[[sink]]\nname = \"a\"\nkinds = [\"alert\"]\nbatch_age = 0\n{peer}\n")).await
}

/// Posts an alert that has a tag of this length.
async fn post(http: SocketAddr, id: &str, length: usize) {
    let time = "2026-11-22T14:00:00Z";
    let tag = "x".repeat(length);
    let body = format!(
        "{{\"id\":\"{id}\",\"level\":\"CRITICAL\",\"time\":\"{time}\",\"data\":{{\"series\":[{{\"name\":\"cpu\",\
         \"tags\":{{\"path\":\"{tag}\"}},\"columns\":[\"time\",\"v\"],\"values\":[[\"{time}\",1]]}}]}}}}"
    );
    let target = poster::Target::new(http, "/v1/alerts/bad");
    assert_eq!(poster::post(&target, body.as_bytes()).await.unwrap().status, 204);
}
