//! Recordings of a real kapacitord, replayed: what goes back is what came in, however it is cut.

use crate::shell::{Kept, Outcome, play};
use crate::wire;
use kaptap::kapacitor::proto::{Request, Response, request, response};
use kaptap::kapacitor::session::{EdgeKind, Limits};
use proptest::prelude::*;
use prost::Message as _;
use std::path::Path;
use std::sync::LazyLock;

/// One recorded connection, with the options inside Init left out: those of another UDF.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) edge: EdgeKind,
    pub(crate) stream: Vec<u8>,
    /// Where a read of the recording ended.
    pub(crate) cuts: Vec<usize>,
}

pub(crate) static RECORDINGS: LazyLock<Vec<Recording>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/udf");
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".request.bin")?.to_owned())).collect();
    names.sort();
    names.into_iter().map(|name| load(&folder, name)).collect()
});

fn load(folder: &Path, name: String) -> Recording {
    let recorded = std::fs::read(folder.join(format!("{name}.request.bin"))).unwrap();
    let mut stream = Vec::new();
    // Up to where, and by how many bytes, the rewritten stream is shorter than the recorded one.
    let (mut recorded_at, mut rewritten) = (0, None);
    for frame in wire::frames(&recorded).0 {
        recorded_at += wire::framed(frame).len();
        match Request::decode(frame).unwrap().message.unwrap() {
            request::Message::Init(mut init) => {
                init.options.clear();
                stream.extend(wire::framed(&wire::request(request::Message::Init(init))));
                rewritten = Some((recorded_at, recorded_at - stream.len()));
            }
            _ => stream.extend(wire::framed(frame)),
        }
    }
    let mut read = 0;
    let cuts = std::fs::read_to_string(folder.join(format!("{name}.chunks.jsonl"))).unwrap();
    let cuts = cuts.lines().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let length = line["len"].as_u64().filter(|_| line["dir"] == "request")?;
        read += length as usize;
        let shorter = rewritten.filter(|&(end, _)| read >= end).map_or(0, |(_, shorter)| shorter);
        Some(read - shorter)
    });
    let cuts = cuts.collect();
    let edge = if name.starts_with("batch") { EdgeKind::Batch } else { EdgeKind::Stream };
    Recording { name, edge, stream, cuts }
}

/// The kinds of the answers, in order, where data frames and keepalives must be equal byte for byte.
fn check_answers(recording: &Recording, outcome: &Outcome) {
    let asked = wire::frames(&recording.stream).0;
    let answers = wire::frames(&outcome.sent).0;
    assert_eq!(asked.len(), answers.len(), "{}: one answer for each frame", recording.name);
    for (asked, answer) in asked.into_iter().zip(answers) {
        let request = Request::decode(asked).unwrap().message.unwrap();
        let response = Response::decode(answer).unwrap().message.unwrap();
        let fits = match (&request, &response) {
            (request::Message::Info(_), response::Message::Info(info)) => info.wants == info.provides,
            (request::Message::Init(_), response::Message::Init(init)) => init.success,
            (request::Message::Snapshot(_), response::Message::Snapshot(snapshot)) => !snapshot.snapshot.is_empty(),
            (request::Message::Restore(_), response::Message::Restore(restore)) => restore.success,
            _ => asked == answer,
        };
        assert!(fits, "{}: {request:?} was answered by {response:?}", recording.name);
    }
}

/// Points of the stream by an independent decode, against points kept.
fn check_kept(recording: &Recording, outcome: &Outcome) {
    let frames = wire::frames(&recording.stream).0;
    let is_point = |frame: &&[u8]| matches!(Request::decode(*frame).unwrap().message, Some(request::Message::Point(_)));
    let came: Vec<_> = frames.into_iter().filter(is_point).map(<[u8]>::to_vec).collect();
    let mut kept = Vec::new();
    for record in &outcome.kept {
        match record {
            Kept::Point { frame, .. } => kept.push(frame.clone()),
            Kept::Batch { frames, points, marks, .. } => {
                assert!(marks.is_empty(), "{}: {marks:?}", recording.name);
                let before = kept.len();
                kept.extend(wire::frames(frames).0.into_iter().filter(is_point).map(<[u8]>::to_vec));
                assert_eq!(kept.len() - before, *points as usize);
            }
            Kept::Opaque { marks, .. } => panic!("{}: an opaque record, {marks:?}", recording.name),
        }
    }
    assert_eq!(came, kept, "{}", recording.name);
}

fn check_replay(recording: &Recording, cuts: impl IntoIterator<Item = usize>) {
    let outcome = play(recording.edge, Limits::default(), &recording.stream, cuts);
    check_answers(recording, &outcome);
    check_kept(recording, &outcome);
    assert_eq!(outcome.opened.len(), usize::from(recording.name != "info-only"));
}

#[test]
fn there_are_recordings() {
    let names: Vec<_> = RECORDINGS.iter().map(|recording| recording.name.as_str()).collect();
    assert_eq!(names.len(), 9, "{names:?}");
    assert!(RECORDINGS.iter().all(|recording| recording.cuts.last() == Some(&recording.stream.len())));
}

#[test]
fn cut_as_recorded() {
    for recording in RECORDINGS.iter() {
        check_replay(recording, recording.cuts.iter().copied());
    }
}

#[test]
fn whole_and_one_byte_at_a_time() {
    for recording in RECORDINGS.iter() {
        check_replay(recording, []);
        check_replay(recording, 1..recording.stream.len());
    }
}

#[test]
fn batches_in_small_parts() {
    for recording in RECORDINGS.iter().filter(|recording| recording.edge == EdgeKind::Batch) {
        let limits = Limits { batch_points: 3, batch_bytes: 600, ..Limits::default() };
        let outcome = play(recording.edge, limits, &recording.stream, recording.cuts.iter().copied());
        check_answers(recording, &outcome);
        check_kept(recording, &outcome);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn cut_at_random(which in any::<prop::sample::Index>(), steps in prop::collection::vec(1_usize..3_000, 1..200)) {
        let recording = &RECORDINGS[which.index(RECORDINGS.len())];
        let cuts = steps.into_iter().cycle().scan(0, |at, step| {
            *at += step;
            (*at < recording.stream.len()).then_some(*at)
        });
        check_replay(recording, cuts);
    }
}
