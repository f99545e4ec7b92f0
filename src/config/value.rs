//! Values with a spelling of their own: lengths of time, sizes, secrets.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const NANOSECONDS_PER_SECOND: u128 = 1_000_000_000;

/// Units of time, the largest first, with their length in nanoseconds. `u` and `µ` are how Kapacitor spells it.
const TIME_UNITS: &[(&str, u128)] = &[
    ("w", 7 * 24 * 3600 * NANOSECONDS_PER_SECOND),
    ("d", 24 * 3600 * NANOSECONDS_PER_SECOND),
    ("h", 3600 * NANOSECONDS_PER_SECOND),
    ("m", 60 * NANOSECONDS_PER_SECOND),
    ("s", NANOSECONDS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("µs", 1_000),
    ("μs", 1_000),
    ("µ", 1_000),
    ("μ", 1_000),
    ("u", 1_000),
];

/// A length of time: `500ms`, `1m30s`, `1.5h`, `7d`, `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

/// Text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a length of time: write a number with a unit (ns, us, ms, s, m, h, d, w), such as \"1m30s\"")]
pub struct NotAPeriod {
    text: String,
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        parse_period(text).map(Self).ok_or_else(|| NotAPeriod { text: text.to_owned() })
    }
}

fn parse_period(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u128 = 0;
    loop {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, length) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(parse_decimal(number, *length)?)?;
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    let seconds = u64::try_from(total / NANOSECONDS_PER_SECOND).ok()?;
    let nanoseconds = u32::try_from(total % NANOSECONDS_PER_SECOND).ok()?;
    Some(Duration::new(seconds, nanoseconds))
}

/// A decimal number of units, in nanoseconds; what is finer than a nanosecond is refused.
fn parse_decimal(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) || fraction.len() > 15 {
        return None;
    }
    let mut total = whole.parse::<u128>().ok()?.checked_mul(unit)?;
    if !fraction.is_empty() {
        let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let scaled = fraction.parse::<u128>().ok()?.checked_mul(unit)?;
        if scaled % scale != 0 {
            return None;
        }
        total = total.checked_add(scaled / scale)?;
    }
    Some(total)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        // Weeks are for writing; seven days are easier to read than one week and a half.
        for (name, length) in TIME_UNITS.iter().skip(1).take(7) {
            if rest >= *length {
                write!(f, "{}{name}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

/// Units of size, with their length in bytes. Those that print a size exactly are tried from the front.
const SIZE_UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
    ("", 1),
];

/// A number of bytes: `64MiB`, `10 MB`, `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

/// Text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a size: write a whole number of bytes, or one with a unit (KB, MB, GB, KiB, MiB, GiB), such as \"64MiB\""
)]
pub struct NotASize {
    text: String,
}

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let length = SIZE_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, length)| *length);
        number
            .parse::<u64>()
            .ok()
            .zip(length)
            .and_then(|(number, length)| number.checked_mul(length))
            .map(Self)
            .ok_or_else(|| NotASize { text: text.to_owned() })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, length) in SIZE_UNITS.iter().take(5) {
            if self.0 != 0 && self.0.is_multiple_of(*length) {
                return write!(f, "{}{name}", self.0 / length);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// Text that is never printed: `Debug` shows that there is one, not what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for comparing and for sending to the one it is meant for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
