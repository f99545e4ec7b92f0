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
