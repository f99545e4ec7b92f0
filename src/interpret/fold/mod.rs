//! The alert state fold: one alert event after another into which alerts are open, since when, at which level.
//!
//! Kapacitor says a previous level, but that is the level last delivered into a topic, not the last one seen here: it
//! is lost with a restart, an inhibited event or a failed POST. So the fold judges by what it has seen itself:
//!
//! | known before | level now | transition |
//! |---|---|---|
//! | the same event id | any | that of the first, with `duplicate_of`; state unchanged |
//! | a newer event | any | `late`; state unchanged |
//! | nothing | OK | `orphan_resolved` |
//! | nothing, or OK | not OK | `opened` |
//! | not OK | OK | `resolved` |
//! | not OK | higher, lower | `escalated`, `deescalated` |
//! | not OK | a notice of our own that Kapacitor does not know it | `expired`, no longer firing |
//! | nothing, or OK | the same notice | `late`: it is over already |
//! | the same level | the same | `repeated`; `reaffirmed` when a restart lies between, or Kapacitor forgot (not OK, and it says the level before was OK) |
//!
//! `started` is the event time of the first firing event of an episode and stays on the event that resolves it.
//! `repeat` counts the events of the same level in a row before this one.
//!
//! Memory is bounded by [`Bounds`]: alerts are forgotten in the order in which they fell silent, resolved ones first;
//! ids in two generations (`seen`); texts are cut ([`AlertState`]).

mod alerts;
mod coding;
mod seen;

use super::AlertFacts;
use crate::event::id::EventId;
use crate::record::Verdict;
use crate::words::{Level, Transition};
use alerts::Alerts;
use seen::{First, Seen};

/// Bounds of the fold's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many alerts are remembered, open and resolved together; the longest silent resolved one goes first.
    pub alerts: usize,
    /// How many event ids are remembered to find duplicates.
    pub ids: usize,
    /// For how long, in nanoseconds of observed time, an event id is remembered at least (if `ids` allows).
    pub window: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { alerts: 100_000, ids: 1_000_000, window: 24 * 3600 * 1_000_000_000 }
    }
}

/// State of one alert. Texts longer than 1,024 bytes are cut; the fingerprint is that of the whole id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertState {
    /// Identity of the alert over time.
    pub fingerprint: EventId,
    /// Scope it belongs to.
    pub scope: String,
    /// Task, or empty.
    pub task: String,
    /// Topic, where known.
    pub topic: Option<String>,
    /// Alert id.
    pub id: String,
    /// Last message.
    pub message: String,
    /// Last level.
    pub level: Level,
    /// Event time of the last event.
    pub time: i64,
    /// Last duration, nanoseconds.
    pub duration: Option<i64>,
    /// Event time of the episode's first firing event.
    pub started: Option<i64>,
    /// How many events of the same level came before the last in a row.
    pub repeat: u64,
    /// Seq of the last record.
    pub seq: u64,
}

/// Which alerts are known, and which event ids were seen.
#[derive(Debug)]
pub struct Fold {
    alerts: Alerts,
    seen: Seen,
    last_seq: u64,
}

impl Default for Fold {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl Fold {
    /// An empty fold.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { alerts: Alerts::new(bounds.alerts), seen: Seen::new(bounds.ids, bounds.window), last_seq: 0 }
    }

    /// Judges the alert that is to be written at `seq`, and takes it into the state.
    ///
    /// The same as [`Fold::weigh`] and then [`Fold::replay`]: use those where the write in between may fail, so that
    /// what was not kept leaves no trace.
    pub fn judge(&mut self, scope: &str, facts: &AlertFacts<'_>, seq: u64, observed: i64) -> Verdict {
        let verdict = self.weigh(facts);
        self.replay(scope, facts, &verdict, seq, observed);
        verdict
    }

    /// Judges an alert without taking it into the state.
    #[must_use]
    pub fn weigh(&self, facts: &AlertFacts<'_>) -> Verdict {
        let known = self.alerts.get(facts.fingerprint);
        let state = known.map(|known| &known.state);
        // Of an event older than the episode at hand, the episode is not known any more.
        let episode = state.and_then(|state| state.started).filter(|started| *started <= facts.time);
        let firing = state.map_or(facts.level, |state| state.level) != Level::Ok;
        if let Some(first) = self.seen.first(facts.event_id) {
            let repeat = state.filter(|state| state.time == facts.time).map_or(0, |state| state.repeat);
            return Verdict {
                transition: first.transition,
                firing,
                started: episode,
                repeat,
                duplicate_of: Some(first.seq),
            };
        }
        let is_over = state.is_none_or(|state| state.level == Level::Ok);
        if state.is_some_and(|state| facts.time < state.time) || facts.expired && is_over {
            return Verdict { transition: Transition::Late, firing, started: episode, repeat: 0, duplicate_of: None };
        }
        let transition = transition(facts, state.map(|state| state.level), known.is_some_and(|known| known.restarted));
        let in_a_row = matches!(transition, Transition::Repeated | Transition::Reaffirmed);
        Verdict {
            transition,
            firing: facts.level != Level::Ok,
            started: match transition {
                Transition::Opened => Some(facts.time),
                _ => state.and_then(|state| state.started),
            },
            repeat: state.filter(|_| in_a_row).map_or(0, |state| state.repeat.saturating_add(1)),
            duplicate_of: None,
        }
    }

    /// Takes a record already in the journal into the state, with the verdict it was written with.
    ///
    /// Records are taken in the order of the journal. A replay up to its end may begin earlier than it must.
    pub fn replay(&mut self, scope: &str, facts: &AlertFacts<'_>, verdict: &Verdict, seq: u64, observed: i64) {
        self.last_seq = self.last_seq.max(seq);
        let first = First { seq: verdict.duplicate_of.unwrap_or(seq), transition: verdict.transition };
        self.seen.add(facts.event_id, first, observed);
        if verdict.duplicate_of.is_none() && verdict.transition != Transition::Late {
            self.alerts.update(scope, facts, verdict, seq);
        }
    }

    /// Says that Kapacitor or kaptap was restarted: the next event of an unchanged level is `reaffirmed`.
    /// `task` limits it to the alerts of one task. Looks at every alert known.
    pub fn restarted(&mut self, task: Option<&str>) {
        self.alerts.restarted(task);
    }

    /// Alerts that are firing, in no order.
    pub fn open(&self) -> impl Iterator<Item = &AlertState> {
        self.known().filter(|state| state.level != Level::Ok)
    }

    /// All alerts that are remembered, firing and resolved, in no order.
    pub fn known(&self) -> impl Iterator<Item = &AlertState> {
        self.alerts.iter().map(|known| &known.state)
    }

    /// One alert, if it is remembered.
    #[must_use]
    pub fn alert(&self, fingerprint: EventId) -> Option<&AlertState> {
        self.alerts.get(fingerprint).map(|known| &known.state)
    }

    /// How many alerts are remembered, firing and resolved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.alerts.len()
    }

    /// Whether no alert is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many firing alerts had to be forgotten since this start because all that were remembered were firing.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.alerts.evicted()
    }

    /// Highest seq taken into the state: a replay of the journal begins behind it. 0 when there was none.
    ///
    /// A state that was kept and knows a seq that its journal has not given yet is not of that journal's records (they
    /// were lost with the power, or the directory is another): build it anew.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Seq of the first record with this event id, if remembered.
    #[must_use]
    pub fn seen(&self, id: EventId) -> Option<u64> {
        self.seen.first(id).map(|first| first.seq)
    }

    /// The state as bytes, to be kept between starts.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        coding::encode(self)
    }

    /// Reads the state back; `None` when the bytes are not ours or of a newer version (it is then built anew).
    #[must_use]
    pub fn decode(bytes: &[u8], bounds: Bounds) -> Option<Self> {
        coding::decode(bytes, bounds)
    }
}

/// What an event that is neither a duplicate nor late changes.
fn transition(facts: &AlertFacts<'_>, before: Option<Level>, restarted: bool) -> Transition {
    if facts.expired {
        return Transition::Expired;
    }
    match (before, facts.level) {
        (None, Level::Ok) => Transition::OrphanResolved,
        (Some(before), now) if before == now => {
            let forgotten = now != Level::Ok && facts.previous_level == Some(Level::Ok);
            if restarted || forgotten { Transition::Reaffirmed } else { Transition::Repeated }
        }
        (None | Some(Level::Ok), _) => Transition::Opened,
        (Some(_), Level::Ok) => Transition::Resolved,
        (Some(before), now) if now > before => Transition::Escalated,
        (Some(_), _) => Transition::Deescalated,
    }
}

#[cfg(test)]
mod tests;
