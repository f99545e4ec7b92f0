//! Tests of the table of segments.

use super::*;

#[test]
fn a_table() {
    let segment = |first_seq: u64, last_seq, bytes, created, newest| SegmentReport {
        path: format!("/data/journal/{first_seq:020}.kseg").into(),
        first_seq,
        last_seq,
        bytes,
        created,
        newest,
    };
    let segments = [segment(1, 1200, 67_108_864, 1_000_000_000, Some(2_500_000_000)), segment(1201, 1200, 64, 0, None)];
    assert_eq!(
        table(&segments, &TimeZone::UTC),
        [
            "SEGMENT                    FIRST  LAST  RECORDS     BYTES  BEGUN                NEWEST",
            "00000000000000000001.kseg      1  1200     1200  67108864  1970-01-01 00:00:01  1970-01-01 00:00:02",
            "00000000000000001201.kseg   1201     -        0        64  -                    -",
            "2 segments, 1200 records, 64.0 MiB",
        ]
    );
}
