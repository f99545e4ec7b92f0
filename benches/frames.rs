//! Cost of cutting and classifying what a stream connection delivers, beside decoding and encoding the same frames with
//! their types, and beside copying the bytes once. `cargo bench --bench frames`; items are frames.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use kaptap::kapacitor::proto::{Point, Request, Response, request, response};
use kaptap::kapacitor::session::{EdgeKind, Limits, Session, Step};
use prost::Message as _;

/// One read: as much as a socket buffer gives at once.
const GULP: usize = 64 << 10;

fn main() {
    divan::main();
}

/// A point of 4 tags and 5 fields, about 300 bytes.
fn point(number: i64) -> Vec<u8> {
    let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let point = Point {
        time: 1_795_353_958_924_187_926 + number,
        name: "cpu".into(),
        database: "telegraf".into(),
        retention_policy: "autogen".into(),
        group: "host=web-1".into(),
        dimensions: vec!["host".into()],
        tags: text(&[
            ("cpu", "cpu-total"),
            ("datacenter", "eu-west-1"),
            ("environment", "production"),
            ("host", "web-1"),
        ]),
        fields_double: [("usage_idle", 93.25), ("usage_user", 4.5), ("usage_system", 2.25)]
            .map(|(key, value)| (key.into(), value))
            .into(),
        fields_int: [("processes_running".into(), 211 + number)].into(),
        fields_string: text(&[("state", "running, with two warnings of the kind that nobody reads")]),
        ..Point::default()
    };
    Request { message: Some(request::Message::Point(point)) }.encode_length_delimited_to_vec()
}

/// As many points as fit into one read, and how many they are.
fn gulp() -> (Vec<u8>, usize) {
    let (mut bytes, mut count) = (Vec::new(), 0);
    loop {
        let next = point(count);
        if bytes.len() + next.len() > GULP {
            return (bytes, usize::try_from(count).unwrap_or_default());
        }
        bytes.extend(next);
        count += 1;
    }
}

fn bench(bencher: Bencher, mut work: impl FnMut(&[u8])) {
    let (bytes, count) = gulp();
    bencher
        .counter(ItemsCount::new(count))
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| work(black_box(&bytes)));
}

/// What the UDF lane does: the points come out as one run.
#[divan::bench]
fn session(bencher: Bencher) {
    let mut session = Session::new(EdgeKind::Stream, Limits::default());
    let mut steps = Vec::new();
    bench(bencher, |bytes| {
        steps.clear();
        let consumed = session.receive(bytes, &mut steps);
        assert!(consumed == Ok(bytes.len()) && matches!(steps[..], [Step::Points { .. }]));
        black_box(&steps);
    });
}

/// The same frames inside one batch: they are collected as well.
#[divan::bench]
fn session_batch(bencher: Bencher) {
    let begin = request::Message::Begin(kaptap::kapacitor::proto::BeginBatch::default());
    let begin = Request { message: Some(begin) }.encode_length_delimited_to_vec();
    let end = request::Message::End(kaptap::kapacitor::proto::EndBatch::default());
    let end = Request { message: Some(end) }.encode_length_delimited_to_vec();
    let mut session = Session::new(EdgeKind::Batch, Limits::default());
    let mut steps = Vec::new();
    bench(bencher, |bytes| {
        steps.clear();
        for part in [&begin, bytes, &end] {
            let consumed = session.receive(part, &mut steps);
            assert!(consumed == Ok(part.len()));
        }
        black_box(&steps);
    });
}

/// What an agent with typed messages does: decode each request, encode each response.
#[divan::bench]
fn typed(bencher: Bencher) {
    let mut answer = Vec::with_capacity(2 * GULP);
    bench(bencher, |mut bytes| {
        answer.clear();
        while let Ok(request) = Request::decode_length_delimited(&mut bytes) {
            let Some(request::Message::Point(point)) = request.message else { break };
            let response = Response { message: Some(response::Message::Point(point)) };
            assert!(response.encode_length_delimited(&mut answer).is_ok());
            if bytes.is_empty() {
                break;
            }
        }
        black_box(&answer);
    });
}

/// The bytes copied once: the floor for anything that keeps them.
#[divan::bench]
fn copy(bencher: Bencher) {
    let mut copy = Vec::with_capacity(GULP);
    bench(bencher, |bytes| {
        copy.clear();
        copy.extend_from_slice(bytes);
        black_box(&copy);
    });
}
