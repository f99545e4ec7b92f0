//! `type = "webhook"`: HTTP POST to whoever takes it.
//!
//! Formats with several events a request are sent in one; when the peer refuses it for good, it is halved until the
//! refused event stands alone (`halving`). What was not told apart after `SPLITTING` is tried again. The other formats take
//! one event at a time ([`Sink::limits`]), so that an event that the peer chokes on holds up its own key only.
//!
//! Requests follow one another, in the order of the journal. After the first that has to be tried again nothing more is
//! sent: a later event must not overtake it.

mod encode;
mod sign;

use super::BuildError;
use super::halving::Halving;
use super::http::{HttpPeer, Message, Proxies};
use super::options;
use crate::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Sink};
use crate::event::Event;
use encode::Encoder;
use sign::Signer;
use std::time::Duration;

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
        let mut halving = Halving::new(batch.events, self.most(), self.splitting, "events");
        while let Some(part) = halving.next() {
            let outcome = self.peer.send(self.message(part, batch.replay)).await;
            halving.settle(part, outcome);
        }
        halving.finish().0
    }
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
