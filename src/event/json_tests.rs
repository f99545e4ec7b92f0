//! Tests of the whole object: which keys, in which order, and that it reads back.

use super::*;
use crate::event::id::EventId;
use crate::words::{Kind, Lane, Level, State, Transition};

fn small() -> Event<'static> {
    let (origin, raw) =
        (Origin::new(Lane::Udf, "stream", 0x1f, u64::MAX), Raw { media: "text/plain".into(), data: b"a\n" });
    Event { observed: -1, ..Event::new(EventId(0xab), 7, Kind::Point, 1, origin, raw) }
}

fn full() -> Event<'static> {
    let small = small();
    Event {
        origin: Origin {
            task: Some(("t".into(), How::Init)),
            node: Some("n2".into()),
            topic: Some(("to".into(), How::Path)),
            cluster: Some(("c".into(), How::Details)),
            server: Some(("s".into(), How::Details)),
            host: Some(("h".into(), How::Details)),
            database: Some("d".into()),
            retention_policy: Some("r".into()),
            measurement: Some("m".into()),
            group: Some("a\nb=c".into()),
            dimensions: vec!["b".into(), "x".into()],
            ..small.origin
        },
        alert: Some(Alert {
            id: "i\n".into(),
            message: Some("me".into()),
            details: Some("de".into()),
            level: Level::Critical,
            previous_level: Some(Level::Ok),
            duration_ns: Some(-5),
            recoverable: Some(true),
            state: State::Firing,
            severity: "critical".into(),
            severity_number: 18,
            transition: Some(Transition::Opened),
            started: Some(0),
            repeat: 3,
            fingerprint: EventId(1),
            episode: Some(EventId(2)),
        }),
        system: Some("{\"what\":\n\"gap\"}".into()),
        series: vec![
            Series {
                name: "m".into(),
                tags: vec![("k".into(), "v".into()), ("l".into(), "\"".into())],
                columns: ["time", "i", "f", "b", "s", "n", "z", "a"].map(Text::from).to_vec(),
                types: vec![
                    ColumnType::Time,
                    ColumnType::Int,
                    ColumnType::Float,
                    ColumnType::Bool,
                    ColumnType::Str,
                    ColumnType::Number,
                    ColumnType::Null,
                    ColumnType::Any,
                ],
                rows: vec![vec![
                    Cell::Time(0),
                    Cell::Int(i64::MIN),
                    Cell::Float(f64::NAN),
                    Cell::Bool(false),
                    Cell::Text("x".into()),
                    Cell::Number("9223372036854775808"),
                    Cell::Null,
                    Cell::Json("[1,\n2]"),
                ]],
            },
            Series::default(),
        ],
        labels: vec![("lk".into(), "lv".into())],
        duplicate_of: Some(4),
        part: Some((2, Some(3))),
        marks: vec!["odd".into()],
        ..small
    }
}

#[track_caller]
fn check_json(event: &Event<'_>, with_raw: bool, expected: &str) {
    let mut out = b"before".to_vec();
    write(event, with_raw, &mut out);
    let text = String::from_utf8(out).unwrap();
    let json = text.strip_prefix("before").unwrap();
    assert_eq!(json, expected.replace('\n', ""));
    serde_json::from_str::<serde_json::Value>(json).unwrap();
}

#[test]
fn only_what_is_always_there() {
    check_json(
        &small(),
        false,
        r#"{"schema":"kaptap.event/v1","id":"000000000000000000000000000000ab","seq":7,"kind":"point",
"time":"1970-01-01T00:00:00.000000001Z","observed":"1969-12-31T23:59:59.999999999Z",
"origin":{"lane":"udf","source":"stream","stream":"000000000000001f","n":18446744073709551615}}"#,
    );
}

#[test]
fn everything_in_the_order_of_the_table() {
    check_json(
        &full(),
        true,
        r#"{"schema":"kaptap.event/v1","id":"000000000000000000000000000000ab","seq":7,"kind":"point",
"time":"1970-01-01T00:00:00.000000001Z","observed":"1969-12-31T23:59:59.999999999Z",
"origin":{"lane":"udf","source":"stream","stream":"000000000000001f","n":18446744073709551615,
"task":"t","node":"n2","topic":"to","cluster":"c","server":"s","host":"h","database":"d","retention_policy":"r",
"measurement":"m","group":"a\nb=c","dimensions":["b","x"],
"how":{"task":"init","topic":"path","cluster":"details","server":"details","host":"details"}},
"alert":{"id":"i\n","message":"me","details":"de","level":"CRITICAL","previous_level":"OK","duration_ns":-5,
"recoverable":true,"state":"firing","severity":"critical","severity_number":18,"transition":"opened",
"started":"1970-01-01T00:00:00.000000000Z","repeat":3,"fingerprint":"00000000000000000000000000000001",
"episode":"00000000000000000000000000000002"},
"system":{"what": "gap"},
"series":[{"name":"m","tags":{"k":"v","l":"\""},"columns":["time","i","f","b","s","n","z","a"],
"types":["time","i64","f64","bool","str","num","null","any"],
"rows":[["1970-01-01T00:00:00.000000000Z",-9223372036854775808,"NaN",false,"x",9223372036854775808,null,[1, 2]]]},
{"name":"","tags":{},"columns":[],"types":[],"rows":[]}],
"labels":{"lk":"lv"},"duplicate_of":4,"part":2,"parts":3,"marks":["odd"],
"raw":{"media":"text/plain","data":"a\n"}}"#,
    );
}

#[test]
fn bytes_that_are_not_text_are_base64() {
    let mut event = small();
    event.raw.data = &[0x8a, 1];
    let mut out = Vec::new();
    write(&event, true, &mut out);
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(json["raw"], serde_json::json!({"media": "text/plain", "base64": "igE="}));
    assert_eq!(json["schema"], SCHEMA);
}

#[test]
fn an_alert_without_a_verdict_claims_no_transition() {
    let mut event = full();
    let alert = event.alert.as_mut().unwrap();
    (alert.transition, alert.started, alert.episode) = (None, None, None);
    let mut out = Vec::new();
    write(&event, false, &mut out);
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    for key in ["transition", "started", "repeat", "episode"] {
        assert!(json["alert"].get(key).is_none(), "{key}");
    }
}
