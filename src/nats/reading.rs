//! A stream as events: those that pass a filter, each id once, up to an end.

use super::follower::{Follower, Start, Step};
use super::seen::Seen;
use super::{NatsError, Source};
use crate::event::id::EventId;
use crate::filter::{Filter, Parsed};
use crate::words::Kind;
use bytes::Bytes;
use std::sync::Arc;
use tokio::time::Instant;

/// Where to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// With this position, inclusive.
    Sequence(u64),
    /// Before what was stored at this time, nanoseconds since 1970. Whoever follows ends at the given instant, by the
    /// clock.
    Time(i64, Instant),
}

/// What is wanted of a stream.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where to begin.
    pub start: Start,
    /// Where to end.
    pub until: Option<Until>,
    /// Which events pass.
    pub filter: Option<Filter>,
    /// Whether to go on with what comes.
    pub follow: bool,
    /// How many ids are remembered to give each once; 0 gives all.
    pub remembered: usize,
}

/// What was read.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event that passes.
    Event {
        /// Its position in the stream.
        position: u64,
        /// When the server stored it, nanoseconds since 1970.
        stored: i64,
        /// What it is about; a kind that this version does not know is `opaque` here.
        kind: Kind,
        /// Its JSON, as it was published, on one line.
        json: Bytes,
    },
    /// An event whose id came already, not given again.
    Repeated {
        /// Its id.
        id: EventId,
        /// Where it came first.
        first: u64,
        /// Where it came again.
        again: u64,
    },
    /// A message that is no event of kaptap.
    Foreign {
        /// Its position.
        position: u64,
    },
    /// Positions that were asked for and are not there.
    Gap {
        /// First missing position.
        first: u64,
        /// Last missing position.
        last: u64,
        /// Why.
        reason: &'static str,
    },
    /// The stream was deleted and made again; what comes is from its beginning.
    Anew,
    /// Everything that was there has come.
    CaughtUp,
    /// Nothing more will come.
    End,
}

/// Reads a stream as events.
pub struct Reading {
    follower: Follower,
    wanted: Wanted,
    seen: Option<Seen>,
    caught_up: bool,
    ended: bool,
}

impl Reading {
    /// Makes one; nothing is asked yet.
    #[must_use]
    pub fn new(source: Arc<Source>, wanted: Wanted) -> Self {
        let follower = Follower::new(source, wanted.start, false);
        let seen = (wanted.remembered > 0).then(|| Seen::new(wanted.remembered));
        Self { follower, wanted, seen, caught_up: false, ended: false }
    }

    /// Everything before this position was looked at; 0 while it has no place.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.follower.position()
    }

    /// The last position there was when it was opened.
    #[must_use]
    pub const fn present(&self) -> u64 {
        self.follower.present()
    }

    /// Connects and looks for its place, if it has none now.
    ///
    /// # Errors
    /// When the server or the stream is not there.
    pub async fn open(&mut self) -> Result<(), NatsError> {
        self.follower.open().await
    }

    /// What comes next; waits for it. May be dropped while it waits, and called again after an error.
    ///
    /// # Errors
    /// When the connection or the stream is lost.
    pub async fn next(&mut self) -> Result<Item, NatsError> {
        loop {
            if self.ended {
                return Ok(Item::End);
            }
            let clock = match self.wanted.until {
                Some(Until::Time(_, then)) if self.caught_up => Some(then),
                _ => None,
            };
            let step = tokio::select! {
                biased;
                step = self.follower.next() => step?,
                () = at(clock) => return Ok(self.end()),
            };
            let message = match step {
                Step::Message(message) => message,
                Step::Gap { first, last, reason } => return Ok(Item::Gap { first, last, reason }),
                Step::Anew => return Ok(Item::Anew),
                Step::AtEnd if !self.wanted.follow => return Ok(self.end()),
                Step::AtEnd => {
                    self.caught_up = true;
                    return Ok(Item::CaughtUp);
                }
            };
            let position = message.sequence;
            let is_beyond = match self.wanted.until {
                Some(Until::Sequence(last)) => position > last,
                Some(Until::Time(time, _)) => message.stored >= time,
                None => false,
            };
            if is_beyond || (!self.wanted.follow && position > self.follower.present()) {
                return Ok(self.end());
            }
            let Some(event) = Parsed::of(&message.payload) else { return Ok(Item::Foreign { position }) };
            if !self.wanted.filter.as_ref().is_none_or(|filter| filter.passes(&event)) {
                continue;
            }
            let (id, kind) = (event.id(), Kind::parse(event.kind()).unwrap_or(Kind::Opaque));
            if let Some(first) = self.seen.as_mut().and_then(|seen| seen.take(id, position)) {
                return Ok(Item::Repeated { id, first, again: position });
            }
            let (stored, json) = (message.stored, one_line(message.payload));
            return Ok(Item::Event { position, stored, kind, json });
        }
    }

    fn end(&mut self) -> Item {
        self.ended = true;
        Item::End
    }

    /// Ends, and tells the server.
    pub async fn close(&mut self) {
        self.follower.close().await;
    }
}

/// JSON without line breaks, which can only stand between its parts. kaptap writes none.
fn one_line(json: Bytes) -> Bytes {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !json.iter().any(is_break) {
        return json;
    }
    json.iter().map(|byte| if is_break(byte) { b' ' } else { *byte }).collect()
}

/// Waits until then; forever, if there is no then.
async fn at(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
