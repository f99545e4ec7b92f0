//! The one clock of intake.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970; saturates in 2262.
#[must_use]
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}
