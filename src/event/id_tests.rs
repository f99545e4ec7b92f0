//! Tests of the identities: what they depend on and what not. The published vectors are tested beside the document.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

/// The bytes of the parts, put together independently of [`Parts`].
fn hash(parts: &[&[u8]]) -> EventId {
    EventId(xxhash_rust::xxh3::xxh3_128(&parts.concat()))
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

proptest! {
    #[test]
    fn an_alert_is_the_hash_of_its_parts(scope in "\\PC{0,9}", task in "\\PC{0,9}", id in "\\PC{0,300}", time: i64) {
        let expected = hash(&[&text("alert.v1"), &text(&scope), &text(&task), &text(&id), &time.to_le_bytes(), &text("WARNING")]);
        prop_assert_eq!(alert(&scope, &task, &id, time, Level::Warning), expected);
        let fingerprint = fingerprint(&scope, &task, &id);
        prop_assert_eq!(fingerprint, hash(&[&text("fp.v1"), &text(&scope), &text(&task), &text(&id)]));
        prop_assert_eq!(episode(fingerprint, time), hash(&[&fingerprint.0.to_be_bytes(), &time.to_le_bytes()]));
    }

    #[test]
    fn the_text_form_comes_back(id: u128) {
        prop_assert_eq!(EventId::parse(&EventId(id).to_string()), Some(EventId(id)));
    }
}

#[test]
fn what_is_not_an_id() {
    for text in ["", "12", "+0000000000000000000000000000000", "g0000000000000000000000000000000"] {
        assert_eq!(EventId::parse(text), None, "{text}");
    }
}

#[test]
fn other_events_are_numbered() {
    let expected = hash(&[&text("row"), &7u64.to_le_bytes(), &u64::MAX.to_le_bytes()]);
    assert_eq!(other(Lane::Row, 7, u64::MAX), expected);
}

fn tag(key: &'static str, value: &'static str) -> (Text<'static>, Text<'static>) {
    (key.into(), value.into())
}

#[test]
fn a_point_is_the_hash_of_its_parts() {
    let parts =
        PointParts { scope: "s", database: "d", retention_policy: "r", name: "m", tags: &[tag("h", "a")], time: 5 };
    let fields = [
        ("a", FieldPart::Int(-1)),
        ("b", FieldPart::Float(0.5)),
        ("c", FieldPart::Bool(true)),
        ("d", FieldPart::Text("x")),
    ];
    let field_hash = hash(&[
        &4u32.to_le_bytes(),
        &text("a"),
        b"i",
        &(-1i64).to_le_bytes(),
        &text("b"),
        b"f",
        &0.5f64.to_bits().to_le_bytes(),
        &text("c"),
        b"b\x01",
        &text("d"),
        b"s",
        &text("x"),
    ]);
    let expected = hash(&[
        &text("point.v1"),
        &text("s"),
        &text("d"),
        &text("r"),
        &text("m"),
        &1u32.to_le_bytes(),
        &text("h"),
        &text("a"),
        &5i64.to_le_bytes(),
        &field_hash.0.to_be_bytes(),
    ]);
    assert_eq!(point(&parts, fields.into_iter()), expected);
}

#[test]
fn points_that_differ_anywhere_have_different_ids() {
    let tags = [tag("h", "a")];
    let other_tags = [tag("ha", "")];
    let base = PointParts { scope: "s", database: "d", retention_policy: "r", name: "m", tags: &tags, time: 5 };
    let value = |part| point(&base, [("f", part)].into_iter());
    let named = |parts: PointParts<'_>| point(&parts, [("f", FieldPart::Int(1))].into_iter());
    let ids = [
        value(FieldPart::Int(1)),
        value(FieldPart::Int(0)),
        value(FieldPart::Float(0.0)),
        value(FieldPart::Float(-0.0)),
        value(FieldPart::Float(f64::NAN)),
        value(FieldPart::Bool(false)),
        value(FieldPart::Text("")),
        named(PointParts { scope: "sd", database: "", ..base }),
        named(PointParts { database: "dr", retention_policy: "", ..base }),
        named(PointParts { name: "mh", tags: &[], ..base }),
        named(PointParts { tags: &other_tags, ..base }),
        named(PointParts { time: 6, ..base }),
        point(&base, std::iter::empty()),
    ];
    assert_eq!(HashSet::from(ids).len(), ids.len());
}

#[test]
fn batches_differ_by_points_and_part() {
    let parts = BatchParts { scope: "s", task: "t", node: "n", name: "m", group: "g", tmax: 9, part: None };
    let points = |times: &[i64]| {
        let mut hash = PointsHash::new();
        for time in times {
            hash.add(*time, &[tag("h", "a")], [("f", FieldPart::Bool(true))].into_iter());
        }
        hash
    };
    let ids = [
        batch(&parts, &points(&[])),
        batch(&parts, &points(&[1])),
        batch(&parts, &points(&[1, 2])),
        batch(&parts, &points(&[2, 1])),
        batch(&BatchParts { part: Some(1), ..parts }, &points(&[1])),
        batch(&BatchParts { part: Some(2), ..parts }, &points(&[1])),
        batch(&BatchParts { tmax: 8, ..parts }, &points(&[1])),
    ];
    assert_eq!(HashSet::from(ids).len(), ids.len());
    assert_eq!(batch(&parts, &points(&[1])), batch(&parts, &points(&[1])));
}
