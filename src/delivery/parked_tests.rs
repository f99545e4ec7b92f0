//! Tests of the parked events: kept over a start, torn lines, bounds, writing anew.

use super::super::item::event;
use super::super::options::SinkOptions;
use super::*;
use crate::record::{Content, Note, Record, StreamId};
use crate::words::Lane;
use std::fs;

fn bounds(events: usize) -> Bounds {
    Bounds { events, bytes: 1 << 30 }
}

fn item(seq: u64, raw: &str) -> Item {
    let stream = Stream {
        id: StreamId(7),
        lane: Lane::Row,
        source: "rows".to_owned(),
        scope: "test".to_owned(),
        edge: None,
        task: None,
        node: None,
        database: None,
        retention_policy: None,
        labels: vec![("a".to_owned(), "b".to_owned())],
        alert: None,
    };
    let record = Record { seq, observed: 5, n: seq, content: Content::Row, note: Note::default(), raw: raw.as_bytes() };
    Item::of(&Arc::new(stream), &record)
}

fn why(error: &str) -> Why {
    Why { reason: "refused", error: error.to_owned(), response: Some("no".to_owned()), attempts: 2, tried: (0, 1) }
}

#[track_caller]
fn add(parked: &mut Parked, item: &Item, error: &str) -> Option<DroppedOldest> {
    let (record, options, why) = (item.record(), SinkOptions::default(), why(error));
    let event = event(&item.stream, &record, &options);
    parked.add(&[(item, &event, &why)]).unwrap()
}

fn seqs(parked: &Parked) -> Vec<u64> {
    parked.seqs().collect()
}

#[test]
fn what_is_parked_stays_and_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut parked = Parked::open(directory.path(), bounds(10)).unwrap();
    let items = [item(3, "plain \"text\"\n"), item(9, "{}")];
    for item in &items {
        assert_eq!(add(&mut parked, item, "x"), None);
    }
    add(&mut parked, &items[0], "again");
    drop(parked);
    let mut parked = Parked::open(directory.path(), bounds(10)).unwrap();
    assert_eq!(seqs(&parked), [3, 9]);
    assert_eq!(parked.item(3).unwrap(), items[0]);
    let line: serde_json::Value = serde_json::from_str(&parked.get(3).unwrap().unwrap()).unwrap();
    assert_eq!((&line["error"], &line["attempts"], &line["event"]["seq"]), (&"again".into(), &2.into(), &3.into()));
    assert_eq!(line["event"]["id"], line["id"]);
    assert_eq!(line["last"], "1970-01-01T00:00:00.000000001Z");
    assert_eq!(parked.remove(&[3, 4], Gone::Dropped).unwrap(), 1);
    assert_eq!(parked.get(3).unwrap(), None);
    drop(parked);
    assert_eq!(seqs(&Parked::open(directory.path(), bounds(10)).unwrap()), [9]);
}

#[test]
fn a_torn_line_is_cut_off_and_a_bad_one_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let mut parked = Parked::open(directory.path(), bounds(10)).unwrap();
    add(&mut parked, &item(1, "one"), "x");
    let one = fs::read(&path).unwrap();
    add(&mut parked, &item(2, "two"), "x");
    let both = fs::read(&path).unwrap();
    for cut in one.len()..both.len() {
        fs::write(&path, &both[..cut]).unwrap();
        let mut parked = Parked::open(directory.path(), bounds(10)).unwrap();
        assert_eq!(seqs(&parked), [1], "{cut}");
        assert_eq!(fs::read(&path).unwrap(), one);
        add(&mut parked, &item(2, "two"), "x");
        assert_eq!(fs::read(&path).unwrap(), both);
    }
    let mut damaged = both;
    damaged[0] = b'?';
    fs::write(&path, &damaged).unwrap();
    assert_eq!(seqs(&Parked::open(directory.path(), bounds(10)).unwrap()), [2]);
}

#[test]
fn the_oldest_make_room() {
    let directory = tempfile::tempdir().unwrap();
    let mut parked = Parked::open(directory.path(), bounds(20)).unwrap();
    for seq in 1..=20 {
        assert_eq!(add(&mut parked, &item(seq, "x"), "x"), None);
    }
    // A tenth at once, so that the next ones do not push out any.
    assert_eq!(add(&mut parked, &item(21, "x"), "x"), Some(DroppedOldest { count: 3, seqs: (1, 3) }));
    assert_eq!((parked.len(), seqs(&parked)[0]), (18, 4));
    parked.rebound(Bounds { events: 100, bytes: parked.bytes() });
    let dropped = add(&mut parked, &item(22, "x"), "x").unwrap();
    assert!(dropped.count >= 2 && parked.bytes() <= parked.bounds.bytes);
    // One that is too large by itself stays.
    parked.rebound(Bounds { events: 1, bytes: 1 });
    add(&mut parked, &item(23, "x"), "x");
    assert_eq!(seqs(&parked), [23]);
}

#[test]
fn the_file_does_not_grow_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let mut parked = Parked::open(directory.path(), bounds(100)).unwrap();
    add(&mut parked, &item(1, "stays"), "x");
    let big = "x".repeat(100 << 10);
    for seq in 2..40 {
        add(&mut parked, &item(seq, &big), "x");
        parked.remove(&[seq], Gone::Delivered).unwrap();
        assert!(fs::metadata(&path).unwrap().len() < 2 << 20);
    }
    assert_eq!(parked.item(1).unwrap(), item(1, "stays"));
    drop(parked);
    let parked = Parked::open(directory.path(), bounds(100)).unwrap();
    assert_eq!((seqs(&parked), parked.item(1)), (vec![1], Some(item(1, "stays"))));
}
