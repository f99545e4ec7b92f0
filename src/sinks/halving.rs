//! What a peer refuses is halved until what it refuses stands alone, so that one bad thing does not park the others.
//!
//! That costs at most two requests for each thing, and 2 log n for a single bad one. Halving ends after a time, but not
//! before the fate of one thing at least is known: without that, a slow peer would never get past a batch. Pure but for the
//! clock.

use crate::delivery::sink::Outcome;
use std::time::Duration;
use tokio::time::Instant;

/// A delivery in parts. Nothing is sent after the first that has to be tried again: a later thing must not overtake it.
#[derive(Debug)]
pub(super) struct Halving<'a, T> {
    /// Parts that are yet to be sent, the next one last. Bounded by the number of things.
    parts: Vec<&'a [T]>,
    /// Those that are known, from the front.
    outcomes: Vec<Outcome>,
    all: usize,
    tried: usize,
    begun: Instant,
    limit: Duration,
    /// What the things are, for people.
    what: &'static str,
}

impl<'a, T> Halving<'a, T> {
    /// For these things, so many in a part at most; refused parts are halved for so long.
    pub(super) fn new(all: &'a [T], most: usize, limit: Duration, what: &'static str) -> Self {
        let parts = all.chunks(most.max(1)).rev().collect();
        let (outcomes, all) = (Vec::with_capacity(all.len()), all.len());
        Self { parts, outcomes, all, tried: 0, begun: Instant::now(), limit, what }
    }

    /// The part that is sent next.
    pub(super) fn next(&mut self) -> Option<&'a [T]> {
        self.parts.pop()
    }

    /// Not all of a part can be sent at once: the rest of it comes next.
    pub(super) fn put_back(&mut self, rest: &'a [T]) {
        if !rest.is_empty() {
            self.parts.push(rest);
        }
    }

    /// Whether the fate of anything is known.
    pub(super) fn has_settled(&self) -> bool {
        !self.outcomes.is_empty()
    }

    /// Takes in what came of a part.
    pub(super) fn settle(&mut self, part: &'a [T], outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Reject { .. } if part.len() > 1 && (self.begun.elapsed() < self.limit || !self.has_settled()) => {
                let (first, second) = part.split_at(part.len() / 2);
                self.parts.extend([second, first]);
                return;
            }
            Outcome::Reject { reason, error, .. } if part.len() > 1 => {
                let error = format!("{error}; which {} it refuses is not yet found out", self.what);
                Outcome::Retry { after: Some(Duration::ZERO), reason, error }
            }
            other => other,
        };
        self.tried = self.outcomes.len() + part.len();
        if matches!(outcome, Outcome::Retry { .. }) {
            self.end(outcome);
        } else {
            self.outcomes.resize(self.tried, outcome);
        }
    }

    /// Sends nothing more: this becomes of all that is left.
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.parts.clear();
        self.outcomes.resize(self.all, outcome);
    }

    /// One outcome for each thing, and how many were tried, the part that failed included.
    pub(super) fn finish(self) -> (Vec<Outcome>, usize) {
        (self.outcomes, self.tried)
    }
}

#[cfg(test)]
#[path = "halving_tests.rs"]
mod tests;
