//! One point of usual size: the borrowed view beside the generated decoder, in one run.
//!
//! `cargo bench --bench point_view`

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use divan::{Bencher, black_box};
use kaptap::kapacitor::alert::AlertBody;
use kaptap::kapacitor::details;
use kaptap::kapacitor::point::PointView;
use kaptap::kapacitor::proto::{Point, Request};
use prost::Message;

fn main() {
    divan::main();
}

/// Eight tags, five fields of three types, two dimensions. The maps are in no order, as Kapacitor sends them.
fn frame() -> Vec<u8> {
    let text = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let double = |key: &str, value: f64| [(key.to_owned(), value)].into();
    let point = Point {
        time: 1_795_353_827_870_817_045,
        name: "cpu".to_owned(),
        database: "telegraf".to_owned(),
        retention_policy: "autogen".to_owned(),
        group: "cpu=cpu-total,host=web-1.example.net".to_owned(),
        dimensions: vec!["cpu".to_owned(), "host".to_owned()],
        ..Point::default()
    };
    // Points one after another are one point, with its parts in this order.
    let parts = [
        point,
        Point { tags: text("rack", "r17"), ..Point::default() },
        Point { tags: text("dc", "eu-central-1"), ..Point::default() },
        Point { tags: text("team", "platform"), ..Point::default() },
        Point { tags: text("host", "web-1.example.net"), ..Point::default() },
        Point { tags: text("cpu", "cpu-total"), ..Point::default() },
        Point { tags: text("kernel", "6.1.0-28-amd64"), ..Point::default() },
        Point { tags: text("env", "production"), ..Point::default() },
        Point { tags: text("os", "linux"), ..Point::default() },
        Point { fields_double: double("usage_user", 1.5), ..Point::default() },
        Point { fields_double: double("usage_idle", 97.25), ..Point::default() },
        Point { fields_double: double("usage_system", 0.123_456), ..Point::default() },
        Point { fields_int: [("procs".to_owned(), 412)].into(), ..Point::default() },
        Point { fields_string: text("state", "running"), ..Point::default() },
    ];
    let body: Vec<u8> = parts.iter().flat_map(Message::encode_to_vec).collect();
    let mut frame = vec![0x8a, 0x01];
    prost::encode_length_delimiter(body.len(), &mut frame).unwrap();
    frame.extend(body);
    frame
}

#[divan::bench(sample_size = 1000)]
fn generated_decoder(bencher: Bencher<'_, '_>) {
    let frame = frame();
    bencher.bench_local(|| Request::decode(black_box(frame.as_slice())).unwrap());
}

#[divan::bench(sample_size = 1000)]
fn borrowed_view(bencher: Bencher<'_, '_>) {
    let frame = frame();
    bencher.bench_local(|| PointView::of_frame(black_box(&frame)).map(|view| view.time).unwrap());
}

/// The recorded body of an alert with default details.
fn body() -> Vec<u8> {
    let recording = include_str!("../tests/recordings/alerts/exec-stdin.jsonl");
    recording.lines().next().unwrap().as_bytes().to_vec()
}

#[divan::bench(sample_size = 1000)]
fn alert_body(bencher: Bencher<'_, '_>) {
    let body = body();
    bencher.bench_local(|| AlertBody::parse(black_box(&body)).map(|alert| alert.level).unwrap());
}

#[divan::bench(sample_size = 1000)]
fn alert_details(bencher: Bencher<'_, '_>) {
    let body = body();
    let alert = AlertBody::parse(&body).unwrap();
    let details = alert.details.text();
    bencher.bench_local(|| details::parse(black_box(&details)).unwrap());
}
