//! Tests of the parked events: kept over a start, torn lines, bounds, writing anew.

use super::super::item::event;
use super::super::item::samples::item;
use super::super::options::SinkOptions;
use super::*;
use std::fs;

fn bounds(events: usize) -> Bounds {
    Bounds { events, bytes: 1 << 30 }
}

fn why(error: &str) -> Why {
    Why { reason: "refused", error: error.to_owned(), response: Some("no".to_owned()), attempts: 2, tried: (0, 1) }
}

#[track_caller]
fn add(parked: &mut Parked, item: &Item, error: &str) {
    try_add(parked, std::slice::from_ref(item), error).unwrap();
}

fn try_add(parked: &mut Parked, items: &[Item], error: &str) -> io::Result<()> {
    let (options, why) = (SinkOptions::default(), why(error));
    let records: Vec<_> = items.iter().map(Item::record).collect();
    let events: Vec<_> = items.iter().zip(&records).map(|(item, it)| event(item, it, &options)).collect();
    let lines: Vec<_> = items.iter().zip(&events).map(|(item, event)| (item, event, &why)).collect();
    parked.add(&lines)
}

/// Drops what is too much, as the worker does.
fn drop_too_many(parked: &mut Parked) -> Vec<u64> {
    let doomed = parked.too_many();
    assert_eq!(parked.remove(&doomed, Gone::Bound).unwrap(), doomed.len());
    doomed
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
        add(&mut parked, item, "x");
    }
    assert!(parked.too_many().is_empty());
    add(&mut parked, &items[0], "again");
    drop(parked);
    let mut parked = Parked::open(directory.path(), bounds(10)).unwrap();
    assert_eq!(seqs(&parked), [3, 9]);
    assert_eq!(parked.item(3).unwrap().as_ref(), Some(&items[0]));
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
        add(&mut parked, &item(seq, "x"), "x");
        assert!(parked.too_many().is_empty());
    }
    // A tenth at once, so that the next ones do not push out any.
    add(&mut parked, &item(21, "x"), "x");
    assert_eq!(drop_too_many(&mut parked), [1, 2, 3]);
    assert_eq!((parked.len(), seqs(&parked)[0]), (18, 4));
    parked.rebound(Bounds { events: 100, bytes: parked.bytes() });
    add(&mut parked, &item(22, "x"), "x");
    assert!(drop_too_many(&mut parked).len() >= 2 && parked.bytes() <= parked.bounds.bytes);
    // One that is too large by itself stays.
    parked.rebound(Bounds { events: 1, bytes: 1 });
    add(&mut parked, &item(23, "x"), "x");
    drop_too_many(&mut parked);
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
    assert_eq!(parked.item(1).unwrap(), Some(item(1, "stays")));
    drop(parked);
    let parked = Parked::open(directory.path(), bounds(100)).unwrap();
    assert_eq!((seqs(&parked), parked.item(1).unwrap()), (vec![1], Some(item(1, "stays"))));
}

/// A full disk, and one that does not sync. What failed is neither on the list nor in the file, also when what comes after
/// it is shorter.
#[test]
fn what_could_not_be_parked_leaves_nothing_behind() {
    let torn = Calls {
        write: |file, text, at| {
            file.write_all_at(&text[..text.len() - 1], at)?;
            Err(io::ErrorKind::StorageFull.into())
        },
        ..Calls::default()
    };
    let unsynced = Calls { sync: |_| Err(io::Error::from_raw_os_error(5)), ..Calls::default() };
    for (calls, why) in [(torn, io::ErrorKind::StorageFull), (unsynced, io::Error::from_raw_os_error(5).kind())] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        let mut parked = Parked::open(directory.path(), bounds(10)).unwrap();
        add(&mut parked, &item(1, "one"), "x");
        let one = fs::read(&path).unwrap();
        let many: Vec<Item> = (2..6).map(|seq| item(seq, &"long ".repeat(100))).collect();
        parked.calls = calls;
        for _ in 0..2 {
            assert_eq!(try_add(&mut parked, &many, "x").unwrap_err().kind(), why);
            assert_eq!(parked.remove(&[1], Gone::Dropped).unwrap_err().kind(), why);
        }
        assert_eq!((seqs(&parked), fs::read(&path).unwrap()), (vec![1], one));
        parked.calls = Calls::default();
        add(&mut parked, &item(7, "x"), "x");
        assert_eq!(seqs(&parked), [1, 7]);
        drop(parked);
        let parked = Parked::open(directory.path(), bounds(10)).unwrap();
        assert_eq!((seqs(&parked), parked.item(7).unwrap()), (vec![1, 7], Some(item(7, "x"))));
    }
}

#[test]
fn what_cannot_be_read_is_said_and_stays_on_the_list() {
    let directory = tempfile::tempdir().unwrap();
    let mut parked = Parked::open(directory.path(), bounds(10)).unwrap();
    add(&mut parked, &item(1, "one"), "x");
    let path = directory.path().join(FILE);
    let text = fs::read_to_string(&path).unwrap().replace("\"payload\":\"", "\"payload\":\"*");
    fs::write(&path, text).unwrap();
    let parked = Parked::open(directory.path(), bounds(10)).unwrap();
    parked.item(1).unwrap_err();
    assert_eq!((parked.item(2).unwrap(), seqs(&parked)), (None, vec![1]));
}
