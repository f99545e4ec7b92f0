//! `max_rate`: how many events may be sent in a time. A bucket that fills steadily and holds one period's worth, at least
//! one event. Pure: the time comes in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::Instant;

/// So many events in a second, a minute or an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxRate {
    /// Events; at least 1.
    pub events: u32,
    /// In this time.
    pub period: Duration,
}

/// Text that is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a rate: write events per s, m or h, such as \"100/s\" or \"20/m\"")]
pub struct NotARate {
    text: String,
}

const UNITS: [(&str, Duration); 3] =
    [("s", Duration::from_secs(1)), ("m", Duration::from_mins(1)), ("h", Duration::from_hours(1))];

impl FromStr for MaxRate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let read = || {
            let (events, unit) = text.split_once('/')?;
            let (_, period) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
            let events = events.trim().parse().ok().filter(|events| *events > 0)?;
            Some(Self { events, period: *period })
        };
        read().ok_or_else(|| NotARate { text: text.to_owned() })
    }
}

impl fmt::Display for MaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, period)| *period == self.period).map_or("s", |(name, _)| name);
        write!(f, "{}/{unit}", self.events)
    }
}

/// The bucket of one sink.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    rate: MaxRate,
    /// Time's worth of events that is saved up, at most one period.
    saved: Duration,
    looked: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub(super) fn new(rate: MaxRate, now: Instant) -> Self {
        Self { rate, saved: rate.period, looked: now }
    }

    /// How many events may be sent now.
    pub(super) fn allowance(&mut self, now: Instant) -> usize {
        self.saved = (self.saved + now.saturating_duration_since(self.looked)).min(self.rate.period);
        self.looked = now;
        let share = self.saved.as_nanos() * u128::from(self.rate.events) / self.rate.period.as_nanos().max(1);
        usize::try_from(share).unwrap_or(usize::MAX)
    }

    /// Takes events that are about to be sent.
    pub(super) fn take(&mut self, events: usize) {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        self.saved = self.saved.saturating_sub(self.cost(events));
    }

    /// When the next event may be sent, after an allowance of none.
    #[must_use]
    pub(super) fn ready_at(&self) -> Instant {
        self.looked + self.cost(1).saturating_sub(self.saved)
    }

    /// Time's worth of so many events, rounded up so that the rate is never exceeded.
    fn cost(&self, events: u32) -> Duration {
        let nanoseconds =
            (self.rate.period.as_nanos() * u128::from(events)).div_ceil(u128::from(self.rate.events.max(1)));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_read_and_written() {
        for text in ["1/s", "100/m", "4000000000/h"] {
            assert_eq!(text.parse::<MaxRate>().unwrap().to_string(), text);
        }
        for text in ["", "5", "0/s", "-1/s", "1/d", "1.5/s", "s"] {
            assert!(text.parse::<MaxRate>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_has_more_than_the_rate(
            events in 1..1_000_u32, steps in prop::collection::vec((0..3_000_u64, 0..2_000_usize), 1..200),
        ) {
            let rate = MaxRate { events, period: Duration::from_secs(1) };
            let start = Instant::now();
            let (mut now, mut bucket, mut sent) = (start, Bucket::new(rate, start), 0_u64);
            for (wait, wanted) in steps {
                now += Duration::from_millis(wait);
                let taken = wanted.min(bucket.allowance(now));
                bucket.take(taken);
                sent += taken as u64;
                // What was saved up at the start, and what the time since then allows.
                let most = u64::from(events) + u64::try_from((now - start).as_nanos()).unwrap() * u64::from(events) / 1_000_000_000;
                prop_assert!(sent <= most, "{} of {}", sent, most);
            }
            // And it is given when it was promised.
            bucket.take(usize::MAX);
            let ready = bucket.ready_at();
            prop_assert!(bucket.allowance(ready) >= 1);
        }
    }
}
