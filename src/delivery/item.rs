//! One event on its way: its record as the journal has it, from which the event is made again for every try.

use super::options::SinkOptions;
use super::window::Key;
use crate::event::Event;
use crate::interpret;
use crate::record::{self, Content, Note, Record, Stream};
use std::borrow::Cow;
use std::sync::Arc;

/// What an item costs in memory besides its record's bytes.
const OVERHEAD: usize = 160;

/// One event on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) stream: Arc<Stream>,
    pub(super) seq: u64,
    pub(super) observed: i64,
    /// A run of this one record, as `record` codes it.
    pub(super) payload: Box<[u8]>,
}

impl Item {
    pub(super) fn of(stream: &Arc<Stream>, record: &Record<'_>) -> Self {
        let mut payload = record::single_header(record.content, record.n, &record.note);
        payload.extend_from_slice(record.raw);
        Self { stream: Arc::clone(stream), seq: record.seq, observed: record.observed, payload: payload.into() }
    }

    /// What it counts for in a window.
    pub(super) fn bytes(&self) -> usize {
        self.payload.len() + OVERHEAD
    }

    /// The record; one that cannot be read, which none of ours is, as bytes that are not understood.
    pub(super) fn record(&self) -> Record<'_> {
        let run = record::records(&self.payload, self.seq, 1, self.observed);
        run.ok().and_then(|mut records| records.next()?.ok()).unwrap_or_else(|| Record {
            seq: self.seq,
            observed: self.observed,
            n: 0,
            content: Content::Opaque,
            note: Note::default(),
            raw: &self.payload,
        })
    }
}

/// An item with its key.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) item: Item,
    pub(super) key: Key,
}

/// The event of a record, as a sink is given it: with the sink's own labels.
pub(super) fn event<'a>(stream: &'a Stream, record: &'a Record<'a>, options: &'a SinkOptions) -> Event<'a> {
    let mut event = interpret::event(stream, record);
    for (name, value) in &options.labels {
        if !event.labels.iter().any(|(known, _)| known == name) {
            event.labels.push((Cow::Borrowed(name), Cow::Borrowed(value)));
        }
    }
    event
}
