//! How far a segment's file is filled with zeros beyond what is written, and when more is worth its while. Pure.
//!
//! A write that makes a file longer makes the file system write down the new length and where the new bytes are, with
//! every sync. Over zeros that were written and synced before there is nothing to write down, and a sync takes about
//! half the time. So where somebody waits for each small write, its place is prepared while nobody waits.

use std::ops::Range;

/// A segment is filled by so much at a time, or by a quarter of it if that is less. It is small enough that the sync
/// after it is not much longer, and large enough for what it costs to be shared by some twenty syncs of many posts each.
const STEP: u64 = 256 << 10;
/// When more than this was written from one commit to the next, nothing is prepared: it is not worth writing it twice.
const SMALL: u64 = 64 << 10;

/// The zeros at the end of the segment that is being written; of the default there never are any.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    step: u64,
    /// The file is never filled beyond this.
    limit: u64,
    /// Zeros go this far, if that is behind what is written.
    filled: u64,
    /// How far the segment was written when somebody last waited for a sync.
    committed: u64,
}

impl Ahead {
    /// For a segment of at most `limit` bytes, of which `end` are written.
    pub(super) fn new(limit: u64, end: u64) -> Self {
        Self { step: STEP.min(limit / 4), limit, filled: 0, committed: end }
    }

    /// Length of the file when `end` bytes are written.
    pub(super) fn length(&self, end: u64) -> u64 {
        self.filled.max(end)
    }

    /// What to fill after a sync that somebody waited for, now that `end` bytes are written. `others` says whether
    /// others wait already; they are not made to wait longer unless it is for their own good.
    pub(super) fn wanted(&mut self, end: u64, others: impl FnOnce() -> bool) -> Option<Range<u64>> {
        let commit = end.saturating_sub(self.committed);
        self.committed = end;
        let (from, to) = (self.length(end), end.saturating_add(self.step).min(self.limit));
        let room = from - end;
        let wanted = commit <= SMALL && to > from && room < self.step / 2;
        (wanted && (room < 2 * commit || !others())).then_some(from..to)
    }

    /// Zeros go this far now.
    pub(super) fn filled(&mut self, to: u64) {
        self.filled = to;
    }

    /// No more are to come.
    pub(super) fn give_up(&mut self) {
        self.step = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Ahead, SMALL, STEP};

    /// What is filled after a commit at `end`, when others wait or not.
    #[track_caller]
    fn check_wanted(ahead: &mut Ahead, end: u64, others: bool, expected: Option<(u64, u64)>) {
        assert_eq!(ahead.wanted(end, || others), expected.map(|(from, to)| from..to));
        if let Some((from, to)) = expected {
            assert_eq!(from, ahead.length(end), "nothing that is written is ever filled");
            ahead.filled(to);
            assert_eq!(ahead.length(end), to);
        }
    }

    #[test]
    fn a_file_is_filled_before_its_zeros_are_used_up() {
        let mut ahead = Ahead::new(64 << 20, 64);
        check_wanted(&mut ahead, 1_000, false, Some((1_000, 1_000 + STEP)));
        check_wanted(&mut ahead, 2_000, false, None);
        let half = 1_000 + STEP / 2;
        for end in (2_000..half).step_by(10_000) {
            check_wanted(&mut ahead, end, false, None);
        }
        check_wanted(&mut ahead, half + 1, false, Some((1_000 + STEP, half + 1 + STEP)));
    }

    #[test]
    fn who_waits_is_let_pass_while_there_is_room() {
        let mut ahead = Ahead::new(64 << 20, 64);
        check_wanted(&mut ahead, 1_000, true, Some((1_000, 1_000 + STEP)));
        for end in [STEP - 60_000, STEP - 40_000, STEP - 25_000] {
            ahead.committed = end - 10_000;
            check_wanted(&mut ahead, end, true, None);
        }
        check_wanted(&mut ahead, STEP - 10_000, true, Some((1_000 + STEP, 2 * STEP - 10_000)));
    }

    #[test]
    fn what_is_large_is_not_written_twice() {
        let mut ahead = Ahead::new(64 << 20, 64);
        check_wanted(&mut ahead, 65 + SMALL, false, None);
        check_wanted(&mut ahead, 65 + 3 * SMALL, false, None);
        let end = 66 + 3 * SMALL;
        check_wanted(&mut ahead, end, false, Some((end, end + STEP)));
        // What comes in between may use up more than there was.
        check_wanted(&mut ahead, end + 2 * STEP, false, None);
        assert_eq!(ahead.length(end + 2 * STEP), end + 2 * STEP);
    }

    #[test]
    fn a_segment_is_never_filled_beyond_its_limit() {
        let mut ahead = Ahead::new(4 << 10, 64);
        check_wanted(&mut ahead, 1_000, false, Some((1_000, 2_024)));
        check_wanted(&mut ahead, 3_500, false, Some((3_500, 4_096)));
        for end in [3_600, 4_095, 4_096, 5_000] {
            check_wanted(&mut ahead, end, false, None);
        }
    }

    #[test]
    fn what_was_given_up_stays_so() {
        let mut ahead = Ahead::new(64 << 20, 64);
        check_wanted(&mut ahead, 100, false, Some((100, 100 + STEP)));
        ahead.give_up();
        assert_eq!(ahead.length(100), 100 + STEP, "they are still there");
        check_wanted(&mut ahead, 101 + STEP, false, None);
        check_wanted(&mut Ahead::default(), 101, false, None);
    }
}
