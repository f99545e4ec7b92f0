//! Parts of the work, in this process: decoding a point, writing its event; and the size of the binary.

use super::load;
use super::process;
use super::table::Row;
use super::{Result, median};
use kaptap::event::json;
use kaptap::interpret;
use kaptap::kapacitor::point::PointView;
use kaptap::kapacitor::proto::Request;
use kaptap::record::{Content, Note, Record, Stream, StreamId};
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::wire;
use kaptap::words::Lane;
use prost::Message as _;
use std::hint::black_box;
use std::time::Instant;

/// Samples of each, in turns; the middle one counts.
const SAMPLES: usize = 101;
/// Calls in a sample.
const CALLS: u32 = 2000;

/// All rows.
pub fn rows() -> Result<Vec<Row>> {
    let frame = wire::point(&load::point(1), &mut Random::new(1));
    let stream = Stream::new(StreamId(1), Lane::Udf, "stream", "default");
    let record = Record { seq: 1, observed: 1, n: 1, content: Content::Point, note: Note::default(), raw: &frame };
    let event = interpret::event(&stream, &record);
    let mut out = Vec::with_capacity(4096);
    let [view, typed, written, whole] = in_turns([
        &mut || drop(black_box(PointView::of_frame(black_box(&frame)))),
        &mut || drop(black_box(Request::decode(black_box(&*frame)))),
        &mut || {
            out.clear();
            json::write(black_box(&event), false, &mut out);
        },
        &mut || {
            let mut line = Vec::with_capacity(1024);
            json::write(&interpret::event(black_box(&stream), black_box(&record)), false, &mut line);
            drop(black_box(line));
        },
    ]);
    let name = format!("view of a point of 4 tags and 5 fields, {} bytes", frame.len());
    let size = std::fs::metadata(process::binary()?)?.len();
    #[expect(clippy::cast_precision_loss, reason = "the size of a file")]
    let megabytes = size as f64 / 1e6;
    Ok(vec![
        Row::new(name, format!("{view:.0} ns"))
            .beside(format!("prost's types: {typed:.0} ns"), typed / view)
            .bound("≥ 4 ×", typed / view >= 4.0),
        Row::new("event to NDJSON, 4 tags and 5 fields", format!("{written:.0} ns"))
            .bound("≤ 1.2 µs", written <= 1200.0),
        Row::new("frame to event to NDJSON", format!("{whole:.0} ns")),
        Row::new("release binary", format!("{megabytes:.1} MB")).bound("≤ 12 MB", megabytes <= 12.0),
    ])
}

/// Nanoseconds of one call of each.
fn in_turns<const N: usize>(works: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut samples = [const { Vec::new() }; N];
    let mut works = works;
    for _ in 0..SAMPLES {
        for (work, samples) in works.iter_mut().zip(&mut samples) {
            let begun = Instant::now();
            (0..CALLS).for_each(|_| work());
            samples.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
        }
    }
    samples.map(median)
}
