//! A filter says the same of an event and of its JSON, read back.

use super::*;
use crate::event::{Alert as Said, Cell, ColumnType, Event, Origin as From, Raw, Series as Data, id, json};
use crate::filter::Filter;
use crate::words::{How, Kind, Lane, Level, State, Transition};
use proptest::prelude::*;

fn event() -> Event<'static> {
    let fingerprint = id::fingerprint("default", "cpu", "a");
    let said = |text: &'static str| Some((text.into(), How::Init));
    Event {
        id: id::alert("default", "cpu", "a", 7, Level::Critical),
        seq: 17,
        kind: Kind::Alert,
        time: 1_769_860_800_123_456_789,
        observed: 1_769_860_801_000_000_000,
        origin: From {
            lane: Lane::Post,
            source: "ops \"1\"\n".into(),
            stream: 0xabc,
            n: 3,
            task: said("cpu"),
            node: Some("alert2".into()),
            topic: said("topic"),
            cluster: said("c"),
            server: said("s"),
            host: said("h"),
            database: Some("telegraf".into()),
            retention_policy: Some("autogen".into()),
            measurement: Some("cpu".into()),
            group: Some("host=web-1".into()),
            dimensions: vec!["host".into(), "dc".into()],
        },
        alert: Some(Said {
            id: "a".into(),
            message: Some("a is \u{1F525}".into()),
            details: Some("<b>&quot;</b>\\".into()),
            level: Level::Critical,
            previous_level: Some(Level::Warning),
            duration_ns: Some(90_000_000_000),
            recoverable: Some(true),
            state: State::Firing,
            severity: "critical".into(),
            severity_number: 18,
            transition: Some(Transition::Escalated),
            started: Some(1_769_860_710_123_456_789),
            repeat: 2,
            fingerprint,
            episode: Some(id::episode(fingerprint, 5)),
        }),
        system: None,
        series: vec![Data {
            name: "cpu".into(),
            tags: vec![("dc".into(), "eu\t1".into()), ("host".into(), "web-1".into())],
            columns: ["time", "int", "float", "nan", "bool", "text", "num", "null", "when", "any"]
                .map(Into::into)
                .to_vec(),
            types: vec![
                ColumnType::Time,
                ColumnType::Int,
                ColumnType::Float,
                ColumnType::Float,
                ColumnType::Bool,
                ColumnType::Str,
                ColumnType::Number,
                ColumnType::Null,
                ColumnType::Time,
                ColumnType::Any,
            ],
            rows: vec![vec![
                Cell::Time(7),
                Cell::Int(i64::MIN),
                Cell::Float(-0.0),
                Cell::Float(f64::NEG_INFINITY),
                Cell::Bool(true),
                Cell::Text("NaN".into()),
                Cell::Number("9007199254740993"),
                Cell::Null,
                Cell::Time(-1),
                Cell::Json("[1]"),
            ]],
        }],
        labels: vec![("site".into(), "berlin".into())],
        duplicate_of: Some(4),
        part: Some((2, Some(3))),
        marks: vec!["odd".into()],
        raw: Raw { media: "application/json".into(), data: b"{}" },
    }
}

/// Every value that a path can lead to, of the event and of what is read back from its JSON.
#[track_caller]
fn check_same(event: &Event<'_>) {
    let mut text = Vec::new();
    json::write(event, false, &mut text);
    let parsed = Parsed::of(&text).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&text)));
    assert_eq!(parsed.id(), event.id);
    for member in Member::ALL {
        assert_eq!(parsed.member(*member), event.member(*member), "{member:?}");
    }
    let keys = ["time", "int", "float", "bool", "text", "num", "null", "when", "any", "host", "dc", "site", "odd", "-"];
    for of in [Collection::Tags, Collection::Fields, Collection::Labels, Collection::Dimensions, Collection::Marks] {
        assert_eq!(parsed.size(of), event.size(of), "{of:?}");
        for key in keys {
            assert_eq!(parsed.entry(of, key), event.entry(of, key), "{of:?} {key}");
            assert_eq!(parsed.contains(of, key), event.contains(of, key), "{of:?} {key}");
        }
    }
}

#[test]
fn every_value_is_the_same() {
    let full = event();
    check_same(&full);
    check_same(&Event {
        kind: Kind::Point,
        alert: None,
        series: Vec::new(),
        labels: Vec::new(),
        marks: Vec::new(),
        duplicate_of: None,
        part: Some((1, None)),
        ..full.clone()
    });
    let mut bare = full;
    bare.alert = bare.alert.map(|alert| Said {
        message: None,
        details: None,
        previous_level: None,
        duration_ns: None,
        recoverable: None,
        transition: None,
        started: None,
        repeat: 0,
        episode: None,
        ..alert
    });
    check_same(&bare);
}

#[test]
fn filters_run_on_what_was_read_back() {
    let mut text = Vec::new();
    json::write(&event(), true, &mut text);
    let parsed = Parsed::of(&text).unwrap();
    for passing in [
        r#"kind == "alert" && alert.level == "CRITICAL" && tags.host == "web-1""#,
        r#"alert.duration > duration("1m") && observed > timestamp("2026-01-31T12:00:00Z")"#,
        r#"fields.num == 9007199254740993 && "odd" in marks && "dc" in origin.dimensions"#,
        "duplicate_of > 0 && part == 2 && size(tags) == 2 && size(fields) == 9",
    ] {
        assert!(Filter::compile(passing).unwrap().passes(&parsed), "{passing}");
    }
    assert!(!Filter::compile("!(duplicate_of > 0)").unwrap().passes(&parsed));
}

#[test]
fn what_is_no_event_is_none() {
    let id = "0".repeat(32);
    assert!(Parsed::of(format!(r#"{{"schema":"kaptap.event/v1","id":"{id}","kind":"row"}}"#).as_bytes()).is_some());
    for text in [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        "hello".to_owned(),
        format!(r#"{{"schema":"other/v1","id":"{id}","kind":"row"}}"#),
        r#"{"schema":"kaptap.event/v1","id":"x","kind":"row"}"#.to_owned(),
        format!(r#"{{"schema":"kaptap.event/v1","id":"{id}","kind":"row""#),
    ] {
        assert!(Parsed::of(text.as_bytes()).is_none(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_scalars_read_back_the_same(text in any::<String>(), int in any::<i64>(), float in any::<f64>(), time in any::<i64>()) {
        let mut one = event();
        one.time = time;
        one.series[0].tags[1].1 = text.clone().into();
        let float = if float.is_nan() { 0.5 } else { float };
        one.series[0].rows[0][1] = Cell::Int(int);
        one.series[0].rows[0][2] = Cell::Float(float);
        one.series[0].rows[0][5] = Cell::Text(text.into());
        one.series[0].rows[0][8] = Cell::Time(time);
        check_same(&one);
    }

    #[test]
    fn never_panics(bytes in any::<Vec<u8>>()) {
        prop_assert!(Parsed::of(&bytes).is_none());
    }
}
