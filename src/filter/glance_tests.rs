//! What can be said of points before one of them is read.

use super::Glance;
use crate::filter::Filter;
use crate::words::{Kind, Lane};

fn check(expression: &str, excludes: bool) {
    let glance = Glance { kind: Kind::Point, lane: Lane::Udf, source: "stream", task: Some("cpu"), node: None };
    let filter = Filter::compile(expression).unwrap();
    assert_eq!(filter.excludes(&glance), excludes, "{expression}");
}

#[test]
fn what_no_point_can_pass_is_known_without_reading_one() {
    for expression in [
        r#"kind == "alert""#,
        r#"kind in ["alert", "system"]"#,
        r#"!(kind == "point")"#,
        r#"alert.level == "CRITICAL""#,
        r#"alert.level in ["CRITICAL", "WARNING"] && tags.host.startsWith("web-")"#,
        r#"tags.host == "a" && kind == "alert""#,
        r#"alert.severity_number >= 17 || origin.lane == "post""#,
        "has(alert.id)",
        r#"origin.source == "batch""#,
        r#"origin.task.startsWith("mem")"#,
        r#"origin.node == "kaptap2""#,
        "size(alert.message) > 3",
        r#"alert.message.matches("x")"#,
    ] {
        check(expression, true);
    }
}

#[test]
fn what_only_the_points_themselves_tell_is_left_to_them() {
    for expression in [
        r#"kind == "point""#,
        r#"kind != "alert""#,
        r#"!(alert.level == "CRITICAL")"#,
        r#"tags.host == "a""#,
        r#"!(tags.host == "a")"#,
        r#"kind == "alert" || tags.host == "a""#,
        r#"fields.usage > 1.0 && origin.task == "cpu""#,
        "has(tags.host)",
        r#""host" in tags"#,
        "size(tags) == 0",
        r#"time > timestamp("2026-01-01T00:00:00Z")"#,
        r#"origin.measurement == "cpu""#,
        "seq > 5",
    ] {
        check(expression, false);
    }
}
