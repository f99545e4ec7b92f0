//! Tests of the coding: round trips, and bytes that are not ours.

use super::*;
use crate::record::{AlertNames, Edge, StreamId, Verdict};
use crate::words::{How, Lane, Transition};
use proptest::prelude::*;

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", "\\PC{0,12}", Just("x\ny\u{0}é".to_owned())]
}

fn any_how() -> impl Strategy<Value = How> {
    prop::sample::select(How::ALL)
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    (prop::sample::select(Transition::ALL), any::<bool>(), any::<Option<i64>>(), any::<u64>(), any::<Option<u64>>())
        .prop_map(|(transition, firing, started, repeat, duplicate_of)| Verdict {
            transition,
            firing,
            started,
            repeat,
            duplicate_of,
        })
}

prop_compose! {
    fn any_note()(
        task in prop::option::of((any_text(), any_how())),
        topic in prop::option::of((any_text(), any_how())),
        media in prop::option::of(any_text()),
        verdict in prop::option::of(any_verdict()),
        part in any::<Option<(u32, Option<u32>)>>(),
        marks in prop::collection::vec(any_text(), 0..3),
    ) -> Note {
        Note { task, topic, media, verdict, part, marks }
    }
}

prop_compose! {
    fn any_names()(id_tag in any_text(), level_tag in any_text(), message_field in any_text(), duration_field in any_text())
        -> AlertNames {
        AlertNames { id_tag, level_tag, message_field, duration_field }
    }
}

prop_compose! {
    fn any_stream()(
        (id, lane, source, scope) in (any::<u64>(), prop::sample::select(Lane::ALL), any_text(), any_text()),
        edge in prop::option::of(prop::sample::select(vec![Edge::Stream, Edge::Batch])),
        (task, node) in (prop::option::of(any_text()), prop::option::of(any_text())),
        (database, retention_policy) in (prop::option::of(any_text()), prop::option::of(any_text())),
        labels in prop::collection::vec((any_text(), any_text()), 0..3),
        alert in prop::option::of(any_names()),
    ) -> Stream {
        Stream { id: StreamId(id), lane, source, scope, edge, task, node, database, retention_policy, labels, alert }
    }
}

fn any_content() -> impl Strategy<Value = Content> {
    (1u8..=6).prop_map(|number| Content::from_number(number).unwrap())
}

fn framed(frames: &[Vec<u8>], first_n: u64) -> Vec<u8> {
    let mut payload = frames_header(first_n).to_vec();
    for frame in frames {
        prost::encode_length_delimiter(frame.len(), &mut payload).unwrap();
        payload.extend_from_slice(frame);
    }
    payload
}

#[track_caller]
fn check_broken(payload: &[u8], count: u32, expected: &str) {
    let last = match records(payload, 1, count, 0) {
        Err(error) => Some(error),
        Ok(run) => run.filter_map(Result::err).last(),
    };
    assert_eq!(last.map(|error| error.to_string()).as_deref(), Some(expected));
}

proptest! {
    #[test]
    fn single_records_come_back(content in any_content(), n in any::<u64>(), note in any_note(), raw: Vec<u8>, seq: u64, observed: i64) {
        let mut payload = single_header(content, n, &note);
        payload.extend_from_slice(&raw);
        let back: Vec<_> = records(&payload, seq, 1, observed).unwrap().collect();
        prop_assert_eq!(back, vec![Ok(Record { seq, observed, n, content, note, raw: &raw })]);
    }

    #[test]
    fn frames_come_back(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), n in 0..u64::MAX - 8, seq in 0..u64::MAX - 8) {
        let payload = framed(&frames, n);
        let count = u32::try_from(frames.len()).unwrap();
        let back = records(&payload, seq, count, 7).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        prop_assert_eq!(back.len(), frames.len());
        for ((index, record), frame) in (0u64..).zip(&back).zip(&frames) {
            prop_assert_eq!((record.seq, record.n, record.raw), (seq + index, n + index, frame.as_slice()));
            prop_assert_eq!((record.content, record.observed, &record.note), (Content::Point, 7, &Note::default()));
        }
    }

    #[test]
    fn streams_come_back(stream in any_stream()) {
        prop_assert_eq!(Stream::decode(&stream.encode()), Ok(stream));
    }

    #[test]
    fn garbage_is_refused_or_read_but_never_runs_away(payload: Vec<u8>, count in 0u32..40) {
        if let Ok(run) = records(&payload, u64::MAX - 3, count, 0) {
            prop_assert!(run.count() <= count as usize + 1);
        }
        if let Ok(stream) = Stream::decode(&payload) {
            prop_assert_eq!(Stream::decode(&stream.encode()), Ok(stream));
        }
    }

    #[test]
    fn a_damaged_run_never_yields_more_than_it_holds(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5), at: prop::sample::Index, byte: u8, cut: prop::sample::Index,
    ) {
        let mut payload = framed(&frames, 1);
        let at = at.index(payload.len());
        payload[at] = byte;
        payload.truncate(cut.index(payload.len() + 1));
        if let Ok(run) = records(&payload, 1, 5, 0) {
            let held: usize = run.filter_map(Result::ok).map(|record| record.raw.len()).sum();
            prop_assert!(held <= payload.len());
        }
    }
}

#[test]
fn broken_runs_say_what_is_wrong() {
    check_broken(&[], 1, "not a whole record: an empty run");
    check_broken(&[9, 1], 1, "format 9 is not known to this version");
    check_broken(&[1, 77], 1, "not a whole record: unknown content");
    check_broken(&[1, 1, 0, 0], 1, "not a whole record: no number in the stream");
    check_broken(&framed(&[vec![1]], 1), 2, "not a whole record: fewer frames than counted");
    check_broken(&framed(&[vec![1], vec![2]], 1), 1, "not a whole record: bytes after the last record");
    check_broken(&[&frames_header(1)[..], &[5, 1]].concat(), 1, "not a whole record: a frame longer than the run");
    check_broken(
        &[&frames_header(1)[..], &[0xff; 11]].concat(),
        1,
        "not a whole record: a length prefix that does not end",
    );
    check_broken(
        &single_header(Content::Alert, 1, &Note::default()),
        2,
        "not a whole record: a single record counted as several",
    );
    check_broken(&[2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1], 1, "not a whole record: note cut short");
    check_broken(&[2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff], 1, "not a whole record: note");
}

#[test]
fn a_word_of_a_newer_version_is_not_guessed() {
    let mut note = Note { task: Some(("t".to_owned(), How::Config)), ..Note::default() };
    let known = single_header(Content::Alert, 1, &note);
    assert!(records(&known, 1, 1, 0).is_ok());
    // The last byte of the note is the number of `how`.
    let mut unknown = known;
    *unknown.last_mut().unwrap() = 99;
    check_broken(&unknown, 1, "not a whole record: unknown way of learning the origin");
    note.task = None;
    assert_eq!(single_header(Content::Alert, 1, &note).len(), 14, "an empty note takes no bytes");
}

#[test]
fn the_format_does_not_change() {
    assert_eq!(frames_header(0x0102), [1, 1, 2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(single_header(Content::Row, 3, &Note::default()), [2, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let note = Note { part: Some((2, None)), marks: vec!["m".to_owned()], ..Note::default() };
    assert_eq!(single_header(Content::Batch, 1, &note)[10..], [5, 0, 0, 0, 0x28, 2, 0x3a, 1, b'm']);
    assert!(matches!(Stream::decode(&[2, 0]), Err(CodingError::Version(2))));
}
