//! Publishing with many acknowledgements awaited at once, and what became of each event.
//!
//! Several publishes are under way at once, and any of them may fail while a later one does not. That would turn the
//! order round when the first is sent again, so an event waits until the one before it, of the same key, is acknowledged:
//! of the same alert, of the same stream for points, or of whatever `correlation` says.

use super::failure;
use super::stream::Known;
use crate::delivery::sink::{Outcome, Reason};
use crate::delivery::window::Key;
use crate::nats::link::Health;
use async_nats::jetstream::context::{Context, PublishError};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use std::collections::{HashSet, VecDeque};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// One event, written.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) message: PublishMessage,
    /// What orders it.
    pub(super) key: Key,
}

/// The acknowledgement to come.
type Answer = Pin<Box<dyn Future<Output = Result<PublishAck, PublishError>> + Send>>;

struct Waiting {
    index: usize,
    subject: String,
    key: Key,
    deadline: Instant,
    answer: Answer,
}

/// One delivery's publishes.
pub(super) struct Window<'a> {
    context: &'a Context,
    health: watch::Receiver<Health>,
    losses: u64,
    stream: &'a Known,
    in_flight: usize,
    timeout: Duration,
    waiting: VecDeque<Waiting>,
    /// Keys with an event that awaits its acknowledgement.
    unsettled: HashSet<Key>,
    /// Why nothing more is published in this delivery: an event was not taken, and the next one would most likely not be
    /// taken either.
    stopped: Option<Outcome>,
    outcomes: Vec<Option<Outcome>>,
}

impl<'a> Window<'a> {
    pub(super) fn new(
        context: &'a Context,
        health: watch::Receiver<Health>,
        stream: &'a Known,
        in_flight: usize,
        timeout: Duration,
    ) -> Self {
        let losses = health.borrow().losses;
        Self {
            losses,
            context,
            health,
            stream,
            in_flight: in_flight.max(1),
            timeout,
            waiting: VecDeque::new(),
            unsettled: HashSet::new(),
            stopped: None,
            outcomes: Vec::new(),
        }
    }

    /// Publishes one, once there is room for it.
    pub(super) async fn publish(&mut self, letter: Letter) {
        let Letter { subject, message, key } = letter;
        let must_wait = |window: &Self| window.waiting.len() >= window.in_flight || window.unsettled.contains(&key);
        while must_wait(self) {
            self.settle_first().await;
        }
        let index = self.outcomes.len();
        self.outcomes.push(self.stopped.clone());
        if self.stopped.is_some() {
            return;
        }
        let deadline = Instant::now() + self.timeout;
        let sent = tokio::time::timeout_at(deadline, self.context.send_publish(subject.clone(), message)).await;
        match sent {
            Ok(Ok(acknowledgement)) => {
                self.unsettled.insert(key);
                let answer = acknowledgement.into_future();
                self.waiting.push_back(Waiting { index, subject, key, deadline, answer });
            }
            Ok(Err(error)) => {
                let outcome = failure::publishing(self.stream, &subject, self.said().as_deref(), &error);
                self.settle(index, key, outcome);
            }
            Err(_) => {
                let outcome = failure::unanswered(&subject, self.said().as_deref());
                self.settle(index, key, outcome);
            }
        }
    }

    /// Waits for what is under way; one outcome per event.
    pub(super) async fn finish(mut self) -> Vec<Outcome> {
        while !self.waiting.is_empty() {
            self.settle_first().await;
        }
        let missing = || failure::retry(Reason::Unreachable, "not sent");
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    async fn settle_first(&mut self) {
        let Some(Waiting { index, subject, key, deadline, mut answer }) = self.waiting.pop_front() else { return };
        let outcome = tokio::select! {
            // An acknowledgement that came before the connection went still counts.
            biased;
            result = &mut answer => match result {
                Ok(stored) if stored.duplicate => Outcome::Duplicate,
                Ok(_) => Outcome::Delivered,
                Err(error) => failure::publishing(self.stream, &subject, self.said().as_deref(), &error),
            },
            () = lost(&mut self.health, self.losses) => {
                failure::retry(Reason::Unreachable, "the connection was lost before the acknowledgement")
            }
            () = tokio::time::sleep_until(deadline) => failure::unanswered(&subject, self.said().as_deref()),
        };
        self.settle(index, key, outcome);
    }

    fn settle(&mut self, index: usize, key: Key, outcome: Outcome) {
        self.unsettled.remove(&key);
        if matches!(outcome, Outcome::Retry { .. }) {
            self.stopped.get_or_insert_with(|| outcome.clone());
        }
        if let Some(place) = self.outcomes.get_mut(index) {
            *place = Some(outcome);
        }
    }

    fn said(&self) -> Option<String> {
        self.health.borrow().said.clone()
    }
}

/// Until a connection has been lost since there were so many losses.
async fn lost(health: &mut watch::Receiver<Health>, losses: u64) {
    if health.wait_for(|health| health.losses != losses).await.is_err() {
        // Nobody will tell any more: the client is gone, and each publish has a time limit of its own.
        std::future::pending::<()>().await;
    }
}
