//! What a ring of pages gives for a position.

use super::{Given, KEPT, Ring, Sheet};

/// A sheet from `first` up to `next` that holds `<seq>;` for each of these.
fn sheet(first: u64, next: u64, seqs: &[u64]) -> Sheet {
    let (mut text, mut marks) = (String::new(), Vec::new());
    for seq in seqs {
        marks.push((*seq, text.len()));
        text.push_str(&seq.to_string());
        text.push(';');
    }
    Sheet { first, next, bytes: text.into(), marks }
}

fn check_find(ring: &Ring, position: u64, expected: &str) {
    let found = match ring.find(position) {
        None => "read on".to_owned(),
        Some(Given::Apart(up_to)) => format!("apart up to {up_to}"),
        Some(Given::Read(done)) => format!("{} then {}", String::from_utf8_lossy(&done.bytes), done.position),
    };
    assert_eq!(found, expected, "at {position}");
}

#[test]
fn a_position_is_found_within_the_pages() {
    let mut ring = Ring::default();
    check_find(&ring, 5, "read on");
    ring.push(sheet(5, 8, &[5, 7]), true);
    ring.push(sheet(8, 10, &[]), true);
    ring.push(sheet(10, 12, &[11]), true);
    check_find(&ring, 4, "apart up to 4");
    check_find(&ring, 5, "5;7; then 8");
    check_find(&ring, 6, "7; then 8");
    check_find(&ring, 8, "11; then 12");
    check_find(&ring, 11, "11; then 12");
    check_find(&ring, 12, "read on");
    check_find(&ring, 99, "read on");
}

#[test]
fn where_nothing_passed_there_is_the_way_on() {
    let mut ring = Ring::default();
    ring.push(sheet(1, 100, &[]), true);
    check_find(&ring, 1, " then 100");
}

#[test]
fn a_page_that_is_not_shared_moves_the_beginning() {
    let mut ring = Ring::default();
    ring.push(sheet(1, 5, &[1, 2, 3, 4]), true);
    ring.push(sheet(5, 9, &[8]), false);
    check_find(&ring, 5, "apart up to 8");
    check_find(&ring, 9, "read on");
    // One that read on elsewhere.
    ring.push(sheet(20, 21, &[20]), true);
    check_find(&ring, 9, "apart up to 19");
    check_find(&ring, 20, "20; then 21");
}

#[test]
fn the_oldest_pages_go() {
    let mut ring = Ring::default();
    for seq in 0..5 {
        let bytes = vec![b'x'; KEPT / 4].into();
        ring.push(Sheet { first: seq, next: seq + 1, bytes, marks: vec![(seq, 0)] }, true);
    }
    assert_eq!((ring.first, ring.next, ring.bytes), (1, 5, KEPT));
    check_find(&ring, 0, "apart up to 0");
}
