//! The session case by case: requests, points of a stream, and what is not understood.

use super::script::{check_steps, field, framed, message, varint};
use super::*;
use crate::kapacitor::snapshot::Snapshot;

#[test]
fn info_alone() {
    check_steps(EdgeKind::Stream, "info", &["reply Info", "---"]);
}

#[test]
fn a_stream() {
    check_steps(
        EdgeKind::Stream,
        "init restore:old point:a point:b keepalive point:c snapshot point:d",
        &[
            "opened cpu kaptap2",
            "reply Init",
            "---",
            "restore old",
            "---",
            "points from 1: point:a point:b",
            "keepalive 9",
            "reply Keepalive",
            "points from 3: point:c",
            "snapshot",
            "---",
            "points from 4: point:d",
            "---",
        ],
    );
}

#[test]
fn not_echoed() {
    check_steps(
        EdgeKind::Stream,
        "quiet point:a keepalive loud point:b",
        &[
            "opened cpu ",
            "reply Init",
            "---",
            "points from 1 not echoed: point:a",
            "keepalive 9",
            "reply Keepalive",
            "opened cpu ",
            "reply Init",
            "---",
            "points from 2: point:b",
            "---",
        ],
    );
    check_steps(
        EdgeKind::Batch,
        "quiet begin:1 point:a end",
        &["opened cpu ", "reply Init", "---", "batch 1 []: begin:1 point:a end", "---"],
    );
}

#[test]
fn an_init_refused() {
    let known = "alert, db, durationField, echo, idTag, label, levelTag, messageField, rp";
    let refused = format!("refused: there is no option colour; the options are {known}");
    check_steps(EdgeKind::Stream, "wrong point:a", &[&refused, "reply Init", "points from 1: point:a", "---"]);
}

#[test]
fn a_new_field_joins_the_run() {
    check_steps(
        EdgeKind::Stream,
        "point:a new-point:b point:c",
        &["points from 1: point:a new-point:b point:c", "---"],
    );
}

#[test]
fn not_understood() {
    check_steps(
        EdgeKind::Stream,
        "point:a empty point:b junk begin:0 end bad-info",
        &[
            "points from 1: point:a",
            r#"opaque 2 ["no_message"]: empty"#,
            "points from 3: point:b",
            r#"opaque 4 ["malformed"]: junk"#,
            r#"opaque 5 ["batch_on_stream"]: begin:0"#,
            r#"opaque 6 ["batch_on_stream"]: end"#,
            r#"opaque 7 ["malformed_request"]: bad-info"#,
            "reply Info",
            "---",
        ],
    );
}

#[test]
fn half_a_frame_at_the_end() {
    let mut session = Session::new(EdgeKind::Stream, Limits::default());
    let mut steps = vec![];
    assert_eq!(session.receive(&[5, 0x8A, 0x01], &mut steps), Ok(0));
    assert_eq!(session.wanted(&[5, 0x8A, 0x01]), 3);
    session.end(&[5, 0x8A, 0x01], &mut steps);
    assert_eq!(steps, [Step::Opaque { range: 0..3, n: 1, marks: vec![mark::HALF_FRAME] }]);
}

#[test]
fn numbering_goes_on_after_a_restore() {
    let mut session = Session::new(EdgeKind::Stream, Limits::default());
    let snapshot = Snapshot { stream: 3, last_n: 41 }.encode();
    let input = [framed(&field(5, &field(1, &snapshot))), framed(&message("point:a"))].concat();
    let mut steps = vec![];
    let consumed = session.receive(&input, &mut steps).unwrap();
    assert_eq!(steps, [Step::Restore(snapshot)]);
    session.set_next_n(42);
    steps.clear();
    session.receive(&input[consumed..], &mut steps).unwrap();
    assert!(matches!(steps[..], [Step::Points { first_n: 42, count: 1, .. }]), "{steps:?}");
    assert_eq!(session.next_n(), 43);
}

#[test]
fn numbers_do_not_wrap() {
    let mut session = Session::new(EdgeKind::Stream, Limits::default());
    session.set_next_n(u64::MAX);
    let mut steps = vec![];
    session.receive(&framed(&message("point:a")), &mut steps).unwrap();
    session.receive(&framed(&message("point:a")), &mut steps).unwrap();
    assert_eq!(session.next_n(), u64::MAX);
}

#[test]
fn an_error_comes_when_all_before_it_is_done() {
    let limits = Limits { max_frame: 10, ..Limits::default() };
    let mut session = Session::new(EdgeKind::Stream, limits);
    let input = [framed(&message("point:a")), vec![11]].concat();
    let mut steps = vec![];
    let consumed = session.receive(&input, &mut steps).unwrap();
    assert_eq!((consumed, steps.len()), (input.len() - 1, 1));
    assert_eq!(session.receive(&input[consumed..], &mut steps), Err(FrameError::TooLong { length: 11, max: 10 }));
    assert_eq!(steps.len(), 1);
    assert_eq!(session.wanted(&input[consumed..]), 0);
}

#[test]
fn room_grows_with_what_arrives() {
    let session = Session::new(EdgeKind::Stream, Limits::default());
    let mut have = varint(64 << 20);
    assert_eq!(session.wanted(&[]), 1);
    assert_eq!(session.wanted(&have), have.len() + GROWTH);
    have.resize(1 << 20, 0);
    assert_eq!(session.wanted(&have), have.len() + GROWTH);
    have.resize(40 << 20, 0);
    assert_eq!(session.wanted(&have), (24 << 20) + 4);
}

#[test]
fn steps_of_an_earlier_call_are_left_alone() {
    let (point, mut steps) = (framed(&message("point:a")), vec![]);
    let mut session = Session::new(EdgeKind::Stream, Limits::default());
    for _ in 0..2 {
        assert_eq!(session.receive(&point, &mut steps), Ok(point.len()));
    }
    let run = |first_n| Step::Points { range: 0..point.len(), count: 1, first_n, echo: true };
    assert_eq!(steps, [run(1), run(2)]);

    let begin = framed(&message("begin:0"));
    let mut session = Session::new(EdgeKind::Batch, Limits::default());
    steps.clear();
    for frame in [&begin, &point] {
        assert_eq!(session.receive(frame, &mut steps), Ok(frame.len()));
    }
    let run = |frame: &[u8]| Step::Echo { range: 0..frame.len(), frames: 1 };
    assert_eq!(steps, [run(&begin), run(&point)]);
}

#[test]
fn marks_are_listed_once() {
    let distinct: std::collections::BTreeSet<_> = mark::ALL.iter().collect();
    assert_eq!(distinct.len(), mark::ALL.len());
}
