//! Times as Kapacitor and others write them.

use super::parse;
use proptest::prelude::*;

fn check_time(text: &str, expected: Option<i64>) {
    assert_eq!(parse(text), expected, "{text}");
}

#[test]
fn kapacitor_s_times() {
    check_time("2026-11-22T13:23:47.870817045Z", Some(1_795_353_827_870_817_045));
    check_time("2026-11-22T13:23:50Z", Some(1_795_353_830_000_000_000));
    check_time("2026-03-01T10:00:30.5Z", Some(1_772_359_230_500_000_000));
    check_time("1970-01-01T00:00:00Z", Some(0));
    check_time("1969-12-31T23:59:59.999999999Z", Some(-1));
    check_time("2000-02-29T12:00:00+05:30", Some(951_805_800_000_000_000));
    check_time("2000-02-29T12:00:00-00:30", Some(951_827_400_000_000_000));
}

#[test]
fn the_range_of_64_bits_to_the_nanosecond() {
    check_time("1677-09-21T00:12:43.145224192Z", Some(i64::MIN));
    check_time("1677-09-21T00:12:43.145224191Z", None);
    check_time("2262-04-11T23:47:16.854775807Z", Some(i64::MAX));
    check_time("2262-04-11T23:47:16.854775808Z", None);
    check_time("0001-01-01T00:00:00Z", None);
    check_time("9999-12-31T23:59:59Z", None);
}

#[test]
fn more_than_nine_digits_are_cut_off() {
    check_time("1970-01-01T00:00:00.0000000019Z", Some(1));
}

#[test]
fn what_is_no_time() {
    for text in [
        "",
        "Z",
        "2026-11-22",
        "2026-11-22T13:23:47",
        "2026-11-22T13:23:47.Z",
        "2026-11-22T13:23:47.1",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00Z ",
        "2026-01-01 00:00:00Z",
        "+026-01-01T00:00:00Z",
        "2026-01-01T00:00:00é",
    ] {
        check_time(text, None);
    }
}

proptest! {
    #[test]
    fn reads_back_what_another_library_writes(nanoseconds in any::<i64>(), offset in -86_399 / 60..86_400 / 60) {
        let time = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap();
        prop_assert_eq!(parse(&time.to_string()), Some(nanoseconds));
        let shown = time.display_with_offset(jiff::tz::Offset::from_seconds(offset * 60).unwrap()).to_string();
        prop_assert_eq!(parse(&shown), Some(nanoseconds), "{}", shown);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9TZ:.+\\-]{0,40}|.{0,40}") {
        if let (Some(found), Ok(other)) = (parse(&text), text.parse::<jiff::Timestamp>()) {
            prop_assert_eq!(i128::from(found), other.as_nanosecond());
        }
    }
}
