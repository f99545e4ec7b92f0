//! Tests of what is said of damage.

use super::*;
use crate::journal::inspect::SegmentReport;

fn verified(first_seq: u64, last_seq: u64, closed: bool, damage: &[(u64, u64)]) -> Verified {
    let path = format!("{first_seq}.kseg").into();
    let segment = SegmentReport { path, first_seq, last_seq, bytes: 1000, created: 1, newest: Some(2) };
    Verified { segment, entries: 1, records: 1, contexts: 1, closed, damage: damage.to_vec() }
}

#[track_caller]
fn check_findings(read: &[Verified], damaged: usize, lines: &[&str]) {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    assert_eq!(findings(read), Findings { lines, damaged });
}

#[test]
fn nothing_wrong() {
    check_findings(&[], 0, &[]);
    check_findings(&[verified(1, 9, true, &[]), verified(10, 12, false, &[])], 0, &[]);
}

#[test]
fn a_torn_end_is_no_damage_but_said() {
    let torn = "10.kseg: the last 7 bytes are not whole yet, or were cut short by a crash";
    check_findings(&[verified(1, 9, true, &[]), verified(10, 12, false, &[(1000, 7)])], 0, &[torn]);
    check_findings(&[verified(10, 12, true, &[(1000, 7)])], 1, &["10.kseg: damaged at byte 1000, 7 bytes"]);
    check_findings(&[verified(10, 12, false, &[(999, 7)])], 1, &["10.kseg: damaged at byte 999, 7 bytes"]);
}

#[test]
fn damage_and_missing_records() {
    let read = [verified(1, 9, false, &[(64, 10), (1000, 5)]), verified(20, 21, false, &[])];
    check_findings(
        &read,
        2,
        &[
            "1.kseg: damaged at byte 64, 10 bytes",
            "1.kseg: damaged at byte 1000, 5 bytes",
            "1.kseg: records 10 to 19 are not there, between it and the next segment",
        ],
    );
}
