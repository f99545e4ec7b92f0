//! Tests of cutting the event stream.

use super::*;
use proptest::prelude::*;

/// Everything that comes of a text, taken in pieces of so many bytes.
fn read(form: Form, text: &str, mut cuts: impl Iterator<Item = usize>) -> Vec<(Option<String>, Option<u64>)> {
    let mut stream = Stream::new(form);
    let mut found = Vec::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(cuts.next().unwrap_or(usize::MAX).min(rest.len()));
        stream.add(piece).unwrap();
        while let Some(Item { event, last }) = stream.next() {
            found.push((event.map(|event| String::from_utf8(event.to_vec()).unwrap()), last));
        }
        rest = tail;
    }
    found
}

#[track_caller]
fn check_items(form: Form, text: &str, expected: &[(Option<&str>, Option<u64>)]) {
    let expected: Vec<_> = expected.iter().map(|(event, last)| (event.map(str::to_owned), *last)).collect();
    assert_eq!(read(form, text, std::iter::empty()), expected);
    assert_eq!(read(form, text, std::iter::repeat(1)), expected);
}

#[test]
fn lines_say_their_seq() {
    let gap = r#"{"gap":{"first_seq":3,"last_seq":9,"reason":"retention"}}"#;
    check_items(
        Form::Lines,
        &format!("{{\"id\":\"x\",\"seq\":7,\"alert\":{{\"seq\":9}}}}\n\n{gap}\nnonsense\ncut off"),
        &[(Some(r#"{"id":"x","seq":7,"alert":{"seq":9}}"#), Some(7)), (Some(gap), Some(9)), (Some("nonsense"), None)],
    );
}

#[test]
fn server_sent_events_count_when_they_are_whole() {
    check_items(
        Form::Sse,
        "id: 7\nevent: alert\ndata: {}\n\n: still here\nid: 12\n\n: hello\n\nid: 13\nevent: point\ndata: {\"cut\"",
        &[(Some("{}"), Some(7)), (None, Some(12))],
    );
}

proptest! {
    #[test]
    fn it_is_the_same_however_it_comes(text in "[a-c\n]{0,60}", cuts in prop::collection::vec(1_usize..9, 0..60)) {
        let found = read(Form::Lines, &text, cuts.into_iter());
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let expected: Vec<_> = whole.split('\n').filter(|line| !line.is_empty()).collect();
        prop_assert_eq!(found.iter().filter_map(|(event, _)| event.as_deref()).collect::<Vec<_>>(), expected);
    }
}
