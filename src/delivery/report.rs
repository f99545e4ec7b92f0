//! What a worker has to say: facts for whoever asks, counters, log lines, and troubles that become events.

use super::lane::{Lane, Purpose};
use super::outside::now;
use super::parked::DroppedOldest;
use super::sink::Reason;
use super::status::{CircuitState, LastError, Replay, Status};
use super::window::{Circuit, Window};
use crate::telemetry::{Metrics, SinkLabels, SinkReasonLabels};
use prometheus_client::metrics::counter::Counter;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Something that has to become an event of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Records were gone before a sink had them.
    Missed {
        /// The sink.
        sink: String,
        /// First and last seq.
        seqs: (u64, u64),
        /// The journal's reason.
        reason: &'static str,
    },
    /// Parked events were dropped because there were too many.
    Dropped {
        /// The sink.
        sink: String,
        /// What was dropped.
        dropped: DroppedOldest,
    },
    /// It was not known how far a sink was: it begins with the oldest record.
    BegunAnew {
        /// The sink.
        sink: String,
        /// What is wrong with its cursor.
        error: String,
    },
}

/// Takes troubles and makes events of them. Must not wait; what it gives back ends when the event is durable, with `false`
/// if it never will be because kaptap is stopping.
pub type Tell = Arc<dyn Fn(Trouble) -> JoinHandle<bool> + Send + Sync>;

/// Says what a worker does.
pub(super) struct Reporter {
    name: String,
    status: Arc<Status>,
    metrics: Metrics,
    tell: Tell,
    delivered: Counter,
    duplicates: Counter,
    forgotten: Counter,
    passed: Counter,
    missed: Counter,
    dropped: Counter,
    /// Reason of the failures that go on; said once.
    failing: Option<Reason>,
    /// What the sink has said it forgot.
    said_forgotten: u64,
}

impl Reporter {
    pub(super) fn new(name: &str, status: Arc<Status>, metrics: &Metrics, tell: Tell) -> Self {
        let labels = SinkLabels { sink: name.to_owned() };
        Self {
            name: name.to_owned(),
            status,
            tell,
            delivered: metrics.sink_delivered.get_or_create_owned(&labels),
            duplicates: metrics.sink_duplicates.get_or_create_owned(&labels),
            forgotten: metrics.sink_forgotten.get_or_create_owned(&labels),
            passed: metrics.sink_passed.get_or_create_owned(&labels),
            missed: metrics.sink_missed.get_or_create_owned(&labels),
            dropped: metrics.sink_dropped.get_or_create_owned(&labels),
            metrics: metrics.clone(),
            failing: None,
            said_forgotten: 0,
        }
    }

    fn labels(&self, reason: Reason) -> SinkReasonLabels {
        SinkReasonLabels { sink: self.name.clone(), reason: reason.as_str() }
    }

    /// Records are gone that the sink should have had. Gives back what ends when that is told durably.
    pub(super) fn missed(&mut self, first: u64, last: u64, reason: &'static str) -> Option<JoinHandle<bool>> {
        // Passed over on purpose after a loss of power: nobody was promised anything there.
        if reason == "skipped" {
            return None;
        }
        let count = last.saturating_sub(first).saturating_add(1);
        self.missed.inc_by(count);
        self.status.facts().missed += count;
        Some((self.tell)(Trouble::Missed { sink: self.name.clone(), seqs: (first, last), reason }))
    }

    /// Records that the sink does not want were read.
    pub(super) fn passed(&mut self, count: u64) {
        self.passed.inc_by(count);
        self.status.facts().passed += count;
    }

    /// An event must be tried again.
    pub(super) fn retried(&mut self, reason: Reason, error: &str, clock: i64) {
        self.metrics.sink_retried.get_or_create(&self.labels(reason)).inc();
        if self.failing.replace(reason) != Some(reason) {
            tracing::warn!(sink = self.name, reason = reason.as_str(), error, "Delivery failed, will try again");
        }
        let mut facts = self.status.facts();
        facts.retried += 1;
        facts.last_error = Some(LastError { time: clock, reason: reason.as_str(), error: error.to_owned() });
    }

    /// Events were parked.
    pub(super) fn parked(&mut self, reasons: &[(Reason, String)], size: (usize, u64), clock: i64) {
        for (reason, _) in reasons {
            self.metrics.sink_parked.get_or_create(&self.labels(*reason)).inc();
        }
        if let Some((reason, error)) = reasons.last() {
            tracing::warn!(
                sink = self.name,
                count = reasons.len(),
                reason = reason.as_str(),
                error,
                "Events refused by the peer are parked"
            );
            let mut facts = self.status.facts();
            facts.parked += reasons.len() as u64;
            facts.last_error = Some(LastError { time: clock, reason: reason.as_str(), error: error.clone() });
        }
        self.parked_size(size);
    }

    /// The oldest parked events are about to be dropped. Gives back what ends when that is told durably.
    pub(super) fn drops(&self, dropped: DroppedOldest) -> JoinHandle<bool> {
        (self.tell)(Trouble::Dropped { sink: self.name.clone(), dropped })
    }

    /// So many parked events were dropped.
    pub(super) fn dropped(&self, count: u64) {
        self.dropped.inc_by(count);
        self.status.facts().dropped += count;
    }

    /// Whether something is parked.
    pub(super) fn has_parked(&self) -> bool {
        self.status.facts().parked_now > 0
    }

    /// The local disk failed in some way that holds nothing up.
    pub(super) fn trouble(&self, what: &str, error: &str) {
        tracing::error!(sink = self.name, error, "{what}");
        let error = format!("{what}: {error}");
        self.status.facts().last_error = Some(LastError { time: now(), reason: Reason::Local.as_str(), error });
    }

    /// What the sink says it has forgotten since it was made.
    pub(super) fn forgotten(&mut self, count: u64) {
        let more = count.saturating_sub(std::mem::replace(&mut self.said_forgotten, count));
        if more > 0 {
            self.forgotten.inc_by(more);
            self.status.facts().forgotten += more;
        }
    }

    /// So much is parked now.
    pub(super) fn parked_size(&self, (events, bytes): (usize, u64)) {
        let mut facts = self.status.facts();
        (facts.parked_now, facts.parked_bytes) = (events, bytes);
    }

    /// Nothing is to be done now: a worker that was started again is well.
    pub(super) fn waits<T>(&self, window: &Window<T>) {
        let mut facts = self.status.facts();
        if facts.circuit == CircuitState::Probing && window.circuit() == Circuit::Closed {
            facts.circuit = CircuitState::Closed;
        }
    }

    /// A delivery begins.
    pub(super) fn trying<T>(&self, window: &Window<T>) {
        if window.circuit() != Circuit::Closed {
            self.status.facts().circuit = CircuitState::Probing;
        }
    }

    /// A delivery has ended.
    pub(super) fn settled<T>(&mut self, purpose: Purpose, counts: Counts, window: &Window<T>, clock: i64) {
        let Counts { delivered, duplicates, parked } = counts;
        self.delivered.inc_by(delivered);
        self.duplicates.inc_by(duplicates);
        let mut facts = self.status.facts();
        facts.delivered += delivered;
        facts.duplicates += duplicates;
        if delivered > 0 {
            facts.last_delivered = Some(clock);
        }
        if let (Purpose::Replay, Some(replay)) = (purpose, &mut facts.replay) {
            replay.delivered += delivered;
            replay.duplicates += duplicates;
            replay.parked += parked;
        }
        match window.circuit() {
            Circuit::Open(until) => {
                let left =
                    i64::try_from(until.saturating_duration_since(Instant::now()).as_nanos()).unwrap_or(i64::MAX);
                facts.circuit = CircuitState::Open;
                facts.next_try = Some(clock.saturating_add(left));
            }
            Circuit::Closed => {
                (facts.circuit, facts.next_try) = (CircuitState::Closed, None);
                drop(facts);
                if delivered > 0 && self.failing.take().is_some() {
                    tracing::info!(sink = self.name, "Delivers again");
                }
            }
        }
    }

    /// Looks at where the live lane is. `observed` is how far was read, if that is known.
    pub(super) fn look_at(&self, live: &Lane, first_open: u64, observed: Option<i64>) {
        let mut facts = self.status.facts();
        facts.first_open = first_open;
        facts.in_window = live.window.len();
        facts.oldest = live.window.oldest().map(|item| item.observed).or(observed).or(facts.oldest);
    }

    /// A replay has read up to here.
    pub(super) fn replay_at(&self, next: Option<u64>) {
        if let Some(replay) = &mut self.status.facts().replay {
            replay.next = next.unwrap_or(replay.seqs.1.saturating_add(1));
        }
    }

    /// The replay is at its end.
    pub(super) fn replay_done(&self) {
        if let Some(replay) = &mut self.status.facts().replay {
            *replay = Replay { done: true, next: replay.seqs.1.saturating_add(1), ..*replay };
        }
    }

    /// The cursor could not be read, and the sink begins with the oldest record.
    pub(super) fn began_anew(&self, error: String) {
        self.trouble("The cursor cannot be used, and the sink begins with the oldest record", &error);
        // Nobody waits for it: the log and the sink's last error say it as well, and it is no loss.
        drop((self.tell)(Trouble::BegunAnew { sink: self.name.clone(), error }));
    }
}

/// What came of a delivery, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) delivered: u64,
    /// Of these, events that the peer had already.
    pub(super) duplicates: u64,
    pub(super) parked: u64,
}
