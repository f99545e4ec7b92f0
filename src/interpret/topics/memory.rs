//! What the topics' events take of memory, and in which order they give way.

use super::{Topic, TopicEventState, Topics, count};
use crate::interpret::AlertFacts;
use crate::kapacitor::details::Details;
use crate::words::Level;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes that an event takes beside its texts, about: the state, its places in the maps.
const EVENT: usize = 384;

/// Where an event is.
#[derive(Debug, Clone)]
struct Place {
    scope: Arc<str>,
    topic: Arc<str>,
    id: Arc<str>,
}

/// The order in which events fell silent. Keys are the seqs of their last records, of which each has one event.
#[derive(Debug, Default)]
pub(super) struct Memory {
    firing: BTreeMap<u64, Place>,
    resolved: BTreeMap<u64, Place>,
    /// Of those in `firing`: those with details.
    detailed: BTreeSet<u64>,
    /// Topics without an event, by the seq of their last record.
    empty: BTreeMap<u64, (Arc<str>, Arc<str>)>,
    bytes: usize,
}

impl Memory {
    pub(super) fn len(&self) -> usize {
        self.firing.len() + self.resolved.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Removes an event.
    pub(super) fn remove(&mut self, level: Level, seq: u64, cost: usize) {
        self.order(level).remove(&seq);
        self.detailed.remove(&seq);
        self.bytes = self.bytes.saturating_sub(cost);
    }

    /// A topic has lost its last event.
    pub(super) fn emptied(&mut self, seq: u64, scope: &str, topic: &str) {
        self.empty.insert(seq, (scope.into(), topic.into()));
    }

    fn insert(&mut self, state: &TopicEventState, place: Place) {
        self.order(state.level).insert(state.seq, place);
        if state.level != Level::Ok && !state.details.is_empty() {
            self.detailed.insert(state.seq);
        }
        self.bytes = self.bytes.saturating_add(state.cost());
    }

    fn order(&mut self, level: Level) -> &mut BTreeMap<u64, Place> {
        if level == Level::Ok { &mut self.resolved } else { &mut self.firing }
    }
}

impl TopicEventState {
    /// Bytes it takes, about: of the details what they say, however they are written, so that a state that was kept and a
    /// replay make room for the same.
    pub(super) fn cost(&self) -> usize {
        EVENT + self.id.len() + self.message.len() + self.details.len() + self.task.len()
    }

    /// The state after the first record of an event.
    pub(super) fn first(facts: &AlertFacts<'_>, level: Level, seq: u64, observed: i64) -> Self {
        Self {
            id: (&*facts.id).into(),
            level,
            previous_level: facts.previous_level.unwrap_or(Level::Ok),
            message: facts.message.clone().into_owned(),
            details: facts.details.to_owned(),
            time: facts.time,
            duration: facts.duration.unwrap_or_default(),
            task: facts.task.clone().into_owned(),
            seq,
            observed,
        }
    }

    /// The state after one record more.
    pub(super) fn updated(&self, facts: &AlertFacts<'_>, level: Level, seq: u64, observed: i64) -> Self {
        let mut state = Self::first(facts, level, seq, observed);
        state.id = Arc::clone(&self.id);
        state.previous_level = self.level;
        if self.is_told_again(facts, level) {
            state.previous_level = self.previous_level;
            if state.message.is_empty() {
                state.message.clone_from(&self.message);
            }
            if state.details.is_empty() {
                state.details = self.details.clone();
            }
            state.duration = facts.duration.unwrap_or(self.duration);
        }
        state
    }

    /// The same, in place.
    pub(super) fn update(&mut self, facts: &AlertFacts<'_>, level: Level, seq: u64, observed: i64) {
        let again = self.is_told_again(facts, level);
        if !again {
            self.previous_level = self.level;
        }
        if !(again && facts.message.is_empty()) {
            put(&mut self.message, &facts.message);
        }
        if !(again && facts.details.is_empty()) {
            self.details.replace(&facts.details);
        }
        put(&mut self.task, &facts.task);
        self.duration = facts.duration.unwrap_or(if again { self.duration } else { 0 });
        (self.level, self.time, self.seq, self.observed) = (level, facts.time, seq, observed);
    }

    /// Whether a record tells the same event once more.
    pub(super) fn is_told_again(&self, facts: &AlertFacts<'_>, level: Level) -> bool {
        (self.time, self.level) == (facts.time, level)
    }
}

/// Replaces a text, and gives back what a longer one before it took.
fn put(place: &mut String, text: &str) {
    if place != text {
        place.clear();
        place.push_str(text);
        if place.capacity() > 2 * text.len() + 64 {
            place.shrink_to_fit();
        }
    }
}

impl Topics {
    /// Counts a record of a topic, which is made if it is not there; gives its names.
    pub(super) fn collect(&mut self, scope: &str, topic: &str, seq: u64) -> (Arc<str>, Arc<str>) {
        let scope = match self.topics.get_key_value(scope) {
            Some((scope, _)) => Arc::clone(scope),
            None => scope.into(),
        };
        let topics = self.topics.entry(Arc::clone(&scope)).or_default();
        let name = match topics.get_key_value(topic) {
            Some((name, _)) => Arc::clone(name),
            None => topic.into(),
        };
        let topic = topics.entry(Arc::clone(&name)).or_default();
        topic.collected += 1;
        if topic.events.is_empty() && topic.seq > 0 && self.memory.empty.remove(&topic.seq).is_some() {
            self.memory.empty.insert(seq, (Arc::clone(&scope), Arc::clone(&name)));
        }
        topic.seq = seq;
        (scope, name)
    }

    /// Puts an event that was changed in its place among the others. `before` is what it was: level, seq, cost.
    pub(super) fn settle(
        &mut self,
        scope: &Arc<str>,
        name: &Arc<str>,
        before: Option<(Level, u64, usize)>,
        state: &TopicEventState,
    ) {
        let Some(topic) = self.topics.get_mut(scope).and_then(|topics| topics.get_mut(name)) else { return };
        let place = match before {
            Some((level, seq, cost)) => {
                count(&mut topic.levels, level, -1);
                let place = self.memory.order(level).remove(&seq);
                self.memory.remove(level, seq, cost);
                place
            }
            None => None,
        };
        count(&mut topic.levels, state.level, 1);
        self.memory.empty.remove(&topic.seq);
        let place = place.unwrap_or_else(|| Place {
            scope: Arc::clone(scope),
            topic: Arc::clone(name),
            id: Arc::clone(&state.id),
        });
        self.memory.insert(state, place);
    }

    /// Forgets what is too old, and what there is no room for.
    pub(super) fn make_room(&mut self, now: i64) {
        while let Some((&seq, place)) = self.memory.resolved.first_key_value() {
            let is_old = self
                .event(&place.scope, &place.topic, &place.id)
                .is_none_or(|state| now.saturating_sub(state.observed) > self.bounds.resolved);
            let is_full = self.is_full();
            if !is_old && !is_full {
                break;
            }
            self.lost.resolved += u64::from(!is_old);
            let place = place.clone();
            self.forget(&place.scope, &place.topic, &place.id);
            self.memory.resolved.remove(&seq);
        }
        while self.memory.bytes > self.bounds.bytes
            && let Some(seq) = self.memory.detailed.pop_first()
        {
            self.drop_details(seq);
        }
        while self.is_full()
            && let Some((_, place)) = self.memory.firing.first_key_value()
        {
            let place = place.clone();
            self.lost.firing += 1;
            self.forget(&place.scope, &place.topic, &place.id);
        }
        while self.memory.empty.len() > self.bounds.empty
            && let Some((_, (scope, name))) = self.memory.empty.pop_first()
            && let Some(topics) = self.topics.get_mut(&scope)
        {
            topics.remove(&name);
        }
    }

    fn is_full(&self) -> bool {
        self.memory.bytes > self.bounds.bytes || self.memory.len() > self.bounds.events
    }

    fn drop_details(&mut self, seq: u64) {
        let Some(place) = self.memory.firing.get(&seq) else { return };
        let topic: Option<&mut Topic> =
            self.topics.get_mut(&place.scope).and_then(|topics| topics.get_mut(&place.topic));
        let Some(state) = topic.and_then(|topic| topic.events.get_mut(&place.id)) else { return };
        self.memory.bytes = self.memory.bytes.saturating_sub(state.details.len());
        self.lost.details += 1;
        Arc::make_mut(state).details = Details::default();
    }

    /// Takes in what was kept of the ways by which a topic was told.
    pub(super) fn restore_counts(&mut self, scope: &str, topic: &str, posted: u64, polled: u64) {
        if let Some(known) = self.topics.get_mut(scope).and_then(|topics| topics.get_mut(topic)) {
            (known.posted, known.polled) = (posted, polled);
        }
    }

    /// Takes in what was kept of a topic: what it collected, and its events.
    pub(super) fn restore(&mut self, scope: &str, topic: &str, collected: u64, seq: u64, events: Vec<TopicEventState>) {
        let (scope, name) = self.collect(scope, topic, seq);
        let Some(known) = self.topics.get_mut(&scope).and_then(|topics| topics.get_mut(&name)) else { return };
        known.collected = collected;
        if events.is_empty() {
            self.memory.emptied(seq, &scope, &name);
        }
        for state in events {
            let state = Arc::new(state);
            if let Some(topic) = self.topics.get_mut(&scope).and_then(|topics| topics.get_mut(&name)) {
                topic.events.insert(Arc::clone(&state.id), Arc::clone(&state));
            }
            self.settle(&scope, &name, None, &state);
        }
    }
}
