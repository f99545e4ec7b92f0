//! Borrowed views of points and batches against the generated decoder: on recordings, on random points, and on broken
//! frames.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod bodies_support;

use kaptap::kapacitor::batch::BatchView;
use kaptap::kapacitor::point::{FieldValue, PointView};
use kaptap::kapacitor::proto::request::Message as Kind;
use kaptap::kapacitor::proto::{BeginBatch, EndBatch, InitRequest, KeepaliveRequest, Point, Request};
use proptest::prelude::*;
use prost::Message;
use std::borrow::Cow;
use std::path::PathBuf;

fn frame(message: Kind) -> Vec<u8> {
    Request { message: Some(message) }.encode_to_vec()
}

/// The view must be what the generated decoder found; frames are accepted and refused alike.
fn check_point(frame: &[u8]) {
    let view = PointView::of_frame(frame);
    match Request::decode(frame) {
        Ok(Request { message: Some(Kind::Point(point)) }) => {
            // By their text, because NaN differs from itself.
            assert_eq!(format!("{:?}", view.unwrap()), format!("{:?}", bodies_support::point(&point)));
        }
        Ok(other) => assert!(view.is_err(), "{view:?} of {other:?}"),
        // Text that is not UTF-8 is refused by the one and kept by the other.
        Err(error) if error.to_string().contains("UTF-8") => {}
        Err(error) => assert!(view.is_err(), "{view:?} in spite of: {error}"),
    }
}

fn check_batch(frames: &[u8], expected: &[Kind]) {
    let batch = BatchView::of_frames(frames).unwrap();
    let mut points = batch.points.iter();
    for kind in expected {
        match kind {
            Kind::Begin(begin) => assert_eq!(batch.begin, Some(bodies_support::begin(begin))),
            Kind::End(end) => assert_eq!(batch.end, Some(bodies_support::end(end))),
            Kind::Point(point) => {
                assert_eq!(format!("{:?}", points.next().unwrap()), format!("{:?}", bodies_support::point(point)));
            }
            other => panic!("not of a batch: {other:?}"),
        }
    }
    assert_eq!(points.next(), None);
}

fn recordings() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/udf");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".request.bin"));
    files.sort();
    assert!(files.len() >= 7, "recordings are missing: {files:?}");
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn every_recorded_point_is_what_the_generated_decoder_finds() {
    let mut count = 0;
    for recording in recordings() {
        let mut rest = recording.as_slice();
        while !rest.is_empty() {
            let length = prost::decode_length_delimiter(&mut rest).unwrap();
            let (frame, after) = rest.split_at(length);
            check_point(frame);
            count += usize::from(PointView::of_frame(frame).is_ok());
            rest = after;
        }
    }
    assert!(count > 1_000, "{count} points only");
}

#[test]
fn every_recorded_batch_is_what_the_generated_decoder_finds() {
    let mut batches = 0;
    for recording in recordings() {
        let mut rest = recording.as_slice();
        let (mut start, mut kinds) = (0, Vec::new());
        while !rest.is_empty() {
            let at = recording.len() - rest.len();
            let kind = Request::decode_length_delimited(&mut rest).unwrap().message.unwrap();
            if matches!(kind, Kind::Begin(_)) {
                (start, kinds) = (at, Vec::new());
            }
            kinds.push(kind);
            if matches!(kinds.last(), Some(Kind::End(_))) {
                let run = &recording[start..recording.len() - rest.len()];
                check_batch(run, &kinds);
                // A part without the begin, as a long batch is kept.
                let begin = prost::length_delimiter_len(kinds[0].encoded_len()) + kinds[0].encoded_len();
                check_batch(&run[begin..], &kinds[1..]);
                batches += 1;
            }
        }
    }
    assert!(batches > 100, "{batches} batches only");
}

#[test]
fn frames_of_a_batch_stand_in_order() {
    let begin = Request { message: Some(Kind::Begin(BeginBatch { size: 1, ..Default::default() })) };
    let point = Request { message: Some(Kind::Point(Point { time: 5, ..Default::default() })) };
    let end = Request { message: Some(Kind::End(EndBatch { tmax: 9, ..Default::default() })) };
    let alive = Request { message: Some(Kind::Keepalive(KeepaliveRequest { time: 1 })) };
    let read = |frames: &[&Request]| {
        let run: Vec<u8> = frames.iter().flat_map(|frame| frame.encode_length_delimited_to_vec()).collect();
        BatchView::of_frames(&run).map(|batch| (batch.begin.is_some(), batch.points.len(), batch.end.is_some()))
    };
    assert_eq!(read(&[]), Ok((false, 0, false)));
    assert_eq!(read(&[&begin, &point, &end]), Ok((true, 1, true)));
    assert_eq!(read(&[&point, &point]), Ok((false, 2, false)));
    assert_eq!(read(&[&end]), Ok((false, 0, true)));
    assert_eq!(read(&[&point, &begin]).unwrap_err().what, "a begin that is not first");
    assert_eq!(read(&[&begin, &end, &point]).unwrap_err().what, "a frame after the end");
    assert_eq!(read(&[&begin, &alive]).unwrap_err().what, "no begin, point or end");
}

#[test]
fn the_place_of_an_error_is_told() {
    let mut broken = frame(Kind::Point(Point { name: "cpu".to_owned(), ..Default::default() }));
    // A point of 5 bytes, of which `name` claims 9.
    broken[4] = 9;
    let error = PointView::of_frame(&broken).unwrap_err();
    assert_eq!(error.to_string(), "not a valid protobuf message: length beyond the end at byte 5");
}

#[test]
fn text_that_is_not_utf8_is_kept_with_a_mark() {
    let mut bytes = frame(Kind::Point(Point {
        name: "c?u".to_owned(),
        tags: [("h?".to_owned(), "web-é".to_owned())].into(),
        ..Default::default()
    }));
    for byte in &mut bytes {
        if *byte == b'?' {
            *byte = 0xff;
        }
    }
    let view = PointView::of_frame(&bytes).unwrap();
    assert_eq!(view.name, "c\u{fffd}u");
    assert_eq!(view.tags, [("h\u{fffd}".into(), "web-é".into())]);
}

#[test]
fn plain_text_is_borrowed_from_the_frame() {
    let bytes = frame(Kind::Point(Point { name: "grün".to_owned(), group: "x".repeat(2_000), ..Default::default() }));
    let view = PointView::of_frame(&bytes).unwrap();
    assert!(matches!((&view.name, &view.group), (Cow::Borrowed("grün"), Cow::Borrowed(_))), "{view:?}");
}

#[test]
fn a_field_in_several_maps_is_what_kapacitor_makes_of_it() {
    let mut point = Point::default();
    point.fields_string.insert("v".to_owned(), "text".to_owned());
    point.fields_int.insert("v".to_owned(), 1);
    let value = |point: &Point| {
        let bytes = frame(Kind::Point(point.clone()));
        let fields = PointView::of_frame(&bytes).unwrap().fields;
        assert_eq!(fields.len(), 1);
        format!("{:?}", fields[0].1)
    };
    assert_eq!(value(&point), format!("{:?}", FieldValue::Int(1)));
    point.fields_double.insert("v".to_owned(), 0.5);
    assert_eq!(value(&point), format!("{:?}", FieldValue::Float(0.5)));
    point.fields_bool.insert("v".to_owned(), false);
    assert_eq!(value(&point), format!("{:?}", FieldValue::Bool(false)));
}

#[test]
fn messages_again_in_one_frame() {
    let first = frame(Kind::Point(Point {
        time: 1,
        name: "a".to_owned(),
        dimensions: vec!["x".to_owned()],
        tags: [("k".to_owned(), "old".to_owned()), ("only".to_owned(), "first".to_owned())].into(),
        ..Default::default()
    }));
    let second = frame(Kind::Point(Point {
        name: "b".to_owned(),
        dimensions: vec!["y".to_owned()],
        tags: [("k".to_owned(), "new".to_owned())].into(),
        ..Default::default()
    }));
    let end = frame(Kind::End(EndBatch::default()));
    let init = frame(Kind::Init(InitRequest { task_id: "t".to_owned(), ..Default::default() }));
    let mut broken_init = init.clone();
    *broken_init.last_mut().unwrap() = 0xff;
    for parts in [
        vec![&first, &second],
        vec![&first, &end, &second],
        vec![&first, &end],
        vec![&init, &first, &second],
        vec![&first, &init],
        vec![&broken_init, &first],
    ] {
        check_point(&parts.into_iter().flatten().copied().collect::<Vec<u8>>());
    }
    check_point(&[]);
}

#[test]
fn unknown_groups_are_passed_over_to_the_same_depth() {
    let point = frame(Kind::Point(Point { time: 7, ..Default::default() }));
    for depth in [1, 2, 99, 100, 101, 200] {
        // Field 15 as a group, in itself.
        let groups = [vec![0x7b; depth], vec![0x7c; depth]].concat();
        check_point(&[groups.clone(), point.clone()].concat());
        let inside = [vec![0x8a, 0x01], varint(groups.len()), groups].concat();
        check_point(&inside);
    }
    check_point(&[&[0x7b, 0x74], point.as_slice()].concat());
    check_point(&[&[0x7c], point.as_slice()].concat());
}

fn varint(value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encode_length_delimiter(value, &mut bytes).unwrap();
    bytes
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z]{0,6}", 1 => "\\PC{0,6}", 1 => "[a-z]{120,140}"]
}

prop_compose! {
    fn any_point()(
        time in any::<i64>(), names in [text(), text(), text(), text()], dimensions in prop::collection::vec(text(), 0..3),
        tags in prop::collection::btree_map(text(), text(), 0..9), by_name in any::<bool>(),
        doubles in prop::collection::btree_map(text(), any::<f64>(), 0..4),
        integers in prop::collection::btree_map(text(), any::<i64>(), 0..4),
        strings in prop::collection::btree_map(text(), text(), 0..4),
        bools in prop::collection::btree_map(text(), any::<bool>(), 0..4),
    ) -> Point {
        let [name, database, retention_policy, group] = names;
        Point {
            time, name, database, retention_policy, group, dimensions, tags, by_name,
            fields_double: doubles, fields_int: integers, fields_string: strings, fields_bool: bools,
        }
    }
}

/// Fields of any number and type, in any order, some inside others: what a decoder could ever meet.
fn any_wire() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop::collection::vec(prop_oneof![3 => 0x20..0x7f_u8, 1 => any::<u8>()], 0..12);
    let field = |inner: BoxedStrategy<Vec<u8>>| {
        (prop_oneof![8 => 1..13_u32, 2 => 16..19_u32, 1 => 0..40_u32], 0..8_u32, any::<u64>(), inner).prop_map(
            |(number, wire_type, value, inner)| {
                let mut bytes = varint((number << 3 | wire_type) as usize);
                match wire_type {
                    0 => bytes.extend(varint(usize::try_from(value).unwrap())),
                    1 => bytes.extend(value.to_le_bytes()),
                    5 => bytes.extend(&value.to_le_bytes()[..4]),
                    3 => {
                        bytes.extend(inner);
                        bytes.extend(varint((number << 3 | 4) as usize));
                    }
                    _ => {
                        bytes.extend(varint(inner.len()));
                        bytes.extend(inner);
                    }
                }
                bytes
            },
        )
    };
    leaf.prop_recursive(4, 64, 6, move |inner| {
        prop::collection::vec(field(inner.boxed()), 0..6).prop_map(|fields| fields.concat())
    })
}

/// A point as nearly all are: plain texts, few of them, entries in any order, one like another now and then.
fn usual_point() -> impl Strategy<Value = Vec<u8>> {
    let plain = || "[ -~]{0,10}";
    let key = || prop_oneof!["[a-c]{0,2}", "usage_[a-z]{0,6}", "\\PC{0,3}", "[a-z]{9,40}"];
    let entry = prop_oneof![
        4 => (key(), plain()).prop_map(|tag| Point { tags: [tag].into(), ..Default::default() }),
        2 => (key(), any::<f64>()).prop_map(|field| Point { fields_double: [field].into(), ..Default::default() }),
        1 => (key(), any::<i64>()).prop_map(|field| Point { fields_int: [field].into(), ..Default::default() }),
        1 => (key(), plain()).prop_map(|field| Point { fields_string: [field].into(), ..Default::default() }),
        1 => (key(), any::<bool>()).prop_map(|field| Point { fields_bool: [field].into(), ..Default::default() }),
        1 => (any::<i64>(), plain(), any::<bool>()).prop_map(|(time, name, by_name)| {
            Point { time, group: name.clone(), dimensions: vec![name.clone()], name, by_name, ..Default::default() }
        }),
    ];
    prop::collection::vec(entry, 0..24).prop_map(|parts| {
        let body = parts.iter().flat_map(Message::encode_to_vec).collect::<Vec<u8>>();
        [vec![0x8a, 0x01], varint(body.len()), body].concat()
    })
}

proptest! {
    #[test]
    fn usual_points_are_what_the_generated_decoder_finds(
        bytes in usual_point(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        check_point(&bytes);
        let mut bytes = bytes;
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
            check_point(&bytes);
        }
    }

    #[test]
    fn random_points_are_what_the_generated_decoder_finds(point in any_point()) {
        check_point(&frame(Kind::Point(point)));
    }

    #[test]
    fn a_map_may_come_in_any_order_and_with_keys_again(
        tags in prop::collection::vec(("[a-c]{0,2}", "[a-z]{0,3}"), 0..100),
    ) {
        // Several points in one frame are merged; each brings one tag.
        let frames = tags.into_iter().map(|tag| frame(Kind::Point(Point { tags: [tag].into(), ..Default::default() })));
        check_point(&frames.collect::<Vec<_>>().concat());
    }

    #[test]
    fn changed_bytes_are_accepted_and_refused_alike(
        point in any_point(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = frame(Kind::Point(point));
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        check_point(&bytes);
        check_point(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn any_wire_is_accepted_and_refused_alike(inner in any_wire(), bare in any::<bool>()) {
        let bytes = if bare { inner } else { [vec![0x8a, 0x01], varint(inner.len()), inner].concat() };
        check_point(&bytes);
        drop(BatchView::of_frames(&bytes));
    }
}
