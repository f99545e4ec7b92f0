//! Tests of positions and their files.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check_position(open: &[u64], next: u64, expected_next: u64, pending: &[(u64, u64)]) {
    let position = Position::of(open.iter().copied(), &[(next, u64::MAX)]);
    assert_eq!(position, Position { next: expected_next, pending: pending.to_vec() });
}

#[test]
fn neighbours_become_stretches() {
    check_position(&[], 5, 5, &[]);
    check_position(&[4], 5, 4, &[]);
    check_position(&[2, 3, 4], 5, 2, &[]);
    check_position(&[1, 3, 4], 6, 6, &[(1, 1), (3, 4)]);
    check_position(&[1, 3, 4], 5, 3, &[(1, 1)]);
    assert_eq!(
        Position::of([1, 3].into_iter(), &[(7, 7), (9, u64::MAX)]).stretches(),
        [(1, 1), (3, 3), (7, 7), (9, u64::MAX)]
    );
    let many: Vec<u64> = (0..10_000).map(|n| n * 2).collect();
    let position = Position::of(many.into_iter(), &[(30_000, u64::MAX)]);
    assert_eq!((position.pending.len(), position.pending.last()), (256, Some(&(510, 19_998))));
}

#[test]
fn files_are_replaced_whole_and_checked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert_eq!(read(path, "a").unwrap(), None);
    let cursor = Cursor { position: Position { next: 9, pending: vec![(1, 2), (4, 4)] }, detached: true };
    write(path, "a", &cursor).unwrap();
    write(path, "b.c-d", &Cursor { position: Position::at(1), detached: false }).unwrap();
    assert_eq!(read(path, "a").unwrap(), Some(cursor));
    fs::write(path.join("a.new"), "").unwrap();
    assert_eq!(names(path).unwrap(), ["a", "b.c-d"]);

    let whole = fs::read(path.join("a")).unwrap();
    for cut in 0..whole.len() {
        fs::write(path.join("a"), &whole[..cut]).unwrap();
        assert!(matches!(read(path, "a"), Err(CursorError::Damaged { .. })), "{cut}");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(path.join("a"), &flipped).unwrap();
        assert!(matches!(read(path, "a"), Err(CursorError::Damaged { .. })), "{at}");
    }
}

#[test]
fn what_is_owed_is_not_passed() {
    let position = Position { next: 20, pending: vec![(3, 3), (7, 9)] };
    let and = |more: &[(u64, u64)]| position.clone().and(more.iter().copied());
    assert_eq!(and(&[]), position);
    assert_eq!(and(&[(12, 14), (1, 2)]), Position { next: 20, pending: vec![(1, 3), (7, 9), (12, 14)] });
    assert_eq!(and(&[(8, 11)]), Position { next: 20, pending: vec![(3, 3), (7, 11)] });
    assert_eq!(and(&[(15, 19), (10, 14)]), Position { next: 7, pending: vec![(3, 3)] });
    assert_eq!(and(&[(20, 30)]), position, "not read yet");
}

/// A disk that is full, and one that does not sync: the cursor before it holds, and the next one is whole.
#[test]
fn a_cursor_that_cannot_be_written_leaves_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let [before, after] = [5, 9].map(|next| Cursor { position: Position::at(next), detached: false });
    write(path, "a", &before).unwrap();
    let torn = Calls {
        write: |file, text, at| {
            std::os::unix::fs::FileExt::write_all_at(file, &text[..text.len() / 2], at)?;
            Err(io::ErrorKind::StorageFull.into())
        },
        ..Calls::default()
    };
    let unsynced = Calls { sync: |_| Err(io::Error::from_raw_os_error(5)), ..Calls::default() };
    for (calls, why) in [(torn, io::ErrorKind::StorageFull), (unsynced, io::Error::from_raw_os_error(5).kind())] {
        let Err(CursorError::Io { source, .. }) = write_by(path, "a", &after, calls) else { panic!("written") };
        assert_eq!(source.kind(), why);
        assert_eq!(read(path, "a").unwrap().as_ref(), Some(&before));
        assert_eq!(names(path).unwrap(), ["a"], "what is half written is no cursor");
    }
    write(path, "a", &after).unwrap();
    assert_eq!(read(path, "a").unwrap(), Some(after));
}

#[test]
fn names_are_good_for_files() {
    for name in ["a", "ops", "A-1_b.c", "9"] {
        assert!(is_name(name), "{name}");
    }
    for name in ["", ".", "..", ".a", "-a", "a/b", "a b", "ä", "a.new", "a\n", &"a".repeat(65)] {
        assert!(!is_name(name), "{name}");
    }
}

proptest! {
    #[test]
    fn nothing_open_is_left_out(open in prop::collection::btree_set(0..2_000_u64, 0..400), more in 0..50_u64) {
        let next = open.last().map_or(0, |last| last + 1) + more;
        let position = Position::of(open.iter().copied(), &[(next, u64::MAX)]);
        let covered = |seq: u64| position.stretches().iter().any(|(first, last)| (*first..=*last).contains(&seq));
        prop_assert!(open.iter().all(|seq| covered(*seq)));
        prop_assert!(position.next <= next);
        if open.len() < 256 {
            prop_assert!((0..next).all(|seq| open.contains(&seq) == (covered(seq) && seq < next) || seq >= position.next));
        }
        prop_assert_eq!(decode(&encode(&Cursor { position: position.clone(), detached: false })).unwrap().position, position);
    }
}
