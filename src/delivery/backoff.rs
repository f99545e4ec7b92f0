//! How long to wait before a delivery is tried again: exponential, bounded, with full jitter.
//!
//! Pure: randomness comes in as a number, time not at all. Full jitter (anywhere between nothing and the bound) spreads
//! the tries of many senders best; a floor of a tenth of the shortest wait keeps a try from following at once.

use std::time::Duration;

/// Longest wait that a peer's own wish (`Retry-After`) is followed for.
pub const LONGEST_WISH: Duration = Duration::from_hours(1);

/// Between which waits it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// `retry_min`: the bound of the first wait.
    pub first: Duration,
    /// `retry_max`: no wait is longer, but for what the peer wishes.
    pub longest: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_mins(1) }
    }
}

/// Failures in a row, and what to wait after the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Failures in a row.
    #[must_use]
    pub const fn failures(self) -> u32 {
        self.failures
    }

    /// Counts a failure and says how long to wait. `random` is any number; `wish` is what the peer said, and at least
    /// that is waited (at most [`LONGEST_WISH`]).
    pub fn fail(&mut self, bounds: Bounds, wish: Option<Duration>, random: u64) -> Duration {
        let bound = 2_u32.checked_pow(self.failures).and_then(|factor| bounds.first.checked_mul(factor));
        let bound = bound.unwrap_or(bounds.longest).min(bounds.longest);
        self.failures = self.failures.saturating_add(1);
        let nanoseconds = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        // Of the whole range from nothing to the bound, the share that the number is of all numbers.
        let jittered = (u128::from(random) * (u128::from(nanoseconds) + 1)) >> 64;
        let jittered = Duration::from_nanos(u64::try_from(jittered).unwrap_or(u64::MAX));
        let floor = (bounds.first / 10).min(bounds.longest);
        jittered.max(floor).max(wish.unwrap_or_default().min(LONGEST_WISH))
    }

    /// Begins anew after a success.
    pub fn succeed(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bounds(first: u64, longest: u64) -> Bounds {
        Bounds { first: Duration::from_millis(first), longest: Duration::from_millis(longest) }
    }

    #[test]
    fn the_bound_doubles_up_to_the_longest() {
        let (mut backoff, bounds) = (Backoff::default(), bounds(500, 60_000));
        let waits: Vec<_> = [500_u64, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
            .map(|bound| (bound, backoff.fail(bounds, None, u64::MAX).as_millis()))
            .into();
        assert!(waits.iter().all(|(bound, wait)| u128::from(*bound) == *wait), "{waits:?}");
        backoff.succeed();
        assert_eq!(backoff.fail(bounds, None, 0), Duration::from_millis(50));
    }

    proptest! {
        #[test]
        fn waits_are_within_their_bounds(
            first in 1..10_000_u64, more in 0..1_000_000_u64, failures in 0..80_u32, random in any::<u64>(), wish in any::<Option<u32>>(),
        ) {
            let bounds = bounds(first, first + more);
            let wish = wish.map(|seconds| Duration::from_secs(seconds.into()));
            let mut backoff = Backoff { failures };
            let wait = backoff.fail(bounds, wish, random);
            let kept = wish.unwrap_or_default().min(LONGEST_WISH);
            prop_assert!(wait >= bounds.first / 10 && wait >= kept);
            prop_assert!(wait <= bounds.longest.max(kept));
            prop_assert!(failures > 20 || wait <= kept.max(bounds.first * 2_u32.pow(failures)));
            prop_assert_eq!(backoff.failures(), failures + 1);
        }

        #[test]
        fn jitter_uses_the_whole_range(failures in 0..20_u32, randoms in prop::collection::vec(any::<u64>(), 200)) {
            let bounds = bounds(500, 60_000);
            let waits: Vec<_> = randoms.iter().map(|random| Backoff { failures }.fail(bounds, None, *random)).collect();
            let bound = bounds.longest.min(bounds.first * 2_u32.pow(failures));
            prop_assert!(waits.iter().any(|wait| *wait < bound / 2) && waits.iter().any(|wait| *wait > bound / 2));
        }
    }
}
