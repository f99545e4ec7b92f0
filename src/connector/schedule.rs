//! When which poll is due. Pure: time and randomness come in as arguments.

use super::{Options, PollKind};
use std::time::{Duration, Instant};

/// Longest wait after failures, unless the interval itself is longer.
const LONGEST: Duration = Duration::from_mins(1);

/// What is polled on its own interval, in the order in which it is done: whether Kapacitor was started anew is to be
/// known before its counts are looked at. Every round begins with a ping besides.
pub(super) const KINDS: [PollKind; 4] = [PollKind::Vars, PollKind::Tasks, PollKind::Topics, PollKind::Handlers];

/// When each kind is due.
#[derive(Debug)]
pub(super) struct Schedule {
    entries: [Entry; 4],
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: PollKind,
    interval: Duration,
    due: Instant,
    failures: u32,
}

impl Schedule {
    /// Everything is due now.
    pub(super) fn new(options: &Options, now: Instant) -> Self {
        let entry = |kind| Entry { kind, interval: interval(options, kind), due: now, failures: 0 };
        Self { entries: KINDS.map(entry) }
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Instant {
        let [first, rest @ ..] = &self.entries;
        rest.iter().map(|entry| entry.due).fold(first.due, Instant::min)
    }

    /// What is due, in order.
    pub(super) fn due(&self, now: Instant) -> Vec<PollKind> {
        self.entries.iter().filter(|entry| entry.due <= now).map(|entry| entry.kind).collect()
    }

    /// Makes a kind due.
    pub(super) fn hasten(&mut self, kind: PollKind, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.kind == kind) {
            entry.due = now;
        }
    }

    /// Makes everything due that failed.
    pub(super) fn hasten_failed(&mut self, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.failures > 0) {
            entry.due = now;
        }
    }

    /// A poll went well or failed. `random` is any number.
    pub(super) fn done(&mut self, kind: PollKind, good: bool, now: Instant, random: u64) {
        for entry in self.entries.iter_mut().filter(|entry| entry.kind == kind) {
            entry.failures = if good { 0 } else { entry.failures.saturating_add(1) };
            entry.due = now + wait(entry.interval, entry.failures, random);
        }
    }
}

fn interval(options: &Options, kind: PollKind) -> Duration {
    match kind {
        PollKind::Ping | PollKind::Topics => options.poll,
        PollKind::Tasks => options.poll_tasks,
        PollKind::Handlers => options.poll_handlers,
        PollKind::Vars => options.poll_vars,
    }
}

/// The interval; after failures a wait that doubles, up to the longer of a minute and the interval, of which the last
/// half is random.
fn wait(interval: Duration, failures: u32, random: u64) -> Duration {
    if failures == 0 {
        return interval;
    }
    let factor = 2_u32.checked_pow(failures - 1).unwrap_or(u32::MAX);
    let bound = interval.checked_mul(factor).unwrap_or(LONGEST).min(interval.max(LONGEST));
    let half = bound / 2;
    let nanoseconds = (u128::from(random) * half.as_nanos()) >> 64;
    half + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_has_its_own_interval() {
        let now = Instant::now();
        let options = Options { poll: Duration::from_secs(1), ..Options::at("k", "http://a", "s") };
        let mut schedule = Schedule::new(&options, now);
        assert_eq!(schedule.due(now), KINDS);
        for kind in KINDS {
            schedule.done(kind, true, now, 0);
        }
        assert_eq!(schedule.next(), now + Duration::from_secs(1));
        assert_eq!(schedule.due(now + Duration::from_secs(1)), [PollKind::Topics]);
        assert_eq!(schedule.due(now + Duration::from_secs(10)), [PollKind::Tasks, PollKind::Topics]);
        schedule.done(PollKind::Tasks, false, now, 0);
        schedule.hasten_failed(now);
        assert_eq!(schedule.due(now), [PollKind::Tasks]);
        schedule.hasten(PollKind::Vars, now);
        assert_eq!(schedule.due(now), [PollKind::Vars, PollKind::Tasks]);
    }

    proptest! {
        #[test]
        fn waits_grow_and_are_bounded(seconds in 1u64..100_000, failures in 1u32..100, random: u64) {
            let interval = Duration::from_secs(seconds);
            let (found, next) = (wait(interval, failures, random), wait(interval, failures + 1, random));
            prop_assert!(found >= interval / 2 && found <= interval.max(LONGEST));
            prop_assert!(next >= found);
        }
    }
}
