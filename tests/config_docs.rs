//! The documents of the configuration say what the code does.

use kaptap::config::{ConfigError, Flags, KAPACITOR_KEYS, KEYS, Key, SINK_KEYS, SINK_TYPES, load, variable};
use std::collections::BTreeSet;

const SAMPLE: &str = include_str!("../docs/kaptap.toml");
const MANUAL: &str = include_str!("../docs/configuration.md");

/// The keys that a configuration text writes, by section and name.
fn written(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| !name.contains([' ', '#'])) {
            keys.insert(format!("{section}{name}"));
        }
    }
    keys
}

/// The sample with the keys that are absent by default (`#key = …`, without a space) written as well.
fn complete_sample() -> String {
    SAMPLE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

fn names(keys: impl Iterator<Item = &'static Key>) -> BTreeSet<String> {
    keys.map(|key| key.name.to_owned()).collect()
}

#[test]
fn the_sample_is_the_defaults() {
    let sample = load(Some(SAMPLE), "kaptap.toml", &[], &Flags::default()).unwrap();
    let defaults = load(None, "", &[], &Flags::default()).unwrap();
    assert_eq!(format!("{sample:?}"), format!("{defaults:?}"));
    assert_eq!(written(SAMPLE), names(KEYS.iter().filter(|key| key.default.is_some())));
}

#[test]
fn the_sample_has_every_key() {
    let complete = complete_sample();
    assert_eq!(written(&complete), names(KEYS.iter()));
    // The files with tokens and certificates are not there; everything else must be good.
    let errors = load(Some(&complete), "kaptap.toml", &[], &Flags::default()).unwrap_err();
    let faulty: Vec<&str> = errors.iter().map(|ConfigError { key, .. }| key.as_str()).collect();
    let files = ["password_file", "token_file", "credentials_file", "ca_file", "certificate_file", "key_file"];
    let files = files.map(|name| format!("read.nats.{name}"));
    assert_eq!(faulty[..3], ["http.tokens_file", "http.read_tokens_file", "http.tls_certificate"], "{errors:?}");
    assert_eq!(faulty[3..], files, "{errors:?}");
}

#[test]
fn the_sample_says_the_defaults_of_the_manual() {
    for key in KEYS {
        let row = MANUAL.lines().find(|line| line.starts_with(&format!("| `{}` |", key.name)));
        let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for {}", key.name));
        let cells: Vec<&str> = row.split(" | ").collect();
        match key.default {
            Some(default) => assert_eq!(cells[2], format!("`{default}`"), "{}", key.name),
            None => assert!(!cells[2].starts_with('`') || cells[2].contains("data_dir"), "{}: {}", key.name, cells[2]),
        }
        assert!(row.matches('|').count() >= 6, "{row}");
    }
}

#[test]
fn the_manual_has_no_key_that_is_not_there() {
    let rows = MANUAL.lines().filter(|line| line.starts_with("| `") && line.split('|').count() == 7);
    let rows = rows.filter(|row| !row.starts_with("| `KAPTAP_"));
    let named: BTreeSet<String> = rows.filter_map(|row| row.split('`').nth(1)).map(str::to_owned).collect();
    assert_eq!(named, names(KEYS.iter()));
}

#[test]
fn every_key_has_a_variable() {
    for key in KEYS.iter().filter(|key| key.default.is_some()) {
        let pairs = [(variable(key.name), key.default.unwrap().to_owned())];
        assert!(load(None, "", &pairs, &Flags::default()).is_ok(), "{pairs:?}");
        let pairs = [(variable(key.name), "\u{1}nonsense".to_owned())];
        let refused = load(None, "", &pairs, &Flags::default()).is_err();
        assert!(refused || key.name == "data_dir", "{pairs:?}");
    }
}

#[test]
fn the_manual_of_sinks_has_every_key_with_its_default_and_types() {
    let manual = include_str!("../docs/sinks.md");
    let rows: Vec<&str> = manual.lines().filter(|line| line.starts_with("| `")).collect();
    for key in SINK_KEYS {
        let row = rows.iter().find(|row| row.starts_with(&format!("| `{}` |", key.name)));
        let row = row.unwrap_or_else(|| panic!("docs/sinks.md has no row for {}", key.name));
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let default = key.default.map(|default| format!("`{default}`"));
        assert!(default.is_none_or(|default| cells[1] == default), "{}: {}", key.name, cells[1]);
        if key.types != SINK_TYPES {
            assert_eq!(cells[2], key.types.join(", "), "{}", key.name);
        }
    }
    let keys = manual.split("## Keys of every sink").nth(1).unwrap().split("## Templates").next().unwrap();
    let named = keys.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for name in named {
        assert!(SINK_KEYS.iter().any(|key| key.name == name), "there is no key {name}");
    }
}

#[test]
fn the_manual_of_the_connector_has_every_key_with_its_default() {
    let manual = include_str!("../docs/connector.md");
    let keys = manual.split("## Keys").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<Vec<&str>> = keys
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let named: Vec<&str> = rows.iter().map(|cells| cells[0].trim_matches('`')).collect();
    assert_eq!(named, KAPACITOR_KEYS.iter().map(|key| key.name).collect::<Vec<_>>());
    for (cells, key) in rows.iter().zip(KAPACITOR_KEYS) {
        match key.default {
            Some(default) => assert_eq!(cells[1], format!("`{default}`"), "{}", key.name),
            None => assert!(!cells[1].starts_with('`'), "{}", key.name),
        }
    }
}

#[test]
fn the_manual_of_events_has_every_word_of_a_change() {
    use kaptap::intake::kapacitor_change::ChangeKind as Kind;
    let manual = include_str!("../docs/event.md");
    let all = [
        Kind::Reachable,
        Kind::Unreachable,
        Kind::Version,
        Kind::Restarted,
        Kind::TaskAppeared,
        Kind::TaskVanished,
        Kind::TaskEnabled,
        Kind::TaskDisabled,
        Kind::TaskChanged,
        Kind::TaskDied,
        Kind::TaskRevived,
        Kind::TopicAppeared,
        Kind::TopicVanished,
        Kind::HandlerAdded,
        Kind::HandlerRemoved,
        Kind::HandlerChanged,
    ];
    for kind in all {
        assert!(manual.contains(&format!("`{}`", kind.as_str())), "{kind:?}");
    }
}
