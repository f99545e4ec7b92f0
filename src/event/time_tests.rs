//! Tests of times as text, against an independent calendar.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_text_is_what_another_calendar_says(time: i64) {
        let other = jiff::Timestamp::from_nanosecond(time.into()).unwrap();
        prop_assert_eq!(text(time), format!("{other:.9}"));
    }
}

#[test]
fn known_times() {
    assert_eq!(text(0), "1970-01-01T00:00:00.000000000Z");
    assert_eq!(text(1_795_353_827_870_817_044), "2026-11-22T13:23:47.870817044Z");
    assert_eq!(text(951_782_400_000_000_001), "2000-02-29T00:00:00.000000001Z");
    assert_eq!(text(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    assert_eq!(text(i64::MAX), "2262-04-11T23:47:16.854775807Z");
}
