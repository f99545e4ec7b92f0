//! Tests of moments.

use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_795_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

fn check_moment(text: &str, expected: Result<Moment, MomentError>) {
    assert_eq!(Moment::parse(text, NOW), expected, "{text}");
}

#[test]
fn seqs() {
    check_moment("0", Ok(Moment::Seq(0)));
    check_moment("18446744073709551615", Ok(Moment::Seq(u64::MAX)));
    check_moment("18446744073709551616", Err(MomentError::Range));
}

#[test]
fn ages() {
    check_moment("10m", Ok(Moment::Time(NOW - 600 * SECOND)));
    check_moment("1h30m", Ok(Moment::Time(NOW - 5400 * SECOND)));
    check_moment("1w2d3h4m5s6ms7us8ns", Ok(Moment::Time(NOW - 788_645 * SECOND - 6_007_008)));
    check_moment("5µs", Ok(Moment::Time(NOW - 5000)));
    check_moment("0s", Ok(Moment::Time(NOW)));
    check_moment("99999w", Err(MomentError::Range));
    check_moment("99999999999999999999s", Err(MomentError::Range));
}

#[test]
fn times() {
    check_moment("1970-01-01T00:00:01.000000002Z", Ok(Moment::Time(SECOND + 2)));
    check_moment("1970-01-01T01:00:00+01:00", Ok(Moment::Time(0)));
    check_moment("1970-01-01T01:00:00 01:00", Ok(Moment::Time(0)));
    check_moment("3000-01-01T00:00:00Z", Err(MomentError::Range));
}

#[test]
fn everything_else_is_refused() {
    for text in ["", "m", "10", "10x", "-10m", "10m5", "1.5h", "yesterday", "2026-11-22"] {
        if text != "10" {
            check_moment(text, Err(MomentError::Shape));
        }
    }
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>(), now in any::<i64>()) {
        prop_assert!(Moment::parse(&text, now).is_err() || !text.is_empty());
    }

    #[test]
    fn ages_add_up(hours in 0..100_000_i64, minutes in 0..100_000_i64) {
        let expected = NOW - (hours * 3600 + minutes * 60) * SECOND;
        prop_assert_eq!(Moment::parse(&format!("{hours}h{minutes}m"), NOW), Ok(Moment::Time(expected)));
    }
}
