//! Tests of the window: order per key, waits, circuit, and a model that drives it at random.
#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn rules() -> Rules {
    Rules {
        limits: Limits { events: 4, bytes: 100 },
        age: Duration::from_millis(100),
        backoff: Bounds { first: Duration::from_secs(1), longest: Duration::from_mins(1) },
        several_of_a_key: true,
    }
}

/// A window with events 1, 2, … of these keys, each of 10 bytes, that came in now.
fn window(rules: Rules, keys: &[Key], now: Instant) -> Window<u64> {
    let mut window = Window::new(rules);
    for (seq, key) in (1..).zip(keys) {
        window.add(seq, *key, 10, seq, now);
    }
    window
}

const AGAIN: Verdict = Verdict::Again(None);

/// No jitter to speak of: the longest wait.
fn longest() -> u64 {
    u64::MAX
}

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn batches_fill_by_count_bytes_and_age() {
    let now = Instant::now();
    let mut window = window(rules(), &[1, 2, 1], now);
    assert_eq!(window.next(now, usize::MAX, false), Next::Wait(now + Duration::from_millis(100)));
    assert_eq!(window.next(now, usize::MAX, true), Next::Batch(vec![1, 2, 3]));
    assert_eq!(window.next(now + Duration::from_millis(100), usize::MAX, false), Next::Batch(vec![1, 2, 3]));
    assert_eq!(window.next(now, 2, false), Next::Batch(vec![1, 2]));
    window.add(4, 9, 10, 4, now);
    window.add(5, 9, 10, 5, now);
    assert_eq!(window.next(now, usize::MAX, false), Next::Batch(vec![1, 2, 3, 4]));
    window.add(2, 2, 75, 2, now);
    assert_eq!(window.next(now, usize::MAX, false), Next::Batch(vec![1, 2, 3]));
    // One that is too large by itself goes out all the same.
    window.add(1, 1, 1000, 1, now);
    assert_eq!(window.next(now, usize::MAX, false), Next::Batch(vec![1]));
    assert_eq!(Window::<u64>::new(rules()).next(now, 9, true), Next::Idle);
}

#[test]
fn one_of_a_key_where_outcomes_do_not_keep_order() {
    let now = Instant::now();
    let window = window(Rules { several_of_a_key: false, ..rules() }, &[1, 1, 2, 1, 3], now);
    assert_eq!(window.next(now, usize::MAX, true), Next::Batch(vec![1, 3, 5]));
}

#[test]
fn a_key_that_fails_holds_back_only_itself() {
    let now = Instant::now();
    let mut window = window(rules(), &[1, 2, 1, 3, 2], now);
    let done = window.settle(&[(1, AGAIN), (2, Verdict::Done), (3, AGAIN), (4, Verdict::Done)], now, 7, longest);
    assert_eq!(done, [2, 4]);
    assert_eq!(window.circuit(), Circuit::Closed);
    assert_eq!(window.tries(1, 9), Tries { attempts: 2, first: 7 });
    assert_eq!(window.position(&[(6, u64::MAX)]), Position { next: 5, pending: vec![(1, 1), (3, 3)] });
    assert_eq!(window.next(now, usize::MAX, true), Next::Batch(vec![5]));
    window.settle(&[(5, Verdict::Done)], now, 7, longest);
    assert_eq!(window.position(&[(6, u64::MAX)]), Position { next: 6, pending: vec![(1, 1), (3, 3)] });
    let Next::Wait(until) = window.next(now, usize::MAX, true) else { panic!("does not wait") };
    assert!(until > now && until <= now + second(1));
    // What failed goes alone, and the next of its key behind it.
    assert_eq!(window.next(until, usize::MAX, false), Next::Batch(vec![1]));
    window.settle(&[(1, Verdict::Done)], until, 7, longest);
    assert_eq!(window.next(until, usize::MAX, false), Next::Batch(vec![3]));
}

#[test]
fn a_wish_of_the_peer_is_kept() {
    let now = Instant::now();
    let mut window = window(rules(), &[1, 2], now);
    window.settle(&[(1, Verdict::Again(Some(second(30)))), (2, AGAIN)], now, 0, || 0);
    assert_eq!(window.circuit(), Circuit::Open(now + second(30)));
    assert_eq!(window.next(now, usize::MAX, true), Next::Wait(now + second(30)));
}

#[test]
fn a_whole_failure_opens_the_circuit_and_is_probed() {
    let mut now = Instant::now();
    let mut window = window(rules(), &[1, 2, 3, 4, 5], now);
    window.settle(&[(1, AGAIN), (2, AGAIN), (3, AGAIN), (4, AGAIN)], now, 0, longest);
    let Next::Wait(until) = window.next(now, usize::MAX, true) else { panic!("does not wait") };
    now = until;
    // What was tried least; its failure is its own, and the next key is tried.
    assert_eq!(window.next(now, usize::MAX, true), Next::Batch(vec![5]));
    window.settle(&[(5, AGAIN)], now, 0, longest);
    let Next::Wait(until) = window.next(now, usize::MAX, true) else { panic!("does not wait") };
    assert!(until > now + second(1), "it waits longer");
    assert_eq!(window.next(until, usize::MAX, true), Next::Batch(vec![1]));
    window.settle(&[(1, Verdict::Done)], until, 0, longest);
    assert_eq!(window.circuit(), Circuit::Closed);
    // Batches grow again from one.
    assert_eq!(window.next(until, usize::MAX, true), Next::Batch(vec![2]));
    window.settle(&[(2, Verdict::Done)], until, 0, longest);
    assert_eq!(window.next(until, usize::MAX, true), Next::Batch(vec![3, 4]));
}

#[test]
fn one_event_that_the_peer_chokes_on_is_singled_out() {
    let mut now = Instant::now();
    let keys: Vec<Key> = (0..200).collect();
    let mut window = window(Rules { limits: Limits { events: 64, bytes: 1 << 20 }, ..rules() }, &keys, now);
    let (mut deliveries, poison) = (0, 17);
    while window.len() > 1 {
        match window.next(now, usize::MAX, true) {
            Next::Batch(seqs) => {
                deliveries += 1;
                let verdict = if seqs.contains(&poison) { AGAIN } else { Verdict::Done };
                let verdicts: Vec<_> = seqs.into_iter().map(|seq| (seq, verdict)).collect();
                window.settle(&verdicts, now, 0, longest);
            }
            Next::Wait(until) => now = until,
            Next::Idle => panic!("nothing left to do with {} events", window.len()),
        }
        assert!(deliveries < 100, "{} left", window.len());
    }
    assert_eq!(window.oldest(), Some(&poison));
    // Once it is known, it holds back nobody, however often it fails.
    for seq in 1_000..1_010 {
        window.add(seq, 9_999, 10, seq, now);
        assert_eq!(window.next(now, usize::MAX, true), Next::Batch(vec![seq]));
        window.settle(&[(seq, Verdict::Done)], now, 0, longest);
        let Next::Wait(until) = window.next(now, usize::MAX, true) else { panic!("does not wait") };
        now = until;
        assert_eq!(window.next(now, usize::MAX, true), Next::Batch(vec![poison]));
        window.settle(&[(poison, AGAIN)], now, 0, longest);
        assert_eq!(window.circuit(), Circuit::Closed);
    }
}

#[test]
fn what_is_given_up_lets_its_key_go_on_and_is_no_success() {
    let now = Instant::now();
    let mut window = window(rules(), &[1, 1, 2], now);
    assert_eq!((window.blame(1, 7), window.blame(1, 9), window.blame(99, 9)), (7, 7, 9));
    // Part of a delivery: the next of its key follows without a wait.
    let done = window.settle(&[(1, Verdict::GivenUp), (2, AGAIN), (3, Verdict::Done)], now, 0, longest);
    assert_eq!((done, window.circuit()), (vec![1, 3], Circuit::Closed));
    assert_eq!(window.next(now, usize::MAX, true), Next::Batch(vec![2]));
    assert_eq!(window.blame(2, 11), 11, "it has a time of its own");
    // Alone: the peer took nothing, so it is asked as rarely as before.
    window.add(4, 3, 10, 4, now);
    assert_eq!(window.settle(&[(2, Verdict::GivenUp)], now, 0, longest), [2]);
    assert!(matches!(window.circuit(), Circuit::Open(until) if until > now));
    // Nothing left to try: nothing is open.
    assert_eq!(window.settle(&[(4, Verdict::GivenUp)], now, 0, longest), [4]);
    assert_eq!((window.circuit(), window.len(), window.room().bytes), (Circuit::Closed, 0, BYTES));
}

#[test]
fn it_takes_only_so_much() {
    let now = Instant::now();
    let mut window = Window::new(rules());
    window.add(1, 1, BYTES - 1, (), now);
    assert!(window.has_room());
    window.add(2, 1, 1, (), now);
    assert!(!window.has_room());
    assert_eq!(window.room().bytes, 0);
    let mut window = Window::new(rules());
    for seq in 0..EVENTS as u64 {
        window.add(seq, 1, 1, (), now);
    }
    assert_eq!((window.has_room(), window.room().events), (false, 0));
}

proptest! {
    /// Whatever fails: per key the order holds, nothing is lost, and the position covers what is not dealt with.
    #[test]
    fn order_per_key_and_nothing_lost(
        keys in prop::collection::vec(0..6_u128, 1..120),
        failures in prop::collection::vec(0..8_u8, 1..200),
        several in any::<bool>(),
    ) {
        let rules = Rules { several_of_a_key: several, ..rules() };
        let mut now = Instant::now();
        let mut window = window(rules, &keys, now);
        let next = keys.len() as u64 + 1;
        let (mut done, mut last, mut chances) = (BTreeSet::new(), HashMap::new(), failures.into_iter());
        let mut rounds = 0;
        while !window.is_empty() {
            rounds += 1;
            prop_assert!(rounds < 5_000);
            let seqs = match window.next(now, usize::MAX, true) {
                Next::Batch(seqs) => seqs,
                Next::Wait(until) => {
                    prop_assert!(until > now);
                    now = until;
                    continue;
                }
                Next::Idle => return Err(TestCaseError::fail("idle with events left")),
            };
            prop_assert!(!seqs.is_empty() && seqs.len() <= 4 && seqs.is_sorted());
            // A sink that keeps order: after the first failure of a key, the rest of that key fails too.
            let mut failed = HashSet::new();
            let verdicts: Vec<_> = seqs.iter().map(|seq| {
                let key = keys[usize::try_from(*seq).unwrap() - 1];
                let fails = matches!(chances.next(), Some(0..3)) || failed.contains(&key);
                if fails { failed.insert(key); }
                (*seq, if fails { AGAIN } else { Verdict::Done })
            }).collect();
            for seq in window.settle(&verdicts, now, 0, || 1 << 30) {
                let key = keys[usize::try_from(seq).unwrap() - 1];
                prop_assert!(last.insert(key, seq).is_none_or(|before| before < seq), "{} out of order", seq);
                prop_assert!(done.insert(seq), "{} twice", seq);
            }
            let position = window.position(&[(next, u64::MAX)]);
            for seq in 1..next {
                let open = position.stretches().iter().any(|(first, last)| (*first..=*last).contains(&seq));
                prop_assert!(open || done.contains(&seq));
            }
        }
        prop_assert_eq!(done.len(), keys.len());
        prop_assert_eq!(window.position(&[(next, u64::MAX)]), Position::at(next));
    }
}
