//! Tests of the tables of alerts and streams.

use super::*;
use jiff::tz::{Offset, TimeZone};

/// 2026-11-22 15:00:00 in a zone an hour before UTC.
fn now() -> Zoned {
    "2026-11-22T14:00:00Z".parse::<Timestamp>().unwrap().to_zoned(TimeZone::fixed(Offset::constant(1)))
}

#[track_caller]
fn check_table<const N: usize>(table: &Table<N>, expected: &[&str]) {
    assert_eq!(table.lines(false, None), expected);
}

#[test]
fn alerts_in_a_table() {
    let answer = br#"[
        {"fingerprint":"f","scope":"default","task":"cpu","id":"cpu:host=a","message":"a is\nCRITICAL","level":"CRITICAL","severity":"critical",
         "state":"firing","since":"2026-11-22T13:58:25.5Z","last":"2026-11-22T13:59:00.000000000Z","repeat":1,"seq":9},
        {"scope":"default","topic":"disk","id":"d","message":"","level":"WARNING","since":"2026-11-20T22:30:00Z","last":"2026-11-22T13:00:00Z"},
        {"scope":"default","id":"ahead","message":"m","level":"INFO","since":"2026-11-22T14:00:09Z","last":"2026-11-22T14:00:09Z"},
        {"scope":"default","task":"t","id":"over","message":"m","level":"OK","since":"2026-11-22T10:00:00Z","last":"2026-11-22T10:01:35Z"},
        {"scope":"default","task":"t","id":"never","message":"m","level":"OK","last":"2026-11-22T10:01:35Z"}
    ]"#;
    let alerts: Vec<Alert> = read(answer).unwrap();
    check_table(
        &alert_table(&alerts, &now()),
        &[
            "LEVEL     SINCE (UTC+01:00)    FOR    TASK  ID          MESSAGE",
            "CRITICAL  14:58:25             1m34s  cpu   cpu:host=a  a is\\nCRITICAL",
            "WARNING   2026-11-20 23:30:00  1d15h  disk  d           -",
            "INFO      15:00:09             0s     -     ahead       m",
            "OK        11:00:00             1m35s  t     over        m",
            "OK        -                    -      t     never       m",
        ],
    );
}

#[test]
fn streams_in_a_table() {
    let answer = br#"[
        {"id":"1","lane":"udf","source":"stream","task":"cpu","node":"kaptap2","edge":"stream","opened":"2026-11-22T13:00:00Z",
         "last":"2026-11-22T13:59:57Z","received":1200,"kept":1200,"held":false},
        {"id":"2","lane":"udf","source":"batch","task":"b","node":"kaptap_batch2","opened":"2026-11-22T13:00:00Z",
         "last":"2026-11-22T13:00:00Z","received":0,"kept":0,"held":false},
        {"id":"3","lane":"post","source":"cpu","labels":{},"opened":"2026-11-22T13:00:00Z","last":"2026-11-22T13:00:00Z",
         "received":7,"kept":5,"held":true}
    ]"#;
    let streams: Vec<Stream> = read(answer).unwrap();
    check_table(
        &stream_table(&streams, now().timestamp()),
        &[
            "LANE  SOURCE  TASK  NODE           RECEIVED  KEPT  LAST",
            "udf   stream  cpu   kaptap2            1200  1200  3s ago",
            "udf   batch   b     kaptap_batch2         0     0  -",
            "post  cpu     -     -                     7     5  1h ago, held back",
        ],
    );
}

#[test]
fn what_is_not_kaptaps_answer_is_a_failure() {
    assert!(read::<Vec<Alert>>(b"<html>").is_err());
    assert!(read::<Vec<Stream>>(br#"[{"lane":"udf"}]"#).is_err());
}
