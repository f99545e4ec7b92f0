//! The seam between delivery and the peers.

use super::options::Correlation;
use crate::event::Event;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How long a sink may take to let its peer go.
pub const CLOSING: Duration = Duration::from_secs(1);

/// A future that owns its place.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Events on their way to one sink, in the order of the journal.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The events. Never empty, never more than the sink's [`Limits`] allow.
    pub events: &'a [Event<'a>],
    /// Why they come: for the first time, again after a failure, or because a person asked for a replay.
    pub replay: bool,
}

/// How much one delivery may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events.
    pub events: usize,
    /// Bytes of the records.
    pub bytes: usize,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The peer has it.
    Delivered,
    /// The peer has it, and says that it had it before: nothing new came of it there.
    Duplicate,
    /// The peer does not have it now; it may take it later.
    Retry {
        /// What the peer said of when (`Retry-After`).
        after: Option<Duration>,
        /// Why, as a word for metrics.
        reason: Reason,
        /// Why, in a sentence, with nothing secret in it.
        error: String,
    },
    /// The peer will never take it: it is parked.
    Reject {
        /// Why, as a word for metrics.
        reason: Reason,
        /// Why, in a sentence, with nothing secret in it.
        error: String,
        /// The beginning of what the peer answered, at most 1 KiB.
        response: Option<String>,
    },
}

/// Why a delivery did not succeed: the closed set for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No connection.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The peer asked for patience.
    Throttled,
    /// The peer failed (5xx and the like).
    PeerFailed,
    /// The peer refused what was sent (4xx and the like).
    Refused,
    /// The peer does not know us.
    Unauthorized,
    /// Larger than the peer takes; the limit is in the error.
    TooLarge,
    /// Cannot be written in the sink's format.
    Encoding,
    /// The peer's answer makes no sense.
    Garbage,
    /// The local disk or pipe failed.
    Local,
}

impl Reason {
    /// The word for metrics and lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Throttled => "throttled",
            Self::PeerFailed => "peer_failed",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::TooLarge => "too_large",
            Self::Encoding => "encoding",
            Self::Garbage => "garbage",
            Self::Local => "local",
        }
    }

    /// Whether it may be for the event: the peer was there, was not against us, and could do nothing with what it was
    /// sent.
    #[must_use]
    pub const fn may_be_the_event(self) -> bool {
        matches!(self, Self::PeerFailed | Self::TimedOut | Self::Garbage)
    }
}

/// One peer that takes events. Owned by one worker: calls never overlap.
pub trait Sink: Send + 'static {
    /// How much one delivery may hold.
    fn limits(&self) -> Limits;

    /// Delivers a batch. One outcome per event, in order. `Delivered` means that the peer has taken the event for
    /// good; an event may come twice, and its id is the idempotency key. Dropping the future is safe: what was under
    /// way then comes again.
    ///
    /// No event may overtake an earlier one of its batch: a sink that sends one after another stops at the first that
    /// must be tried again, and gives [`Outcome::Retry`] for the rest too. One that cannot promise that says so by
    /// [`Sink::keeps_order`].
    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>>;

    /// Whether no event that is given [`Outcome::Retry`] is overtaken by a later one of its batch. If not, a batch holds
    /// one event of each key at most.
    fn keeps_order(&self) -> bool {
        true
    }

    /// What keeps its order, told once before the first delivery: for sinks that send several events of a batch at once.
    fn order_by(&mut self, _correlation: &Correlation) {}

    /// Called at the start, and then after the time asked for here last, between deliveries: for peers that must be told
    /// again and again (Alertmanager's firing alerts). `None`: never.
    fn tick(&mut self) -> BoxFuture<'_, Option<Duration>> {
        Box::pin(std::future::ready(None))
    }

    /// The request that a batch would become, for people: `kaptap check --sink`. Secrets are masked.
    ///
    /// # Errors
    /// When the batch cannot be written in the sink's format.
    fn preview(&self, batch: &Batch<'_>) -> Result<String, String>;

    /// Alerts that were on and found no room in what it remembers, since it was made: they are not told again.
    fn forgotten(&self) -> u64 {
        0
    }

    /// Finishes what is buffered and lets the peer go. After [`CLOSING`] it is dropped.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
