//! Tests of record to event on constructed records. Real recordings are read in `tests/events_*.rs`.

use super::*;
use crate::event::{Cell, ColumnType, json};
use crate::kapacitor::proto;
use crate::record::{AlertNames, Edge, StreamId, Verdict};
use crate::words::{State, Transition};
use proptest::prelude::*;
use prost::Message;

fn stream(lane: Lane) -> Stream {
    Stream {
        id: StreamId(0xfeed),
        lane,
        source: "src".to_owned(),
        scope: "lab".to_owned(),
        edge: None,
        task: None,
        node: None,
        database: None,
        retention_policy: None,
        labels: Vec::new(),
        alert: None,
    }
}

fn udf() -> Stream {
    Stream {
        edge: Some(Edge::Stream),
        task: Some("task".to_owned()),
        node: Some("kaptap3".to_owned()),
        alert: Some(AlertNames::default()),
        ..stream(Lane::Udf)
    }
}

fn record(content: Content, raw: &[u8]) -> Record<'_> {
    Record { seq: 7, observed: 99, n: 3, content, note: Note::default(), raw }
}

fn pairs(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn point(time: i64, tags: &[(&str, &str)]) -> proto::Point {
    proto::Point { time, tags: pairs(tags), ..proto::Point::default() }
}

fn frame(message: proto::request::Message) -> Vec<u8> {
    proto::Request { message: Some(message) }.encode_to_vec()
}

/// Frames with length prefixes.
fn batch(begin: Option<proto::BeginBatch>, points: Vec<proto::Point>, end: Option<proto::EndBatch>) -> Vec<u8> {
    use proto::request::Message::{Begin, End, Point};
    let messages = begin.map(Begin).into_iter().chain(points.into_iter().map(Point)).chain(end.map(End));
    messages.flat_map(|message| proto::Request { message: Some(message) }.encode_length_delimited_to_vec()).collect()
}

fn begin(tags: &[(&str, &str)]) -> proto::BeginBatch {
    proto::BeginBatch { name: "cpu".to_owned(), group: "g".to_owned(), tags: pairs(tags), size: 0, by_name: false }
}

fn end(tmax: i64) -> proto::EndBatch {
    proto::EndBatch { name: "cpu".to_owned(), tmax, ..proto::EndBatch::default() }
}

fn columns<'e>(event: &'e Event<'_>) -> Vec<(&'e str, ColumnType)> {
    let series = &event.series[0];
    series.columns.iter().map(|name| &**name).zip(series.types.iter().copied()).collect()
}

/// The event, having checked that facts and event agree and that its JSON is JSON.
#[track_caller]
fn check_event<'a>(stream: &'a Stream, record: &'a Record<'a>) -> Event<'a> {
    let event = event(stream, record);
    let facts = alert_facts(stream, record.content, &record.note, record.observed, record.raw);
    assert_eq!(facts.is_some(), event.kind == Kind::Alert);
    if let (Some(facts), Some(alert)) = (facts, &event.alert) {
        assert_eq!((facts.event_id, facts.fingerprint, facts.time), (event.id, alert.fingerprint, event.time));
        assert_eq!((&facts.id, facts.level, facts.duration), (&alert.id, alert.level, alert.duration_ns));
        assert_eq!(
            Some(&facts.message).filter(|text| !text.is_empty()),
            alert.message.as_ref().filter(|text| !text.is_empty())
        );
        assert_eq!(&facts.task, event.origin.task.as_ref().map_or("", |(task, _)| task));
    }
    let mut out = Vec::new();
    json::write(&event, true, &mut out);
    serde_json::from_slice::<&serde_json::value::RawValue>(&out).unwrap();
    assert!(!out.contains(&b'\n'));
    event
}

#[test]
fn a_point_has_its_series_and_its_origin() {
    let stream = Stream {
        database: Some("option".to_owned()),
        retention_policy: Some("option".to_owned()),
        labels: [("a", "1"), ("b", "2"), ("a", "3")].map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        ..udf()
    };
    let mut sent = point(5, &[("host", "web-1"), ("dc", "eu")]);
    sent.name = "cpu".to_owned();
    sent.database = "telegraf".to_owned();
    sent.group = "host=web-1".to_owned();
    sent.dimensions = vec!["host".to_owned()];
    sent.fields_double.insert("f".to_owned(), -1.5);
    sent.fields_int.insert("i".to_owned(), i64::MAX);
    sent.fields_string.insert("a".to_owned(), "x".to_owned());
    sent.fields_bool.insert("z".to_owned(), true);
    let raw = frame(proto::request::Message::Point(sent));
    let record = record(Content::Point, &raw);
    let event = check_event(&stream, &record);
    assert_eq!((event.kind, event.time, event.seq, event.observed), (Kind::Point, 5, 7, 99));
    assert_eq!(event.origin.task, Some(("task".into(), How::Init)));
    assert_eq!(
        (event.origin.database.as_deref(), event.origin.retention_policy.as_deref()),
        (Some("telegraf"), Some("option"))
    );
    assert_eq!((event.origin.measurement.as_deref(), event.origin.group.as_deref()), (Some("cpu"), Some("host=web-1")));
    assert_eq!(event.origin.dimensions, ["host"]);
    assert_eq!(event.labels, [("a".into(), "3".into()), ("b".into(), "2".into())]);
    assert_eq!(event.series[0].tags, [("dc".into(), "eu".into()), ("host".into(), "web-1".into())]);
    assert_eq!(
        columns(&event),
        [
            ("time", ColumnType::Time),
            ("a", ColumnType::Str),
            ("f", ColumnType::Float),
            ("i", ColumnType::Int),
            ("z", ColumnType::Bool)
        ]
    );
    let row = &event.series[0].rows[0];
    assert_eq!(row[..2], [Cell::Time(5), Cell::Text("x".into())]);
    assert_eq!(row[2..], [Cell::Float(-1.5), Cell::Int(i64::MAX), Cell::Bool(true)]);
    assert_eq!((&*event.raw.media, event.raw.data), (FRAMES_MEDIA, &raw[..]));
}

#[test]
fn a_decorated_point_is_an_alert_and_keeps_what_is_on_it() {
    let stream = udf();
    let mut sent = point(5, &[("alert_id", "a b"), ("alert_level", "CRITICAL"), ("host", "x")]);
    sent.fields_string.insert("alert_message".to_owned(), "oh".to_owned());
    sent.fields_int.insert("alert_duration".to_owned(), 44);
    let raw = frame(proto::request::Message::Point(sent));
    let mut record = record(Content::Point, &raw);
    record.note.verdict = Some(Verdict {
        transition: Transition::Repeated,
        firing: true,
        started: Some(1),
        repeat: 2,
        duplicate_of: Some(4),
    });
    let event = check_event(&stream, &record);
    let alert = event.alert.as_ref().unwrap();
    assert_eq!((event.kind, event.id), (Kind::Alert, id::alert("lab", "task", "a b", 5, Level::Critical)));
    assert_eq!((&*alert.id, alert.message.as_deref(), alert.duration_ns), ("a b", Some("oh"), Some(44)));
    assert_eq!((alert.state, &*alert.severity, alert.severity_number), (State::Firing, "critical", 18));
    assert_eq!((alert.transition, alert.started, alert.repeat), (Some(Transition::Repeated), Some(1), 2));
    assert_eq!(alert.episode, Some(id::episode(id::fingerprint("lab", "task", "a b"), 1)));
    assert_eq!(event.duplicate_of, Some(4));
    assert_eq!(event.series[0].tags.len(), 3);
    assert_eq!(event.series[0].columns, ["time", "alert_duration", "alert_message"]);
}

#[test]
fn without_the_tags_or_a_known_level_a_point_is_a_point() {
    let mut plain = udf();
    plain.alert = None;
    for (stream, tags) in [
        (&plain, vec![("alert_id", "a"), ("alert_level", "OK")]),
        (&udf(), vec![("alert_id", "a")]),
        (&udf(), vec![("alert_level", "OK")]),
        (&udf(), vec![("alert_id", "a"), ("alert_level", "ok")]),
        (&udf(), vec![("alert_id", "a"), ("alert_level", "unknown")]),
    ] {
        let raw = frame(proto::request::Message::Point(point(1, &tags)));
        assert_eq!(check_event(stream, &record(Content::Point, &raw)).kind, Kind::Point, "{tags:?}");
    }
}

#[test]
fn what_is_not_understood_is_opaque() {
    let mut post = stream(Lane::Post);
    post.labels = vec![("k".to_owned(), "v".to_owned())];
    for (content, raw) in [
        (Content::Point, &b"\xff\xff"[..]),
        (Content::Batch, b""),
        (Content::Batch, b"\xff"),
        (Content::Alert, b"{\"id\":\"a\",\"lvl\":\"OK\"}"),
        (Content::Alert, b"\xff"),
        (Content::Row, b"cpu is fine\n"),
        (Content::System, b"[1]"),
        (Content::System, b"{"),
        (Content::Opaque, b"{\"level\":\"OK\"}"),
    ] {
        let mut record = record(content, raw);
        record.note.marks = vec!["odd".to_owned()];
        record.note.media = Some("text/x".to_owned());
        let event = check_event(&post, &record);
        assert_eq!((event.kind, event.time), (Kind::Opaque, 99), "{content:?} {raw:?}");
        assert_eq!(event.id, id::other(Lane::Post, 0xfeed, 3));
        assert_eq!((event.marks.len(), event.labels.len(), &*event.raw.media), (1, 1, "text/x"));
    }
}

#[test]
fn a_notice_is_carried_as_it_is() {
    let own = stream(Lane::Own);
    let raw = b" {\"what\":\"gap\",\n\"first\":1} ";
    let record = record(Content::System, raw);
    let event = check_event(&own, &record);
    assert_eq!((event.kind, event.system.as_deref()), (Kind::System, Some("{\"what\":\"gap\",\n\"first\":1}")));
}

#[test]
fn a_batch_is_a_table_over_all_its_points() {
    let stream = udf();
    let mut first = point(10, &[("host", "a"), ("path", "/"), ("v", "tag")]);
    first.fields_double.insert("v".to_owned(), 1.5);
    first.fields_int.insert("mixed".to_owned(), 3);
    first.fields_int.insert("large".to_owned(), (1 << 53) + 1);
    first.fields_int.insert("odd".to_owned(), 1);
    let mut second = point(20, &[("host", "a")]);
    second.fields_double.insert("mixed".to_owned(), 0.5);
    second.fields_double.insert("large".to_owned(), 0.5);
    second.fields_string.insert("odd".to_owned(), "x".to_owned());
    second.fields_bool.insert("b".to_owned(), false);
    let raw = batch(Some(begin(&[("host", "a")])), vec![first, second], Some(end(30)));
    let record = record(Content::Batch, &raw);
    let event = check_event(&stream, &record);
    assert_eq!((event.kind, event.time, event.series.len()), (Kind::Batch, 30, 1));
    assert_eq!((event.origin.measurement.as_deref(), event.origin.group.as_deref()), (Some("cpu"), Some("g")));
    assert_eq!(event.origin.dimensions, ["host"]);
    assert_eq!(event.series[0].tags, [("host".into(), "a".into())]);
    assert_eq!(
        columns(&event),
        [
            ("time", ColumnType::Time),
            ("b", ColumnType::Bool),
            ("large", ColumnType::Number),
            ("mixed", ColumnType::Float),
            ("odd", ColumnType::Any),
            ("v", ColumnType::Float),
            ("path", ColumnType::Str),
            ("v", ColumnType::Str)
        ]
    );
    let text = |text: &'static str| Cell::Text(text.into());
    assert_eq!(
        event.series[0].rows,
        [
            vec![
                Cell::Time(10),
                Cell::Null,
                Cell::Int((1 << 53) + 1),
                Cell::Float(3.0),
                Cell::Int(1),
                Cell::Float(1.5),
                text("/"),
                text("tag")
            ],
            vec![
                Cell::Time(20),
                Cell::Bool(false),
                Cell::Float(0.5),
                Cell::Float(0.5),
                text("x"),
                Cell::Null,
                Cell::Null,
                Cell::Null
            ]
        ]
    );
}

#[test]
fn the_time_of_a_batch_that_lacks_something() {
    let stream = udf();
    let check = |raw: &[u8], time: i64, name: Option<&str>| {
        let record = record(Content::Batch, raw);
        let event = check_event(&stream, &record);
        assert_eq!((event.kind, event.time, event.origin.measurement.as_deref()), (Kind::Batch, time, name));
    };
    check(&batch(Some(begin(&[])), vec![point(9, &[]), point(4, &[])], None), 9, Some("cpu"));
    check(&batch(None, vec![point(4, &[])], Some(end(5))), 5, Some("cpu"));
    check(&batch(None, vec![point(4, &[])], None), 4, None);
    check(&batch(Some(begin(&[])), vec![], None), 99, Some("cpu"));
    check(&batch(None, vec![], Some(end(6))), 6, Some("cpu"));
}

#[test]
fn a_batch_of_points_without_a_name_in_common_does_not_make_a_vast_table() {
    let stream = udf();
    let points: Vec<_> = (0..3000)
        .map(|index| {
            let mut point = point(index, &[]);
            point.fields_int.insert(format!("field{index:04}"), index);
            point
        })
        .collect();
    let raw = batch(Some(begin(&[])), points, Some(end(1)));
    let record = record(Content::Batch, &raw);
    let event = event(&stream, &record);
    let cells: usize = event.series.iter().flat_map(|series| &series.rows).map(Vec::len).sum();
    let rows: usize = event.series.iter().map(|series| series.rows.len()).sum();
    assert_eq!(rows, 3000);
    assert!(cells < 1_000_000, "{cells} cells");
    assert!(event.series.len() > 1 && event.series.iter().all(|series| series.name == "cpu"));
}

const DECORATED: &[(&str, &str)] = &[("alert_id", "a"), ("alert_level", "WARNING"), ("host", "x")];

#[test]
fn a_decorated_batch_is_an_alert() {
    let stream = udf();
    let points = |times: &[i64]| -> Vec<proto::Point> {
        times
            .iter()
            .map(|time| {
                let mut point = point(*time, DECORATED);
                point.fields_string.insert("alert_message".to_owned(), "m".to_owned());
                point.fields_int.insert("alert_duration".to_owned(), 4);
                point
            })
            .collect()
    };
    let check = |raw: &[u8], part: Option<(u32, Option<u32>)>, expected: Option<i64>| {
        let mut record = record(Content::Batch, raw);
        record.note.part = part;
        let event = check_event(&stream, &record);
        assert_eq!(event.alert.as_ref().map(|_| event.time), expected);
        if let Some(alert) = &event.alert {
            assert_eq!((alert.message.as_deref(), alert.duration_ns, &*alert.id), (Some("m"), Some(4), "a"));
            assert_eq!(event.series[0].columns, ["time", "alert_duration", "alert_message"]);
        }
    };
    let raw = batch(Some(begin(DECORATED)), points(&[10, 20]), Some(end(30)));
    check(&raw, None, Some(30));
    check(&raw, Some((2, Some(2))), Some(30));
    check(&batch(Some(begin(DECORATED)), points(&[10]), Some(end(30))), None, Some(10));
    check(&batch(Some(begin(DECORATED)), points(&[10]), Some(end(30))), Some((2, Some(2))), Some(30));
    check(&batch(Some(begin(DECORATED)), points(&[10, 20]), None), None, Some(20));
    check(&batch(Some(begin(DECORATED)), points(&[10, 20]), None), Some((1, None)), None);
    check(&batch(None, points(&[10]), Some(end(30))), None, None);
}

#[test]
fn what_the_request_said_of_the_task_wins_over_the_details() {
    let details = "{&#34;Name&#34;:&#34;cpu&#34;,&#34;TaskName&#34;:&#34;by details&#34;,&#34;Group&#34;:&#34;nil&#34;,&#34;Tags&#34;:{},&#34;ServerInfo&#34;:{&#34;Hostname&#34;:&#34;h&#34;,&#34;ClusterID&#34;:&#34;c&#34;,&#34;ServerID&#34;:&#34;s&#34;}}";
    let body = serde_json::json!({"id": "a", "message": "", "details": details, "level": "INFO", "time": "1970-01-01T00:00:01Z", "duration": 5, "previousLevel": "OK", "recoverable": false, "data": {"series": null}});
    let raw = body.to_string();
    let post = stream(Lane::Post);
    let mut record = record(Content::Alert, raw.as_bytes());
    let event = check_event(&post, &record);
    assert_eq!(event.origin.task, Some(("by details".into(), How::Details)));
    assert_eq!(event.origin.host, Some(("h".into(), How::Details)));
    assert_eq!(event.origin.cluster, Some(("c".into(), How::Details)));
    assert_eq!(event.origin.server, Some(("s".into(), How::Details)));
    assert_eq!((event.origin.measurement.as_deref(), event.origin.group.as_deref()), (Some("cpu"), None));
    let alert = event.alert.unwrap();
    assert_eq!((alert.details.as_deref(), alert.recoverable), (Some(details), Some(false)));
    assert_eq!((alert.transition, alert.previous_level), (None, Some(Level::Ok)));
    assert_eq!(event.time, 1_000_000_000);
    record.note.task = Some(("by header".to_owned(), How::Header));
    record.note.topic = Some(("t".to_owned(), How::Path));
    let event = check_event(&post, &record);
    assert_eq!(event.origin.task, Some(("by header".into(), How::Header)));
    assert_eq!(event.origin.topic, Some(("t".into(), How::Path)));
    assert_eq!(event.id, id::alert("lab", "by header", "a", 1_000_000_000, Level::Info));
}

#[test]
fn columns_of_a_body_are_typed_by_what_is_in_them() {
    let raw = br#"{"series":[{"name":"m","columns":["time","n","s","b","z","mix","o"],"values":[
        ["2026-01-01T00:00:00Z",9223372036854775808,"2026-01-01T00:00:00Z",true,null,1,{"a":1}],
        [null,1e400,null,null,null,"x",null]]},
        {"name":"m","columns":["time"],"values":[["0001-01-01T00:00:00Z"]]},
        {"columns":["n","time"],"values":[["2026-01-01T00:00:00Z"],[1,2,3]]}]}"#;
    let lane = stream(Lane::Row);
    let record = record(Content::Row, raw);
    let event = check_event(&lane, &record);
    assert_eq!((event.kind, event.time), (Kind::Row, 1_767_225_600_000_000_000));
    assert_eq!(event.id, id::other(Lane::Row, 0xfeed, 3));
    use ColumnType::{Any, Bool, Null, Number, Str, Time};
    assert_eq!(event.series[0].types, [Time, Number, Str, Bool, Null, Any, Any]);
    assert_eq!(event.series[0].rows[1][..2], [Cell::Null, Cell::Number("1e400")]);
    assert_eq!(event.series[1].types, [Str], "Go's zero time is not a time that can be told");
    assert_eq!(event.series[2].types, [Any, Number]);
    assert_eq!(event.marks, ["ragged_rows"]);
}

#[test]
fn the_zero_event_of_a_service_test_is_an_alert_at_the_time_it_came() {
    let raw = br#"{"id":"","message":"","details":"","time":"0001-01-01T00:00:00Z","duration":0,"level":"OK","data":{"series":null},"previousLevel":"OK","recoverable":false}"#;
    let post = stream(Lane::Post);
    let record = record(Content::Alert, raw);
    let event = check_event(&post, &record);
    assert_eq!((event.kind, event.time), (Kind::Alert, 99));
    assert_eq!(event.alert.unwrap().state, State::Resolved);
}

fn any_record() -> impl Strategy<Value = (Content, Vec<u8>)> {
    let content = (1u8..=6).prop_map(|number| Content::from_number(number).unwrap());
    let seeds = vec![
        frame(proto::request::Message::Point(point(1, DECORATED))),
        batch(Some(begin(DECORATED)), vec![point(1, DECORATED)], Some(end(2))),
        br#"{"id":"a","level":"OK","details":"{&#34;TaskName&#34;:&#34;t&#34;}","data":{"series":[{"columns":["time"],"values":[[1]]}]}}"#.to_vec(),
        br#"{"series":[{"name":"m","columns":["time","v"],"values":[["2026-01-01T00:00:00Z",1]]}]}"#.to_vec(),
    ];
    let mutated =
        (prop::sample::select(seeds), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4))
            .prop_map(|(mut bytes, changes)| {
                for (at, byte) in changes {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                bytes
            });
    (content, prop_oneof![1 => any::<Vec<u8>>(), 4 => mutated])
}

proptest! {
    #[test]
    fn any_bytes_become_an_event((content, raw) in any_record(), part in any::<Option<(u32, Option<u32>)>>()) {
        let stream = udf();
        let mut record = record(content, &raw);
        record.note.part = part;
        let event = check_event(&stream, &record);
        prop_assert_eq!(event.raw.data, &raw[..]);
    }

    #[test]
    fn the_id_of_a_point_does_not_depend_on_the_order_on_the_wire(seed in prop::collection::vec(("[a-d]{1,2}", any::<i64>()), 0..6), order in any::<u64>()) {
        // Two frames with the same entries in different order: field 7 (tags) and 9 (integers) of message 17.
        let entries: std::collections::BTreeMap<_, _> = seed.into_iter().collect();
        let encode = |entries: Vec<(&String, &i64)>| {
            let mut point = Vec::new();
            for (key, value) in entries {
                let tag = proto::Point { tags: pairs(&[(key, "v")]), ..proto::Point::default() };
                tag.encode(&mut point).unwrap();
                let field = proto::Point { fields_int: [(key.clone(), *value)].into(), ..proto::Point::default() };
                field.encode(&mut point).unwrap();
            }
            let mut frame = vec![0x8a, 1];
            prost::encode_length_delimiter(point.len(), &mut frame).unwrap();
            frame.extend(point);
            frame
        };
        let forward = encode(entries.iter().collect());
        let mut shuffled: Vec<_> = entries.iter().collect();
        let length = shuffled.len().max(1);
        shuffled.rotate_left(usize::try_from(order).unwrap_or(0) % length);
        let other = encode(shuffled);
        let stream = udf();
        prop_assert_eq!(event(&stream, &record(Content::Point, &forward)).id, event(&stream, &record(Content::Point, &other)).id);
    }
}
