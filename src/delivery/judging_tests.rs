//! Tests of what becomes of events, and of when one is given up.

use super::*;
use crate::delivery::backoff::Bounds;
use crate::delivery::item::samples::item;
use crate::delivery::sink::Limits;
use crate::delivery::window::Rules;
use tokio::time::Instant;

const SECOND: i64 = 1_000_000_000;

fn window(count: u64) -> Window<Item> {
    let mut window = Window::new(Rules {
        limits: Limits { events: 10, bytes: 1000 },
        age: Duration::ZERO,
        backoff: Bounds::default(),
        several_of_a_key: true,
    });
    for seq in 1..=count {
        window.add(seq, seq.into(), 10, item(seq, "x"), Instant::now());
    }
    window
}

fn retry(reason: Reason) -> Outcome {
    Outcome::Retry { after: None, reason, error: "no".to_owned() }
}

#[test]
fn every_event_has_a_verdict() {
    let mut window = window(4);
    let refused = Outcome::Reject { reason: Reason::Refused, error: "never".to_owned(), response: None };
    let outcomes = vec![Outcome::Delivered, refused, Outcome::Duplicate];
    let mut judged = judge(&mut window, &[1, 2, 3, 4], outcomes, None, 9);
    let again = Verdict::Again(None);
    assert_eq!(judged.verdicts, [(1, Verdict::Done), (2, Verdict::Done), (3, Verdict::Done), (4, again)]);
    assert_eq!((judged.delivered.as_slice(), judged.duplicates), ([1, 3].as_slice(), 1));
    assert_eq!(judged.retried, [(Reason::Garbage, "the sink did not say what became of it".to_owned())]);
    let [(parked, reason, why)] = judged.refused.as_slice() else { panic!("{:?}", judged.refused) };
    assert_eq!((parked.seq, *reason, why.error.as_str(), why.attempts), (2, Reason::Refused, "never", 1));
    judged.not_parked();
    assert_eq!(judged.verdicts, [(1, Verdict::Done), (2, again), (3, Verdict::Done), (4, again)]);
}

/// A first failure at 0 s and another one after a minute, with `give_up_after` of a minute: whether it is given up then.
#[track_caller]
fn check_given_up(outcomes: &[Outcome], given_up: &[u64]) {
    let seqs: Vec<u64> = (1..=outcomes.len() as u64).collect();
    let mut window = window(seqs.len() as u64);
    let minute = Some(Duration::from_mins(1));
    for (clock, over) in [(0, false), (60 * SECOND - 1, false), (60 * SECOND, true)] {
        let judged = judge(&mut window, &seqs, outcomes.to_vec(), minute, clock);
        let parked: Vec<u64> = judged.refused.iter().map(|(item, ..)| item.seq).collect();
        assert_eq!(parked, if over { given_up } else { &[] }, "{clock}");
        for (_, reason, why) in &judged.refused {
            assert_eq!(why.error, "given up, not taken since 1970-01-01T00:00:00.000000000Z: no");
            assert!(reason.may_be_the_event());
        }
        let of_seqs = |(seq, verdict): &(u64, Verdict)| (*verdict == Verdict::GivenUp).then_some(*seq);
        assert_eq!(judged.verdicts.iter().filter_map(of_seqs).collect::<Vec<_>>(), parked);
    }
    let never = judge(&mut window, &seqs, outcomes.to_vec(), None, i64::MAX);
    assert!(never.refused.is_empty());
}

#[test]
fn only_what_is_to_blame_is_given_up() {
    for reason in [Reason::PeerFailed, Reason::TimedOut, Reason::Garbage] {
        check_given_up(&[retry(reason)], &[1]);
        check_given_up(&[Outcome::Delivered, retry(reason), retry(reason)], &[2]);
        // For which of them it was nobody knows.
        check_given_up(&[retry(reason), retry(reason)], &[]);
    }
    // None of these is about the event.
    for reason in [Reason::Unreachable, Reason::Throttled, Reason::Unauthorized, Reason::Refused, Reason::Local] {
        check_given_up(&[retry(reason)], &[]);
        check_given_up(&[Outcome::Delivered, retry(reason)], &[]);
    }
}
