//! Points and batches.

use super::*;

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
    let record_of_the_end = batch(Some(begin(DECORATED)), vec![], Some(end(30)));
    let mut last = record(Content::Batch, &record_of_the_end);
    last.note.part = Some((2, Some(2)));
    let event = check_event(&stream, &last);
    assert_eq!((event.kind, event.time), (Kind::Alert, 30), "the last part may hold no points");
    check(&raw, None, Some(30));
    check(&raw, Some((2, Some(2))), Some(30));
    check(&batch(Some(begin(DECORATED)), points(&[10]), Some(end(30))), None, Some(10));
    check(&batch(Some(begin(DECORATED)), points(&[10]), Some(end(30))), Some((2, Some(2))), Some(30));
    check(&batch(Some(begin(DECORATED)), points(&[10, 20]), None), None, Some(20));
    check(&batch(Some(begin(DECORATED)), points(&[10, 20]), None), Some((1, None)), None);
    check(&batch(None, points(&[10]), Some(end(30))), None, None);
}
