//! What passes a filter is the same before an event is made and after it.

use super::*;
use crate::filter::Filter;

/// One filter for each way to ask, true and false of what the records below hold.
const FILTERS: &[&str] = &[
    r#"kind == "point""#,
    r#"kind == "alert""#,
    r#"kind in ["batch", "opaque"]"#,
    r#"kind != "point" || tags.host == "a""#,
    r#"id.startsWith("0") || id.startsWith("a")"#,
    r#"origin.task == "task""#,
    r#"origin.task == "noted""#,
    r#"origin.task != "task""#,
    r#"!(origin.task == "task")"#,
    r#"origin.topic == "told""#,
    r#"origin.lane == "udf" && origin.source == "src""#,
    r#"origin.node == "kaptap3""#,
    r#"origin.stream == "000000000000feed""#,
    r#"origin.database == "d" && origin.retention_policy == "r""#,
    r#"origin.measurement == "m" || origin.group == "g""#,
    r#""host" in origin.dimensions && size(origin.dimensions) < 3"#,
    r#"origin.host == "x""#,
    "seq == 7 && origin.n == 3",
    "time < observed",
    "part > 0 || duplicate_of == 2",
    r#"tags.host == "a""#,
    r#"tags.host != "a""#,
    "has(tags.host) && size(tags) == 1",
    r#""host" in tags"#,
    "fields.f < 1.5",
    "fields.i >= 2 || fields.i == 2.5",
    r#"fields.s.contains("x")"#,
    "fields.b",
    "has(fields.time)",
    "fields.time == 1",
    "size(fields) > 2",
    r#"labels.site == "here""#,
    r#"labels.site == "there" && size(labels) == 2"#,
    "has(labels.extra)",
    r#""odd" in marks"#,
    "size(marks) == 0",
    r#"alert.level == "CRITICAL""#,
    "alert.severity_number > 12",
    r#"has(alert.id) && alert.id != "x""#,
    "!has(alert.id)",
    "size(alert.message) > 1",
];

fn points() -> impl Strategy<Value = Vec<u8>> {
    let names = || proptest::sample::select(vec!["host", "alert_id", "alert_level", "time", "f"]);
    let values = || proptest::sample::select(vec!["a", "b", "CRITICAL", "OK", "x"]);
    let tags = proptest::collection::btree_map(names(), values(), 0..4);
    let some = || proptest::sample::select(vec!["", "d", "r", "m", "g"]);
    let field = || proptest::sample::select(vec!["f", "i", "s", "b", "time"]);
    let floats = proptest::collection::btree_map(field(), -2.0..4.0, 0..3);
    let ints = proptest::collection::btree_map(field(), 0_i64..4, 0..3);
    let texts = proptest::collection::btree_map(field(), values(), 0..3);
    let bools = proptest::collection::btree_map(field(), any::<bool>(), 0..2);
    let parts = (-5_i64..200, tags, some(), some(), some(), some());
    (parts, (floats, ints, texts, bools)).prop_map(
        |((time, tags, name, database, retention_policy, group), (floats, ints, texts, bools))| {
            let text = |pairs: std::collections::BTreeMap<&str, &str>| {
                pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
            };
            let point = proto::Point {
                time,
                name: name.to_owned(),
                database: database.to_owned(),
                retention_policy: retention_policy.to_owned(),
                group: group.to_owned(),
                dimensions: vec!["host".to_owned()],
                by_name: false,
                tags: text(tags),
                fields_double: floats.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
                fields_int: ints.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
                fields_string: text(texts),
                fields_bool: bools.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            };
            frame(proto::request::Message::Point(point))
        },
    )
}

fn records() -> impl Strategy<Value = (Content, Vec<u8>)> {
    let alert = r#"{"id":"x","message":"long","details":"","time":"2026-11-22T00:00:00Z","duration":0,"level":"CRITICAL",
        "data":{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","f"],"values":[["2026-11-22T00:00:00Z",1]]}]}}"#;
    let rows =
        r#"{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","f"],"values":[["2026-11-22T00:00:00Z",1]]}]}"#;
    let whole = batch(Some(begin(&[("host", "a")])), vec![point(1, &[("host", "a")])], Some(end(5)));
    prop_oneof![
        12 => points().prop_map(|raw| (Content::Point, raw)),
        1 => Just((Content::Point, b"\x0a\xffno frame".to_vec())),
        2 => Just((Content::Batch, whole)),
        2 => Just((Content::Alert, alert.as_bytes().to_vec())),
        1 => Just((Content::Alert, b"no alert".to_vec())),
        1 => Just((Content::Row, rows.as_bytes().to_vec())),
        1 => Just((Content::System, br#"{"what":"started"}"#.to_vec())),
        1 => Just((Content::Opaque, b"anything".to_vec())),
    ]
}

fn notes() -> impl Strategy<Value = Note> {
    let verdict =
        Verdict { transition: Transition::Opened, started: Some(1), firing: true, repeat: 0, duplicate_of: Some(2) };
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(move |(task, topic, mark, judged)| Note {
        task: task.then(|| ("noted".to_owned(), How::Header)),
        topic: topic.then(|| ("told".to_owned(), How::Header)),
        marks: if mark { vec!["odd".to_owned()] } else { Vec::new() },
        verdict: judged.then_some(verdict),
        ..Note::default()
    })
}

fn streams() -> impl Strategy<Value = Stream> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(alert, labels, named)| Stream {
        alert: alert.then(AlertNames::default),
        labels: if labels { vec![("site".to_owned(), "here".to_owned())] } else { Vec::new() },
        task: named.then(|| "task".to_owned()),
        database: named.then(|| "d".to_owned()),
        ..udf()
    })
}

proptest! {
    #[test]
    fn a_filter_says_the_same_before_the_event_is_made(
        stream in streams(),
        (content, raw) in records(),
        note in notes(),
        labelled in any::<bool>(),
    ) {
        let record = Record { note, ..record(content, &raw) };
        let labels =
            if labelled { vec![("site".to_owned(), "there".to_owned()), ("extra".to_owned(), "1".to_owned())] } else { Vec::new() };
        let mut whole = event(&stream, &record);
        whole.add_labels(&labels);
        prop_assert!(kinds(&stream, content).contains(&whole.kind));
        for expression in FILTERS {
            let filter = Filter::compile(expression).unwrap();
            let passes = filter.matches(&whole);
            let found = passing(&stream, &record, std::iter::once(&filter), &labels).map(|mut event| {
                identify(&stream, &mut event);
                event
            });
            prop_assert_eq!(found.as_ref(), passes.then_some(&whole), "{}", expression);
            prop_assert!(!(passes && rules_out(&filter, &stream, &record)), "{} is ruled out and passes", expression);
        }
    }
}

#[test]
fn plain_points_are_ruled_out_by_what_their_stream_says() {
    let raw = frame(proto::request::Message::Point(point(1, &[("host", "a")])));
    let plain = Stream { alert: None, ..udf() };
    let record = record(Content::Point, &raw);
    for (expression, of_plain, of_alerts) in [
        (r#"kind == "alert""#, true, false),
        (r#"alert.level == "CRITICAL""#, true, false),
        (r#"origin.task == "other""#, true, true),
        (r#"origin.task == "task""#, false, false),
        (r#"tags.host == "b""#, false, false),
    ] {
        let filter = Filter::compile(expression).unwrap();
        assert_eq!(rules_out(&filter, &plain, &record), of_plain, "{expression}");
        assert_eq!(rules_out(&filter, &udf(), &record), of_alerts, "{expression}");
    }
}
