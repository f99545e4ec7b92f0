//! Times as text: RFC 3339, nine fractional digits, `Z`. Own code because it runs several times per event.

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// Appends nanoseconds since 1970 as for example `2026-03-01T10:00:30.500000000Z`.
///
/// Every `i64` is a time between the years 1677 and 2262.
pub fn write(nanoseconds: i64, out: &mut Vec<u8>) {
    let (seconds, fraction) = (nanoseconds.div_euclid(NANOS), nanoseconds.rem_euclid(NANOS));
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil_of_days(days);
    let [y1, y2] = two_digits(year / 100);
    let [y3, y4] = two_digits(year % 100);
    let [m1, m2] = two_digits(month);
    let [d1, d2] = two_digits(day);
    let [h1, h2] = two_digits(second / 3600);
    let [n1, n2] = two_digits(second / 60 % 60);
    let [s1, s2] = two_digits(second % 60);
    let [f1, f2] = two_digits(fraction / 10_000_000);
    let [f3, f4] = two_digits(fraction / 100_000 % 100);
    let [f5, f6] = two_digits(fraction / 1000 % 100);
    let [f7, f8] = two_digits(fraction / 10 % 100);
    let [_, f9] = two_digits(fraction % 10);
    out.extend_from_slice(&[
        y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.', f1, f2, f3, f4, f5,
        f6, f7, f8, f9, b'Z',
    ]);
}

/// The same as a new text.
#[must_use]
pub fn text(nanoseconds: i64) -> String {
    let mut out = Vec::with_capacity(30);
    write(nanoseconds, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "callers pass 0 to 99")]
fn two_digits(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// Year, month and day of a number of days since 1970: the calendar of 400-year eras that begin on the first of March.
fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
