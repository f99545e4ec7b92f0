//! What the tests of events share: recordings, records of them, and an independent reading of bodies.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::missing_panics_doc, clippy::must_use_candidate, unreachable_pub, reason = "a test module")]

use kaptap::kapacitor::proto;
use kaptap::record::{AlertNames, Content, Edge, Note, Record, Stream, StreamId};
use kaptap::words::{How, Lane};
use prost::Message;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// When the records of a test were observed.
pub const OBSERVED: i64 = 1_795_354_000_123_456_789;

/// A recorded file.
pub fn recording(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One recorded body and the headers it came with.
pub struct Post {
    pub body: String,
    pub headers: BTreeMap<String, String>,
}

impl Post {
    /// What intake notes of the headers.
    pub fn note(&self) -> Note {
        let header = |name: &str| self.headers.get(name).cloned();
        Note {
            task: header("X-Kapacitor-Task").map(|task| (task, How::Header)),
            topic: header("X-Kapacitor-Topic").map(|topic| (topic, How::Header)),
            media: header("Content-Type"),
            ..Note::default()
        }
    }
}

/// The bodies of a file in `alerts/`: of requests, of TCP documents, or the lines themselves.
pub fn posts(name: &str) -> Vec<Post> {
    let text = String::from_utf8(recording(&format!("alerts/{name}.jsonl"))).unwrap();
    let post = |line: &str| {
        let object: Map<String, Value> = serde_json::from_str(line).unwrap();
        let body = object.get("body").map_or(line, |body| body.as_str().unwrap()).to_owned();
        let headers = object
            .get("headers")
            .map(|headers| serde_json::from_value::<Vec<(String, String)>>(headers.clone()).unwrap());
        Post { body, headers: headers.unwrap_or_default().into_iter().collect() }
    };
    text.lines().map(post).collect()
}

/// A stream of a lane, with a task as Init names it on the UDF lane.
pub fn stream(lane: Lane, edge: Option<Edge>, task: Option<&str>) -> Stream {
    Stream {
        id: StreamId(1),
        lane,
        source: "lab".to_owned(),
        scope: "default".to_owned(),
        edge,
        task: task.map(ToOwned::to_owned),
        node: task.map(|_| "kaptap3".to_owned()),
        database: None,
        retention_policy: None,
        labels: Vec::new(),
        alert: None,
    }
}

/// The same with `.alert(TRUE)`.
pub fn alert_stream(edge: Edge, task: &str) -> Stream {
    Stream { alert: Some(AlertNames::default()), ..stream(Lane::Udf, Some(edge), Some(task)) }
}

/// A record as it comes back from the journal: encoded and decoded.
pub fn stored(content: Content, n: u64, note: &Note, raw: &[u8]) -> Vec<u8> {
    let mut payload = kaptap::record::single_header(content, n, note);
    payload.extend_from_slice(raw);
    payload
}

/// The one record of a payload.
pub fn only(payload: &[u8]) -> Record<'_> {
    let mut records = kaptap::record::records(payload, 1, 1, OBSERVED).unwrap();
    records.next().unwrap().unwrap()
}

/// The event as JSON, read back with every number still as text.
pub fn json(event: &kaptap::event::Event<'_>) -> String {
    let mut out = Vec::new();
    kaptap::event::json::write(event, false, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains('\n'), "{text}");
    text
}

/// The frames Kapacitor sent on a recorded UDF connection, each with and without its length prefix.
pub fn frames(name: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let bytes = recording(&format!("udf/{name}.request.bin"));
    let mut rest = &bytes[..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let before = rest;
        let length = prost::decode_length_delimiter(&mut rest).unwrap();
        let (frame, after) = rest.split_at(length);
        let prefixed = &before[..before.len() - after.len()];
        frames.push((prefixed.to_vec(), frame.to_vec()));
        rest = after;
    }
    frames
}

/// The message of a frame, by the generated decoder.
pub fn message(frame: &[u8]) -> proto::request::Message {
    proto::Request::decode(frame).unwrap().message.unwrap()
}

/// One batch of a recording.
pub struct Batch {
    pub frames: Vec<u8>,
    pub begin: proto::BeginBatch,
    pub points: Vec<proto::Point>,
    pub end: proto::EndBatch,
}

/// The whole batches of a recording.
pub fn batches(name: &str) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut open: Option<Batch> = None;
    for (prefixed, frame) in frames(name) {
        match (message(&frame), open.as_mut()) {
            (proto::request::Message::Begin(begin), _) => {
                open = Some(Batch { frames: prefixed, begin, points: Vec::new(), end: proto::EndBatch::default() });
            }
            (proto::request::Message::Point(point), Some(batch)) => {
                batch.frames.extend(prefixed);
                batch.points.push(point);
            }
            (proto::request::Message::End(end), Some(batch)) => {
                batch.frames.extend(prefixed);
                batch.end = end;
                batches.extend(open.take());
            }
            _ => {}
        }
    }
    batches
}

/// The points of a stream recording.
pub fn points(name: &str) -> Vec<(Vec<u8>, proto::Point)> {
    let point = |(_, frame): (Vec<u8>, Vec<u8>)| match message(&frame) {
        proto::request::Message::Point(point) => Some((frame, point)),
        _ => None,
    };
    frames(name).into_iter().filter_map(point).collect()
}

/// A series of a body or an event with every value as its JSON text.
#[derive(serde::Deserialize)]
pub struct RawSeries<'a> {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub columns: Vec<String>,
    #[serde(default)]
    pub types: Vec<String>,
    #[serde(borrow, default, alias = "values")]
    pub rows: Vec<Vec<&'a RawValue>>,
}

/// The default details, read without any of kaptap's code: `None` when they are of the author's own.
pub fn default_details(details: &str) -> Option<Map<String, Value>> {
    let mut text = details.to_owned();
    for (entity, character) in
        [("&#34;", "\""), ("&#39;", "'"), ("&#43;", "+"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    let object: Map<String, Value> = serde_json::from_str(&text).ok()?;
    object.contains_key("TaskName").then_some(object)
}

/// Nanoseconds since 1970 by another calendar.
pub fn nanoseconds(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}
