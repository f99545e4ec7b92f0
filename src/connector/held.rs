//! The events of topics that are held between polls: what has to be asked for again, and how much there may be.

use crate::kapacitor::api::{Topic, TopicEvent};
use crate::sorted;
use crate::words::Level;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most text of events (ids, messages, details) that is held of one Kapacitor, in bytes.
const TEXT: usize = 128 << 20;
/// What an event takes beside its text, in bytes.
const EVENT: usize = size_of::<TopicEvent>();
/// Each topic is asked for its events in every so many polls, even if it seems unchanged.
const TURNS: u64 = 30;

/// Events by topic, as they were when each topic was asked last.
#[derive(Debug, Default)]
pub(super) struct Held {
    topics: BTreeMap<String, Entry>,
    /// Sum over the topics.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    collected: i64,
    level: Level,
    /// `None`: they cannot be had, or are too much to hold.
    events: Option<Arc<Vec<TopicEvent>>>,
    bytes: usize,
}

impl Held {
    /// Whether a topic's events have to be asked for: it is new, it has collected some since, its level is another, or
    /// it is its turn. Turns are spread over the topics.
    pub(super) fn is_due(&self, topic: &Topic, poll: u64) -> bool {
        let turn = u64::from(crc32fast::hash(topic.id.as_bytes()));
        let known = self.topics.get(&topic.id);
        known.is_none_or(|known| known.collected != topic.collected || known.level != topic.level)
            || poll.wrapping_add(turn).is_multiple_of(TURNS)
    }

    /// Keeps a topic's events, if there is room; `None` is that they cannot be had.
    pub(super) fn keep(&mut self, topic: &Topic, events: Option<Vec<TopicEvent>>) {
        self.forget(&topic.id);
        let size = |event: &TopicEvent| EVENT + event.id.len() + event.state.message.len() + event.state.details.len();
        let bytes = events.as_ref().map_or(0, |events| events.iter().map(size).sum());
        let fits = self.bytes + bytes <= TEXT;
        let (events, bytes) = if fits { (events.map(Arc::new), bytes) } else { (None, 0) };
        self.bytes += bytes;
        let entry = Entry { collected: topic.collected, level: topic.level, events, bytes };
        self.topics.insert(topic.id.clone(), entry);
    }

    /// Forgets a topic.
    fn forget(&mut self, topic: &str) {
        if let Some(known) = self.topics.remove(topic) {
            self.bytes -= known.bytes;
        }
    }

    /// Forgets topics that are not there any more.
    pub(super) fn only(&mut self, topics: &BTreeMap<String, Topic>) {
        let gone: Vec<String> = self.topics.keys().filter(|id| !topics.contains_key(*id)).cloned().collect();
        for id in &gone {
            self.forget(id);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The events by topic, and how many topics have none because they cannot be had or held.
    pub(super) fn events(&self) -> (BTreeMap<String, Arc<Vec<TopicEvent>>>, usize) {
        let had = self.topics.iter().filter_map(|(id, entry)| Some((id.clone(), Arc::clone(entry.events.as_ref()?))));
        let events = sorted::map(had);
        let left_out = self.topics.len() - events.len();
        (events, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kapacitor::api::EventState;

    fn topic(id: &str, collected: i64) -> Topic {
        Topic { id: id.to_owned(), level: Level::Ok, collected }
    }

    fn event(details: usize) -> TopicEvent {
        TopicEvent { id: "a".to_owned(), state: EventState { details: "x".repeat(details), ..EventState::default() } }
    }

    #[test]
    fn a_topic_is_asked_again_when_it_has_collected_and_once_in_a_while() {
        let mut held = Held::default();
        let mut asked = 0;
        for poll in 0..10 * TURNS {
            let topic = topic("t", if poll < 5 { 1 } else { 2 });
            if held.is_due(&topic, poll) {
                asked += 1;
                held.keep(&topic, Some(vec![]));
            }
        }
        assert!((11..=12).contains(&asked), "{asked}");
        assert!(held.is_due(&Topic { level: Level::Info, ..topic("t", 2) }, 1));
    }

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let mut held = Held::default();
        held.keep(&topic("a", 1), Some(vec![event(TEXT / 2)]));
        held.keep(&topic("b", 1), Some(vec![event(TEXT / 2)]));
        let (events, left_out) = held.events();
        assert_eq!((events.len(), left_out), (1, 1));
        held.only(&BTreeMap::from([("b".to_owned(), topic("b", 1))]));
        held.keep(&topic("b", 1), Some(vec![event(TEXT / 2)]));
        let (events, left_out) = held.events();
        assert_eq!((events.len(), left_out, events["b"].len()), (1, 0, 1));
        held.keep(&topic("b", 2), None);
        assert_eq!((held.bytes, held.events().1), (0, 1));
    }
}
