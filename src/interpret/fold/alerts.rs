//! The alerts known, bounded: the longest silent goes first, resolved ones before firing ones.

use super::AlertState;
use crate::event::id::EventId;
use crate::interpret::AlertFacts;
use crate::record::Verdict;
use crate::words::Level;
use std::collections::{BTreeSet, HashMap};

/// Texts of a state are cut to so many bytes.
const TEXT: usize = 1024;

/// One alert, with what is not told to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) state: AlertState,
    /// A restart lies between the last event and now.
    pub(super) restarted: bool,
}

/// The alerts known.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    bound: usize,
    /// Boxed, so that the table is small and grows without a second copy of the states.
    known: HashMap<EventId, Box<Known>>,
    /// By seq of the last record, which is the order in which they fell silent.
    firing: BTreeSet<(u64, EventId)>,
    resolved: BTreeSet<(u64, EventId)>,
    evicted: u64,
}

impl Alerts {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound: bound.max(1), ..Self::default() }
    }

    pub(super) fn get(&self, fingerprint: EventId) -> Option<&Known> {
        self.known.get(&fingerprint).map(|known| &**known)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.values().map(|known| &**known)
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn restarted(&mut self, task: Option<&str>) {
        for known in self.known.values_mut().filter(|known| task.is_none_or(|task| known.state.task == cut(task))) {
            known.restarted = true;
        }
    }

    /// Takes the newest event of an alert in.
    pub(super) fn update(&mut self, scope: &str, facts: &AlertFacts<'_>, verdict: &Verdict, seq: u64) {
        // What expired has the level it last had, but is not firing.
        let level = if verdict.firing { facts.level } else { Level::Ok };
        if let Some(known) = self.known.get_mut(&facts.fingerprint) {
            let was = (known.state.level, known.state.seq);
            let state = &mut known.state;
            state.level = level;
            state.time = facts.time;
            state.duration = facts.duration;
            state.started = verdict.started;
            state.repeat = verdict.repeat;
            state.seq = seq;
            put(&mut state.message, &facts.message);
            if let Some(topic) = &facts.topic {
                put(state.topic.get_or_insert_default(), topic);
            }
            known.restarted = false;
            self.order(was.0).remove(&(was.1, facts.fingerprint));
            self.order(level).insert((seq, facts.fingerprint));
        } else {
            let state = AlertState {
                fingerprint: facts.fingerprint,
                scope: cut(scope).to_owned(),
                task: cut(&facts.task).to_owned(),
                topic: facts.topic.as_deref().map(|topic| cut(topic).to_owned()),
                id: cut(&facts.id).to_owned(),
                message: cut(&facts.message).to_owned(),
                level,
                time: facts.time,
                duration: facts.duration,
                started: verdict.started,
                repeat: verdict.repeat,
                seq,
            };
            self.insert(Known { state, restarted: false });
        }
    }

    /// Adds an alert that is not known yet, and forgets others for it if it must.
    pub(super) fn insert(&mut self, known: Known) {
        while self.known.len() >= self.bound {
            let Some((_, fingerprint)) = self.resolved.pop_first().or_else(|| {
                self.evicted += u64::from(!self.firing.is_empty());
                self.firing.pop_first()
            }) else {
                break;
            };
            self.known.remove(&fingerprint);
        }
        let (level, seq, fingerprint) = (known.state.level, known.state.seq, known.state.fingerprint);
        if self.known.insert(fingerprint, Box::new(known)).is_none() {
            self.order(level).insert((seq, fingerprint));
        }
    }

    fn order(&mut self, level: Level) -> &mut BTreeSet<(u64, EventId)> {
        if level == Level::Ok { &mut self.resolved } else { &mut self.firing }
    }
}

/// The beginning of a text that is longer than a state keeps.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT)).unwrap_or_default()
}

/// Replaces a text, and gives back what a longer one before it took.
fn put(place: &mut String, text: &str) {
    let text = cut(text);
    if place != text {
        place.clear();
        place.push_str(text);
        if place.capacity() > 2 * text.len() + 64 {
            place.shrink_to_fit();
        }
    }
}
