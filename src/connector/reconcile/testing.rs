//! A state of ours to compare with, for tests.

use super::{Carried, Finding, Known, Learned, LeftOut, Lend, Ours, Theirs, compare};
use crate::event::id::{self, EventId};
use crate::kapacitor::api::{EventState, TopicEvent};
use crate::words::Level;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What was told, by hand.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) posted: BTreeSet<String>,
    topics: BTreeMap<(String, String), Known>,
    /// By task and id.
    pub(crate) alerts: BTreeMap<(String, String), (Level, i64)>,
    seen: BTreeSet<EventId>,
}

impl State {
    /// Takes an event in, as a record of this topic would be.
    pub(crate) fn told(&mut self, topic: &str, task: &str, id: &str, level: Level, time: i64) {
        self.seen.insert(id::alert("s", task, id, time, level));
        let topic = self.topics.entry((topic.to_owned(), id.to_owned()));
        let known = Known { task: task.to_owned(), level, time };
        let last = topic.or_insert_with(|| known.clone());
        if last.time <= time {
            *last = known;
        }
        let alert = self.alerts.entry((task.to_owned(), id.to_owned())).or_insert((level, time));
        if alert.1 <= time {
            *alert = (level, time);
        }
    }
}

impl Ours for State {
    fn scope(&self) -> &'static str {
        "s"
    }

    fn is_posted(&self, topic: &str) -> bool {
        self.posted.contains(topic)
    }

    fn of_topic(&self, topic: &str, id: &str) -> Option<Known> {
        self.topics.get(&(topic.to_owned(), id.to_owned())).cloned()
    }

    fn of_alert(&self, task: &str, id: &str) -> Option<(Level, i64)> {
        self.alerts.get(&(task.to_owned(), id.to_owned())).copied()
    }

    fn seen(&self, event: EventId) -> bool {
        self.seen.contains(&event)
    }

    fn has_task(&self, id: &str) -> bool {
        self.alerts.keys().any(|(task, known)| known == id && !task.is_empty())
    }
}

impl Lend for State {
    fn lend<T>(&self, look: impl FnOnce(&dyn Ours) -> T) -> T {
        look(self)
    }
}

/// An event of a topic.
pub(crate) fn event(id: &str, level: Level, time: i64, details: &str) -> TopicEvent {
    let state = EventState { details: details.to_owned(), time, level, ..EventState::default() };
    TopicEvent { id: id.to_owned(), state }
}

/// A topic as it was told, whose events arrive under its own name.
pub(crate) const fn theirs<'a>(topic: &'a str, events: &'a [TopicEvent], looked_before: bool) -> Theirs<'a> {
    let left_out = LeftOut::Nothing;
    Theirs { topic, arrives_as: topic, events, header: None, looked_before, left_out, over_before: 0 }
}

/// What is missing of one topic, compared alone.
pub(crate) fn missing(
    ours: &State,
    topic: &str,
    arrives_as: &str,
    events: &[TopicEvent],
    looked_before: bool,
) -> Vec<(String, Level, i64)> {
    let theirs = Theirs { arrives_as, ..theirs(topic, events, looked_before) };
    let carried = Carried { learned: &mut Learned::default(), over: &mut HashSet::new(), found: &mut HashSet::new() };
    let found = compare(theirs, ours, carried).into_iter();
    found
        .filter(|found| matches!(found.finding, Finding::Missing { .. }))
        .map(|found| (found.event.id.clone(), found.event.state.level, found.event.state.time))
        .collect()
}
