//! Tests of halving: the bad ones are found, the good ones get through, and it ends.

use super::*;
use crate::delivery::sink::Reason;
use proptest::prelude::*;

fn refused() -> Outcome {
    Outcome::Reject { reason: Reason::Refused, error: "no".to_owned(), response: None }
}

#[test]
fn it_ends_but_not_before_something_is_settled() {
    let things: Vec<u32> = (1..=8).collect();
    let mut halving = Halving::new(&things, 100, Duration::ZERO, "things");
    let mut sizes = Vec::new();
    while let Some(part) = halving.next() {
        sizes.push(part.len());
        halving.settle(part, refused());
    }
    // The first two stand alone; then the next part is refused as a whole, and its things are left for another time.
    assert_eq!(sizes, [8, 4, 2, 1, 1, 2]);
    let (outcomes, tried) = halving.finish();
    assert_eq!((outcomes.len(), tried), (8, 4));
    assert!(outcomes[..2].iter().all(|outcome| *outcome == refused()), "{outcomes:?}");
    for outcome in &outcomes[2..] {
        let Outcome::Retry { after, reason, error } = outcome else { panic!("{outcome:?}") };
        assert_eq!((*after, *reason), (Some(Duration::ZERO), Reason::Refused));
        assert_eq!(error, "no; which things it refuses is not yet found out");
    }
}

proptest! {
    #[test]
    fn the_bad_ones_are_found_and_nothing_overtakes(
        bad in prop::collection::vec(any::<bool>(), 0..60), most in 1..70_usize, fails in prop::option::of(0..60_usize),
    ) {
        let things: Vec<usize> = (0..bad.len()).collect();
        let mut halving = Halving::new(&things, most, Duration::from_mins(1), "things");
        let (mut requests, mut sent) = (0, Vec::new());
        while let Some(part) = halving.next() {
            requests += 1;
            let outcome = if part.iter().any(|thing| bad[*thing]) {
                refused()
            } else if part.iter().any(|thing| Some(*thing) == fails) {
                Outcome::Retry { after: None, reason: Reason::PeerFailed, error: String::new() }
            } else {
                sent.extend_from_slice(part);
                Outcome::Delivered
            };
            halving.settle(part, outcome);
        }
        prop_assert!(requests <= 2 * things.len() + 1);
        prop_assert!(sent.is_sorted());
        let (outcomes, tried) = halving.finish();
        prop_assert!(outcomes.len() == things.len() && tried <= things.len());
        let failed = fails.filter(|fails| bad.get(*fails) == Some(&false)).unwrap_or(usize::MAX);
        for (thing, outcome) in outcomes.iter().enumerate() {
            let is_open = matches!(outcome, Outcome::Retry { .. });
            prop_assert!(thing < failed || is_open, "{} is not behind what failed", thing);
            prop_assert_eq!(matches!(outcome, Outcome::Reject { .. }), bad[thing] && !is_open);
            prop_assert_eq!(sent.contains(&thing), *outcome == Outcome::Delivered);
        }
    }
}
