//! What came of a delivery, event by event. Pure.

use super::item::Item;
use super::parked::Why;
use super::sink::{Outcome, Reason};
use super::window::{Tries, Verdict, Window};
use crate::event::time;
use std::time::Duration;

/// What a delivery came to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// One for each event, in order.
    pub(super) verdicts: Vec<(u64, Verdict)>,
    /// To be parked.
    pub(super) refused: Vec<(Item, Reason, Why)>,
    /// Seqs of what the peer has.
    pub(super) delivered: Vec<u64>,
    /// How many of these it had before.
    pub(super) duplicates: u64,
    /// Why events have to be tried again, one for each.
    pub(super) retried: Vec<(Reason, String)>,
}

/// Takes in the outcomes of the events with these seqs. `give_up_after` is the sink's own; `clock` is nanoseconds since 1970.
pub(super) fn judge(
    window: &mut Window<Item>,
    seqs: &[u64],
    mut outcomes: Vec<Outcome>,
    give_up_after: Option<Duration>,
    clock: i64,
) -> Judged {
    outcomes.resize_with(seqs.len(), || Outcome::Retry {
        after: None,
        reason: Reason::Garbage,
        error: "the sink did not say what became of it".to_owned(),
    });
    let mut judged = Judged::default();
    // The first that fails is to blame: a sink stops there. Unless everything failed, which may be for any of them.
    let first = outcomes.iter().position(|outcome| matches!(outcome, Outcome::Retry { .. }));
    let whole = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Retry { .. }));
    let blamed = first.filter(|_| !whole || outcomes.len() == 1);
    for (place, (seq, outcome)) in seqs.iter().copied().zip(outcomes).enumerate() {
        let verdict = match outcome {
            Outcome::Delivered | Outcome::Duplicate => {
                judged.duplicates += u64::from(outcome == Outcome::Duplicate);
                judged.delivered.push(seq);
                Verdict::Done
            }
            Outcome::Retry { after, reason, error } => {
                if !reason.may_be_the_event() {
                    window.acquit(seq);
                }
                let since = (blamed == Some(place) && reason.may_be_the_event()).then(|| window.blame(seq, clock));
                if let Some(since) = since.filter(|since| is_over(*since, give_up_after, clock)) {
                    let error = format!("given up, not taken since {}: {error}", time::text(since));
                    judged.refuse(window, seq, reason, error, None, clock);
                    Verdict::GivenUp
                } else {
                    judged.retried.push((reason, error));
                    Verdict::Again(after)
                }
            }
            Outcome::Reject { reason, error, response } => {
                judged.refuse(window, seq, reason, error, response, clock);
                Verdict::Done
            }
        };
        judged.verdicts.push((seq, verdict));
    }
    judged
}

fn is_over(since: i64, give_up_after: Option<Duration>, clock: i64) -> bool {
    let tried = u128::try_from(clock.saturating_sub(since)).unwrap_or(0);
    give_up_after.is_some_and(|after| tried >= after.as_nanos())
}

impl Judged {
    fn refuse(
        &mut self,
        window: &Window<Item>,
        seq: u64,
        reason: Reason,
        error: String,
        response: Option<String>,
        clock: i64,
    ) {
        let Tries { attempts, first } = window.tries(seq, clock);
        let why = Why { reason: reason.as_str(), error, response, attempts, tried: (first, clock) };
        // Everything that is delivered is in the window until its verdict.
        self.refused.extend(window.get(seq).map(|item| (item.clone(), reason, why)));
    }

    /// What was to be parked could not be: it comes again.
    pub(super) fn not_parked(&mut self) {
        for (seq, verdict) in &mut self.verdicts {
            if matches!(verdict, Verdict::Done | Verdict::GivenUp) && !self.delivered.contains(seq) {
                *verdict = Verdict::Again(None);
            }
        }
    }
}

#[cfg(test)]
#[path = "judging_tests.rs"]
mod tests;
