//! The messages of a stream in order, from a position on.
//!
//! An ordered consumer of the client library delivers them; it notices what is lost on the way to it and begins again
//! by itself. What it does not know is kept here: the position to go on with after the connection was lost, what
//! retention took in the meantime, and whether the stream is still the same one.

use super::link::Health;
use super::{NatsError, Source, Why};
use crate::event::id::EventId;
use async_nats::datetime::{DateTime, from_nanos};
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::{Info, Stream};
use bytes::Bytes;
use futures_core::Stream as _;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Messages that the server sends ahead, at most: what a reader holds in memory. When so many wait, no more are asked for.
const AHEAD: i64 = 256;
/// How often the consumer is looked at without being woken: the library does not promise to wake for everything.
const LOOK: Duration = Duration::from_secs(1);
/// Looks without a message after which a reader that waits for something that should be there begins again: retention
/// may have taken it.
const LOOKS: u32 = 5;
/// Longest wait for the server to forget a consumer.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At a position, inclusive; 0 and 1 are the beginning, wherever that is by now.
    Sequence(u64),
    /// With what was stored at or after this time, nanoseconds since 1970.
    Time(i64),
    /// With what comes.
    New,
}

/// A message of the stream.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its position.
    pub sequence: u64,
    /// When the server stored it, nanoseconds since 1970.
    pub stored: i64,
    /// The event's id, as the header has it.
    pub id: Option<EventId>,
    /// The event's JSON; empty if only headers were asked for.
    pub payload: Bytes,
}

/// What comes next.
#[derive(Debug, Clone)]
pub enum Step {
    /// A message.
    Message(Message),
    /// Positions that were asked for and are not there.
    Gap {
        /// First missing position.
        first: u64,
        /// Last missing position.
        last: u64,
        /// Why: `retention`, `removed` or `never_given`.
        reason: &'static str,
    },
    /// The stream was deleted and made again; what comes is from its beginning.
    Anew,
    /// Everything that was there has come.
    AtEnd,
}

/// Reads a stream. After an error [`Follower::next`] may be called again: it connects again and goes on where it was.
pub struct Follower {
    source: Arc<Source>,
    start: Start,
    headers_only: bool,
    /// The position to go on with, once known.
    next: Option<u64>,
    /// Last position when it was opened first.
    present: u64,
    created: Option<DateTime>,
    /// To be said before anything else: at most a gap and the message behind it.
    waiting: VecDeque<Step>,
    open: Option<Open>,
}

struct Open {
    stream: Stream<Info>,
    consumer: String,
    messages: Ordered,
    health: watch::Receiver<Health>,
    losses: u64,
    /// Last position when it was opened.
    end: u64,
    /// Messages to come of those that are there, as the server counts them.
    left: u64,
    told_end: bool,
}

impl Follower {
    /// Makes one; nothing is asked yet.
    #[must_use]
    pub fn new(source: Arc<Source>, start: Start, headers_only: bool) -> Self {
        let (next, created) = (None, None);
        Self { source, start, headers_only, next, present: 0, created, waiting: VecDeque::new(), open: None }
    }

    /// The position to go on with; 0 while it is not known.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next.unwrap_or(0)
    }

    /// The last position there was when it was opened first.
    #[must_use]
    pub const fn present(&self) -> u64 {
        self.present
    }

    /// Connects and looks for its place, if it has none now.
    ///
    /// # Errors
    /// When the server or the stream is not there.
    pub async fn open(&mut self) -> Result<(), NatsError> {
        if self.open.is_some() {
            return Ok(());
        }
        let mut link = self.source.link().await?;
        let losses = link.health.borrow_and_update().losses;
        let name = self.source.options().stream.clone();
        let stream = link.context.get_stream(&name).await.map_err(|error| NatsError::looking(&name, &error))?;
        let policy = self.place(stream.cached_info());
        let config = OrderedConfig {
            description: Some("a reader of kaptap".to_owned()),
            filter_subject: self.source.options().subject.clone().unwrap_or_default(),
            headers_only: self.headers_only,
            deliver_policy: policy,
            max_batch: AHEAD,
            ..OrderedConfig::default()
        };
        let failed = |error: &dyn std::fmt::Display| {
            NatsError::new(Why::PeerFailed, format!("the stream {name} cannot be read: {error}"))
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| failed(&error))?;
        let (left, consumer_name) = (consumer.cached_info().num_pending, consumer.cached_info().name.clone());
        let messages = consumer.messages().await.map_err(|error| failed(&error))?;
        let end = stream.cached_info().state.last_sequence;
        let health = link.health;
        self.open =
            Some(Open { stream, consumer: consumer_name, messages, health, losses, end, left, told_end: false });
        Ok(())
    }

    /// Decides where to begin in the stream as it is now.
    fn place(&mut self, info: &Info) -> DeliverPolicy {
        let (first, last) = (info.state.first_sequence.max(1), info.state.last_sequence);
        let is_first_time = self.created.is_none();
        let made_anew = self.created.replace(info.created).is_some_and(|created| created != info.created);
        if is_first_time {
            self.present = last;
        }
        let wanted = match (self.next, self.start) {
            (Some(_), _) if made_anew => {
                self.waiting.push_back(Step::Anew);
                first
            }
            (Some(next), _) => next,
            (None, Start::Sequence(sequence)) => sequence.max(1),
            (None, Start::New) => last + 1,
            (None, Start::Time(time)) => match from_nanos(i128::from(time)) {
                Ok(start_time) if last >= first && start_time <= info.state.last_timestamp => {
                    return DeliverPolicy::ByStartTime { start_time };
                }
                _ => last + 1,
            },
        };
        // Whoever begins at the beginning misses nothing that went before it.
        let from_beginning = wanted <= 1 && self.next.is_none();
        let mut next = wanted;
        if wanted > last + 1 {
            // Another stream, or one that lost its end: waiting for these in silence would hide what comes.
            self.waiting.push_back(Step::Gap { first: last + 1, last: wanted - 1, reason: "never_given" });
            next = last + 1;
        } else if wanted < first {
            if !from_beginning {
                self.waiting.push_back(Step::Gap { first: wanted, last: first - 1, reason: "retention" });
            }
            next = first;
        }
        self.next = Some(next);
        DeliverPolicy::ByStartSequence { start_sequence: next }
    }

    /// What comes next; waits for it. May be dropped while it waits.
    ///
    /// # Errors
    /// When the connection or the stream is lost.
    pub async fn next(&mut self) -> Result<Step, NatsError> {
        let mut looks = 0;
        loop {
            self.open().await?;
            if let Some(step) = self.waiting.pop_front() {
                return Ok(step);
            }
            let Some(open) = &mut self.open else { continue };
            if !open.told_end && (open.left == 0 || self.next.is_some_and(|next| next > open.end)) {
                open.told_end = true;
                return Ok(Step::AtEnd);
            }
            let came = tokio::select! {
                came = std::future::poll_fn(|context| Pin::new(&mut open.messages).poll_next(context)) => came,
                () = lost(&mut open.health, open.losses) => {
                    self.open = None;
                    let said = format!("the connection to {} is lost", self.source.server());
                    return Err(NatsError::new(Why::Unreachable, said));
                }
                () = tokio::time::sleep(LOOK) => {
                    looks += 1;
                    if looks >= LOOKS && !open.told_end {
                        self.open = None;
                        looks = 0;
                    }
                    continue;
                }
            };
            let problem = match came {
                Some(Ok(message)) => match message.info() {
                    Ok(info) => {
                        open.left = info.pending;
                        let (sequence, stored) = (info.stream_sequence, nanoseconds(info.published));
                        self.take(sequence, stored, message);
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                Some(Err(error)) => error.to_string(),
                None => "the server ended it".to_owned(),
            };
            self.open = None;
            let said = format!("reading the stream {} stopped: {problem}", self.source.options().stream);
            return Err(NatsError::new(Why::PeerFailed, said));
        }
    }

    fn take(&mut self, sequence: u64, stored: i64, message: jetstream::Message) {
        // A consumer that the library made again before its first message begins at the beginning.
        let is_early = match (self.next, self.start) {
            (Some(next), _) => sequence < next,
            (None, Start::Time(time)) => stored < time,
            (None, _) => false,
        };
        if is_early {
            return;
        }
        if let Some(next) = self.next
            && sequence > next
            && self.source.options().subject.is_none()
        {
            self.waiting.push_back(Step::Gap { first: next, last: sequence - 1, reason: "removed" });
        }
        self.next = Some(sequence + 1);
        let message = message.message;
        let id = message.headers.as_ref().and_then(|headers| headers.get(NATS_MESSAGE_ID));
        let id = id.and_then(|id| EventId::parse(id.as_str()));
        self.waiting.push_back(Step::Message(Message { sequence, stored, id, payload: message.payload }));
    }

    /// Ends, and tells the server, which would find out by itself within a minute.
    pub async fn close(&mut self) {
        if let Some(Open { stream, consumer, messages, .. }) = self.open.take() {
            drop(messages);
            drop(tokio::time::timeout(FAREWELL, stream.delete_consumer(&consumer)).await);
        }
    }
}

/// Nanoseconds since 1970; what 64 bits do not hold is the nearest that they do.
pub(super) fn nanoseconds(time: DateTime) -> i64 {
    let nanoseconds = time.unix_timestamp_nanos();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// Until a connection has been lost since there were so many losses.
async fn lost(health: &mut watch::Receiver<Health>, losses: u64) {
    // When nobody tells any more, the client is gone.
    drop(health.wait_for(|health| health.losses != losses || health.closed).await.map(drop));
}
