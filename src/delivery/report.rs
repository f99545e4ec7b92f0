//! What a worker has to say: facts for whoever asks, counters, log lines, and troubles that become events.

use super::lane::{Lane, Purpose};
use super::parked::DroppedOldest;
use super::sink::Reason;
use super::status::{CircuitState, LastError, Replay, Status};
use super::window::{Circuit, Window};
use super::worker::now;
use crate::telemetry::{Metrics, SinkLabels, SinkReasonLabels};
use prometheus_client::metrics::counter::Counter;
use std::sync::Arc;
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
}

/// Takes troubles and makes events of them. Must not wait.
pub type Tell = Arc<dyn Fn(Trouble) + Send + Sync>;

/// Says what a worker does.
pub(super) struct Reporter {
    name: String,
    status: Arc<Status>,
    metrics: Metrics,
    tell: Tell,
    delivered: Counter,
    passed: Counter,
    missed: Counter,
    dropped: Counter,
    /// Reason of the failures that go on; said once.
    failing: Option<Reason>,
}

impl Reporter {
    pub(super) fn new(name: &str, status: Arc<Status>, metrics: &Metrics, tell: Tell) -> Self {
        let labels = SinkLabels { sink: name.to_owned() };
        Self {
            name: name.to_owned(),
            status,
            tell,
            delivered: metrics.sink_delivered.get_or_create_owned(&labels),
            passed: metrics.sink_passed.get_or_create_owned(&labels),
            missed: metrics.sink_missed.get_or_create_owned(&labels),
            dropped: metrics.sink_dropped.get_or_create_owned(&labels),
            metrics: metrics.clone(),
            failing: None,
        }
    }

    fn labels(&self, reason: Reason) -> SinkReasonLabels {
        SinkReasonLabels { sink: self.name.clone(), reason: reason.as_str() }
    }

    /// Records are gone that the sink should have had.
    pub(super) fn missed(&mut self, first: u64, last: u64, reason: &'static str) {
        // Passed over on purpose after a loss of power: nobody was promised anything there.
        if reason == "skipped" {
            return;
        }
        let count = last.saturating_sub(first).saturating_add(1);
        self.missed.inc_by(count);
        self.status.facts().missed += count;
        (self.tell)(Trouble::Missed { sink: self.name.clone(), seqs: (first, last), reason });
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
    pub(super) fn parked(
        &mut self,
        reasons: &[(Reason, String)],
        dropped: Option<DroppedOldest>,
        size: (usize, u64),
        clock: i64,
    ) {
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
        if let Some(dropped) = dropped {
            self.dropped.inc_by(dropped.count);
            self.status.facts().dropped += dropped.count;
            (self.tell)(Trouble::Dropped { sink: self.name.clone(), dropped });
        }
    }

    /// So much is parked now.
    pub(super) fn parked_size(&self, (events, bytes): (usize, u64)) {
        let mut facts = self.status.facts();
        (facts.parked_now, facts.parked_bytes) = (events, bytes);
    }

    /// A delivery begins.
    pub(super) fn trying<T>(&self, window: &Window<T>) {
        if window.circuit() != Circuit::Closed {
            self.status.facts().circuit = CircuitState::Probing;
        }
    }

    /// A delivery has ended.
    pub(super) fn settled<T>(
        &mut self,
        purpose: Purpose,
        delivered: usize,
        parked: usize,
        window: &Window<T>,
        clock: i64,
    ) {
        let (delivered, parked) = (delivered as u64, parked as u64);
        self.delivered.inc_by(delivered);
        let mut facts = self.status.facts();
        facts.delivered += delivered;
        if delivered > 0 {
            facts.last_delivered = Some(clock);
        }
        if let (Purpose::Replay, Some(replay)) = (purpose, &mut facts.replay) {
            replay.delivered += delivered;
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
    pub(super) fn look_at(&self, live: &Lane, observed: Option<i64>) {
        let mut facts = self.status.facts();
        facts.first_open = live.position().first();
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
        tracing::error!(sink = self.name, error, "The cursor cannot be used; the sink begins with the oldest record");
        self.status.facts().last_error = Some(LastError { time: now(), reason: Reason::Local.as_str(), error });
    }

    /// The worker cannot go on.
    pub(super) fn broke(&self, reason: Reason, error: &str) {
        tracing::error!(sink = self.name, error, "The worker of a sink ends");
        let error = LastError { time: now(), reason: reason.as_str(), error: error.to_owned() };
        self.status.facts().last_error = Some(error);
    }
}
