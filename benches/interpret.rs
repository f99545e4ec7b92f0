//! Record to event to JSON, and the alert state fold.
//!
//! `cargo bench --bench interpret`

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use divan::{Bencher, black_box, counter::ItemsCount};
use kaptap::event::{id, json};
use kaptap::interpret::fold::{Bounds, Fold};
use kaptap::interpret::{AlertFacts, alert_facts, event};
use kaptap::kapacitor::proto;
use kaptap::record::{Content, Note, Record, Stream, StreamId, frames_header, records};
use kaptap::words::{Lane, Level};
use prost::Message;

fn main() {
    divan::main();
}

fn stream(lane: Lane) -> Stream {
    Stream {
        id: StreamId(1),
        lane,
        source: "stream".to_owned(),
        scope: "default".to_owned(),
        edge: None,
        task: Some("cpu_alert".to_owned()),
        node: Some("kaptap3".to_owned()),
        database: None,
        retention_policy: None,
        labels: Vec::new(),
        alert: None,
    }
}

/// Four tags and five fields of all types.
fn frame() -> Vec<u8> {
    let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let point = proto::Point {
        time: 1_795_353_827_870_817_044,
        name: "cpu".to_owned(),
        database: "telegraf".to_owned(),
        retention_policy: "autogen".to_owned(),
        group: "host=web-1".to_owned(),
        dimensions: vec!["host".to_owned()],
        tags: text(&[("cpu", "cpu-total"), ("dc", "eu-1"), ("host", "web-1"), ("rack", "r17")]),
        fields_double: [("usage_idle".to_owned(), 62.1228), ("usage_user".to_owned(), 37.8772)].into(),
        fields_int: [("procs".to_owned(), 101)].into(),
        fields_string: text(&[("state", "s1")]),
        fields_bool: [("up".to_owned(), true)].into(),
        ..proto::Point::default()
    };
    proto::Request { message: Some(proto::request::Message::Point(point)) }.encode_to_vec()
}

fn body() -> Vec<u8> {
    let line = include_str!("../tests/recordings/alerts/log-file.jsonl").lines().next().unwrap();
    line.as_bytes().to_vec()
}

fn record(content: Content, raw: &[u8]) -> Record<'_> {
    Record { seq: 1, observed: 1_795_353_827_880_000_000, n: 1, content, note: Note::default(), raw }
}

fn bench_json(bencher: Bencher<'_, '_>, lane: Lane, content: Content, raw: &[u8]) {
    let stream = stream(lane);
    let record = record(content, raw);
    let event = event(&stream, &record);
    let mut out = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        json::write(black_box(&event), false, &mut out);
        out.len()
    });
}

#[divan::bench(sample_size = 1000)]
fn point_to_event(bencher: Bencher<'_, '_>) {
    let (stream, frame) = (stream(Lane::Udf), frame());
    let record = record(Content::Point, &frame);
    bencher.bench_local(|| event(black_box(&stream), black_box(&record)));
}

#[divan::bench(sample_size = 1000)]
fn point_event_to_json(bencher: Bencher<'_, '_>) {
    bench_json(bencher, Lane::Udf, Content::Point, &frame());
}

#[divan::bench(sample_size = 200)]
fn alert_body_to_event(bencher: Bencher<'_, '_>) {
    let (stream, body) = (stream(Lane::Post), body());
    let record = record(Content::Alert, &body);
    bencher.bench_local(|| event(black_box(&stream), black_box(&record)));
}

#[divan::bench(sample_size = 200)]
fn alert_event_to_json(bencher: Bencher<'_, '_>) {
    bench_json(bencher, Lane::Post, Content::Alert, &body());
}

#[divan::bench(sample_size = 200)]
fn alert_body_to_facts(bencher: Bencher<'_, '_>) {
    let (stream, body, note) = (stream(Lane::Post), body(), Note::default());
    bencher.bench_local(|| alert_facts(black_box(&stream), Content::Alert, &note, 0, black_box(&body)));
}

#[divan::bench(sample_size = 10)]
fn records_of_a_run(bencher: Bencher<'_, '_>) {
    let frame = frame();
    let mut payload = frames_header(1).to_vec();
    for _ in 0..200 {
        prost::encode_length_delimiter(frame.len(), &mut payload).unwrap();
        payload.extend_from_slice(&frame);
    }
    bencher
        .counter(ItemsCount::new(200usize))
        .bench_local(|| records(black_box(&payload), 1, 200, 0).unwrap().map_while(Result::ok).count());
}

/// Ten thousand alerts, one event each in turn, with a fold that has to forget ids all the time.
#[divan::bench]
fn judge(bencher: Bencher<'_, '_>) {
    const ALERTS: usize = 10_000;
    let ids: Vec<String> = (0..ALERTS).map(|index| format!("cpu:host=web-{index}")).collect();
    let mut fold = Fold::new(Bounds { alerts: ALERTS, ids: 100_000, window: i64::MAX });
    let mut time = 0;
    bencher.counter(ItemsCount::new(ALERTS)).bench_local(|| {
        for id in &ids {
            time += 1;
            let facts = AlertFacts {
                event_id: id::alert("default", "task", id, time, Level::Warning),
                fingerprint: id::fingerprint("default", "task", id),
                task: "task".into(),
                topic: None,
                id: id.as_str().into(),
                message: "is WARNING".into(),
                level: Level::Warning,
                previous_level: None,
                time,
                duration: Some(time),
                details: "".into(),
                expired: false,
            };
            black_box(fold.judge("default", &facts, time.unsigned_abs(), time));
        }
    });
}
