//! For tests: a script of frames in, the steps in words out.

use super::{EdgeKind, Limits, Session, Step};
use crate::kapacitor::frame;
use prost::Message as _;

pub(super) fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let tag = if number < 16 { vec![number << 3 | 2] } else { vec![number << 3 & 0x7F | 0x82, 1] };
    [tag, vec![u8::try_from(body.len()).unwrap()], body.to_vec()].concat()
}

/// The frame of a word of a script, without prefix.
pub(super) fn message(word: &str) -> Vec<u8> {
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

pub(super) fn varint(value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

pub(super) fn framed(message: &[u8]) -> Vec<u8> {
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
pub(super) fn check_steps(edge: EdgeKind, script: &str, expected: &[&str]) {
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
