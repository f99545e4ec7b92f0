//! Tests of the fold: every transition, what is remembered and forgotten, and that a replay finds the same state.

use super::*;
use crate::event::id;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One alert event of a test, at a time in seconds.
fn facts(id: &str, level: Level, time: i64) -> AlertFacts<'_> {
    AlertFacts {
        event_id: id::alert("s", "task", id, time, level),
        fingerprint: id::fingerprint("s", "task", id),
        task: "task".into(),
        topic: None,
        id: id.into(),
        message: format!("{id} is {level}").into(),
        level,
        previous_level: None,
        time,
        duration: Some(0),
        details: "".into(),
    }
}

/// A fold and the next seq.
struct Scene {
    fold: Fold,
    seq: u64,
}

impl Scene {
    fn new() -> Self {
        Self { fold: Fold::default(), seq: 0 }
    }

    fn judge(&mut self, facts: &AlertFacts<'_>) -> Verdict {
        self.seq += 1;
        self.fold.judge("s", facts, self.seq, i64::try_from(self.seq).unwrap())
    }

    #[track_caller]
    fn check(&mut self, level: Level, time: i64, transition: Transition, started: Option<i64>, repeat: u64) {
        let verdict = self.judge(&facts("a", level, time));
        let expected =
            Verdict { transition, firing: verdict.firing, started, repeat, duplicate_of: verdict.duplicate_of };
        assert_eq!(verdict, expected, "{level} at {time}");
    }
}

use Level::{Critical, Info, Ok as Well, Warning};
use Transition::{Deescalated, Escalated, Late, Opened, OrphanResolved, Reaffirmed, Repeated, Resolved};

#[test]
fn one_episode_after_another() {
    let mut scene = Scene::new();
    scene.check(Warning, 10, Opened, Some(10), 0);
    scene.check(Warning, 20, Repeated, Some(10), 1);
    scene.check(Warning, 30, Repeated, Some(10), 2);
    scene.check(Critical, 40, Escalated, Some(10), 0);
    scene.check(Critical, 50, Repeated, Some(10), 1);
    scene.check(Info, 60, Deescalated, Some(10), 0);
    scene.check(Well, 70, Resolved, Some(10), 0);
    scene.check(Info, 80, Opened, Some(80), 0);
    assert_eq!(scene.fold.open().count(), 1);
    scene.check(Well, 90, Resolved, Some(80), 0);
    assert_eq!((scene.fold.open().count(), scene.fold.len()), (0, 1));
}

#[test]
fn well_without_having_been_ill() {
    let mut scene = Scene::new();
    scene.check(Well, 10, OrphanResolved, None, 0);
    scene.check(Well, 20, Repeated, None, 1);
    scene.check(Critical, 30, Opened, Some(30), 0);
}

#[test]
fn older_than_what_is_known_is_late_and_changes_nothing() {
    let mut scene = Scene::new();
    scene.check(Warning, 100, Opened, Some(100), 0);
    scene.check(Critical, 200, Escalated, Some(100), 0);
    let before = scene.fold.known().next().cloned();
    scene.check(Well, 150, Late, Some(100), 0);
    scene.check(Warning, 50, Late, None, 0);
    assert_eq!(scene.fold.known().next().cloned(), before);
    scene.check(Well, 300, Resolved, Some(100), 0);
    let late = scene.judge(&facts("a", Critical, 250));
    assert_eq!((late.transition, late.firing, late.started), (Late, false, Some(100)));
    assert_eq!(scene.fold.open().count(), 0);
}

#[test]
fn a_change_at_the_same_time_is_not_late() {
    let mut scene = Scene::new();
    scene.check(Warning, 100, Opened, Some(100), 0);
    scene.check(Critical, 100, Escalated, Some(100), 0);
}

#[test]
fn the_same_event_again_is_a_duplicate_with_the_verdict_of_the_first() {
    let mut scene = Scene::new();
    let opened = scene.judge(&facts("a", Warning, 10));
    let again = scene.judge(&facts("a", Warning, 10));
    assert_eq!(again, Verdict { duplicate_of: Some(1), ..opened });
    scene.check(Warning, 20, Repeated, Some(10), 1);
    let third = scene.judge(&facts("a", Warning, 20));
    assert_eq!((third.transition, third.repeat, third.duplicate_of), (Repeated, 1, Some(3)));
    scene.check(Well, 30, Resolved, Some(10), 0);
    let of_the_past = scene.judge(&facts("a", Warning, 10));
    assert_eq!(of_the_past, Verdict { duplicate_of: Some(1), firing: false, ..opened });
    assert_eq!(scene.fold.known().next().unwrap().level, Well);
    assert_eq!(scene.fold.seen(facts("a", Warning, 20).event_id), Some(3));
}

#[test]
fn the_same_level_after_a_restart_is_reaffirmed_once() {
    for task in [None, Some("task")] {
        let mut scene = Scene::new();
        scene.check(Warning, 10, Opened, Some(10), 0);
        scene.fold.restarted(Some("another"));
        scene.check(Warning, 20, Repeated, Some(10), 1);
        scene.fold.restarted(task);
        scene.check(Warning, 30, Reaffirmed, Some(10), 2);
        scene.check(Warning, 40, Repeated, Some(10), 3);
        scene.fold.restarted(task);
        scene.check(Critical, 50, Escalated, Some(10), 0);
        scene.check(Critical, 60, Repeated, Some(10), 1);
    }
}

#[test]
fn the_same_level_that_kapacitor_takes_for_new_is_reaffirmed() {
    let mut scene = Scene::new();
    scene.check(Warning, 10, Opened, Some(10), 0);
    let said = |time, previous| AlertFacts { previous_level: Some(previous), ..facts("a", Warning, time) };
    assert_eq!(scene.judge(&said(20, Well)).transition, Reaffirmed);
    assert_eq!(scene.judge(&said(30, Warning)).transition, Repeated);
}

#[test]
fn expired_is_not_firing_any_more() {
    let mut scene = Scene::new();
    scene.check(Warning, 10, Opened, Some(10), 0);
    let expired =
        Verdict { transition: Transition::Expired, firing: false, started: Some(10), repeat: 0, duplicate_of: None };
    scene.seq += 1;
    scene.fold.replay("s", &facts("a", Warning, 20), &expired, scene.seq, 0);
    assert_eq!(scene.fold.open().count(), 0);
    scene.check(Warning, 30, Opened, Some(30), 0);
}

#[test]
fn weighing_leaves_no_trace() {
    let mut scene = Scene::new();
    let event = facts("a", Warning, 10);
    assert_eq!(scene.fold.weigh(&event), scene.fold.weigh(&event));
    assert!(scene.fold.is_empty() && scene.fold.seen(event.event_id).is_none() && scene.fold.last_seq() == 0);
    assert_eq!(scene.judge(&event).transition, Opened);
    assert_eq!(scene.fold.last_seq(), 1);
}

#[test]
fn ids_are_remembered_for_the_window_and_within_the_bound() {
    let bounds = Bounds { alerts: 10, ids: 8, window: 1000 };
    let mut fold = Fold::new(bounds);
    let event = |time| facts("a", Warning, time);
    let mut seq = 0;
    let mut judge = |fold: &mut Fold, time, observed| {
        seq += 1;
        fold.judge("s", &event(time), seq, observed)
    };
    judge(&mut fold, 0, 0);
    judge(&mut fold, 1, 999);
    assert_eq!(judge(&mut fold, 0, 1000).duplicate_of, Some(1));
    assert_eq!(judge(&mut fold, 1, 1998).duplicate_of, Some(2), "remembered for at least the window");
    judge(&mut fold, 2, 2500);
    judge(&mut fold, 3, 3500);
    assert_eq!(fold.seen(event(0).event_id), None, "forgotten after two windows");
    for time in 10..1000 {
        judge(&mut fold, time, 3600);
        let remembered = (0..=time).filter(|time| fold.seen(event(*time).event_id).is_some()).count();
        assert!(remembered <= bounds.ids, "{remembered} ids");
        assert!(fold.seen(event((time - 3).max(10)).event_id).is_some(), "half of the bound is always there");
    }
}

#[test]
fn resolved_alerts_are_forgotten_before_firing_ones() {
    let mut fold = Fold::new(Bounds { alerts: 3, ids: 100, window: 1000 });
    for (seq, (id, level)) in
        (1..).zip([("a", Warning), ("b", Warning), ("c", Warning), ("b", Well), ("c", Well), ("d", Info)])
    {
        fold.judge("s", &facts(id, level, i64::try_from(seq).unwrap()), seq, 0);
    }
    let ids = |fold: &Fold| {
        let mut ids: Vec<String> = fold.known().map(|state| state.id.clone()).collect();
        ids.sort();
        ids.concat()
    };
    assert_eq!((ids(&fold).as_str(), fold.evicted()), ("acd", 0), "b was resolved first");
    fold.judge("s", &facts("e", Info, 7), 7, 0);
    assert_eq!((ids(&fold).as_str(), fold.evicted()), ("ade", 0), "c was resolved");
    fold.judge("s", &facts("a", Warning, 8), 8, 0);
    fold.judge("s", &facts("f", Info, 9), 9, 0);
    assert_eq!((ids(&fold).as_str(), fold.evicted()), ("aef", 1), "d was silent for longest");
}

#[test]
fn long_texts_are_cut_at_a_character() {
    let mut scene = Scene::new();
    let long = "é".repeat(4000);
    let event = AlertFacts {
        id: long.as_str().into(),
        message: format!("x{long}").into(),
        task: long.as_str().into(),
        topic: Some(long.as_str().into()),
        ..facts("a", Warning, 1)
    };
    scene.judge(&event);
    let state = scene.fold.known().next().unwrap();
    assert_eq!((state.id.len(), state.message.len(), state.task.len()), (1024, 1023, 1024));
    scene.fold.restarted(Some(&long));
    assert_eq!(scene.judge(&AlertFacts { time: 2, event_id: id::EventId(9), ..event }).transition, Reaffirmed);
}

/// Everything that can be asked of a fold, in an order.
fn all(fold: &Fold) -> (BTreeMap<u128, AlertState>, u64) {
    (fold.known().map(|state| (state.fingerprint.0, state.clone())).collect(), fold.last_seq())
}

#[derive(Debug, Clone)]
enum Step {
    Event { id: &'static str, level: Level, time: i64, previous: Option<Level>, wait: i64 },
    Restarted(Option<&'static str>),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let event = (
        prop::sample::select(vec!["a", "b", "c", "d"]),
        prop::sample::select(Level::ALL),
        0i64..30,
        prop::option::of(prop::sample::select(Level::ALL)),
        0i64..40,
    )
        .prop_map(|(id, level, time, previous, wait)| Step::Event { id, level, time, previous, wait });
    let restarted = prop::sample::select(vec![None, Some("task"), Some("x")]).prop_map(Step::Restarted);
    prop::collection::vec(prop_oneof![9 => event, 1 => restarted], 0..80)
}

fn any_bounds() -> impl Strategy<Value = Bounds> {
    (1usize..6, 2usize..40, 1i64..400).prop_map(|(alerts, ids, window)| Bounds { alerts, ids, window })
}

type Written<'a> = (AlertFacts<'a>, Verdict, u64, i64);

fn play(fold: &mut Fold, steps: &[Step]) -> Vec<Written<'static>> {
    let (mut written, mut observed) = (Vec::new(), 0);
    for step in steps {
        match step {
            Step::Event { id, level, time, previous, wait } => {
                observed += wait;
                let facts = AlertFacts { previous_level: *previous, ..facts(id, *level, *time) };
                let seq = fold.last_seq() + 1;
                let verdict = fold.judge("s", &facts, seq, observed);
                written.push((facts, verdict, seq, observed));
            }
            Step::Restarted(task) => fold.restarted(*task),
        }
    }
    written
}

proptest! {
    #[test]
    fn a_replay_finds_the_state_that_judging_made(steps in any_steps(), bounds in any_bounds(), overlap in 0usize..10) {
        let mut judged = Fold::new(bounds);
        let written = play(&mut judged, &steps);
        let mut replayed = Fold::new(bounds);
        for (facts, verdict, seq, observed) in &written {
            replayed.replay("s", facts, verdict, *seq, *observed);
        }
        prop_assert_eq!(all(&replayed), all(&judged));
        for (facts, ..) in &written {
            prop_assert_eq!(replayed.seen(facts.event_id), judged.seen(facts.event_id));
        }
        // Beginning earlier than it must, the replay ends in the same state as long as nothing is forgotten.
        let mut again = Fold::decode(&judged.encode(), Bounds { alerts: 100, ..bounds }).unwrap();
        if judged.evicted() == 0 && bounds.alerts >= 4 {
            for (facts, verdict, seq, observed) in &written[written.len().saturating_sub(overlap)..] {
                again.replay("s", facts, verdict, *seq, *observed);
            }
            prop_assert_eq!(all(&again), all(&judged));
        }
    }

    #[test]
    fn the_bytes_hold_the_whole_state(before in any_steps(), after in any_steps(), bounds in any_bounds()) {
        let mut fold = Fold::new(bounds);
        play(&mut fold, &before);
        let mut back = Fold::decode(&fold.encode(), bounds).unwrap();
        prop_assert_eq!(all(&back), all(&fold));
        // Whatever comes next is judged alike.
        let (one, other) = (play(&mut fold, &after), play(&mut back, &after));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn damaged_bytes_are_refused(steps in any_steps(), at: prop::sample::Index, flip in 1u8..=255) {
        let mut fold = Fold::default();
        play(&mut fold, &steps);
        let mut bytes = fold.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Fold::decode(&bytes, Bounds::default()).is_none());
        prop_assert!(Fold::decode(&bytes[..at], Bounds::default()).is_none());
    }

    #[test]
    fn states_agree_with_the_levels_seen(steps in any_steps()) {
        // Without bounds in the way: the state of an alert is that of the newest event that is not a duplicate.
        let mut fold = Fold::default();
        let written = play(&mut fold, &steps);
        let mut newest: BTreeMap<String, (i64, Level)> = BTreeMap::new();
        for (facts, verdict, ..) in &written {
            let known = newest.get(&*facts.id).copied();
            let is_late = known.is_some_and(|(time, _)| facts.time < time);
            prop_assert_eq!(verdict.transition == Late && verdict.duplicate_of.is_none(), is_late && verdict.duplicate_of.is_none());
            if verdict.duplicate_of.is_none() && !is_late {
                newest.insert(facts.id.to_string(), (facts.time, facts.level));
                prop_assert_eq!(verdict.firing, facts.level != Well);
            }
            if verdict.duplicate_of.is_none() && verdict.transition == Opened {
                prop_assert_eq!(verdict.started, Some(facts.time));
                prop_assert!(known.is_none_or(|(_, level)| level == Well));
            }
        }
        let states: BTreeMap<String, (i64, Level)> = fold.known().map(|state| (state.id.clone(), (state.time, state.level))).collect();
        prop_assert_eq!(states, newest);
    }
}

#[test]
fn a_smaller_bound_keeps_the_most_recent() {
    let mut fold = Fold::default();
    for seq in 1..=10 {
        fold.judge("s", &facts(&seq.to_string(), Warning, 0), seq, 0);
    }
    let back = Fold::decode(&fold.encode(), Bounds { alerts: 2, ids: 4, window: 10 }).unwrap();
    let mut left: Vec<u64> = back.known().map(|state| state.seq).collect();
    left.sort_unstable();
    assert_eq!(left, [9, 10]);
    assert_eq!(back.seen(facts("10", Warning, 0).event_id), Some(10));
    assert_eq!(back.seen(facts("1", Warning, 0).event_id), None);
    assert!(Fold::decode(&[], Bounds::default()).is_none());
    assert!(Fold::decode(&[9; 40], Bounds::default()).is_none());
}
