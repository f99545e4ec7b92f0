//! `--since` and `--until`: a seq, a time or an age.

use crate::config::Period;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A place in the journal, as a person says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// A seq.
    Seq(u64),
    /// Nanoseconds since 1970.
    Time(i64),
    /// That long ago.
    Age(Duration),
}

/// Text that is not a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a seq (1200), a time (2026-11-22T10:00:00Z) or an age (10m)")]
pub(super) struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Seq(seq));
        }
        if let Ok(Period(age)) = text.parse() {
            return Ok(Self::Age(age));
        }
        let time: jiff::Timestamp = text.parse().map_err(|_| NotAPosition)?;
        i64::try_from(time.as_nanosecond()).map(Self::Time).map_err(|_| NotAPosition)
    }
}

/// As the server reads it.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seq(seq) => write!(f, "{seq}"),
            Self::Time(time) => match jiff::Timestamp::from_nanosecond(i128::from(*time)) {
                Ok(time) => write!(f, "{time:.9}"),
                Err(_) => Err(fmt::Error),
            },
            Self::Age(age) => write!(f, "{}", Period(*age)),
        }
    }
}

#[cfg(test)]
#[path = "position_tests.rs"]
mod tests;
