//! Alertmanager's v2 API.
//!
//! Alertmanager keeps state and no history, and forgets what it is not told again. So this sink tells it of states:
//!
//! * Of several events of one alert in a delivery, the last one is sent; all of them are delivered with it.
//! * What is firing is told again every `resend`, with an `endsAt` some minutes ahead: should kaptap go silent,
//!   Alertmanager resolves by itself. What is resolved is told again for [`RESOLVED`], as Prometheus does, for an
//!   Alertmanager that was away.
//! * An alert keeps its labels from opened to resolved, whatever its events say meanwhile; severity is an annotation.
//! * What it was told is kept in a file, labels included: after a restart the firing alerts are told again at
//!   once, and resolved with the labels that they were opened with.
//! * Duplicates, late events and whatever is older than what Alertmanager knows change nothing and are not sent. A
//!   replayed event is sent once if nothing newer of its alert is known, and is not remembered as firing.
//! * Events of other kinds are nothing to Alertmanager: taken, and not sent.
//!
//! * What is told again and refused for itself (400, 422) is forgotten; after any other answer it stays, and is told again
//!   the next time, which begins behind what failed.
//!
//! `labels` and `told` are pure; `memory` is what was told.

mod labels;
mod memory;
mod told;

use super::halving::Halving;
use super::http::{HttpPeer, Message, Proxies};
use super::{BuildError, now, options};
use crate::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Reason, Sink};
use crate::event::id::EventId;
use crate::sorted;
use hyper::header::HeaderValue;
use memory::Memory;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use told::{Step, Told, Writer};

/// How long a resolved alert is told again.
pub const RESOLVED: Duration = Duration::from_mins(5);
/// Shortest time after which Alertmanager resolves a firing alert that it is not told of again.
pub const SHORTEST_HOLD: Duration = Duration::from_mins(5);

/// Most alerts of a request.
const ALERTS: usize = 500;
/// Most bytes of records in a delivery.
const BYTES: usize = 1 << 20;
/// How soon what could not be told again is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// Longest wait that Alertmanager can ask for before it is told again.
const LONGEST_PATIENCE: Duration = Duration::from_hours(1);
/// Shortest `resend`.
const SHORTEST_RESEND: Duration = Duration::from_secs(1);
/// How long a refused request is halved before the rest is left for the next delivery.
const SPLITTING: Duration = Duration::from_secs(30);

/// The sink.
#[derive(Debug)]
pub struct Alertmanager {
    name: String,
    peer: HttpPeer,
    writer: Writer,
    memory: Memory,
    resend: Duration,
    /// When the alerts are told again.
    next: Instant,
    /// The last alert of what could not be told again the last time: the others come first.
    behind: Option<EventId>,
}

impl Alertmanager {
    /// Makes the sink; connects to nothing and reads no state yet. Without `state_file` what Alertmanager was told is
    /// kept in memory only.
    ///
    /// # Errors
    /// When the options cannot be used.
    pub fn new(
        name: &str,
        options: &options::Alertmanager,
        state_file: Option<PathBuf>,
        proxies: &Proxies,
    ) -> Result<Self, BuildError> {
        let resend = options.resend.max(SHORTEST_RESEND);
        Ok(Self {
            name: name.to_owned(),
            peer: HttpPeer::new(&options.http, "POST", "/api/v2/alerts", proxies)?,
            writer: Writer::new(options, resend.saturating_mul(4).max(SHORTEST_HOLD))?,
            memory: Memory::new(state_file),
            resend,
            next: Instant::now(),
            behind: None,
        })
    }

    /// Sends alerts, and halves what is refused until the refused one stands alone: Alertmanager takes the good ones of a
    /// request that it refuses, and they are told twice. Those told `again` are refused by an answer that is about an alert
    /// only. One outcome per alert, and how many were tried, the part that failed included.
    async fn tell(&self, alerts: &[(EventId, Told)], again: bool) -> (Vec<Outcome>, usize) {
        let mut halving = Halving::new(alerts, ALERTS, SPLITTING, "alerts");
        while let Some(part) = halving.next() {
            let (status, mut outcome) = self.peer.send_for_status(self.message(part, now())).await;
            if again
                && part.len() == 1
                && let Outcome::Reject { reason, error, .. } = &outcome
                && !status.is_some_and(|status| matches!(status.as_u16(), 400 | 422))
            {
                outcome = Outcome::Retry { after: None, reason: *reason, error: error.clone() };
            }
            halving.settle(part, outcome);
        }
        halving.finish()
    }

    fn message(&self, alerts: &[(EventId, Told)], now: i64) -> Message {
        let body = self.writer.body(alerts.iter().map(|(_, told)| told), now);
        Message::new(HeaderValue::from_static("application/json"), body)
    }

    async fn take(&mut self, batch: &Batch<'_>) -> Vec<Outcome> {
        self.memory.load().await;
        let staged = self.stage(batch, now());
        let alerts: Vec<_> = staged.told.into_iter().collect();
        let (outcomes, _) = self.tell(&alerts, false).await;
        let results = sorted::map(alerts.iter().map(|(fingerprint, _)| *fingerprint).zip(outcomes));
        if !batch.replay {
            for (fingerprint, told) in alerts {
                if results.get(&fingerprint) == Some(&Outcome::Delivered) {
                    self.memory.remember(fingerprint, told);
                }
            }
        }
        self.store().await;
        let outcome = |fate: Fate| match fate {
            Fate::Settled(outcome) => outcome,
            Fate::Told(fingerprint) => results.get(&fingerprint).cloned().unwrap_or_else(|| Outcome::Retry {
                after: None,
                reason: Reason::Unreachable,
                error: "not sent".to_owned(),
            }),
        };
        staged.fates.into_iter().map(outcome).collect()
    }

    /// What each event comes to, and the last state of each alert.
    fn stage(&self, batch: &Batch<'_>, now: i64) -> Staged {
        let mut staged = Staged { told: BTreeMap::new(), fates: Vec::with_capacity(batch.events.len()) };
        for event in batch.events {
            let fingerprint = event.alert.as_ref().map(|alert| alert.fingerprint);
            let known = fingerprint.and_then(|of| staged.told.get(&of).or_else(|| self.memory.get(of)));
            let fate = match (self.writer.step(event, known, batch.replay, now), fingerprint) {
                (Step::Tell(told), Some(fingerprint)) => {
                    staged.told.insert(fingerprint, *told);
                    Fate::Told(fingerprint)
                }
                (Step::Refuse(outcome), _) => Fate::Settled(outcome),
                // An older event of an alert that is told in this delivery shares its fate.
                (Step::Nothing, Some(fingerprint)) if staged.told.contains_key(&fingerprint) => Fate::Told(fingerprint),
                (Step::Nothing | Step::Tell(_), _) => Fate::Settled(Outcome::Delivered),
            };
            staged.fates.push(fate);
        }
        staged
    }

    /// Tells all that is known again. How soon it should be done next.
    async fn tell_again(&mut self) -> Duration {
        self.memory.forget_resolved(now());
        let mut alerts = self.memory.all();
        let first =
            self.behind.take().map_or(0, |last| alerts.partition_point(|(fingerprint, _)| *fingerprint <= last));
        alerts.rotate_left(first);
        // The others in requests of their own, without those that failed.
        let (others, failed) = alerts.split_at(alerts.len() - first);
        let (mut outcomes, mut tried) = self.tell(others, true).await;
        if let Some(outcome) = outcomes.last().filter(|outcome| matches!(outcome, Outcome::Retry { .. })) {
            outcomes.resize(alerts.len(), outcome.clone());
        } else {
            let (more, more_tried) = self.tell(failed, true).await;
            outcomes.extend(more);
            tried += more_tried;
        }
        let mut next = self.resend;
        for ((fingerprint, _), outcome) in alerts.iter().zip(&outcomes) {
            match outcome {
                Outcome::Delivered | Outcome::Duplicate => {}
                Outcome::Retry { after, .. } => {
                    next = self.resend.min(AGAIN).max(after.unwrap_or_default().min(LONGEST_PATIENCE));
                }
                Outcome::Reject { error, .. } => {
                    tracing::warn!(sink = self.name, %fingerprint, error, "an alert is not told again");
                    self.memory.forget(*fingerprint);
                }
            }
        }
        if let Some(Outcome::Retry { error, .. }) = outcomes.last() {
            tracing::warn!(sink = self.name, alerts = alerts.len(), error, "alerts could not be told again");
            self.behind = tried.checked_sub(1).and_then(|last| alerts.get(last)).map(|(fingerprint, _)| *fingerprint);
        }
        self.store().await;
        next
    }

    /// Keeps what is known. An error is no reason to hold alerts back: it is tried again with the next delivery, and
    /// until then a restart would forget.
    async fn store(&mut self) {
        if let Err(error) = self.memory.store().await {
            tracing::warn!(sink = self.name, %error, "what Alertmanager was told cannot be kept");
        }
    }
}

/// A delivery, before anything is sent.
struct Staged {
    told: BTreeMap<EventId, Told>,
    fates: Vec<Fate>,
}

enum Fate {
    Settled(Outcome),
    Told(EventId),
}

impl Sink for Alertmanager {
    fn limits(&self) -> Limits {
        Limits { events: ALERTS, bytes: BYTES }
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.take(batch))
    }

    fn tick(&mut self) -> BoxFuture<'_, Option<Duration>> {
        Box::pin(async move {
            self.memory.load().await;
            if self.next <= Instant::now() {
                self.next = Instant::now() + self.tell_again().await;
            }
            Some(self.next.saturating_duration_since(Instant::now()))
        })
    }

    /// The request of a batch by itself, sent when its last event was observed.
    fn preview(&self, batch: &Batch<'_>) -> Result<String, String> {
        let now = batch.events.iter().map(|event| event.observed).max().unwrap_or_default();
        let staged = self.stage(batch, now);
        for fate in staged.fates {
            if let Fate::Settled(Outcome::Reject { error, .. }) = fate {
                return Err(error);
            }
        }
        if staged.told.is_empty() {
            return Ok("nothing is sent: these events do not change what Alertmanager knows\n".to_owned());
        }
        let alerts: Vec<_> = staged.told.into_iter().collect();
        Ok(self.peer.preview(&self.message(&alerts, now)))
    }

    fn forgotten(&self) -> u64 {
        self.memory.forgotten()
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.store())
    }
}
