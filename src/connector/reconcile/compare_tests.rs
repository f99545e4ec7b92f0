//! Tests of the comparison: one row of its table each, and histories in which POSTs get lost.

use super::testing::{State, event, missing, theirs};
use super::*;
use crate::words::Level::{Critical, Info, Ok as Well, Warning};
use proptest::prelude::*;

const DETAILS: &str = "{&#34;TaskName&#34;:&#34;t&#34;}\n";

fn check_missing(ours: &State, level: Level, time: i64, looked_before: bool, is: bool) {
    for (topic, arrives_as) in [("rec", "rec"), ("main:t:alert2", "main:t:alert2")] {
        let events = [event("a", level, time, DETAILS)];
        let found = missing(ours, topic, arrives_as, &events, looked_before);
        assert_eq!(!found.is_empty(), is, "{topic} {level} {time}");
        if is {
            assert_eq!(found, [("a".to_owned(), level, time)]);
        }
    }
}

fn known(posted: bool, level: Level, time: i64) -> State {
    let mut ours = State::default();
    ours.told("rec", "t", "a", level, time);
    if posted {
        ours.posted.insert("rec".to_owned());
    }
    ours
}

#[test]
fn of_an_alert_that_is_known() {
    for posted in [false, true] {
        let ours = known(posted, Warning, 10);
        check_rec(&ours, Warning, 10, false);
        check_rec(&ours, Critical, 10, true);
        check_rec(&ours, Warning, 11, true);
        check_rec(&ours, Well, 11, true);
        check_rec(&ours, Well, 9, false);
        check_rec(&ours, Critical, 9, false);
    }
    // A topic that nothing is posted from goes by the alert, whatever topic it came by.
    check_missing(&known(false, Warning, 10), Warning, 10, true, false);
    check_missing(&known(false, Warning, 10), Critical, 11, true, true);
}

fn check_rec(ours: &State, level: Level, time: i64, is: bool) {
    let found = missing(ours, "rec", "rec", &[event("a", level, time, DETAILS)], false);
    assert_eq!(!found.is_empty(), is, "{level} {time}");
}

#[test]
fn of_an_alert_that_is_not_known() {
    let ours = State::default();
    check_missing(&ours, Info, 10, false, true);
    check_missing(&ours, Well, 10, false, false);
    check_missing(&ours, Well, 10, true, true);
}

#[test]
fn what_was_over_before_the_first_look_stays_over() {
    let (ours, mut over) = (State::default(), HashSet::new());
    let mut look = |events: &[TopicEvent], looked_before| {
        let carried = Carried { learned: &mut Learned::default(), over: &mut over, found: &mut HashSet::new() };
        compare(theirs("rec", events, looked_before), &ours, carried)
            .iter()
            .filter(|found| found.finding != Finding::Settled)
            .count()
    };
    assert_eq!(look(&[event("a", Well, 10, "")], false), 0);
    assert_eq!(look(&[event("a", Well, 10, ""), event("b", Well, 3, "")], true), 1);
    assert_eq!(look(&[event("a", Well, 10, "")], true), 0);
    assert_eq!(look(&[event("a", Well, 11, "")], true), 1);
}

#[test]
fn one_event_in_two_topics_is_missing_once() {
    let (ours, mut found) = (State::default(), HashSet::new());
    let events = [event("a", Critical, 10, DETAILS)];
    let mut count = |topic: &str| {
        let carried = Carried { learned: &mut Learned::default(), over: &mut HashSet::new(), found: &mut found };
        compare(theirs(topic, &events, false), &ours, carried)
            .iter()
            .filter(|found| found.finding != Finding::Settled)
            .count()
    };
    assert_eq!((count("rec"), count("main:t:alert2")), (1, 0));
}

#[test]
fn the_id_is_that_of_the_post() {
    let ours = State::default();
    let said = |details: &str, header| {
        let events = [event("a", Critical, 10, details)];
        let theirs = Theirs { header, ..theirs("rec", &events, false) };
        let carried =
            Carried { learned: &mut Learned::default(), over: &mut HashSet::new(), found: &mut HashSet::new() };
        compare(theirs, &ours, carried).remove(0).finding
    };
    let id = |task| id::alert("s", task, "a", 10, Critical);
    assert_eq!(said(DETAILS, None), Finding::Missing { event: id("t"), task: None });
    assert_eq!(said("own words", None), Finding::Missing { event: id(""), task: None });
    assert_eq!(said(DETAILS, Some("h")), Finding::Missing { event: id("h"), task: Some("h".to_owned()) });
}

#[test]
fn without_a_time_nothing_is_concluded() {
    let events = [event("a", Critical, 0, DETAILS)];
    let carried = Carried { learned: &mut Learned::default(), over: &mut HashSet::new(), found: &mut HashSet::new() };
    assert_eq!(compare(theirs("rec", &events, false), &State::default(), carried)[0].finding, Finding::CannotTell);
}

#[test]
fn what_was_received_and_forgotten_is_not_recorded_again() {
    let (mut learned, mut over) = (Learned::default(), HashSet::new());
    let mut look = |ours: &State, events: &[TopicEvent]| {
        let theirs = Theirs { over_before: 5, ..theirs("rec", events, true) };
        let carried = Carried { learned: &mut learned, over: &mut over, found: &mut HashSet::new() };
        compare(theirs, ours, carried).iter().filter(|found| found.finding != Finding::Settled).count()
    };
    assert_eq!(look(&known(true, Well, 10), &[event("a", Well, 10, DETAILS)]), 0);
    let forgotten = || {
        let mut ours = State::default();
        ours.posted.insert("rec".to_owned());
        ours
    };
    assert_eq!(look(&forgotten(), &[event("a", Well, 10, DETAILS)]), 0, "it was there at the last look");
    assert_eq!(look(&forgotten(), &[event("a", Well, 11, DETAILS)]), 1, "another");
    assert_eq!(look(&forgotten(), &[event("b", Well, 4, DETAILS)]), 0, "older than what is kept");
    assert_eq!(look(&forgotten(), &[event("b", Warning, 4, DETAILS)]), 1, "it is on");
}

#[test]
fn what_a_match_leaves_out_is_not_recorded() {
    let finding = |ours: &State, left_out, level, time| {
        let events = [event("a", level, time, DETAILS)];
        let carried =
            Carried { learned: &mut Learned::default(), over: &mut HashSet::new(), found: &mut HashSet::new() };
        compare(Theirs { left_out, ..theirs("rec", &events, true) }, ours, carried).remove(0).finding
    };
    let ours = known(true, Warning, 10);
    let id = |level, time| id::alert("s", "t", "a", time, level);
    let missing = |level, time| Finding::Missing { event: id(level, time), task: None };
    // A repeat is left out, a change is not.
    assert_eq!(finding(&ours, LeftOut::Repeats, Warning, 11), Finding::Settled);
    assert_eq!(finding(&ours, LeftOut::Repeats, Critical, 11), missing(Critical, 11));
    assert_eq!(finding(&State::default(), LeftOut::Repeats, Warning, 11), missing(Warning, 11));
    assert_eq!(finding(&ours, LeftOut::Nothing, Warning, 11), missing(Warning, 11));
    // Nobody knows what another expression leaves out; what is here is here.
    assert_eq!(finding(&ours, LeftOut::Unknown, Critical, 11), Finding::CannotTell);
    assert_eq!(finding(&ours, LeftOut::Unknown, Warning, 10), Finding::Settled);
}

#[test]
fn what_came_by_another_topic_is_not_recorded_again() {
    let mut ours = State::default();
    ours.posted.extend(["rec".to_owned(), "other".to_owned()]);
    ours.told("other", "t", "a", Critical, 10);
    check_rec(&ours, Critical, 10, false);
    check_rec(&ours, Warning, 9, false);
    check_rec(&ours, Well, 11, true);
    // What is known of the topic itself decides: the other topic hides nothing.
    ours.told("rec", "t", "a", Warning, 5);
    check_rec(&ours, Critical, 10, false);
    check_rec(&ours, Well, 7, true);
}

proptest! {
    /// Alerts change at random, POSTs are lost at random, and looks come at random: after the last look the last states
    /// are equal, and nothing is found that was not told.
    #[test]
    fn lost_posts_are_found(
        steps in prop::collection::vec((0..4_usize, 0..4_u8, any::<bool>(), 0..6_u8), 1..80),
        own_details in any::<bool>(),
        names_topic in any::<bool>(),
    ) {
        let details = if own_details { "own words" } else { DETAILS };
        let task = if own_details { "" } else { "t" };
        let topic = if names_topic { "rec" } else { "elsewhere" };
        let (mut ours, mut theirs) = (State::default(), std::collections::BTreeMap::new());
        let (mut over, mut learned, mut looked) = (HashSet::new(), Learned::default(), false);
        let mut told = HashSet::new();
        let mut look = |ours: &mut State, theirs: &std::collections::BTreeMap<String, (Level, i64)>, told: &HashSet<_>| {
            let events: Vec<_> = theirs.iter().map(|(id, (level, time))| event(id, *level, *time, details)).collect();
            let carried = Carried { learned: &mut learned, over: &mut over, found: &mut HashSet::new() };
            let found = compare(super::testing::theirs("rec", &events, looked), &*ours, carried);
            looked = true;
            for found in found {
                if let Finding::Missing { .. } = found.finding {
                    let key = (found.event.id.clone(), found.event.state.level, found.event.state.time);
                    assert!(told.contains(&key), "invented: {key:?}");
                    ours.told("rec", task, &key.0, key.1, key.2);
                }
            }
        };
        for (time, (id, level, arrives, action)) in (1..).zip(steps) {
            let (id, level) = (format!("id{id}"), Level::from_number(level).unwrap());
            theirs.insert(id.clone(), (level, time));
            told.insert((id.clone(), level, time));
            if arrives {
                ours.told(topic, task, &id, level, time);
                ours.posted.insert(topic.to_owned());
            }
            if action == 0 {
                look(&mut ours, &theirs, &told);
            }
        }
        look(&mut ours, &theirs, &told);
        for (id, (level, _)) in &theirs {
            prop_assert_eq!(ours.of_alert(task, id).map_or(Well, |(level, _)| level), *level, "{}", id);
        }
        let before = ours.alerts.clone();
        look(&mut ours, &theirs, &HashSet::new());
        prop_assert_eq!(before, ours.alerts, "a second look finds nothing");
    }
}
