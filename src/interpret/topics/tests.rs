//! Tests of the topics: what is known after which records, what is forgotten when, and that a replay finds the same.

use super::*;
use crate::event::id;
use crate::record::{Note, StreamId};
use crate::words::Lane;
use Level::{Critical, Info, Ok as Well, Warning};
use proptest::prelude::*;

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
        duration: Some(time),
        details: "<b>".into(),
        expired: false,
    }
}

fn verdict(transition: Transition) -> Verdict {
    Verdict { transition, firing: false, started: None, repeat: 0, duplicate_of: None }
}

struct Scene {
    topics: Topics,
    seq: u64,
}

impl Scene {
    fn new(bounds: Bounds) -> Self {
        Self { topics: Topics::new(bounds), seq: 0 }
    }

    fn take_in(&mut self, topic: &str, facts: &AlertFacts<'_>) {
        self.seq += 1;
        let observed = i64::try_from(self.seq).unwrap();
        self.topics.take("s", topic, facts, &verdict(Transition::Repeated), self.seq, observed);
        audit(&self.topics);
    }

    fn take(&mut self, id: &str, level: Level, time: i64) {
        self.take_in("t", &facts(id, level, time));
    }

    /// Ids and levels of a topic, its level and how many records it collected.
    #[track_caller]
    fn check(&self, topic: &str, events: &[(&str, Level)], level: Level, collected: u64) {
        let found =
            self.topics.events("s", topic).map(|events| events.map(|event| (&*event.id, event.level)).collect());
        assert_eq!(found, Some(events.to_vec()));
        let state = self.topics.topic("s", topic).unwrap();
        assert_eq!((state.level(), state.collected, state.events()), (level, collected, events.len()));
    }

    fn event(&self, id: &str) -> &TopicEventState {
        self.topics.event("s", "t", id).unwrap()
    }
}

/// What is counted beside the events is what the events say.
fn audit(topics: &Topics) {
    let (mut events, mut bytes) = (0, 0);
    for topic in topics.topics() {
        let states: Vec<_> = topics.events(&topic.scope, &topic.topic).unwrap().collect();
        assert_eq!(topic.events(), states.len());
        assert_eq!(Some(topic.level()), states.iter().map(|state| state.level).max().or(Some(Well)));
        events += states.len();
        bytes += states.iter().map(|state| state.cost()).sum::<usize>();
    }
    assert_eq!((topics.len(), topics.bytes()), (events, bytes));
}

#[test]
fn the_level_of_a_topic_is_the_worst() {
    let mut scene = Scene::new(Bounds::default());
    // The order in which Kapacitor comes to the level OK and an empty list at WARNING.
    for (id, level, time) in [("b", Critical, 1), ("a", Critical, 2), ("a", Well, 3), ("b", Warning, 4)] {
        scene.take(id, level, time);
    }
    scene.check("t", &[("a", Well), ("b", Warning)], Warning, 4);
    let (a, b) = (scene.event("a"), scene.event("b"));
    assert_eq!(
        (a.previous_level, a.time, a.duration, &*a.message, &*a.details.text()),
        (Critical, 3, 3, "a is OK", "<b>")
    );
    assert_eq!((b.previous_level, b.seq, b.observed, &*b.task), (Critical, 4, 4, "task"));
    scene.take("b", Well, 5);
    scene.check("t", &[("a", Well), ("b", Well)], Well, 5);
}

#[test]
fn an_older_record_is_only_counted() {
    let mut scene = Scene::new(Bounds::default());
    scene.take("a", Warning, 100);
    let before = scene.event("a").clone();
    scene.take("a", Critical, 99);
    assert_eq!(scene.event("a"), &before);
    scene.check("t", &[("a", Warning)], Warning, 2);
    scene.take("a", Critical, 100);
    scene.check("t", &[("a", Critical)], Critical, 3);
    // Not behind the last record: taken before.
    scene.topics.take("s", "t", &facts("a", Info, 200), &verdict(Transition::Repeated), 3, 0);
    scene.check("t", &[("a", Critical)], Critical, 3);
}

#[test]
fn an_event_posted_into_two_topics_belongs_to_both() {
    let mut scene = Scene::new(Bounds::default());
    scene.take_in("t", &facts("a", Warning, 1));
    scene.take_in("u", &facts("a", Warning, 1));
    scene.check("t", &[("a", Warning)], Warning, 1);
    scene.check("u", &[("a", Warning)], Warning, 1);
}

#[test]
fn the_same_event_told_with_less_loses_nothing() {
    let mut scene = Scene::new(Bounds::default());
    scene.take("a", Warning, 5);
    scene.take("a", Critical, 10);
    let bare = AlertFacts { details: "".into(), message: "".into(), duration: None, ..facts("a", Critical, 10) };
    let first = scene.event("a").clone();
    scene.take_in("t", &bare);
    assert_eq!(scene.event("a"), &TopicEventState { seq: 3, observed: 3, ..first.clone() });
    // While somebody reads it, too.
    let read = Arc::clone(scene.topics.event("s", "t", "a").unwrap());
    scene.take_in("t", &bare);
    assert_eq!(scene.event("a"), &TopicEventState { seq: 4, observed: 4, ..first });
    assert_eq!(read.seq, 3);
    scene.take_in("t", &AlertFacts { time: 11, ..bare });
    let now = scene.event("a");
    assert_eq!((&*now.message, &*now.details.text(), now.duration, now.previous_level), ("", "", 0, Critical));
}

#[test]
fn what_expired_is_ok() {
    let mut scene = Scene::new(Bounds::default());
    scene.take("a", Critical, 1);
    scene.topics.take("s", "t", &facts("a", Critical, 2), &verdict(Transition::Expired), 2, 2);
    audit(&scene.topics);
    scene.check("t", &[("a", Well)], Well, 2);
    assert_eq!(scene.event("a").previous_level, Critical);
}

#[test]
fn the_topic_of_a_record() {
    let stream = Stream::new(StreamId(1), Lane::Post, "from-here", "s");
    for (topic, task, expected) in [(Some("cpu"), "task", "cpu"), (None, "task", "task"), (None, "", "from-here")] {
        let facts = AlertFacts { topic: topic.map(Into::into), task: task.into(), ..facts("a", Info, 1) };
        assert_eq!(name_of(&stream, &facts), expected);
    }
    // As it is found in a record.
    let note = Note { topic: Some(("named".to_owned(), crate::words::How::Header)), ..Note::default() };
    let body = br#"{"id":"a","level":"INFO","details":"d"}"#;
    let found = crate::interpret::alert_facts(&stream, crate::record::Content::Alert, &note, 7, body).unwrap();
    assert_eq!((name_of(&stream, &found), &*found.details.text()), ("named", "d"));
}

#[test]
fn resolved_events_give_way_first() {
    let mut scene = Scene::new(Bounds { events: 3, ..Bounds::default() });
    for (id, level) in [("a", Warning), ("b", Well), ("c", Critical), ("d", Well)] {
        scene.take(id, level, 1);
    }
    scene.check("t", &[("a", Warning), ("c", Critical), ("d", Well)], Critical, 4);
    scene.take("e", Info, 1);
    scene.check("t", &[("a", Warning), ("c", Critical), ("e", Info)], Critical, 5);
    assert_eq!(scene.topics.lost(), Lost { resolved: 2, details: 0, firing: 0 });
    scene.take("a", Warning, 2);
    scene.take("f", Info, 1);
    scene.check("t", &[("a", Warning), ("e", Info), ("f", Info)], Warning, 7);
    assert_eq!(scene.topics.lost(), Lost { resolved: 2, details: 0, firing: 1 });
}

#[test]
fn details_give_way_before_what_is_firing() {
    let one = AlertFacts { details: "x".repeat(1000).into(), ..facts("a", Warning, 1) };
    let cost = TopicEventState::first(&one, Warning, 1, 1).cost();
    let mut scene = Scene::new(Bounds { bytes: 2 * cost, ..Bounds::default() });
    for id in ["a", "b", "c"] {
        scene.take_in("t", &AlertFacts { id: id.into(), ..one.clone() });
    }
    let lengths: Vec<usize> = scene.topics.events("s", "t").unwrap().map(|event| event.details.len()).collect();
    assert_eq!(lengths, [0, 0, 1000]);
    assert_eq!(scene.topics.lost(), Lost { resolved: 0, details: 2, firing: 0 });
    // More than there is room for altogether: not even the one that came is kept.
    scene.take_in("t", &AlertFacts { id: "y".repeat(3 * cost).into(), ..one });
    assert!(scene.topics.bytes() <= 2 * cost);
    assert!(scene.topics.is_empty());
}

#[test]
fn an_event_that_is_ok_is_forgotten_in_time() {
    let mut scene = Scene::new(Bounds { resolved: 2, empty: 1, ..Bounds::default() });
    scene.take_in("old", &facts("a", Well, 1));
    scene.take_in("new", &facts("a", Warning, 1));
    scene.take_in("new", &facts("b", Well, 1));
    scene.check("old", &[("a", Well)], Well, 1);
    scene.take_in("new", &facts("c", Warning, 1));
    scene.check("old", &[], Well, 1);
    scene.check("new", &[("a", Warning), ("b", Well), ("c", Warning)], Warning, 3);
    assert_eq!(scene.topics.lost(), Lost::default(), "that is no loss");
    // Topics without an event are kept for their count, up to a bound: the longest silent goes.
    scene.take_in("third", &facts("a", Well, 1));
    scene.take_in("old", &facts("a", Well, 2));
    scene.check("old", &[("a", Well)], Well, 2);
    for _ in 0..3 {
        scene.take_in("new", &facts("c", Warning, 1));
    }
    assert_eq!(scene.topics.topic("s", "third"), None);
    scene.check("old", &[], Well, 2);
}

#[test]
fn bytes_that_are_not_ours() {
    let mut scene = Scene::new(Bounds::default());
    scene.take("a", Critical, 1);
    let bytes = scene.topics.image().encode();
    assert_eq!(Topics::decode(&bytes, Bounds::default()).unwrap().image(), scene.topics.image());
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(Topics::decode(&damaged, Bounds::default()).is_none(), "at {at}");
        assert!(Topics::decode(&bytes[..at], Bounds::default()).is_none(), "to {at}");
    }
}

/// A record of a history: topic, id, level, time, length of the details, whether it says that it expired.
type Told = (u8, u8, usize, i64, usize, bool);

fn history() -> impl Strategy<Value = Vec<Told>> {
    proptest::collection::vec(
        (0..3_u8, 0..6_u8, 0..4_usize, 0..20_i64, 0..3_usize, proptest::bool::weighted(0.1)),
        0..60,
    )
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let around = |cost: usize| (1..12_usize).prop_map(move |count| count * cost);
    (1..12_usize, around(500), 1..3_usize, 1..30_i64).prop_map(|(events, bytes, empty, resolved)| Bounds {
        events,
        bytes,
        empty,
        resolved,
    })
}

fn tell(topics: &mut Topics, told: &[Told], from: usize) {
    for (index, (topic, id, level, time, details, expired)) in told.iter().enumerate().skip(from) {
        let id = format!("id{id}");
        let facts = AlertFacts { details: "d".repeat(details * 300).into(), ..facts(&id, Level::ALL[*level], *time) };
        let transition = if *expired { Transition::Expired } else { Transition::Repeated };
        let seq = index as u64 + 1;
        topics.take("s", &format!("topic{topic}"), &facts, &verdict(transition), seq, i64::try_from(seq).unwrap() * 2);
    }
}

proptest! {
    /// All of it, or what came behind a state that was kept: the same, also in what is forgotten next.
    #[test]
    fn a_replay_finds_the_same(told in history(), bounds in bounds(), cut in 0..60_usize) {
        let cut = cut.min(told.len());
        let mut whole = Topics::new(bounds);
        tell(&mut whole, &told, 0);
        audit(&whole);
        let mut first = Topics::new(bounds);
        tell(&mut first, &told[..cut], 0);
        let mut second = Topics::decode(&first.image().encode(), bounds).unwrap();
        prop_assert_eq!(second.image(), first.image());
        tell(&mut second, &told, cut);
        audit(&second);
        prop_assert_eq!(second.image(), whole.image());
        prop_assert!(whole.len() <= bounds.events && whole.bytes() <= bounds.bytes);
        // Beginning earlier than it must does no harm.
        tell(&mut second, &told, 0);
        prop_assert_eq!(second.image(), whole.image());
    }

    /// Without bounds in the way: the newest record of each event, by its time and then by its place.
    #[test]
    fn the_newest_record_counts(told in history()) {
        let mut topics = Topics::new(Bounds::default());
        tell(&mut topics, &told, 0);
        let mut expected: BTreeMap<(u8, u8), (i64, Level, usize)> = BTreeMap::new();
        for (topic, id, level, time, details, expired) in &told {
            let level = if *expired { Well } else { Level::ALL[*level] };
            let entry = expected.entry((*topic, *id)).or_insert((*time, level, 0));
            if *time >= entry.0 {
                let again = (entry.0, entry.1) == (*time, level) && *details == 0;
                *entry = (*time, level, if again { entry.2 } else { *details });
            }
        }
        for ((topic, id), (time, level, details)) in &expected {
            let state = topics.event("s", &format!("topic{topic}"), &format!("id{id}")).unwrap();
            prop_assert_eq!((state.time, state.level, state.details.len()), (*time, *level, details * 300));
        }
        prop_assert_eq!(topics.len(), expected.len());
        prop_assert_eq!(topics.topics().map(|topic| topic.collected).sum::<u64>(), told.len() as u64);
    }
}
