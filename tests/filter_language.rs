//! What filters mean, and that the documented ones are filters.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod filter_support;

use filter_support::event;
use kaptap::event::{Cell, ColumnType, Event};
use kaptap::filter::Filter;
use kaptap::words::Kind;

fn check_on(event: &Event<'_>, expression: &str, expected: bool) {
    let filter = Filter::compile(expression).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(filter.matches(event), expected, "{expression}");
    assert_eq!(filter.as_str(), expression);
}

fn check(expected: bool, expressions: &[&str]) {
    for expression in expressions {
        check_on(&event(), expression, expected);
    }
}

#[test]
fn every_path_has_its_value() {
    check(
        true,
        &[
            "kind == 'alert'",
            "id == '0123456789abcdef0123456789abcdef'",
            "seq == 42",
            "duplicate_of == 40",
            "part == 1",
            "parts == 3",
            "time == timestamp('2026-11-22T13:23:47.870817045Z')",
            "observed == timestamp('2026-11-22T14:23:48+01:00')",
            "origin.lane == 'post'",
            "origin.source == 'cpu'",
            "origin.stream == '000000000000feed'",
            "origin.n == 7",
            "origin.task == 'cpu_alert'",
            "origin.node == 'kaptap2'",
            "origin.topic == 'cpu'",
            "origin.cluster == 'c1'",
            "origin.server == 's1'",
            "origin.host == 'kap-1'",
            "origin.database == 'telegraf'",
            "origin.retention_policy == 'autogen'",
            "origin.measurement == 'cpu'",
            "origin.group == 'host=web-1'",
            "alert.id == 'cpu:host=web-1'",
            "alert.message.endsWith('3.25 %')",
            "alert.details == '{}'",
            "alert.level == 'CRITICAL'",
            "alert.previous_level == 'WARNING'",
            "alert.duration_ns == 95000000000",
            "alert.duration == duration('1m35s')",
            "alert.recoverable",
            "alert.state == 'firing'",
            "alert.severity == 'critical'",
            "alert.severity_number == 18",
            "alert.transition == 'escalated'",
            "alert.started == timestamp('2026-11-22T13:22:12.870817045Z')",
            "alert.repeat == 2",
            "alert.fingerprint == '00000000000000000000000000000abc'",
            "alert.episode == '00000000000000000000000000000def'",
            "tags.host == 'web-1'",
            "tags['a b'] == 'spaced'",
            "labels.team == 'platform'",
            "fields.usage_idle == 3.25",
            "fields.procs == 412",
            "fields.state == 's1'",
            "fields.up == false",
            "fields.huge == 9223372036854775807",
            "fields.tiny == 5e-324",
            "fields.seen == timestamp('1970-01-01T00:00:00Z')",
            "fields.nothing == null",
            "alert['level'] == 'CRITICAL'",
        ],
    );
}

#[test]
fn operators() {
    check(
        true,
        &[
            "true",
            "!false",
            "!!true",
            "true || false",
            "false || false || true",
            "true && true",
            "!(true && false)",
            "true || true && false",
            "(true || true) && !false",
            "seq != 41",
            "seq < 43",
            "seq <= 42",
            "seq > 41",
            "seq >= 42",
            "!fields.up",
            "false < true",
            "'a' < 'b'",
            "'B' < 'a'",
            "'' < 'a'",
            "'é' > 'z'",
            "(seq == 42) == true",
            "'a' == \"a\"",
            "duration('90s') < duration('2m')",
            "timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00.1Z')",
            "null == null",
            "-1 < 0",
            "- 1 < 0",
            "0x2A == 42",
            "-0x10 == -16",
            ".5 == 0.5",
            "1e3 == 1000",
            "5E-1 == .5",
            "-9223372036854775808 < 0",
            "seq // the position\n == 42",
        ],
    );
    check(
        false,
        &["false", "!true", "true && false && true", "seq != 42", "seq < 42", "null != null", "seq > 42", "fields.up"],
    );
}

#[test]
fn numbers_compare_exactly_across_types() {
    check(
        true,
        &[
            "seq == 42.0",
            "42.5 > seq",
            "seq < 42.5",
            "fields.procs in [412.0]",
            "fields.usage_idle < 4",
            "9007199254740993 != 9007199254740992.0",
            "9007199254740993 > 9007199254740992.0",
            "9223372036854775807 < 9223372036854775808.0",
            "-9223372036854775808 == -9223372036854775808.0",
            "-9223372036854775808 > -1e19",
            "9223372036854775807 < 1e999",
            "0 == -0.0",
            "-1 < -0.5",
            "-1 > -1.5",
            "fields.huge < 1e19",
            "fields.huge > 9223372036854774784.0",
        ],
    );
    let mut event = event();
    event.series[0].rows[1][1] = Cell::Float(f64::NAN);
    for expression in ["fields.usage_idle == fields.usage_idle", "fields.usage_idle < 1", "1 >= fields.usage_idle"] {
        check_on(&event, expression, false);
    }
    check_on(&event, "fields.usage_idle != fields.usage_idle", true);
}

#[test]
fn membership() {
    check(
        true,
        &[
            "alert.level in ['CRITICAL', 'WARNING']",
            "'a' in ['a',]",
            "seq in [1, 42.0]",
            "'host' in tags",
            "'a b' in tags",
            "'usage_idle' in fields",
            "'nothing' in fields",
            "'team' in labels",
            "'host' in origin.dimensions",
            "'out_of_order' in marks",
            "tags.host in [tags.dc, 'web-1']",
            "tags.dc in [tags.absent, 'eu-1']",
            "!('x' in tags)",
            "(alert.level == 'OK') in [false]",
            "null in [fields.nothing]",
        ],
    );
    check(
        false,
        &[
            "alert.level in []",
            "alert.level in ['critical']",
            "'x' in tags",
            "'time' in fields",
            "'x' in marks",
            "fields.state in ['x', 's2']",
            "tags.absent in ['a', '']",
            "fields.procs in tags",
            "tags.absent in tags",
        ],
    );
}

#[test]
fn texts() {
    check(
        true,
        &[
            "tags.host.startsWith('web-')",
            "tags.host.endsWith('-1')",
            "alert.message.contains('is CRIT')",
            "tags.host.startsWith('')",
            "tags.host.matches('^web-[0-9]+$')",
            "matches(tags.host, 'eb')",
            "alert.message.matches('(?s)CRITICAL.idle')",
            "'web-1.example'.startsWith(tags.host)",
            "size(tags.host) == 5",
            "tags.host.size() == 5",
            "size('é€😀') == 3",
            "'' .size() == 0",
            "size(tags) == 3",
            "tags.size() == 3",
            "size(fields) == 9",
            "size(labels) == 1",
            "size(marks) == 1",
            "size(origin.dimensions) == 2",
            r#"'\n\t\\\'\"\x41\u00e9\U0001F600\101\?\`\a\b\f\r\v' == "\n\t\\'\"Aé😀A?`\x07\x08\x0c\r\x0b""#,
            r"r'\n' == '\\n'",
            r"R'a\' == 'a\\'",
            "'''it's\n''two''' == 'it\\'s\\n\\'\\'two'",
            "\"\"\"a\"b\"\"\" == 'a\"b'",
            r"tags.host.matches(r'\d$')",
        ],
    );
    check(
        false,
        &[
            "tags.host.startsWith('eb')",
            "tags.host.endsWith('web')",
            "tags.host.contains('x')",
            "tags.host.matches('^eb')",
            "alert.message.matches('CRITICAL.idle')",
        ],
    );
}

#[test]
fn what_is_missing_or_of_another_type_is_false() {
    check(
        false,
        &[
            "tags.absent == 'a'",
            "tags.absent != 'a'",
            "tags.absent < 'a'",
            "fields.absent > 1",
            "tags.absent == tags.absent",
            "tags.absent.startsWith('')",
            "tags.absent.matches('')",
            "size(tags.absent) >= 0",
            "fields.absent",
            "fields.state",
            "fields.state < 5",
            "fields.state == 5",
            "fields.procs.startsWith('4')",
            "size(fields.procs) > 0",
            "fields.nothing > 0",
            "fields.nothing",
            "fields.json == null",
            "fields.json == fields.json",
            "fields.time > timestamp('1970-01-01T00:00:00Z')",
            "tags.absent == null",
            "tags.absent != null",
            "fields.seen > 0",
            "labels.host == 'web-1'",
            "tags.team == 'platform'",
        ],
    );
    check(
        true,
        &[
            "!(tags.absent == 'a')",
            "!fields.absent",
            "!fields.state",
            "!(fields.state < 5)",
            // Both are there, and they differ.
            "fields.state != 5",
            "fields.procs != 'a'",
            "fields.nothing != 0",
            "fields.json != 1",
            "fields.procs != null",
        ],
    );
    let mut bare = event();
    (bare.alert, bare.series, bare.part, bare.duplicate_of) = (None, Vec::new(), None, None);
    (bare.origin.task, bare.kind) = (None, Kind::System);
    for absent in [
        "alert.level == 'OK'",
        "alert.recoverable",
        "tags.host == ''",
        "fields.x == 1",
        "part == 1",
        "parts == 1",
        "origin.task != ''",
    ] {
        check_on(&bare, absent, false);
    }
    check_on(&bare, "size(tags) == 0 && size(fields) == 0 && !has(alert.level) && kind == 'system'", true);
}

#[test]
fn has() {
    check(
        true,
        &[
            "has(tags.host)",
            "has(fields.nothing)",
            "has(alert.level)",
            "has(labels.team)",
            "has(origin.task)",
            "!has(tags.absent)",
        ],
    );
    check(false, &["has(tags.absent)", "has(fields.time)", "has(labels.host)"]);
    let mut event = event();
    event.origin.task = None;
    check_on(&event, "has(origin.task)", false);
}

#[test]
fn a_field_named_time_that_is_no_time_is_a_field() {
    let mut event = event();
    event.series[0].types = vec![ColumnType::Int];
    event.series[0].rows[1][0] = Cell::Int(5);
    check_on(&event, "fields.time == 5 && 'time' in fields && size(fields) == 10", true);
}

#[test]
fn durations() {
    for (text, nanoseconds) in [
        ("0", 0),
        ("1ns", 1),
        ("1us", 1_000),
        ("1µs", 1_000),
        ("1ms", 1_000_000),
        ("1s", 1_000_000_000),
        ("1m", 60_000_000_000),
        ("1h", 3_600_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("-1.5s", -1_500_000_000),
        ("+.5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("0.000000001s", 1),
        ("9223372036854775807ns", i64::MAX),
        ("-9223372036854775808ns", i64::MIN),
    ] {
        let mut event = event();
        event.alert.as_mut().unwrap().duration_ns = Some(nanoseconds);
        check_on(&event, &format!("alert.duration == duration('{text}')"), true);
    }
    for text in ["", "5", "s", ".s", "1.2.3s", "1d", "1 s", "1s ", "--1s", "9223372036854775808ns", "1e3s", "1h-5m"] {
        assert!(Filter::compile(&format!("alert.duration == duration('{text}')")).is_err(), "{text}");
    }
}

#[test]
fn every_documented_filter_is_one() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/filters.md")).unwrap();
    let mut count = 0;
    for block in text.split("```cel\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        for line in block.lines().filter(|line| !line.trim().is_empty()) {
            Filter::compile(line).unwrap_or_else(|error| panic!("{error}"));
            count += 1;
        }
    }
    assert!(count > 20, "{count} documented filters only");
}
