//! Tests of times as text, against an independent calendar.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_time_comes_back(time: i64) {
        let text = text(time);
        prop_assert_eq!(text.len(), 30);
        prop_assert_eq!(parse(&text), Some(time));
    }

    #[test]
    fn the_text_is_what_another_calendar_says(time: i64) {
        let other = jiff::Timestamp::from_nanosecond(time.into()).unwrap();
        prop_assert_eq!(text(time), format!("{other:.9}"));
    }

    #[test]
    fn what_another_calendar_reads_is_read(
        text in "(16|19|20|22|00)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-5][0-9])",
    ) {
        let other = text.parse::<jiff::Timestamp>().ok().and_then(|time| i64::try_from(time.as_nanosecond()).ok());
        // The other calendar takes a leap second, which Kapacitor never sends.
        if !text.contains(":60") {
            prop_assert_eq!(parse(&text), other);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}") {
        prop_assert!(parse(&text).is_none_or(|_| text.len() >= 20));
    }
}

#[track_caller]
fn check_parse(text: &str, expected: Option<i64>) {
    assert_eq!(parse(text), expected, "{text}");
}

#[test]
fn known_times() {
    assert_eq!(text(0), "1970-01-01T00:00:00.000000000Z");
    assert_eq!(text(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    assert_eq!(text(i64::MAX), "2262-04-11T23:47:16.854775807Z");
    check_parse("1970-01-01T00:00:00Z", Some(0));
    check_parse("1970-01-01T01:00:00.5+01:00", Some(500_000_000));
    check_parse("2026-11-22T13:23:47.870817044Z", Some(1_795_353_827_870_817_044));
    check_parse("1970-01-01T00:00:00.0000000019Z", Some(1));
}

#[test]
fn what_is_not_a_time() {
    for text in [
        "",
        "0001-01-01T00:00:00Z",
        "2262-04-11T23:47:16.854775808Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00+0100",
        "+026-01-01T00:00:00Z",
    ] {
        check_parse(text, None);
    }
}
