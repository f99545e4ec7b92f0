//! A topic of which nothing was received under its own name, as Kapacitor's API told of it: a handler may not name it, or
//! none sends to us. What Kapacitor has is then the answer; an empty topic that is OK would be wrong.

use super::render::Event;
use crate::connector::Snapshot;
use crate::interpret::topics::TopicEventState;
use crate::kapacitor::api::TopicEvent;
use crate::words::Level;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Level and count of a topic; `None` where no Kapacitor has it. The level is the worst of the events. What Kapacitor says
/// itself is taken only where its events are not known.
pub(super) fn summary(known: &[Arc<Snapshot>], id: &str) -> Option<(Level, u64)> {
    let one = |snapshot: &Arc<Snapshot>| {
        let topic = snapshot.topics.get(id)?;
        let level = snapshot
            .events
            .get(id)
            .map_or(topic.level, |events| events.iter().map(|event| event.state.level).max().unwrap_or(Level::Ok));
        Some((level, u64::try_from(topic.collected).unwrap_or(0)))
    };
    known.iter().filter_map(one).reduce(|(level, collected), (other, more)| {
        // Two Kapacitors of one scope have one topic between them.
        (level.max(other), collected.saturating_add(more))
    })
}

/// The events of a topic by id, each as the Kapacitor that has the newest tells it; `None` where no Kapacitor has the
/// topic.
pub(super) fn events(known: &[Arc<Snapshot>], topic: &str) -> Option<Vec<Shown>> {
    let mut is_known = false;
    let mut newest: BTreeMap<&str, (i64, &Arc<Vec<TopicEvent>>, usize)> = BTreeMap::new();
    for snapshot in known.iter().filter(|snapshot| snapshot.topics.contains_key(topic)) {
        is_known = true;
        let Some(events) = snapshot.events.get(topic) else { continue };
        for (place, event) in events.iter().enumerate() {
            let found = (event.state.time, events, place);
            let newest = newest.entry(&event.id).or_insert(found);
            if newest.0 < found.0 {
                *newest = found;
            }
        }
    }
    let shown = |(_, of, place)| Shown::Theirs { of: Arc::clone(of), place };
    is_known.then(|| newest.into_values().map(shown).collect())
}

/// An event that is shown. It is shared, not copied: a list of many may be under way for long.
pub(super) enum Shown {
    /// One that was received.
    Received(Arc<TopicEventState>),
    /// One that Kapacitor has.
    Theirs {
        /// All of its topic.
        of: Arc<Vec<TopicEvent>>,
        /// Which of them.
        place: usize,
    },
}

impl Shown {
    /// What is shown of it.
    pub(super) fn event(&self) -> Option<Event<'_>> {
        match self {
            Self::Received(event) => Some(Event::from(&**event)),
            Self::Theirs { of, place } => of.get(*place).map(Event::from),
        }
    }
}
