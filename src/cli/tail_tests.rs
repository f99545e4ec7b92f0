//! Tests of what `tail` asks for and how it cuts the answer.

use super::*;

fn query() -> Query {
    Query { since: None, until: None, last: None, filter: None, follow: true }
}

#[track_caller]
fn check_path(query: &Query, next: Option<u64>, elapsed: Option<u64>, expected: &str) {
    assert_eq!(query.path(next, elapsed.map(Duration::from_secs)), format!("/v1/events?{expected}"));
}

#[test]
fn duplicates_are_for_those_who_ask() {
    for (asked, with_duplicates, expected) in [
        (None, false, Some("!(duplicate_of > 0)")),
        (None, true, None),
        (Some("a == 1 || b // c"), true, Some("a == 1 || b // c")),
        (Some("duplicate_of > 7"), false, Some("duplicate_of > 7")),
        (Some("seq > 1 || part == 2 // c"), false, Some("(seq > 1 || part == 2 // c\n) && !(duplicate_of > 0)")),
    ] {
        assert_eq!(filter(asked, with_duplicates).as_deref(), expected);
    }
    let filter = filter(Some("seq > 1 || part == 2 // c"), false).unwrap();
    assert!(Filter::compile(&filter).is_ok(), "{filter}");
}

#[test]
fn a_person_is_told_what_will_come() {
    assert_eq!(greeting("http://k", true, Some("UTC")), "following http://k, times are in UTC");
    assert_eq!(greeting("http://k", false, Some("UTC+01:00")), "events of http://k, times are in UTC+01:00");
    assert_eq!(greeting("http://k", true, None), "following http://k");
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
fn what_is_no_stream_of_events_is_said() {
    let form = |media: Option<&'static str>| form(media.map(HeaderValue::from_static).as_ref());
    assert!(matches!(form(Some("text/event-stream; charset=utf-8")), Ok(Form::Sse)));
    assert!(matches!((form(Some("application/x-ndjson")), form(None)), (Ok(Form::Lines), Ok(Form::Lines))));
    assert_eq!(form(Some("text/html")).err().as_deref(), Some("text/html"));
}
