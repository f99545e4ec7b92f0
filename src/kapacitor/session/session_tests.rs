//! The session case by case: a script of frames in, the steps in words out.

use super::*;
use crate::kapacitor::snapshot::Snapshot;
use prost::Message as _;

fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let tag = if number < 16 { vec![number << 3 | 2] } else { vec![number << 3 & 0x7F | 0x82, 1] };
    [tag, vec![u8::try_from(body.len()).unwrap()], body.to_vec()].concat()
}

/// The frame of a word of a script, without prefix.
fn message(word: &str) -> Vec<u8> {
    let size = |size: &str| [vec![0x20], varint(size.parse::<i64>().unwrap().cast_unsigned())].concat();
    let echo = |value| {
        field(2, &[field(1, &[field(1, b"echo"), field(2, &[0x10, value])].concat()), field(2, b"cpu")].concat())
    };
    match word.split_once(':').unwrap_or((word, "")) {
        ("info", _) => field(1, b""),
        ("init", _) => field(2, &[field(2, b"cpu"), field(3, b"kaptap2")].concat()),
        ("quiet", _) => echo(0),
        ("loud", _) => echo(1),
        ("wrong", _) => field(2, &field(1, &field(1, b"colour"))),
        ("keepalive", _) => field(3, &[8, 9]),
        ("snapshot", _) => field(4, b""),
        ("restore", name) => field(5, &field(1, name.as_bytes())),
        ("begin", number) => field(16, &size(number)),
        ("point", name) => field(17, &field(2, name.as_bytes())),
        ("new-point", name) => [field(17, &field(2, name.as_bytes())), field(30, b"?")].concat(),
        ("end", _) => field(18, b""),
        ("empty", _) => vec![],
        ("junk", _) => vec![0xFF, 0xFF],
        ("bad-info", _) => field(1, b"\xFF"),
        _ => panic!("no frame for {word}"),
    }
}

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

fn framed(message: &[u8]) -> Vec<u8> {
    [varint(message.len() as u64), message.to_vec()].concat()
}

/// Frames with prefixes, as the words of the script that made them.
fn words(mut frames: &[u8], script: &str) -> String {
    let mut found = vec![];
    while let Some((length, body)) = frame::split(frames, usize::MAX).unwrap() {
        found.push(script.split_whitespace().find(|word| message(word) == body).unwrap());
        frames = &frames[length..];
    }
    assert_eq!(frames, b"", "no half frame");
    found.join(" ")
}

fn describe(step: &Step, input: &[u8], script: &str) -> String {
    match step {
        Step::Points { range, count, first_n, echo } => {
            let echo = if *echo { "" } else { " not echoed" };
            let words = words(&input[range.clone()], script);
            assert_eq!(words.split(' ').count(), *count as usize);
            format!("points from {first_n}{echo}: {words}")
        }
        Step::Echo { range, frames } => {
            let words = words(&input[range.clone()], script);
            assert_eq!(words.split(' ').count(), *frames as usize);
            format!("echo: {words}")
        }
        Step::Batch { frames, points, n, part, marks } => {
            let words = words(frames, script);
            assert_eq!(words.split(' ').filter(|word| word.contains("point")).count(), *points as usize);
            let part = match part {
                None => String::new(),
                Some((part, None)) => format!(" part {part}"),
                Some((part, Some(parts))) => format!(" part {part} of {parts}"),
            };
            format!("batch {n}{part} {marks:?}: {words}")
        }
        Step::Opaque { range, n, marks } => {
            let bytes = &input[range.clone()];
            let word = script.split_whitespace().find(|word| message(word) == bytes).unwrap_or("a half");
            format!("opaque {n} {marks:?}: {word}")
        }
        Step::Reply(frame) => {
            let (_, body) = frame::split(frame, usize::MAX).unwrap().unwrap();
            let message = crate::kapacitor::proto::Response::decode(body).unwrap().message.unwrap();
            let message = format!("{message:?}");
            format!("reply {}", message.split('(').next().unwrap())
        }
        Step::Keepalive { time } => format!("keepalive {time}"),
        Step::Opened(opened) => format!("opened {} {}", opened.task, opened.node),
        Step::Refused(sentence) => format!("refused: {sentence}"),
        Step::Snapshot => "snapshot".to_owned(),
        Step::Restore(bytes) => format!("restore {}", String::from_utf8_lossy(bytes)),
    }
}

/// Plays a script and then the end of input; `---` stands where `receive` stopped, and for the end.
fn check_steps(edge: EdgeKind, script: &str, expected: &[&str]) {
    let limits = Limits { max_frame: 200, batch_points: 3, batch_bytes: 60 };
    let input: Vec<u8> = script.split_whitespace().flat_map(|word| framed(&message(word))).collect();
    let mut session = Session::new(edge, limits);
    let (mut found, mut rest) = (vec![], input.as_slice());
    loop {
        let mut steps = vec![];
        let consumed = session.receive(rest, &mut steps).unwrap();
        found.extend(steps.iter().map(|step| describe(step, rest, script)));
        rest = &rest[consumed..];
        if consumed == 0 {
            break;
        }
        found.push("---".to_owned());
    }
    let mut steps = vec![];
    session.end(rest, &mut steps);
    found.extend(steps.iter().map(|step| describe(step, rest, script)));
    assert_eq!(found, expected, "{script}");
}

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
fn batches() {
    check_steps(
        EdgeKind::Batch,
        "begin:2 point:a point:b end begin:0 end",
        &[
            "echo: begin:2 point:a point:b end",
            "batch 1 []: begin:2 point:a point:b end",
            "echo: begin:0 end",
            "batch 2 []: begin:0 end",
            "---",
        ],
    );
}

#[test]
fn sizes() {
    let check = |begin: &str, marks: &str| {
        let script = format!("{begin} point:a point:b end");
        check_steps(
            EdgeKind::Batch,
            &script,
            &[&format!("echo: {script}"), &format!("batch 1 [{marks}]: {script}"), "---"],
        );
    };
    check("begin:1", r#""size_mismatch""#);
    check("begin:2", "");
    check("begin:3", r#""size_mismatch""#);
    check("begin:67108864", r#""size_mismatch""#);
    // Not known beforehand.
    check("begin:0", "");
}

#[test]
fn sizes_that_would_kill() {
    for begin in ["begin:-1", "begin:67108865", "begin:9223372036854775807"] {
        let script = format!("{begin} point:a end begin:1 point:b end");
        check_steps(
            EdgeKind::Batch,
            &script,
            &[
                &format!(r#"batch 1 ["bad_size"]: {begin} point:a end"#),
                "echo: begin:1 point:b end",
                "batch 2 []: begin:1 point:b end",
                "---",
            ],
        );
    }
}

#[test]
fn outside_a_batch() {
    check_steps(
        EdgeKind::Batch,
        "point:a end begin:0 end end",
        &[
            r#"batch 1 ["point_outside_batch"]: point:a"#,
            r#"batch 2 ["end_without_begin"]: end"#,
            "echo: begin:0 end",
            "batch 3 []: begin:0 end",
            r#"batch 4 ["end_without_begin"]: end"#,
            "---",
        ],
    );
}

#[test]
fn begin_inside_a_batch() {
    check_steps(
        EdgeKind::Batch,
        "begin:0 point:a begin:1 point:b end begin:2 end",
        &[
            "echo: begin:0 point:a",
            r#"batch 1 ["cut_short"]: begin:0 point:a"#,
            "echo: point:b end",
            r#"batch 2 ["begin_inside_batch"]: begin:1 point:b end"#,
            "echo: begin:2 end",
            r#"batch 3 ["size_mismatch"]: begin:2 end"#,
            "---",
        ],
    );
    // One that would kill is withheld as well; its End closes what is open at the peer.
    check_steps(
        EdgeKind::Batch,
        "begin:0 begin:-1 point:a end",
        &[
            "echo: begin:0",
            r#"batch 1 ["cut_short"]: begin:0"#,
            "echo: point:a end",
            r#"batch 2 ["begin_inside_batch", "bad_size"]: begin:-1 point:a end"#,
            "---",
        ],
    );
    // Inside one that did not go back it may go.
    check_steps(
        EdgeKind::Batch,
        "begin:-1 begin:1 point:a end",
        &[
            r#"batch 1 ["bad_size", "cut_short"]: begin:-1"#,
            "echo: begin:1 point:a end",
            r#"batch 2 ["begin_inside_batch"]: begin:1 point:a end"#,
            "---",
        ],
    );
}

#[test]
fn an_option_changed_inside_a_batch() {
    // What was begun is ended.
    check_steps(
        EdgeKind::Batch,
        "begin:0 quiet point:a begin:1 end begin:2 end",
        &[
            "echo: begin:0",
            "batch 1 part 1 []: begin:0",
            "opened cpu ",
            "reply Init",
            "---",
            "echo: point:a",
            r#"batch 2 part 2 of 2 ["cut_short"]: begin:0 point:a"#,
            "echo: end",
            r#"batch 3 ["begin_inside_batch", "size_mismatch"]: begin:1 end"#,
            r#"batch 4 ["size_mismatch"]: begin:2 end"#,
            "---",
        ],
    );
    check_steps(
        EdgeKind::Batch,
        "quiet begin:1 loud point:a end",
        &[
            "opened cpu ",
            "reply Init",
            "---",
            "batch 1 part 1 []: begin:1",
            "opened cpu ",
            "reply Init",
            "---",
            "batch 2 part 2 of 2 []: begin:1 point:a end",
            "---",
        ],
    );
}

#[test]
fn parts_by_points() {
    check_steps(
        EdgeKind::Batch,
        "begin:5 point:a point:b point:c point:d keepalive point:e end",
        &[
            "echo: begin:5 point:a point:b point:c",
            "batch 1 part 1 []: begin:5 point:a point:b point:c",
            "echo: point:d",
            "keepalive 9",
            "reply Keepalive",
            "echo: point:e end",
            "batch 2 part 2 of 2 []: begin:5 point:d point:e end",
            "---",
        ],
    );
    // A batch that just fills one part is one.
    check_steps(
        EdgeKind::Batch,
        "begin:3 point:a point:b point:c end",
        &["echo: begin:3 point:a point:b point:c end", "batch 1 []: begin:3 point:a point:b point:c end", "---"],
    );
}

#[test]
fn parts_by_bytes() {
    let long = format!("point:{}", "x".repeat(70));
    let script = format!("begin:3 point:a {long} point:b end");
    check_steps(
        EdgeKind::Batch,
        &script,
        &[
            "echo: begin:3 point:a",
            "batch 1 part 1 []: begin:3 point:a",
            &format!("echo: {long}"),
            &format!("batch 2 part 2 []: begin:3 {long}"),
            "echo: point:b end",
            "batch 3 part 3 of 3 []: begin:3 point:b end",
            "---",
        ],
    );
}

#[test]
fn a_snapshot_cuts_the_batch() {
    check_steps(
        EdgeKind::Batch,
        "begin:1 snapshot snapshot point:a snapshot end",
        &[
            "echo: begin:1",
            "batch 1 part 1 []: begin:1",
            "snapshot",
            "---",
            "snapshot",
            "---",
            "echo: point:a",
            "batch 2 part 2 []: begin:1 point:a",
            "snapshot",
            "---",
            "echo: end",
            "batch 3 part 3 of 3 []: begin:1 end",
            "---",
        ],
    );
}

#[test]
fn input_ends_inside_a_batch() {
    check_steps(
        EdgeKind::Batch,
        "begin:2 point:a empty",
        &[
            "echo: begin:2 point:a",
            r#"opaque 1 ["no_message"]: empty"#,
            "---",
            r#"batch 2 ["cut_short"]: begin:2 point:a"#,
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
fn marks_are_listed_once() {
    let distinct: std::collections::BTreeSet<_> = mark::ALL.iter().collect();
    assert_eq!(distinct.len(), mark::ALL.len());
}
