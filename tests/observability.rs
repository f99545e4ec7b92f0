//! The alert rules and the dashboard in `examples/` against a running kaptap: every metric that they name exists.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod peers;
mod sink_support;
mod support;
mod wait_support;

use kaptap::rehearsal::poster::{self, Target};
use serde_json::Value;
use sink_support::receiver::{Receiver, answer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Kaptap, free_address, get};
use wait_support::wait_until_async;

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

/// The names of kaptap's metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    text.match_indices("kaptap_")
        .filter(|(at, _)| !text[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
        .map(|(at, _)| text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        .collect()
}

/// The names in what a kaptap says that has seen trouble of every kind: metrics without samples are not written.
async fn metrics_served() -> BTreeSet<String> {
    let directory = tempfile::tempdir().unwrap();
    let refusing = Receiver::by_rule(|_| answer("400 Bad Request", "", "no")).await;
    let more = format!(
        "[http]\nmax_body = \"64KiB\"\n\
         [[sink]]\nname = \"refusing\"\ntype = \"webhook\"\nurl = \"{}\"\n\
         [[sink]]\nname = \"gone\"\ntype = \"webhook\"\nurl = \"http://{}\"\n",
        refusing.url("/"),
        free_address(),
    );
    let kaptap = Kaptap::start(directory.path(), &more).await;
    let http = kaptap.addresses.http;
    let target = Target { address: http, path: "/v1/alerts/cpu".to_owned(), headers: Vec::new() };
    let alert =
        r#"{"id":"a","message":"m","details":"","time":"2026-01-01T00:00:00Z","duration":0,"level":"CRITICAL"}"#;
    for body in [alert.to_owned(), "no alert".to_owned(), "x".repeat(100_000)] {
        poster::post(&target, body.as_bytes()).await.unwrap();
    }
    let wanted = ["kaptap_sink_parked_events_total", "kaptap_sink_retried_events_total"];
    let names = wait_until_async("the sinks have their metrics", async || {
        let (_, body) = tokio::task::spawn_blocking(move || get(http, "/metrics").unwrap()).await.unwrap();
        let body = String::from_utf8(body).unwrap();
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        let names: BTreeSet<_> = samples.flat_map(metrics_in).collect();
        if wanted.iter().all(|name| names.contains(*name)) { Ok(names) } else { Err(names) }
    });
    let names = names.await;
    kaptap.stop().await;
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_in_the_examples_exists() {
    let served = metrics_served().await;
    for file in ["prometheus/kaptap.rules.yml", "prometheus/kaptap.rules.test.yml", "grafana/kaptap.json"] {
        let text = std::fs::read_to_string(example(file)).unwrap();
        let named = metrics_in(&text);
        assert!(named.len() >= 5, "{file}: {named:?}");
        let missing: Vec<_> = named.difference(&served).collect();
        assert!(missing.is_empty(), "{file} names {missing:?}, which kaptap does not serve: {served:?}");
    }
}

#[test]
fn every_panel_of_the_dashboard_is_whole() {
    let text = std::fs::read_to_string(example("grafana/kaptap.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for cell in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(cell.0 < 24 && cells.insert(cell), "{title}: lies on another panel or outside, at {cell:?}");
        }
        if panel["type"] != "row" {
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap();
                assert!(!metrics_in(expression).is_empty(), "{title}: {expression}");
                assert!(expression.contains("$instance"), "{title}: not limited to the instance: {expression}");
            }
        }
    }
}

#[test]
fn prometheus_takes_the_rules() {
    let Some(promtool) = peers::find(&["promtool"]) else { return };
    for (what, file) in [("check", "prometheus/kaptap.rules.yml"), ("test", "prometheus/kaptap.rules.test.yml")] {
        let done = Command::new(&promtool).args([what, "rules"]).arg(example(file)).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
