//! What was told of each alert topic: a fold of every alert record into the last state of each event of each topic.
//!
//! Kapacitor keeps the same table and gets two things of it wrong: the level of a topic and the events at or above a
//! level come out of an order that is none. Here the level of a topic is the worst of its events, always.
//!
//! * The topic of a record is the one it names; where it names none, its task; where that is not known, its source
//!   ([`name_of`]).
//! * Every alert record counts as collected, duplicates included: an event posted into two topics belongs to both.
//! * A record older than what is known of its event changes nothing else. One of the same time and level that says less
//!   (a UDF says no details) leaves what the other said.
//! * What expired is listed as OK, like what was resolved.
//!
//! An event that is OK stays, as it does in Kapacitor, and is forgotten [`Bounds::resolved`] after it fell silent, with
//! the next alert of any topic. Memory is bounded by [`Bounds`]. When it is full, the longest silent events that are OK
//! are forgotten first, then the details of the longest silent of the others, then these themselves ([`Topics::lost`]).
//!
//! Everything follows from the records and their order: a replay of all of them, or of those behind a state that was
//! kept, gives the same state again.

mod coding;
mod memory;

use super::AlertFacts;
use crate::kapacitor::details::Details;
use crate::record::{Stream, Verdict};
use crate::words::{Lane, Level, Transition};
use memory::Memory;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bounds of the memory that topics take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many events are kept, over all topics.
    pub events: usize,
    /// How many bytes the events and their texts take, about.
    pub bytes: usize,
    /// How many topics without any event are kept, for what they collected.
    pub empty: usize,
    /// For how long an event that is OK is kept after its last record, nanoseconds of observed time.
    pub resolved: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { events: 100_000, bytes: 64 << 20, empty: 10_000, resolved: 7 * 24 * 3600 * 1_000_000_000 }
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Scope it belongs to.
    pub scope: Arc<str>,
    /// Its name.
    pub topic: Arc<str>,
    /// How many records it was told in.
    pub collected: u64,
    /// How many events of it came by POST, TCP or exec, each counted once.
    pub posted: u64,
    /// How many events of it were recorded because Kapacitor's API told of them, each counted once.
    pub polled: u64,
    /// Seq of the last of them.
    pub seq: u64,
    levels: [usize; Level::ALL.len()],
}

impl TopicState {
    /// The worst level of its events; OK when it has none.
    #[must_use]
    pub fn level(&self) -> Level {
        worst(&self.levels)
    }

    /// How many events it has, resolved ones too.
    #[must_use]
    pub fn events(&self) -> usize {
        self.levels.iter().sum()
    }
}

/// The last state of one event of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicEventState {
    /// Id of the alert, whole.
    pub id: Arc<str>,
    /// Level; OK for what expired.
    pub level: Level,
    /// Level before the last record: what was known here, or else what the record said, or else OK.
    pub previous_level: Level,
    /// Last message.
    pub message: String,
    /// Last details, as Kapacitor sent them; empty where none were told, or for lack of memory.
    pub details: Details<'static>,
    /// Event time of the last record, nanoseconds since 1970.
    pub time: i64,
    /// Duration of the episode so far, nanoseconds; 0 where it was not told.
    pub duration: i64,
    /// Task, or empty.
    pub task: String,
    /// Seq of the last record.
    pub seq: u64,
    /// When the last record arrived, nanoseconds since 1970.
    pub observed: i64,
}

/// What had to be forgotten before its time for lack of memory, since this start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    /// Events that were OK.
    pub resolved: u64,
    /// Details of events that were not.
    pub details: u64,
    /// Events that were not OK.
    pub firing: u64,
}

/// The topic that an alert belongs to: the one it names, else its task, else its source.
#[must_use]
pub fn name_of<'a>(stream: &'a Stream, facts: &'a AlertFacts<'_>) -> &'a str {
    match &facts.topic {
        Some(topic) => topic,
        None if facts.task.is_empty() => &stream.source,
        None => &facts.task,
    }
}

/// One topic, with what is not told to others.
#[derive(Debug, Default)]
struct Topic {
    collected: u64,
    posted: u64,
    polled: u64,
    seq: u64,
    levels: [usize; Level::ALL.len()],
    events: BTreeMap<Arc<str>, Arc<TopicEventState>>,
}

/// The topics known, and the last state of their events.
#[derive(Debug, Default)]
pub struct Topics {
    bounds: Bounds,
    /// By scope, then by name.
    #[expect(clippy::struct_field_names, reason = "they are the topics")]
    topics: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Topic>>,
    memory: Memory,
    last_seq: u64,
    lost: Lost,
}

impl Topics {
    /// No topics yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Takes an alert record in. Records are taken in the order of the journal, each once: one that is not behind the
    /// last one taken is left out. Whether it was the first to tell its event in this topic: see [`Topics::count`].
    pub fn take(
        &mut self,
        scope: &str,
        topic: &str,
        facts: &AlertFacts<'_>,
        verdict: &Verdict,
        seq: u64,
        observed: i64,
    ) -> bool {
        if seq <= self.last_seq {
            return false;
        }
        let mut first = verdict.duplicate_of.is_none();
        self.last_seq = seq;
        let (scope, name) = self.collect(scope, topic, seq);
        let level = if verdict.transition == Transition::Expired { Level::Ok } else { facts.level };
        if let Some(known) = self.known(&scope, &name) {
            let told = match known.events.get_mut(&*facts.id) {
                Some(known) if facts.time < known.time => None,
                Some(known) => {
                    first = !known.is_told_again(facts, level);
                    let before = (known.level, known.seq, known.cost());
                    match Arc::get_mut(known) {
                        Some(state) => state.update(facts, level, seq, observed),
                        // Somebody reads it: a new one takes its place.
                        None => *known = Arc::new(known.updated(facts, level, seq, observed)),
                    }
                    Some((Some(before), Arc::clone(known)))
                }
                None => {
                    let state = Arc::new(TopicEventState::first(facts, level, seq, observed));
                    known.events.insert(Arc::clone(&state.id), Arc::clone(&state));
                    first = true;
                    Some((None, state))
                }
            };
            if let Some((before, state)) = told {
                self.settle(&scope, &name, before, &state);
            }
        }
        self.make_room(observed);
        first
    }

    /// Counts the way by which a topic was first told an event.
    pub fn count(&mut self, scope: &str, topic: &str, lane: Lane) {
        let Some(topic) = self.known(scope, topic) else { return };
        match lane {
            Lane::Post | Lane::Tcp | Lane::Exec => topic.posted += 1,
            Lane::Poll => topic.polled += 1,
            Lane::Udf | Lane::Row | Lane::Own => {}
        }
    }

    /// All topics, sorted by scope and name.
    pub fn topics(&self) -> impl Iterator<Item = TopicState> {
        let topics = self.topics.iter().flat_map(|(scope, topics)| topics.iter().map(move |topic| (scope, topic)));
        topics.map(|(scope, (name, topic))| view(scope, name, topic))
    }

    /// One topic.
    #[must_use]
    pub fn topic(&self, scope: &str, topic: &str) -> Option<TopicState> {
        let (scope, topics) = self.topics.get_key_value(scope)?;
        topics.get_key_value(topic).map(|(name, topic)| view(scope, name, topic))
    }

    /// The events of a topic, resolved ones too, sorted by id; `None` when there is no such topic.
    #[must_use]
    pub fn events(&self, scope: &str, topic: &str) -> Option<impl Iterator<Item = &Arc<TopicEventState>>> {
        Some(self.topics.get(scope)?.get(topic)?.events.values())
    }

    /// One event of a topic.
    #[must_use]
    pub fn event(&self, scope: &str, topic: &str, id: &str) -> Option<&Arc<TopicEventState>> {
        self.topics.get(scope)?.get(topic)?.events.get(id)
    }

    /// How many events are kept, over all topics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether no event is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes the events take, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.memory.bytes()
    }

    /// What had to be forgotten before its time since this start.
    #[must_use]
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Highest seq taken in; 0 when there was none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Forgets an event. Nothing of it is in the journal: a replay finds it again, so it is for the sake of a record
    /// that says why, or for memory.
    pub fn forget(&mut self, scope: &str, topic: &str, id: &str) {
        let Some(known) = self.topics.get_mut(scope).and_then(|topics| topics.get_mut(topic)) else { return };
        let Some(state) = known.events.remove(id) else { return };
        count(&mut known.levels, state.level, -1);
        let (is_empty, seq) = (known.events.is_empty(), known.seq);
        self.memory.remove(state.level, state.seq, state.cost());
        if is_empty {
            self.memory.emptied(seq, scope, topic);
        }
    }

    /// What is known, as it is now: cheap to take, and then encoded without holding up whoever takes alerts in.
    #[must_use]
    pub fn image(&self) -> Image {
        let topics = self.topics.iter().flat_map(|(scope, topics)| topics.iter().map(move |topic| (scope, topic)));
        let topics = topics.map(|(scope, (name, topic))| {
            (view(scope, name, topic), topic.events.values().cloned().collect::<Vec<_>>())
        });
        Image { last_seq: self.last_seq, topics: topics.collect() }
    }

    /// Reads the state back; `None` when the bytes are not ours or of another version (it is then built anew).
    #[must_use]
    pub fn decode(bytes: &[u8], bounds: Bounds) -> Option<Self> {
        coding::decode(bytes, bounds)
    }

    fn known(&mut self, scope: &str, topic: &str) -> Option<&mut Topic> {
        self.topics.get_mut(scope)?.get_mut(topic)
    }
}

/// What was known of all topics at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    last_seq: u64,
    topics: Vec<(TopicState, Vec<Arc<TopicEventState>>)>,
}

impl Image {
    /// The state as bytes, to be kept between starts.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        coding::encode(self)
    }
}

fn view(scope: &Arc<str>, name: &Arc<str>, topic: &Topic) -> TopicState {
    TopicState {
        scope: Arc::clone(scope),
        topic: Arc::clone(name),
        collected: topic.collected,
        posted: topic.posted,
        polled: topic.polled,
        seq: topic.seq,
        levels: topic.levels,
    }
}

fn worst(levels: &[usize]) -> Level {
    Level::ALL.iter().zip(levels).rev().find(|(_, count)| **count > 0).map_or(Level::Ok, |(level, _)| *level)
}

fn count(levels: &mut [usize], level: Level, change: isize) {
    if let Some(count) = levels.get_mut(usize::from(level.number())) {
        *count = count.saturating_add_signed(change);
    }
}

#[cfg(test)]
mod tests;
