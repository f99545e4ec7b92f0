//! A length of time as kaptap's JSON has it.

use serde::Deserialize;
use std::time::{Duration, TryFromFloatSecsError};

/// Seconds with a fraction; below 0 or beyond all bounds they are no answer of a kaptap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Seconds(pub(super) Duration);

impl TryFrom<f64> for Seconds {
    type Error = TryFromFloatSecsError;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        Duration::try_from_secs_f64(seconds).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_length_is_refused() {
        let read = |json| serde_json::from_str::<Seconds>(json).ok().map(|seconds| seconds.0);
        assert_eq!(read("95.5"), Some(Duration::from_millis(95_500)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!((read("-0.1"), read("1e300"), read("\"1\"")), (None, None, None));
    }
}
