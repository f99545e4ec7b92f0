//! Places in the journal as people write them: a seq, a time, or an age.

use std::time::Duration;

/// A place in the journal, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A position.
    Seq(u64),
    /// A time of observation, nanoseconds since 1970.
    Time(i64),
}

/// What is wrong with a moment, a duration or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// None of the three.
    #[error("neither a seq such as 4711, a time such as 2026-11-22T14:00:00Z, nor an age such as 10m or 1h30m")]
    Shape,
    /// A time or an age beyond 1677..2262.
    #[error("too far away")]
    Range,
}

impl Moment {
    /// Reads a moment. `now` is in nanoseconds since 1970; ages count back from it.
    ///
    /// # Errors
    /// When the text is none of the three.
    pub fn parse(text: &str, now: i64) -> Result<Self, MomentError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self::Seq).map_err(|_| MomentError::Range);
        }
        if let Some(age) = parse_duration(text) {
            let age = i64::try_from(age?.as_nanos()).map_err(|_| MomentError::Range)?;
            return now.checked_sub(age).map(Self::Time).ok_or(MomentError::Range);
        }
        // A plus sign that was not escaped in the query has become a space.
        let time: jiff::Timestamp = text.replace(' ', "+").parse().map_err(|_| MomentError::Shape)?;
        i64::try_from(time.as_nanosecond()).map(Self::Time).map_err(|_| MomentError::Range)
    }
}

/// Reads a duration as a task's script spells it, compound or not: `90s`, `1h30m`, `2w`. `None` when it is not one.
fn parse_duration(text: &str) -> Option<Result<Duration, MomentError>> {
    const UNITS: [(&str, u64); 9] = [
        // Longer names first: `ms` is not `m`.
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
        ("w", 604_800_000_000_000),
    ];
    let mut rest = text;
    let mut total = Some(Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits).filter(|(number, _)| !number.is_empty())?;
        let (after, unit) = UNITS.iter().find_map(|(name, unit)| Some((after.strip_prefix(name)?, *unit)))?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).map(Duration::from_nanos);
        total = total.zip(part).and_then(|(total, part)| total.checked_add(part));
        rest = after;
    }
    (!text.is_empty()).then(|| total.ok_or(MomentError::Range))
}

#[cfg(test)]
#[path = "moment_tests.rs"]
mod tests;
