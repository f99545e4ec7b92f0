//! The help page for those who run `DataMiner`: every key, path, command and column that it names is there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod dataminer_support;
mod kapacitor_support;
mod support;
mod wait_support;

use dataminer_support::{Stand, options_for};
use kapacitor_support::FakeKapacitor;
use kaptap::config::{KAPACITOR_KEYS, KEYS, SINK_KEYS, SINK_TYPES};
use kaptap::delivery::sink::Sink;
use kaptap::sinks::dataminer::{Dataminer, NoPages, Severity};
use kaptap::sinks::http::Proxies;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use support::{Kaptap, get};
use wait_support::wait_until_async;

const PAGE: &str = include_str!("../docs/InfluxData_Kapacitor.md");
const MANUAL: &str = include_str!("../docs/sink-dataminer.md");

/// What stands in backticks.
fn code(text: &str) -> Vec<&str> {
    let lines = text.lines().collect::<Vec<_>>().join(" ");
    let lines: &str = Box::leak(lines.into_boxed_str());
    lines.split('`').skip(1).step_by(2).collect()
}

/// Whether a word is a key of the configuration.
fn is_key(word: &str) -> bool {
    KEYS.iter().any(|key| key.name == word)
        || SINK_KEYS.iter().any(|key| key.name == word)
        || KAPACITOR_KEYS.iter().any(|key| key.name == word)
}

fn check_written(key: &str, value: &str, problems: &mut Vec<String>) {
    let value = value.trim_matches('"');
    let good = match key {
        "type" => SINK_TYPES.contains(&value),
        "route" => ["data_api", "user_defined_api"].contains(&value),
        "bypass_proxy" => ["true", "false"].contains(&value),
        _ => true,
    };
    if !is_key(key) || !good {
        problems.push(format!("{key} = {value}"));
    }
}

#[test]
fn every_option_and_command_is_there() {
    let mut problems = Vec::new();
    let (mut keys, mut commands) = (BTreeSet::new(), 0);
    for code in code(PAGE) {
        if let Some(rest) = code.strip_prefix("kaptap ") {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let output = Command::new(env!("CARGO_BIN_EXE_kaptap")).arg(words[0]).arg("--help").output().unwrap();
            let help = String::from_utf8_lossy(&output.stdout).into_owned();
            let known = |word: &str| !word.starts_with("--") || help.contains(word);
            let inner = words.get(1).is_none_or(|word| word.starts_with("--") || help.contains(&format!("  {word} ")));
            if !output.status.success() || !words.iter().all(|word| known(word)) || !inner {
                problems.push(format!("kaptap {rest}"));
            }
            commands += 1;
        } else if let Some((key, value)) = code.split_once(" = ") {
            check_written(key, value, &mut problems);
            keys.insert(key);
        } else if code == "[[sink]]"
            || code == "[[kapacitor]]"
            || code == "-"
            || code.starts_with("cargo run --example ")
        {
            // Tables, a character, and examples, which are looked at below.
        } else if code.starts_with("examples/") {
            assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(code).is_file(), "{code}");
        } else if code.starts_with('/') {
            // Paths are asked for below.
        } else if is_key(code) {
            keys.insert(code);
        } else {
            problems.push(code.to_owned());
        }
    }
    assert!(problems.is_empty(), "not there: {problems:?}");
    assert!(keys.len() > 15 && commands > 3, "{keys:?} and {commands} commands found");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    let address = kaptap.addresses.http;
    let mut asked = 0;
    for path in code(PAGE).into_iter().filter(|code| code.starts_with('/')) {
        let path = path.replace("<topic>", "disk").replace("<level>", "WARNING");
        let answer = tokio::task::spawn_blocking(move || (get(address, &path), path)).await.unwrap();
        let (Some((status, body)), path) = answer else { panic!("no answer: {answer:?}") };
        let text = String::from_utf8_lossy(&body).into_owned();
        // Kapacitor answers so for the events of a topic that it does not know.
        let unknown_topic = status == 500 && text.contains("unknown topic");
        assert!((200..300).contains(&status) || unknown_topic, "{path}: {status} {text}");
        asked += 1;
    }
    assert!(asked >= 5, "{asked}");
    kaptap.stop().await;
}

#[test]
fn nothing_is_left_to_be_filled_in() {
    for text in [PAGE, MANUAL] {
        let lower = text.to_lowercase();
        // In two parts each, so that a search of the sources for unfinished work does not find them here.
        let words = [("to", "do"), ("t", "bd"), ("lo", "rem"), ("[", "the "), ("xx", "x"), ("place", "holder")];
        let phrases = [("to be ", "filled"), ("coming ", "soon")];
        for (begin, end) in words.into_iter().chain(phrases) {
            assert!(!lower.contains(&format!("{begin}{end}")), "{begin}{end}");
        }
    }
    for heading in [
        "# InfluxData Kapacitor",
        "## About",
        "### Version Info",
        "### Product Info",
        "### System Info",
        "## Configuration",
        "#### HTTP Connection",
        "### Initialization",
        "### Redundancy",
        "## How to use",
        "## Notes",
    ] {
        assert!(PAGE.lines().any(|line| line.starts_with(heading)), "{heading}");
    }
    for said in
        ["**IP address/host**", "**IP port**", "**Device address**", "BypassProxy", "Stream Viewer", "| No | Yes |"]
    {
        assert!(PAGE.contains(said), "{said}");
    }
    // How each page speaks to its peer, and what is seen of it.
    let pages = PAGE.matches("\n### Pushed").count() + PAGE.matches("\n### Polled").count();
    assert_eq!(PAGE.matches("*Communication method: ").count(), pages);
}

/// Where there is no UDF connection, none is silent; the Kapacitor of the test neither fails nor starts anew.
const NOT_NOW: [&str; 3] = ["UDF Silence", "Last Poll Error", "Last Restart Seen"];

#[tokio::test(flavor = "multi_thread")]
async fn every_name_of_the_manual_is_shown_and_every_shown_one_is_in_the_manual() {
    let (stand, kapacitor) = (Stand::start().await, FakeKapacitor::recorded());
    let directory = tempfile::tempdir().unwrap();
    let more = format!(
        "[[sink]]\nname = \"dma\"\ntype = \"dataminer\"\nurl = \"{}\"\ninterval = \"0s\"\nheartbeat = \"1s\"\nidentifier = \"a\"\n\
         [[kapacitor]]\nname = \"k\"\nurl = \"{}\"\npoll_vars = \"1s\"\n",
        stand.url(),
        kapacitor.url()
    );
    let kaptap = Kaptap::start(directory.path(), &more).await;
    // Rates are there from the second look on.
    let shown = wait_until_async("rates are shown", async || {
        let names: Option<BTreeSet<String>> =
            stand.desk().data_api.elements.get("a").map(|element| element.values.keys().cloned().collect());
        names.filter(|names| ["Delivered Rate", "Points Ingress Rate"].iter().all(|rate| names.contains(*rate)))
    })
    .await;
    kaptap.stop().await;
    let rows: Vec<&str> = MANUAL.lines().filter(|line| line.starts_with("| values |")).collect();
    let named: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.split('|').nth(2).unwrap().split(',').map(str::trim)).collect();
    for name in &shown {
        assert!(named.contains(name.as_str()), "{name} is not in docs/sink-dataminer.md");
    }
    for name in named {
        assert!(shown.contains(name) || NOT_NOW.contains(&name), "{name} is never shown");
    }
    let mut sink = Dataminer::new("a", &options_for(&stand.url()), None, &Proxies::none(), Arc::new(NoPages)).unwrap();
    sink.tick().await;
    assert!(PAGE.contains("critical") && Severity::ALL.len() == 6);
}
