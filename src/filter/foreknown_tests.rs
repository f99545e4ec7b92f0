//! What a filter says before the event is read.

use super::{Foreknown, Known};
use crate::filter::path::Member;
use crate::filter::{Filter, Value};

/// A point of the task `cpu`, of which nothing more is known.
struct OfCpu;

impl Foreknown for OfCpu {
    fn member(&self, member: Member) -> Known<'_> {
        match member {
            Member::Kind => Known::Value(Value::Text("point".into())),
            Member::OriginTask => Known::Value(Value::Text("cpu".into())),
            Member::AlertLevel | Member::AlertId => Known::Absent,
            _ => Known::Unknown,
        }
    }
}

#[track_caller]
fn check_ruled_out(expression: &str, expected: bool) {
    let filter = Filter::compile(expression).unwrap();
    assert_eq!(filter.rules_out(&OfCpu), expected, "{expression}");
}

#[test]
fn what_is_certainly_false_is_ruled_out() {
    for expression in [
        r#"kind == "alert""#,
        r#"origin.task == "mem""#,
        r#"origin.task != "cpu""#,
        r#"origin.task in ["mem", "disk"]"#,
        r#"origin.task.startsWith("m")"#,
        r#"origin.task.matches("^m")"#,
        "size(origin.task) > 3",
        r#"!(origin.task == "cpu")"#,
        r#"alert.level == "CRITICAL""#,
        r#"alert.level != "OK""#,
        "has(alert.id)",
        r#"kind == "alert" && tags.host == "a""#,
        r#"tags.host == "a" && kind == "alert""#,
        r#"kind == "alert" || origin.task == "mem" && fields.usage > 1"#,
        r#"(kind == "alert") == true"#,
    ] {
        check_ruled_out(expression, true);
    }
}

#[test]
fn what_may_hold_is_not() {
    for expression in [
        r#"kind == "point""#,
        r#"origin.task in ["mem", "cpu"]"#,
        r#"tags.host == "a""#,
        r#"kind == "alert" || tags.host == "a""#,
        r#"!(tags.host == "a")"#,
        r#"!(kind == "alert")"#,
        "has(tags.host)",
        "size(tags) > 3",
        r#""a" in tags"#,
        r#"origin.host == "x""#,
        "origin.task == origin.host",
        "seq > 3",
    ] {
        check_ruled_out(expression, false);
    }
}
