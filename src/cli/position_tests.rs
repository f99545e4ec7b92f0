//! Tests of positions.

use super::*;

#[track_caller]
fn check_position(text: &str, expected: Option<(Position, &str)>) {
    let position = text.parse::<Position>().ok();
    assert_eq!(position, expected.map(|(position, _)| position), "{text:?}");
    assert_eq!(position.map(|position| position.to_string()).as_deref(), expected.map(|(_, said)| said));
}

#[test]
fn positions() {
    check_position("0", Some((Position::Seq(0), "0")));
    check_position("1200", Some((Position::Seq(1200), "1200")));
    check_position("1h30m", Some((Position::Age(Duration::from_mins(90)), "1h30m")));
    check_position("1970-01-01T00:00:01Z", Some((Position::Time(1_000_000_000), "1970-01-01T00:00:01.000000000Z")));
    check_position(
        "1970-01-01T01:00:00.5+01:00",
        Some((Position::Time(500_000_000), "1970-01-01T00:00:00.500000000Z")),
    );
    for text in ["", "-1", "yesterday", "10 m", "2026-11-22"] {
        check_position(text, None);
    }
    check_position("9999-01-01T00:00:00Z", None);
}
