//! The alert state fold: one alert event after another into which alerts are open, since when, at which level.

use super::AlertFacts;
use crate::event::id::EventId;
use crate::record::Verdict;
use crate::words::Level;

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

/// State of one alert.
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
#[derive(Debug, Default)]
pub struct Fold {}

impl Fold {
    /// An empty fold.
    #[must_use]
    pub fn new(_bounds: Bounds) -> Self {
        Self {}
    }

    /// Judges the alert that is to be written at `seq`, and takes it into the state.
    pub fn judge(&mut self, _scope: &str, _facts: &AlertFacts<'_>, _seq: u64, _observed: i64) -> Verdict {
        unimplemented!()
    }

    /// Judges an alert without taking it into the state.
    #[must_use]
    pub fn consider(&self, _scope: &str, _facts: &AlertFacts<'_>) -> Verdict {
        unimplemented!()
    }

    /// Takes a record already in the journal into the state, with the verdict it was written with.
    pub fn replay(&mut self, _scope: &str, _facts: &AlertFacts<'_>, _verdict: &Verdict, _seq: u64, _observed: i64) {}

    /// Says that Kapacitor or kaptap was restarted: the next event of an unchanged level is `reaffirmed`.
    /// `task` limits it to the alerts of one task.
    pub fn restarted(&mut self, _task: Option<&str>) {}

    /// Alerts that are firing, in no order.
    pub fn open(&self) -> impl Iterator<Item = &AlertState> {
        std::iter::empty()
    }

    /// Seq of the first record with this event id, if remembered.
    #[must_use]
    pub fn seen(&self, _id: EventId) -> Option<u64> {
        None
    }

    /// The state as bytes, to be kept between starts.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads the state back; `None` when the bytes are not ours or of a newer version (it is then built anew).
    #[must_use]
    pub fn decode(_bytes: &[u8], _bounds: Bounds) -> Option<Self> {
        None
    }
}
