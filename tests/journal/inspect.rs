//! Looking in from outside, while the journal is in use.

use crate::support::{Home, append, append_some, entries, payload, read, wait_durable};
use kaptap::journal::inspect::Inspection;
use kaptap::journal::{Disk, Sync};
use std::sync::Arc;

#[test]
fn a_journal_in_use_can_be_looked_at() {
    let home = Home::with(|options| options.segment_bytes = 4 << 10);
    let (journal, _) = home.open();
    let mut kept = Vec::new();
    for number in 0..30 {
        kept.push(append(&journal, 2, &payload(number, 400), Sync::Commit));
        wait_durable(&journal, kept[number as usize].last());
    }
    let inspection = Inspection::open(home.path(), Arc::new(Disk::default())).unwrap();
    let segments = inspection.segments();
    assert_eq!(segments.iter().map(|segment| segment.path.clone()).collect::<Vec<_>>(), home.segments());
    assert_eq!((segments[0].first_seq, segments.last().unwrap().last_seq), (1, 60));
    assert!(segments.windows(2).all(|pair| pair[0].last_seq + 1 == pair[1].first_seq));
    assert!(segments.iter().all(|segment| segment.created > 0 && segment.newest == Some(2)), "{segments:?}");
    assert_eq!((inspection.unfinished_bytes(), inspection.unreadable().len()), (0, 0));
    assert_eq!(inspection.seek_time(3).unwrap(), 61);

    let mut told = Vec::new();
    let verified = inspection.verify(&mut |done, total| told.push((done, total))).unwrap();
    assert!(verified.iter().all(|found| found.damage.is_empty() && found.contexts == 1), "{verified:?}");
    assert_eq!(verified.iter().map(|found| found.records).sum::<u64>(), 60);
    assert_eq!(verified.iter().filter(|found| !found.closed).count(), 1);
    assert!(told.is_sorted() && told.last().is_some_and(|(done, total)| done == total), "{told:?}");

    append_some(&journal, 5, Sync::Commit);
    assert_eq!(read(&mut inspection.reader(0)), (kept.clone(), vec![]));
    assert_eq!(read(&mut inspection.reader(31)).0, kept[15..]);
}

#[test]
fn damage_is_found_and_nothing_is_changed() {
    let mut home = Home::new();
    let (journal, _) = home.open();
    let kept = append_some(&journal, 50, Sync::Commit);
    wait_durable(&journal, kept[49].last());
    home.disk = home.disk.kill();
    drop(journal);
    let path = home.segments()[0].clone();
    let mut bytes = entries(&path);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes.extend_from_slice(b"half an entry");
    std::fs::write(&path, &bytes).unwrap();
    let unreadable = home.path().join("00000000000000000900.kseg");
    std::fs::write(&unreadable, b"?").unwrap();

    let inspection = Inspection::open(home.path(), Arc::new(Disk::default())).unwrap();
    let verified = inspection.verify(&mut |_, _| ()).unwrap();
    let [(offset, length)] = verified[0].damage[..] else { panic!("{verified:?}") };
    assert!((offset..offset + length).contains(&(middle as u64)));
    assert_eq!((verified[0].closed, inspection.unfinished_bytes()), (false, 13));
    assert_eq!(inspection.unreadable()[0].0, unreadable);
    let (blocks, gaps) = read(&mut inspection.reader(0));
    assert_eq!((blocks.len(), gaps.len()), (49, 1));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(unreadable.exists());
}

#[test]
fn nothing_there_is_fine_and_no_directory_is_an_error() {
    let home = Home::new();
    assert!(Inspection::open(home.path(), Arc::new(Disk::default())).is_err());
    std::fs::create_dir(home.path()).unwrap();
    let inspection = Inspection::open(home.path(), Arc::new(Disk::default())).unwrap();
    assert_eq!((inspection.segments().len(), read(&mut inspection.reader(0))), (0, (vec![], vec![])));
    assert_eq!(inspection.verify(&mut |_, _| ()).unwrap(), []);
}
