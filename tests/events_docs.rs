//! What `docs/event.md` and `docs/event.schema.json` say is what the program does: examples, test vectors, keys.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: a panic is a failure")]

mod events_support;

use events_support::{alert_stream, batches, only, points, posts, stored, stream};
use kaptap::event::id::{self, BatchParts, EventId, FieldPart, PointParts, PointsHash};
use kaptap::event::{Event, Text, json};
use kaptap::interpret::event;
use kaptap::record::{Content, Edge, Note, Stream, Verdict};
use kaptap::words::{Kind, Lane, Level, Transition};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

fn document(name: &str) -> String {
    std::fs::read_to_string(format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The fenced blocks of a document that open with this word: the rest of the opening line, and the text.
fn blocks(document: &str, word: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(title) = line.strip_prefix("```").and_then(|rest| rest.strip_prefix(word)) else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push((title.trim().to_owned(), text.join("\n")));
    }
    blocks
}

/// Reads a test vector: one JSON object with the kind, the parts by name and the id.
struct Vector(Map<String, Value>);

impl Vector {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    fn number(&self, name: &str) -> i64 {
        self.0[name].as_i64().unwrap()
    }

    fn tags(of: &Value) -> Vec<(Text<'static>, Text<'static>)> {
        let tags = of.as_object().unwrap().iter();
        tags.map(|(key, value)| (key.clone().into(), value.as_str().unwrap().to_owned().into())).collect()
    }

    fn fields(of: &Value) -> Vec<(&str, FieldPart<'_>)> {
        let part = |value: &Value| {
            let (kind, value) = (value[0].as_str().unwrap().to_owned(), value[1].clone());
            match kind.as_str() {
                "i" => FieldPart::Int(value.as_i64().unwrap()),
                "f" => FieldPart::Float(value.as_f64().unwrap()),
                "b" => FieldPart::Bool(value.as_bool().unwrap()),
                _ => FieldPart::Text(""),
            }
        };
        let fields = of.as_object().unwrap().iter();
        fields
            .map(|(key, value)| match value[1].as_str() {
                Some(text) => (key.as_str(), FieldPart::Text(text)),
                None => (key.as_str(), part(value)),
            })
            .collect()
    }

    fn computed(&self) -> EventId {
        match self.text("of") {
            "alert" => id::alert(
                self.text("scope"),
                self.text("task"),
                self.text("alert_id"),
                self.number("time"),
                Level::parse(self.text("level")).unwrap(),
            ),
            "fingerprint" => id::fingerprint(self.text("scope"), self.text("task"), self.text("alert_id")),
            "episode" => id::episode(EventId::parse(self.text("fingerprint")).unwrap(), self.number("started")),
            "other" => id::other(
                Lane::parse(self.text("lane")).unwrap(),
                u64::from_str_radix(self.text("stream"), 16).unwrap(),
                self.0["n"].as_u64().unwrap(),
            ),
            "point" => {
                let tags = Self::tags(&self.0["tags"]);
                let parts = PointParts {
                    scope: self.text("scope"),
                    database: self.text("database"),
                    retention_policy: self.text("retention_policy"),
                    name: self.text("name"),
                    tags: &tags,
                    time: self.number("time"),
                };
                id::point(&parts, Self::fields(&self.0["fields"]).into_iter())
            }
            "batch" => {
                let mut points = PointsHash::new();
                for point in self.0["points"].as_array().unwrap() {
                    let fields = Self::fields(&point["fields"]).into_iter();
                    points.add(point["time"].as_i64().unwrap(), &Self::tags(&point["tags"]), fields);
                }
                let parts = BatchParts {
                    scope: self.text("scope"),
                    task: self.text("task"),
                    node: self.text("node"),
                    name: self.text("name"),
                    group: self.text("group"),
                    tmax: self.number("tmax"),
                    part: self.0.get("part").map(|part| u32::try_from(part.as_u64().unwrap()).unwrap()),
                };
                id::batch(&parts, &points)
            }
            other => panic!("a vector of {other}"),
        }
    }
}

#[test]
fn test_vectors() {
    let mut kinds = BTreeSet::new();
    for (_, text) in blocks(&document("event.md"), "vectors") {
        for line in text.lines() {
            let vector = Vector(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
            assert_eq!(vector.computed().to_string(), vector.text("id"), "{line}");
            kinds.insert(vector.text("of").to_owned());
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>().join(" "), "alert batch episode fingerprint other point");
}

/// Calls `look` with each example of the document and whether it shows the raw bytes.
fn examples(mut look: impl FnMut(&str, &Event<'_>, bool)) {
    let named = |source: &str, stream: Stream| Stream { source: source.to_owned(), ..stream };
    let mut show = |name: &str, stream: &Stream, content: Content, note: &Note, raw: &[u8], seq: u64| {
        let payload = stored(content, seq, note, raw);
        let mut record = only(&payload);
        record.seq = seq;
        look(name, &event(stream, &record), name == "opaque");
    };
    let verdict = |transition, started, duplicate_of| {
        Some(Verdict { transition, firing: true, started: Some(started), repeat: 0, duplicate_of })
    };
    let mut udf = named("stream", alert_stream(Edge::Stream, "alert_lane"));
    udf.labels = vec![("env".to_owned(), "prod".to_owned())];
    let (frame, point) = points("stream-alert").swap_remove(0);
    let note = Note { verdict: verdict(Transition::Opened, point.time, None), ..Note::default() };
    show("alert", &udf, Content::Point, &note, &frame, 41);

    let post = &posts("alert_lane")[0];
    let note = Note { verdict: verdict(Transition::Opened, point.time, Some(41)), ..post.note() };
    let posts_of = |source| named(source, stream(Lane::Post, None, None));
    show("posted alert", &posts_of("alert_lane"), Content::Alert, &note, post.body.as_bytes(), 42);

    let (frame, _) = points("stream-a").swap_remove(0);
    let points = named("stream", stream(Lane::Udf, Some(Edge::Stream), Some("stream_all")));
    show("point", &points, Content::Point, &Note::default(), &frame, 43);

    let mut queries = named("batch", stream(Lane::Udf, Some(Edge::Batch), Some("batch_all")));
    queries.database = Some("telegraf".to_owned());
    queries.retention_policy = Some("autogen".to_owned());
    show("batch", &queries, Content::Batch, &Note::default(), &batches("batch-a")[0].frames, 44);

    let post = &posts("rows-cpu")[0];
    show("row", &named("cpu", stream(Lane::Row, None, None)), Content::Row, &post.note(), post.body.as_bytes(), 45);

    let notice = br#"{"what":"gap","stream":"00000000000000a1","first_n":1203,"last_n":1290,"message":"88 points were not kept: the disk is full"}"#;
    show("system", &named("kaptap", stream(Lane::Own, None, None)), Content::System, &Note::default(), notice, 46);

    let post = &posts("templated")[0];
    show("opaque", &posts_of("templated"), Content::Alert, &post.note(), post.body.as_bytes(), 47);
}

fn value(event: &Event<'_>, with_raw: bool) -> Value {
    let mut out = Vec::new();
    json::write(event, with_raw, &mut out);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn the_examples_are_real() {
    let documented = blocks(&document("event.md"), "json");
    let (mut kinds, mut count) = (BTreeSet::new(), 0);
    examples(|name, event, with_raw| {
        let (_, text) =
            documented.iter().find(|(title, _)| title == name).unwrap_or_else(|| panic!("no example {name}"));
        let shown: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut written = Vec::new();
        json::write(event, with_raw, &mut written);
        assert_eq!(shown, value(event, with_raw), "{name}\n{}\n", String::from_utf8_lossy(&written));
        kinds.insert(event.kind);
        count += 1;
    });
    assert_eq!(kinds, Kind::ALL.iter().copied().collect());
    assert_eq!(documented.len(), count, "every example is checked");
}

/// Goes along an event and the schema at once, and collects the keys that the schema does not know.
fn unknown_keys(path: &str, value: &Value, schema: &Value, unknown: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) if schema.get("properties").is_some() => {
            for (key, value) in object {
                let path = format!("{path}.{key}");
                match schema["properties"].get(key) {
                    Some(schema) => unknown_keys(&path, value, schema, unknown),
                    None => drop(unknown.insert(path)),
                }
            }
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(object.contains_key(required.as_str().unwrap()), "{path} lacks {required}");
            }
        }
        Value::Array(items) => items.iter().for_each(|item| unknown_keys(path, item, &schema["items"], unknown)),
        Value::String(text) => {
            if let Some(words) = schema["enum"].as_array() {
                assert!(words.iter().any(|word| word == text), "{path}: {text}");
            }
        }
        _ => {}
    }
}

#[test]
fn the_schema_and_the_table_know_every_key() {
    let schema: Value = serde_json::from_str(&document("event.schema.json")).unwrap();
    let text = document("event.md");
    let mut unknown = BTreeSet::new();
    examples(|_, event, with_raw| unknown_keys("", &value(event, with_raw), &schema, &mut unknown));
    for (n, post) in (1..).zip(&posts("odd")) {
        let payload = stored(Content::Alert, n, &post.note(), post.body.as_bytes());
        let stream = stream(Lane::Post, None, None);
        unknown_keys("", &value(&event(&stream, &only(&payload)), true), &schema, &mut unknown);
    }
    assert_eq!(unknown, BTreeSet::new());
    for group in [
        &schema["properties"],
        &schema["properties"]["origin"]["properties"],
        &schema["properties"]["alert"]["properties"],
    ] {
        for key in group.as_object().unwrap().keys() {
            assert!(text.contains(&format!("`{key}`")), "docs/event.md does not mention `{key}`");
        }
    }
    for words in [
        Transition::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>(),
        Lane::ALL.iter().map(|word| word.as_str()).collect(),
    ] {
        for word in words {
            assert!(text.contains(&format!("`{word}`")), "docs/event.md does not mention `{word}`");
            assert!(document("event.schema.json").contains(&format!("\"{word}\"")), "the schema does not know {word}");
        }
    }
}
