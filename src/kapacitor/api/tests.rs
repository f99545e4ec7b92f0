//! Tests of what the API says: what was recorded, what is missing, and garbage.

use super::*;

#[track_caller]
fn check_duration(text: &str, nanoseconds: Option<i64>) {
    assert_eq!(duration::parse(text), nanoseconds, "{text}");
}

#[test]
fn durations_are_gos() {
    check_duration("1m30s", Some(90_000_000_000));
    check_duration("2.0086812s", Some(2_008_681_200));
    check_duration("-1.5ms", Some(-1_500_000));
    check_duration("0s", Some(0));
    check_duration("0", Some(0));
    check_duration("4.56µs", Some(4_560));
    check_duration(".5s", Some(500_000_000));
    check_duration("2562047h47m16.854775807s", Some(i64::MAX));
    check_duration("-2562047h47m16.854775808s", Some(i64::MIN));
    for bad in ["", "-", "1", "s", "1x", "1.2.3s", "1s1", "99999999999999999999999h", "2562047h47m16.854775808s"] {
        check_duration(bad, None);
    }
}
