//! What the pure parts are given from outside: the clock, and chance.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// Any number: the standard library's own source of randomness.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Nanoseconds since 1970; a clock before that is at its beginning.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
