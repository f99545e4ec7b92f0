//! `type = "webhook"`: HTTP POST to whoever takes it.
//!
//! Formats with several events a request are sent in one; when the peer refuses it for good, it is halved until the
//! refused event stands alone, so that one event does not park the others. That costs at most two requests for each
//! event, and 2 log n for a single bad one. Halving ends after `SPLITTING`, but not before the fate of one event at
//! least is known; what was not told apart by then is tried again. The other formats take one event at a time ([`Sink::limits`]), so that an event that the peer chokes on holds
//! up its own key only.
//!
//! Requests follow one another, in the order of the journal. After the first that has to be tried again nothing more is
//! sent: a later event must not overtake it.

mod encode;
mod sign;

use super::BuildError;
use super::http::{HttpPeer, Message, Proxies};
use super::options;
use crate::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Reason, Sink};
use crate::event::Event;
use encode::Encoder;
use sign::Signer;
use std::time::Duration;
use tokio::time::Instant;

/// Most events of a request.
const EVENTS: usize = 500;
/// Most bytes of records in a request.
const BYTES: usize = 1 << 20;
/// How long a refused batch is halved before the rest is left for the next delivery.
const SPLITTING: Duration = Duration::from_secs(30);

/// A webhook.
#[derive(Debug)]
pub struct Webhook {
    peer: HttpPeer,
    encoder: Encoder,
    signer: Option<Signer>,
    splitting: Duration,
}

impl Webhook {
    /// A webhook of these options.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn new(options: &options::Webhook, proxies: &Proxies) -> Result<Self, BuildError> {
        let mut peer = HttpPeer::new(&options.http, &options.method, "", proxies)?;
        let signer = options.hmac.as_ref().map(Signer::new).transpose()?;
        if let Some(hmac) = &options.hmac {
            peer.hide(&hmac.secret.0);
        }
        let encoder = Encoder::new(&options.format, options.raw)?;
        Ok(Self { peer, encoder, signer, splitting: SPLITTING })
    }

    /// Events of one request.
    const fn most(&self) -> usize {
        if self.encoder.takes_many() { EVENTS } else { 1 }
    }

    fn message(&self, events: &[Event<'_>], replay: bool) -> Message {
        let mut message = self.encoder.message(events, replay);
        if let Some(signer) = &self.signer {
            signer.sign(&mut message);
        }
        message
    }

    async fn send_all(&self, batch: &Batch<'_>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.events.len());
        let begun = Instant::now();
        // Parts that are yet to be sent, the next one last. Bounded by the number of events.
        let mut parts: Vec<&[Event<'_>]> = batch.events.chunks(self.most()).rev().collect();
        while let Some(part) = parts.pop() {
            let mut outcome = self.peer.send(self.message(part, batch.replay)).await;
            if let Outcome::Reject { reason, error, .. } = &outcome
                && part.len() > 1
            {
                // Nothing settled yet: without going on, a slow peer would never get past this batch.
                if begun.elapsed() < self.splitting || outcomes.is_empty() {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                    continue;
                }
                outcome = not_told_apart(*reason, error);
            }
            if matches!(outcome, Outcome::Retry { .. }) {
                outcomes.resize(batch.events.len(), outcome);
                break;
            }
            outcomes.resize(outcomes.len() + part.len(), outcome);
        }
        outcomes
    }
}

fn not_told_apart(reason: Reason, error: &str) -> Outcome {
    let error = format!("{error}; which events it refuses is not yet found out");
    Outcome::Retry { after: Some(Duration::ZERO), reason, error }
}

impl Sink for Webhook {
    fn limits(&self) -> Limits {
        Limits { events: self.most(), bytes: BYTES }
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.send_all(batch))
    }

    fn preview(&self, batch: &Batch<'_>) -> Result<String, String> {
        let parts = batch.events.chunks(self.most());
        let request = |part| {
            let mut message = self.encoder.message(part, batch.replay);
            if let Some(signer) = &self.signer {
                signer.pretend(&mut message);
            }
            self.peer.preview(&message)
        };
        Ok(parts.map(request).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
