//! Alert bodies, row bodies and details against recordings and an independent reading of their JSON.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use kaptap::kapacitor::alert::{AlertBody, BodyError};
use kaptap::kapacitor::details;
use kaptap::kapacitor::row::{Series, Value, parse_rows};
use kaptap::words::Level;
use proptest::prelude::*;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The bodies of one recording: each line is a request with its body as a string, or a body itself.
fn bodies(name: &str) -> Vec<String> {
    let path = format!("{}/tests/recordings/alerts/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    let body = |line: &str| match serde_json::from_str::<Json>(line).unwrap().get("body") {
        Some(body) => body.as_str().unwrap().to_owned(),
        None => format!("{line}\n"),
    };
    lines.lines().map(body).collect()
}

/// Every part of an alert against a plain reading as a JSON tree.
fn check_alert(body: &str) {
    let alert = AlertBody::parse(body.as_bytes()).unwrap();
    let json: Json = serde_json::from_str(body).unwrap();
    let text = |key: &str| json[key].as_str().unwrap();
    assert_eq!((&*alert.id, &*alert.message, &*alert.details.text()), (text("id"), text("message"), text("details")));
    let time = text("time").parse::<jiff::Timestamp>().unwrap().as_nanosecond();
    assert_eq!(alert.time, i64::try_from(time).ok());
    assert_eq!(alert.duration, json["duration"].as_i64().unwrap());
    assert_eq!(alert.level.as_str(), text("level"));
    assert_eq!(alert.previous_level.unwrap().as_str(), text("previousLevel"));
    assert_eq!(alert.recoverable, json["recoverable"].as_bool());
    check_series(&alert.series, &json["data"]["series"]);
}

fn check_series(series: &[Series<'_>], json: &Json) {
    let expected = json.as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(series.len(), expected.len());
    for (series, json) in series.iter().zip(expected) {
        assert_eq!(series.name, json["name"].as_str().unwrap());
        let tags: BTreeMap<_, _> = json["tags"].as_object().into_iter().flatten().collect();
        assert_eq!(series.tags.len(), tags.len());
        for ((key, value), (expected_key, expected)) in series.tags.iter().zip(tags) {
            assert_eq!((&**key, Some(&**value)), (expected_key.as_str(), expected.as_str()));
        }
        let columns: Vec<_> = json["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(series.columns, columns);
        let rows = json["values"].as_array().unwrap();
        assert_eq!(series.rows.len(), rows.len());
        for (row, expected) in series.rows.iter().zip(rows) {
            let plain: Vec<Json> = row.iter().map(plain).collect();
            assert_eq!(&Json::Array(plain), expected);
        }
    }
}

fn plain(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Text(text) => Json::String(text.clone().into_owned()),
        Value::Number(json) | Value::Other(json) => serde_json::from_str(json).unwrap(),
    }
}

/// The provenance in details against a tree of JSON, decoded by plain replacement.
fn check_details(text: &str) {
    let mut decoded = text.to_owned();
    for (entity, character) in
        [("&#34;", "\""), ("&#39;", "'"), ("&#43;", "+"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
    {
        decoded = decoded.replace(entity, character);
    }
    let json: Json = serde_json::from_str(&decoded).unwrap();
    let found = details::parse(text).unwrap();
    let expected = |value: &Json| value.as_str().map(|text| Cow::Owned(text.to_owned()));
    assert_eq!(found.task, expected(&json["TaskName"]));
    assert_eq!(found.name, expected(&json["Name"]));
    assert_eq!(found.group, expected(&json["Group"]));
    assert_eq!(found.host, expected(&json["ServerInfo"]["Hostname"]));
    assert_eq!(found.cluster, expected(&json["ServerInfo"]["ClusterID"]));
    assert_eq!(found.server, expected(&json["ServerInfo"]["ServerID"]));
    let tags: BTreeMap<_, _> = json["Tags"].as_object().unwrap().iter().collect();
    let tags: Vec<_> = tags.into_iter().map(|(k, v)| (Cow::Owned(k.clone()), expected(v).unwrap())).collect();
    assert_eq!(found.tags, tags);
}

#[test]
fn every_recorded_alert() {
    let mut with_details = 0;
    for name in [
        "aggregated",
        "alert_lane",
        "basic",
        "batch",
        "changes",
        "deadman",
        "default",
        "endpoint",
        "exec-stdin",
        "log-file",
        "odd",
        "servicetest",
        "tap",
        "tcp",
        "topic-cpu",
    ] {
        let bodies = bodies(name);
        assert!(!bodies.is_empty(), "{name}");
        for body in bodies {
            check_alert(&body);
            let alert = AlertBody::parse(body.as_bytes()).unwrap();
            let details = alert.details.text();
            if details.starts_with("{&#34;Name&#34;") {
                check_details(&details);
                with_details += 1;
            } else {
                assert_eq!(details::parse(&details), None, "{details}");
            }
        }
    }
    assert!(with_details > 500, "{with_details} default details only");
}

#[test]
fn every_recorded_row_body() {
    let (mut rows, mut others) = (0, 0);
    for body in bodies("rows-cpu") {
        if body.starts_with("{\"series\"") {
            let json: Json = serde_json::from_str(&body).unwrap();
            check_series(&parse_rows(body.as_bytes()).unwrap(), &json["series"]);
            rows += 1;
        } else {
            assert!(matches!(parse_rows(body.as_bytes()), Err(BodyError::Json(_))), "{body}");
            others += 1;
        }
    }
    assert!(rows > 100 && others > 10, "{rows} bodies of rows, {others} others");
}

#[test]
fn a_templated_body_is_no_alert() {
    for body in bodies("templated") {
        assert!(matches!(AlertBody::parse(body.as_bytes()), Err(BodyError::Level)), "{body}");
    }
}

#[test]
fn numbers_stay_digit_for_digit() {
    let numbers: std::collections::BTreeSet<String> = bodies("odd")
        .iter()
        .flat_map(|body| {
            let alert = AlertBody::parse(body.as_bytes()).unwrap();
            let cells = alert.series.iter().flat_map(|series| series.rows.iter().flatten());
            cells
                .filter_map(|cell| if let Value::Number(digits) = cell { Some((*digits).to_owned()) } else { None })
                .collect::<Vec<_>>()
        })
        .collect();
    for digits in ["1.7976931348623157e+308", "5e-324"] {
        assert!(numbers.contains(digits), "{digits} is not among {numbers:?}");
    }
    for digits in
        ["9223372036854775807", "18446744073709551616", "1e999", "-0", "-0.0", "1E2", "100000000000000000000.5"]
    {
        let body = format!("{{\"series\":[{{\"columns\":[\"v\"],\"values\":[[ {digits} ]]}}]}}");
        assert_eq!(parse_rows(body.as_bytes()).unwrap()[0].rows, [[Value::Number(digits)]]);
    }
}

fn check_tolerated(body: &str, expected: impl Fn(&AlertBody<'_>) -> bool) {
    let alert = AlertBody::parse(body.as_bytes()).unwrap();
    assert!(expected(&alert), "{alert:?}");
}

#[test]
fn other_versions_and_other_hands() {
    check_tolerated(r#"{"level":"OK"}"#, |alert| {
        alert.id.is_empty() && alert.time.is_none() && alert.previous_level.is_none() && alert.recoverable.is_none()
    });
    check_tolerated(r#"{"id":"a","level":"INFO","data":{"Series":[{"name":"x"},null],"Err":null}}"#, |alert| {
        alert.series == [Series { name: "x".into(), ..Series::default() }]
    });
    check_tolerated(r#"{"level":"OK","data":null}"#, |alert| alert.series.is_empty());
    check_tolerated(
        r#"{"level":"OK","data":{"series":[[],7,{"tags":[],"columns":{},"values":[null,[1],{}]}]}}"#,
        |alert| alert.series.len() == 3 && alert.series[2].rows == [vec![], vec![Value::Number("1")], vec![]],
    );
    check_tolerated(
        r#"{"level":"OK","id":5,"message":null,"details":[1],"time":7,"duration":{},"recoverable":"yes"}"#,
        |alert| alert.id.is_empty() && alert.duration == 0 && alert.recoverable.is_none(),
    );
    check_tolerated(r#"{"level":"OK","time":"2026-03-01T11:00:00+01:00"}"#, |alert| {
        alert.time == Some(1_772_359_200_000_000_000)
    });
    // As Kapacitor's API says it.
    check_tolerated(r#"{"level":"OK","duration":"1m0.5s"}"#, |alert| alert.duration == 60_500_000_000);
    check_tolerated(r#"{"level":"OK","duration":"soon"}"#, |alert| alert.duration == 0);
    check_tolerated(r#"{"level":"OK","duration":-5,"unknown":{"level":"CRITICAL"}}"#, |alert| alert.duration == -5);
    check_tolerated(
        r#"{"level":"INFO","id":"a","id":"b","level":"CRITICAL","data":{},"data":{"series":[{}]}}"#,
        |alert| alert.id == "b" && alert.level == Level::Critical && alert.series.len() == 1,
    );
    check_tolerated("\r\n {\"lev\\u0065l\":\"WARNING\"}\r\n\n", |alert| alert.level == Level::Warning);
    check_tolerated(r#"{"level":"OK","data":{"series":[{"tags":{"b":"1","a":"2","b":"3","n":5}}]}}"#, |alert| {
        alert.series[0].tags == [("a".into(), "2".into()), ("b".into(), "3".into())]
    });
    check_tolerated(
        r#"{"level":"OK","data":{"series":[{"values":[["a\"\u00e9", [1,{"x":[]}], true, null]]}]}}"#,
        |alert| {
            alert.series[0].rows[0]
                == [Value::Text("a\"é".into()), Value::Other(r#"[1,{"x":[]}]"#), Value::Bool(true), Value::Null]
        },
    );
}

#[test]
fn what_is_no_alert() {
    for body in [r#"{"level":"critical"}"#, r#"{"level":5}"#, r#"{"id":"a"}"#, "[]", "null", "7", "\"CRITICAL\""] {
        assert!(matches!(AlertBody::parse(body.as_bytes()), Err(BodyError::Level)), "{body}");
    }
    let deep = format!("{{\"level\":\"OK\",\"data\":{}{}}}", "{\"series\":[".repeat(5_000), "]}".repeat(5_000));
    let nested_cell = format!(
        "{{\"level\":\"OK\",\"data\":{{\"series\":[{{\"values\":[[{}{}]]}}]}}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let broken: [&[u8]; 9] = [
        b"",
        b"{",
        b"{\"level\":\"OK\"",
        b"{\"level\":\"OK\"} {}",
        b"\xef\xbb\xbf{\"level\":\"OK\"}",
        b"{\"level\":\"OK\",\"id\":\"\xff\"}",
        b"{\"level\":\"OK\",\"x\":\"\xff\"}",
        b"{\"level\":\"OK\",\"data\":{\"series\":[{\"values\":[[\"\\ud800\"]]}]}}",
        b"cpu is CRITICAL",
    ];
    for body in broken {
        assert!(matches!(AlertBody::parse(body), Err(BodyError::Json(_))), "{}", String::from_utf8_lossy(body));
    }
    // Neither may exhaust the stack; which of them is an alert does not matter.
    drop((AlertBody::parse(deep.as_bytes()), AlertBody::parse(nested_cell.as_bytes())));
}

#[test]
fn what_is_no_row_body() {
    for body in ["", "[]", "{}", "{\"data\":{\"series\":[]}}", "{\"series\":[]", "cpu 5"] {
        assert!(matches!(parse_rows(body.as_bytes()), Err(BodyError::Json(_))), "{body}");
    }
    assert_eq!(parse_rows(b"{\"series\":null}\n").unwrap(), []);
    assert_eq!(parse_rows(b"{\"error\":\"x\",\"series\":[null]}").unwrap(), []);
}

#[test]
fn entities_are_decoded_once() {
    let task = |details: &str| details::parse(details).and_then(|found| found.task).map(Cow::into_owned);
    let named = |name: &str| task(&format!("{{&#34;TaskName&#34;:&#34;{name}&#34;}}\n"));
    assert_eq!(named("a &lt;&gt; b &amp;amp; c &#39;&#x27;&#X27; &#43;1"), Some("a <> b &amp; c ''' +1".to_owned()));
    assert_eq!(
        named("&#233;&#xe9; &unknown; & &; &#; &#x; &#+65; &#1114112; &#55296; &#65 é"),
        Some("éé &unknown; & &; &#; &#x; &#+65; &#1114112; &#55296; &#65 é".to_owned())
    );
    assert_eq!(task("{\"TaskName\":\"plain\"}"), Some("plain".to_owned()));
    assert_eq!(task("  {\"TaskName\":\"a\",\"TaskName\":\"b\",\"Tags\":[],\"ServerInfo\":7}"), Some("b".to_owned()));
    assert_eq!(task("{\"TaskName\":null}"), None);
    assert_eq!(task("{\"Name\":\"TaskName\"}"), None);
    assert_eq!(task("<b>TaskName</b>"), None);
    assert_eq!(task("{{ .TaskName }}"), None);
    assert_eq!(task("[{\"TaskName\":\"a\"}]"), None);
}

/// Escapes as Go's `html/template` does.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '+' => escaped.push_str("&#43;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

proptest! {
    #[test]
    fn details_come_back_through_json_and_html(task in ".{0,20}", host in "[&#34;lt<>\"']{0,20}", tag in "\\PC{0,8}") {
        let json = serde_json::json!({
            "Name": "cpu", "TaskName": task, "Group": "nil", "Tags": {tag.clone(): host}, "Fields": {"v": 1.5e300},
            "ServerInfo": {"Hostname": host, "ClusterID": "c", "ServerID": "s"}, "Message": task,
        });
        let found = details::parse(&escape(&json.to_string())).unwrap();
        prop_assert_eq!(found.task, Some(task.into()));
        prop_assert_eq!(found.host, Some(host.clone().into()));
        prop_assert_eq!(found.tags, [(tag.into(), host.into())]);
    }

    #[test]
    fn changed_and_cut_bodies_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), cut in any::<prop::sample::Index>(),
    ) {
        let mut body = bodies("odd").swap_remove(0).into_bytes();
        for (place, value) in changes {
            let place = place.index(body.len());
            body[place] = value;
        }
        drop(AlertBody::parse(&body));
        prop_assert!(AlertBody::parse(&body[..cut.index(body.len() - 2)]).is_err());
        if let Ok(text) = std::str::from_utf8(&body) {
            drop(details::parse(text));
        }
    }
}
