//! Tests of the values with a spelling of their own.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check_period(text: &str, nanoseconds: Option<u128>) {
    assert_eq!(text.parse::<Period>().ok().map(|period| period.0.as_nanos()), nanoseconds, "{text:?}");
}

#[track_caller]
fn check_size(text: &str, bytes: Option<u64>) {
    assert_eq!(text.parse::<Size>().ok().map(|size| size.0), bytes, "{text:?}");
}

#[test]
fn periods() {
    check_period("0", Some(0));
    check_period("1ns", Some(1));
    check_period("200us", Some(200_000));
    check_period("200µs", Some(200_000));
    check_period("200\u{3bc}s", Some(200_000));
    check_period("200u", Some(200_000));
    check_period("50ms", Some(50_000_000));
    check_period("20s", Some(20_000_000_000));
    check_period("1m30s", Some(90_000_000_000));
    check_period("1.5h", Some(5_400_000_000_000));
    check_period("7d", Some(604_800_000_000_000));
    check_period("1w", Some(604_800_000_000_000));
    check_period("1m1ms", Some(60_001_000_000));
}

#[test]
fn not_periods() {
    for text in
        ["", "s", "20", "-5s", "+5s", "5 s", "5S", "5min", "1.s", ".5s", "1..5s", "1.5ns", "s5", "forever", "5s "]
    {
        check_period(text, None);
    }
    check_period("99999999999999999999999999999999999999999w", None);
    check_period("18446744073709551616s", None);
}

#[test]
fn sizes() {
    check_size("0", Some(0));
    check_size("4096", Some(4096));
    check_size("17B", Some(17));
    check_size("1KB", Some(1000));
    check_size("1KiB", Some(1024));
    check_size("64MiB", Some(64 << 20));
    check_size("10 MB", Some(10_000_000));
    check_size("4GiB", Some(4 << 30));
    check_size("2TiB", Some(2 << 40));
}

#[test]
fn not_sizes() {
    for text in ["", "MiB", "1.5MiB", "-1", "64mib", "64M", "1  MB", "0x10", "18446744073709551616", "99999999TiB"] {
        check_size(text, None);
    }
}

#[test]
fn secrets_are_not_printed() {
    let secret = Secret::new("hunter2");
    assert!(!format!("{secret:?} {:?}", Some(&secret)).contains("hunter2"));
    assert_eq!(secret.expose(), "hunter2");
}

proptest! {
    #[test]
    fn a_printed_period_reads_back(nanoseconds in any::<u64>()) {
        let period = Period(Duration::from_nanos(nanoseconds));
        prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
    }

    #[test]
    fn a_printed_size_reads_back(bytes in any::<u64>()) {
        prop_assert_eq!(Size(bytes).to_string().parse::<Size>(), Ok(Size(bytes)));
    }

    #[test]
    fn any_text_is_refused_or_reads_back(text in "[0-9a-zA-Zµ. ]{0,24}|.{0,16}") {
        if let Ok(period) = text.parse::<Period>() {
            prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
        }
        if let Ok(size) = text.parse::<Size>() {
            prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
        }
    }
}
