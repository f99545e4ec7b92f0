//! Who waits for a sync together: when the writer begins one, and when it waits a little for more to come.
//!
//! Those who were answered by the last sync mostly come again at once, one by one. A sync begun for the first of them
//! would leave the others to the next one, and so on: two syncs for each round instead of one. So the writer waits until
//! as many wait as were answered or waited when the last sync ended, but no longer than [`PATIENCE`] times as that sync
//! took, and at most [`LONGEST`]. Who comes alone, or later than that, waits for nobody.

use std::time::{Duration, Instant};

/// The writer waits for others no longer than this.
const LONGEST: Duration = Duration::from_millis(1);
/// The writer waits no longer than so many times the last sync: answering thirty and taking their next posts in is
/// more work than a quick sync is.
const PATIENCE: u32 = 3;

/// The appends that wait for a sync.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    waiting: usize,
    /// How many the sync under way, or the last one, is for, and when it was begun.
    served: usize,
    begun: Option<Instant>,
    /// How many are expected to wait before the next one, and until when.
    expected: usize,
    until: Option<Instant>,
}

impl Crowd {
    /// One more waits.
    pub(super) fn join(&mut self) {
        self.waiting += 1;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Whether all who are expected wait: their sync should begin now.
    pub(super) const fn is_complete(&self) -> bool {
        self.waiting > 0 && self.waiting >= self.expected
    }

    /// Until when others are waited for, if they are.
    pub(super) fn patience(&mut self, now: Instant) -> Option<Instant> {
        self.until = self.until.filter(|until| now < *until);
        if self.until.is_none() {
            self.expected = 0;
        }
        self.until
    }

    /// The sync of all who wait begins.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.waiting > 0 {
            (self.served, self.begun) = (std::mem::take(&mut self.waiting), Some(now));
            (self.expected, self.until) = (0, None);
        }
    }

    /// It has ended.
    pub(super) fn end(&mut self, now: Instant) {
        if let Some(begun) = self.begun.take() {
            self.expected = self.served + self.waiting;
            let patience = (PATIENCE * now.saturating_duration_since(begun)).min(LONGEST);
            self.until = (self.expected > 1).then_some(now + patience);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Crowd, LONGEST, PATIENCE};
    use std::time::{Duration, Instant};

    const SYNC: Duration = Duration::from_micros(300);

    fn joined(crowd: &mut Crowd, count: usize) {
        (0..count).for_each(|_| crowd.join());
    }

    #[test]
    fn who_comes_alone_waits_for_nobody() {
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        assert!(!crowd.is_complete() && crowd.is_empty());
        for round in 0..3 {
            crowd.join();
            assert!(crowd.is_complete(), "{round}");
            crowd.begin(now);
            crowd.end(now + SYNC);
            assert_eq!(crowd.patience(now + SYNC), None);
        }
    }

    #[test]
    fn who_was_answered_is_waited_for_with_those_who_wait() {
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        joined(&mut crowd, 4);
        crowd.begin(now);
        joined(&mut crowd, 3);
        let ended = now + SYNC;
        crowd.end(ended);
        joined(&mut crowd, 3);
        assert!(crowd.patience(ended + SYNC / 2).is_some() && !crowd.is_complete());
        crowd.join();
        assert!(crowd.is_complete());
        crowd.begin(ended);
        crowd.end(ended + SYNC);
        // All seven came back: as many are expected again.
        joined(&mut crowd, 6);
        assert!(crowd.patience(ended + SYNC).is_some() && !crowd.is_complete());
    }

    #[test]
    fn nobody_is_waited_for_longer_than_a_few_syncs_or_the_limit() {
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        for (sync, patience) in [(SYNC, PATIENCE * SYNC), (LONGEST * 5, LONGEST)] {
            joined(&mut crowd, 2);
            crowd.begin(now);
            crowd.end(now + sync);
            crowd.join();
            let over = now + sync + patience;
            assert_eq!(crowd.patience(over.checked_sub(Duration::from_nanos(1)).unwrap()), Some(over));
            assert!(!crowd.is_complete());
            assert_eq!(crowd.patience(over), None);
            assert!(crowd.is_complete());
            crowd.begin(over);
            crowd.end(over);
        }
    }
}
