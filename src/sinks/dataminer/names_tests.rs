//! Names that are refused, changed, and left as they are.

use super::*;
use proptest::prelude::*;

#[test]
fn names_that_dataminer_keeps_are_known_in_any_case() {
    for name in ["State", "STATE", "timeout", "Set Parameter", "Alarm Template Added", "__PID", "__anything", " state "]
    {
        assert!(is_reserved(name), "{name}");
    }
    for name in ["Alert Level", "Topic", "Alert Status", "Sink Status"] {
        assert!(!is_reserved(name), "{name}");
    }
    assert_eq!(RESERVED.lines().count(), 156);
}

#[track_caller]
fn check_title(name: &str, expected: &str) {
    assert_eq!(title_case(name), expected);
}

#[test]
fn names_are_cased_as_dataminer_does() {
    check_title("cpuUtilization", "Cpuutilization");
    check_title("CPU utilization", "CPU Utilization");
    check_title("alert level", "Alert Level");
    check_title("min-level", "Min-Level");
    check_title("größe des Raums", "Größe Des Raums");
    check_title("2nd floor", "2nd Floor");
}

#[track_caller]
fn check_refused(name: &str, sentence: &str) {
    let problem = check_column(name).unwrap_err();
    assert!(problem.contains(sentence), "{problem}");
}

#[test]
fn columns_with_bad_names_are_refused_with_the_reason() {
    check_refused("state", "keeps for itself");
    check_refused("Link File", "keeps for itself");
    check_refused("site name", "\"Site Name\"");
    check_refused("", "cannot name a column");
    check_refused(" Site", "cannot name a column");
    check_refused("Aa ".repeat(40).trim_end(), "at most");
    assert_eq!(check_column("Site Name"), Ok(()));
}

#[test]
fn elements_lose_what_they_must_not_have() {
    assert_eq!(element("host:9092"), "host-9092");
    assert_eq!(element("  Kapacitor \\ kap01 "), "Kapacitor - kap01");
    assert_eq!(element("\t"), "");
    assert!(check_type("Production Kapacitor").is_err() && check_type("a:b").is_err() && check_type("").is_err());
    assert_eq!(check_type("Kapacitor Sidecar"), Ok(()));
}

#[test]
fn keys_stay_readable() {
    assert_eq!(key("cpu:web-1", "x", |_| true), "cpu:web-1");
    assert_eq!(key("cpu:web-1", "x", |_| false), key("cpu:web-1", "x", |_| false));
    assert_ne!(key("a\\b", "x", |_| true), key("a\\b", "y", |_| true));
    assert!(key("a\\b", "x", |_| true).starts_with("a_b~"));
    assert!(key("", "x", |_| true).starts_with('~'));
}

proptest! {
    #[test]
    fn every_key_is_one(id in any::<String>(), more in "\\PC{0,200}", is_free in any::<bool>()) {
        let id = id + &more;
        let key = key(&id, &id, |_| is_free);
        prop_assert!(!key.is_empty() && key.len() <= LONGEST_KEY && key.trim() == key && !key.contains('\\'), "{key:?}");
    }

    #[test]
    fn every_element_is_one(name in any::<String>()) {
        let element = element(&name);
        prop_assert!(element.len() <= LONGEST_NAME && element.trim() == element, "{element:?}");
        prop_assert!(!element.contains(NOT_IN_ELEMENTS), "{element:?}");
    }
}
