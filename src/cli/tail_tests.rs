//! Tests of what `tail` asks for and how it cuts the answer.

use super::*;
use proptest::prelude::*;

fn query() -> Query {
    Query { since: None, until: None, last: None, filter: None, follow: true }
}

#[track_caller]
fn check_path(query: &Query, next: Option<u64>, elapsed: Option<u64>, expected: &str) {
    assert_eq!(query.path(next, elapsed.map(Duration::from_secs)), format!("/v1/events?{expected}"));
}

#[test]
fn what_is_asked_for() {
    check_path(&query(), None, None, "follow=1");
    check_path(&query(), Some(12), Some(9), "since=12&follow=1");
    check_path(&query(), None, Some(9), "since=10s&follow=1");
    let last = Query { last: Some(5), filter: Some("kind == \"alert\"".to_owned()), ..query() };
    check_path(&last, None, None, "last=5&filter=kind%20%3D%3D%20%22alert%22&follow=1");
    check_path(&last, Some(7), Some(1), "since=7&filter=kind%20%3D%3D%20%22alert%22&follow=1");
    check_path(&Query { last: Some(5), ..query() }, None, Some(1), "since=2s&follow=1");
    let since = Query { since: Some(Position::Age(Duration::from_mins(10))), ..query() };
    check_path(&since, None, None, "since=10m&follow=1");
    check_path(&since, None, Some(59), "since=11m&follow=1");
    let until = Query { since: Some(Position::Seq(0)), until: Some(Position::Time(0)), follow: false, ..query() };
    check_path(&until, None, None, "since=0&until=1970-01-01T00:00:00.000000000Z");
    check_path(&until, None, Some(1), "since=0&until=1970-01-01T00:00:00.000000000Z");
}

#[test]
fn positions_are_found_in_events_and_gaps() {
    assert_eq!(last_seq(r#"{"id":"x","seq":7,"alert":{"seq":9}}"#), Some(7));
    assert_eq!(last_seq(r#"{"gap":{"first_seq":3,"last_seq":9,"reason":"retention"}}"#), Some(9));
    assert_eq!(last_seq("nonsense"), None);
}

proptest! {
    #[test]
    fn lines_are_the_same_however_they_come(text in "[a-c\n]{0,60}", cuts in prop::collection::vec(1_usize..9, 0..60)) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut rest = text.as_bytes();
        for cut in cuts.into_iter().chain(std::iter::repeat(60)) {
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            lines.add(piece).unwrap();
            while let Some(line) = lines.next() {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        let expected: Vec<&str> = text.split('\n').collect();
        prop_assert_eq!(&found[..], &expected[..expected.len() - 1]);
    }
}
