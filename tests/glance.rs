//! What is found of an alert at arrival, by a look at its body, against what its whole interpretation says: on
//! recordings, on bodies made up and on recordings with bytes changed.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use kaptap::interpret::{alert_facts, event};
use kaptap::kapacitor::alert::AlertBody;
use kaptap::kapacitor::details::{self, Details};
use kaptap::kapacitor::glance;
use kaptap::record::{Content, Note, Record, Stream, StreamId};
use kaptap::words::{Lane, Level};
use proptest::prelude::*;
use proptest::sample::select;

/// Whether a look was enough. What it found is what the whole body says, and so is what is found for the fold.
fn check_glance(body: &[u8]) -> bool {
    let whole = AlertBody::parse(body).ok().map(|whole| AlertBody { series: Vec::new(), ..whole });
    let seen = glance::alert(body);
    if let Some(seen) = &seen {
        assert_eq!(Some(seen), whole.as_ref(), "{}", String::from_utf8_lossy(body));
        let text = seen.details.text();
        assert_eq!((seen.details.len(), seen.details.is_empty()), (text.len(), text.is_empty()));
        assert_eq!(seen.details.task(), Details::from(&*text).task());
    }
    if let Some(whole) = &whole {
        check_task(&whole.details.text());
    }
    check_facts(body);
    seen.is_some()
}

fn check_task(text: &str) {
    let whole = details::parse(text).and_then(|provenance| provenance.task);
    assert_eq!(Details::from(text).task(), whole, "{text}");
    // And as they stand in a body.
    for escape in [|text: String| text, |text: String| text.replace('&', r"\u0026").replace('>', r"\u003e")] {
        let body = format!(r#"{{"level":"OK","details":{}}}"#, escape(serde_json::to_string(text).unwrap()));
        let Some(seen) = glance::alert(body.as_bytes()) else { panic!("{body}") };
        assert_eq!((seen.details.task(), &*seen.details.text()), (whole.clone(), text), "{body}");
        let mut kept = Details::from("something longer than it has to be".repeat(9));
        kept.replace(&seen.details);
        assert_eq!((kept.task(), kept), (whole.clone(), seen.details), "{body}");
    }
}

/// The facts for the fold against the event that readers get.
fn check_facts(raw: &[u8]) {
    for lane in [Lane::Post, Lane::Own] {
        let stream = Stream::new(StreamId(7), lane, "bench", "lab");
        let record = Record { seq: 1, observed: 99, n: 1, content: Content::Alert, note: Note::default(), raw };
        let event = event(&stream, &record);
        let facts = alert_facts(&stream, Content::Alert, &record.note, 99, raw);
        let (Some(facts), Some(alert)) = (&facts, &event.alert) else {
            assert!(facts.is_none() && event.alert.is_none(), "{}", String::from_utf8_lossy(raw));
            continue;
        };
        assert_eq!((facts.event_id, facts.fingerprint, facts.time), (event.id, alert.fingerprint, event.time));
        assert_eq!(facts.task, event.origin.task.as_ref().map(|(task, _)| &**task).unwrap_or_default());
        assert_eq!((&facts.id, Some(&facts.message)), (&alert.id, alert.message.as_ref()));
        assert_eq!(Some(facts.details.text()), alert.details);
        assert_eq!((facts.previous_level, facts.duration), (alert.previous_level, alert.duration_ns));
        assert_eq!(facts.level, if facts.expired { Level::Ok } else { alert.level });
    }
}

fn recorded() -> Vec<String> {
    let folder = format!("{}/tests/recordings/alerts", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| !path.ends_with("rows-cpu.jsonl"));
    let lines = files.flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    let body = |line: String| {
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        json.get("body").map_or(line, |body| body.as_str().unwrap().to_owned())
    };
    lines.map(body).collect()
}

#[test]
fn a_look_is_enough_for_everything_that_kapacitor_sent() {
    let bodies = recorded();
    // Templates of an author's own are among them.
    let (alerts, others): (Vec<_>, Vec<_>) = bodies.iter().partition(|body| AlertBody::parse(body.as_bytes()).is_ok());
    assert!((alerts.len(), others.len()) > (900, 20), "{} {}", alerts.len(), others.len());
    for body in alerts {
        // Numbers near the end of what a float holds are for `serde_json` to judge.
        assert!(check_glance(body.as_bytes()) != body.contains("e+308"), "{body}");
    }
    assert!(!others.iter().any(|body| check_glance(body.as_bytes())));
    assert!(bodies.iter().filter_map(|body| glance::alert(body.as_bytes())?.details.task()).count() > 400);
}

#[test]
fn what_is_unusual_is_read_whole_and_what_is_no_alert_is_none() {
    for (body, looked) in [
        (r#"{"id":"a","level":"OK"}"#, true),
        (r#" { "level" : "CRITICAL" , "id" : "x" } "#, true),
        (r#"{"level":"OK","level":"WARNING"}"#, true),
        (r#"{"level":"OK","id":"a","id":7}"#, true),
        (r#"{"level":"OK","level":7}"#, false),
        (r#"{"level":"OK"} x"#, false),
        (r#"{"level":"OK",}"#, false),
        (r#"{"level":"OK","id":"\ud83d\ude00"}"#, false),
        (r#"{"level":"OK","id":"\ud83d"}"#, false),
        (r#"{"level":"OK","\u0069d":"a"}"#, false),
        (r#"{"level":"OK","duration":1e5}"#, true),
        (r#"{"level":"OK","duration":1e400}"#, false),
        (r#"{"level":"OK","duration":-0}"#, true),
        (r#"{"level":"OK","duration":-12,"expired":true}"#, true),
        (r#"{"level":"OK","duration":999999999999999999}"#, true),
        (r#"{"level":"OK","duration":9223372036854775807}"#, false),
        (r#"{"level":"OK","duration":"1m30s"}"#, true),
        (r#"{"level":"OK","duration":01}"#, false),
        (r#"{"level":"OK","x":{"a":[1,{"b":[]},{}],"c":null}}"#, true),
        (r#"{"level":"OK","x":[1,]}"#, false),
        (r#"{"level":"OK","x":{"a":1]}"#, false),
        (r#"{"id":"a","state":{"level":"OK"}}"#, false),
        ("{\"level\":\"OK\",\"id\":\"a\tb\"}", false),
        (r#"["level"]"#, false),
        ("", false),
    ] {
        assert_eq!(check_glance(body.as_bytes()), looked, "{body}");
    }
    assert!(!check_glance(b"{\"level\":\"OK\",\"id\":\"\xff\"}"));
    let deep = |depth: usize| format!("{{\"level\":\"OK\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(check_glance(deep(32).as_bytes()) && !check_glance(deep(33).as_bytes()));
    assert!(!check_glance(deep(200).as_bytes()));
}

#[test]
fn default_details_name_their_task_where_they_begin() {
    for (rest, task) in [
        (r#"x","TaskName":"cpu é","Group":"nil"}"#, Some("cpu é")),
        (r#"x","TaskName":"a","Tags":{"TaskName":"b"}}"#, Some("a")),
        (r#"","TaskName":"","Group":""}"#, Some("")),
        // Whatever follows.
        (r#"x","TaskName":"a","TaskName":"b"}"#, Some("a")),
        (r#"x","TaskName":"a","Group"#, Some("a")),
        // What begins otherwise is read to its end.
        (r#"a&amp;b","TaskName":"a","TaskName":"b&amp;c"}"#, Some("b&c")),
        (r#"x","TaskName":"a\u0062"}"#, Some("ab")),
        (r#"x", "TaskName":"a","Group"#, None),
        (r#"x","TaskName":"a\","#, None),
        (r#"x","TaskName":7,"Group":"nil"}"#, None),
        (r#"x","TaskName":"a"#, None),
    ] {
        let details = format!(r#"{{"Name":"{rest}"#).replace('"', "&#34;");
        check_task(&details);
        assert_eq!(Details::from(&*details).task().as_deref(), task, "{details}");
    }
    // Escapes of JSON do not count in a text.
    let escaped =
        r"{\u0026#34;Name\u0026#34;:\u0026#34;x\u0026#34;,\u0026#34;TaskName\u0026#34;:\u0026#34;a\u0026#34;,";
    assert_eq!(Details::from(escaped).task(), None);
}

/// A string literal, mostly of words that count.
fn literal() -> impl Strategy<Value = String> {
    let words = ["OK", "INFO", "CRITICAL", "2026-11-22T13:23:47.870817044Z", "1m30s", "a", "", "TaskName", "Ä€😀"];
    let parts = [
        r"\n",
        r"\u0026#34;",
        r"\u0026",
        "&#34;",
        "&amp;",
        r"\/",
        r"\ud800",
        r"\ud83d\ude00",
        r"\u00e4",
        r"\x",
        "\u{1}",
        r"\u12",
        "{",
        "}",
        r#"\""#,
        "plain",
        r"\\",
        "&#x1F600;",
        "&nope;",
    ];
    let mixed = prop::collection::vec(select(parts.to_vec()), 0..5).prop_map(|parts| parts.concat());
    prop_oneof![4 => select(words.to_vec()).prop_map(str::to_owned), 2 => mixed].prop_map(|text| format!("\"{text}\""))
}

fn value() -> impl Strategy<Value = String> {
    let numbers = [
        "0",
        "-0",
        "-1",
        "90000000000",
        "1.5",
        "1e5",
        "1e300",
        "-1E+5",
        "1e999",
        "01",
        "1.",
        "-",
        "9223372036854775808",
    ];
    let leaf = prop_oneof![
        4 => literal(),
        2 => select(numbers.to_vec()).prop_map(str::to_owned),
        1 => select(vec!["true", "false", "null", "nul", "True"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(",")));
        let object = prop::collection::vec((literal(), inner), 0..4).prop_map(|members| object(&members));
        prop_oneof![list, object]
    })
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Details as Kapacitor writes them, of whatever is in them.
fn details() -> impl Strategy<Value = String> {
    let keys = ["\"TaskName\"", "\"Name\"", "\"Tags\"", "\"ServerInfo\"", "\"Group\"", "\"x\""];
    let member = (select(keys.to_vec()).prop_map(str::to_owned), value());
    prop::collection::vec(member, 0..6).prop_map(|members| object(&members).replace('"', "&#34;"))
}

fn body() -> impl Strategy<Value = String> {
    let keys = [
        "id",
        "message",
        "details",
        "time",
        "duration",
        "level",
        "level",
        "previousLevel",
        "recoverable",
        "expired",
        "data",
        "state",
        "other",
        r"\u0069d",
    ];
    let key = select(keys.to_vec()).prop_map(|key| format!("\"{key}\""));
    let default = details().prop_map(|text| serde_json::to_string(&text).unwrap().replace('&', r"\u0026"));
    let data = value().prop_map(|value| format!("{{\"series\":[{{\"name\":{value},\"tags\":{{\"a\":{value}}}}}]}}"));
    let member = prop_oneof![
        6 => (key, value()),
        2 => default.prop_map(|text| ("\"details\"".to_owned(), text)),
        2 => data.prop_map(|data| ("\"data\"".to_owned(), data)),
        3 => Just(("\"level\"".to_owned(), "\"OK\"".to_owned())),
    ];
    let members = prop::collection::vec(member, 0..8);
    (members, select(vec!["", " ", "\n", "x", "{}"])).prop_map(|(members, tail)| object(&members) + tail)
}

/// A change to some bytes.
fn changed() -> impl Strategy<Value = Vec<u8>> {
    let bytes = *b"\"\\{}[],:0u&\n\xff ";
    let change = (any::<prop::sample::Index>(), 0..3_u8, select(bytes.to_vec()));
    (select(recorded()), prop::collection::vec(change, 1..4)).prop_map(|(body, changes)| {
        let mut bytes = body.into_bytes();
        for (index, how, byte) in changes {
            let at = index.index(bytes.len());
            match how {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, byte),
                _ => bytes.splice(at..=at, [byte]).for_each(drop),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn a_look_finds_what_made_up_bodies_say(body in body()) {
        check_glance(body.as_bytes());
    }

    #[test]
    fn a_look_finds_what_details_say(details in details()) {
        check_task(&details);
    }

    #[test]
    fn a_look_finds_what_changed_recordings_say(body in changed()) {
        check_glance(&body);
    }
}
