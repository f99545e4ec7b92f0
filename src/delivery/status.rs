//! What is known of each sink from outside: for `GET /v1/sinks`, for metrics, for people.

use super::sink::Reason;
use crate::journal::Stats;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether a sink's circuit lets deliveries pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CircuitState {
    /// It does.
    #[default]
    Closed,
    /// The last delivery failed as a whole; the next try waits.
    Open,
    /// That try is under way.
    Probing,
    /// Its worker does not run: the error says why. It is started again by itself if it ran before; a reload or a restart
    /// tries again at once.
    Broken,
}

impl CircuitState {
    /// The word in lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
            Self::Broken => "broken",
        }
    }
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When, nanoseconds since 1970.
    pub time: i64,
    /// Word of [`super::sink::Reason`].
    pub reason: &'static str,
    /// In a sentence.
    pub error: String,
}

/// How far a replay is, or was at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// The stretch: first and last seq.
    pub seqs: (u64, u64),
    /// Seq of the next record to look at.
    pub next: u64,
    /// Delivered so far.
    pub delivered: u64,
    /// Of these, events that the peer had already.
    pub duplicates: u64,
    /// Refused and parked so far.
    pub parked: u64,
    /// Whether it is at its end.
    pub done: bool,
}

/// What a worker says of itself. Counts are since kaptap started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Events that the peer has taken.
    pub delivered: u64,
    /// Of these, events that the peer had already.
    pub duplicates: u64,
    /// Times that an event has to be tried again.
    pub retried: u64,
    /// Events parked, whether they are still there or not.
    pub parked: u64,
    /// Records that the sink does not want.
    pub passed: u64,
    /// Records that were gone before they could be delivered.
    pub missed: u64,
    /// Parked events that were pushed out by newer ones.
    pub dropped: u64,
    /// Alerts that are on and not told again, because the sink remembers as many as it may.
    pub forgotten: u64,
    /// Times that its worker had to be started again.
    pub restarts: u64,
    /// Seq of the first record that is not dealt with.
    pub first_open: u64,
    /// Events read and not dealt with.
    pub in_window: usize,
    /// When the oldest of them arrived; without any, how far was read: nanoseconds since 1970.
    pub oldest: Option<i64>,
    /// Circuit.
    pub circuit: CircuitState,
    /// When the next try is, while the circuit is open: nanoseconds since 1970.
    pub next_try: Option<i64>,
    /// What went wrong last, if anything has.
    pub last_error: Option<LastError>,
    /// When something was delivered last, nanoseconds since 1970.
    pub last_delivered: Option<i64>,
    /// The running replay, or the last one.
    pub replay: Option<Replay>,
    /// Events parked now.
    pub parked_now: usize,
    /// Bytes they take.
    pub parked_bytes: u64,
}

/// How far behind the journal a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Lag {
    /// Records between the first that is not dealt with and the newest.
    pub events: u64,
    /// Their bytes in the journal, by the average of what is there.
    pub bytes: u64,
    /// Age of the oldest of them, seconds.
    pub seconds: f64,
}

impl Facts {
    /// How far behind it is. `now` is in nanoseconds since 1970.
    #[must_use]
    pub fn lag(&self, journal: &Stats, now: i64) -> Lag {
        let events = (journal.written_seq + 1).saturating_sub(self.first_open.max(journal.first_seq));
        if events == 0 {
            return Lag::default();
        }
        let all = (journal.written_seq + 1).saturating_sub(journal.first_seq).max(1);
        let bytes = u128::from(journal.bytes) * u128::from(events) / u128::from(all);
        let age = self.oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0));
        #[expect(clippy::cast_precision_loss, reason = "an age to the microsecond is enough")]
        Lag { events, bytes: u64::try_from(bytes).unwrap_or(u64::MAX), seconds: age as f64 / 1e9 }
    }
}

/// The facts, shared by the worker that changes them and those that ask.
#[derive(Debug, Default)]
pub(super) struct Status(Mutex<Facts>);

impl Status {
    /// Looks at or changes the facts; nobody waits for long under this lock.
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One sink, as it is seen from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkReport {
    /// Its name.
    pub name: String,
    /// Its type, as in the configuration.
    pub kind: &'static str,
    /// What its worker says.
    pub facts: Facts,
    /// How far behind it is.
    pub lag: Lag,
}

impl SinkReport {
    /// Of a sink that could not be started.
    pub(super) fn broken(name: String, kind: &'static str, error: &dyn Error, time: i64) -> Self {
        let text = chain(error);
        tracing::error!(sink = name, error = text, "The sink is not started; the others are");
        let last_error = Some(LastError { time, reason: Reason::Local.as_str(), error: text });
        let facts = Facts { circuit: CircuitState::Broken, last_error, ..Facts::default() };
        Self { name, kind, facts, lag: Lag::default() }
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
