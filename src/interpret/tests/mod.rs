//! Tests of record to event on constructed records. Real recordings are read in `tests/events_*.rs`.

use super::*;
use crate::event::{Cell, ColumnType, json};
use crate::kapacitor::proto;
use crate::record::{AlertNames, Edge, StreamId, Verdict};
use crate::words::{State, Transition};
use proptest::prelude::*;

mod bodies;
mod frames;
mod passing;
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

const DECORATED: &[(&str, &str)] = &[("alert_id", "a"), ("alert_level", "WARNING"), ("host", "x")];

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
