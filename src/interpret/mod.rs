//! Record to event, and the fold that knows which alerts are open. Pure: no I/O, no clock.

pub mod fold;

use crate::event::Event;
use crate::event::id::EventId;
use crate::record::{Content, Note, Record, Stream};
use crate::words::Level;
use std::borrow::Cow;

/// Makes the event of a record. Never fails: what is not understood becomes an event of kind `opaque`.
#[must_use]
pub fn event<'a>(_stream: &'a Stream, _record: &'a Record<'a>) -> Event<'a> {
    unimplemented!()
}

/// What the fold needs to know of an alert, found at intake.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertFacts<'a> {
    /// Id of the event.
    pub event_id: EventId,
    /// Identity of the alert over time.
    pub fingerprint: EventId,
    /// Task, or empty.
    pub task: Cow<'a, str>,
    /// Topic, where known.
    pub topic: Option<Cow<'a, str>>,
    /// Alert id.
    pub id: Cow<'a, str>,
    /// Message.
    pub message: Cow<'a, str>,
    /// Level.
    pub level: Level,
    /// Level before, as Kapacitor said.
    pub previous_level: Option<Level>,
    /// Event time.
    pub time: i64,
    /// Duration of the episode, nanoseconds.
    pub duration: Option<i64>,
}

/// Finds the alert in a record about to be written; `None` when it is not one.
#[must_use]
pub fn alert_facts<'a>(
    _stream: &'a Stream,
    _content: Content,
    _note: &'a Note,
    _observed: i64,
    _raw: &'a [u8],
) -> Option<AlertFacts<'a>> {
    None
}
