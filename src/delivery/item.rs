//! One event on its way: its record as the journal has it, from which the event is made again for every try.

use super::options::SinkOptions;
use super::window::Key;
use crate::event::Event;
use crate::interpret;
use crate::record::{self, Content, Note, Record, Stream};
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
    /// If it repeats another, the sink has not had that one: to it, it repeats nothing.
    pub(super) new_here: bool,
}

impl Item {
    pub(super) fn of(stream: &Arc<Stream>, record: &Record<'_>) -> Self {
        let mut payload = record::single_header(record.content, record.n, &record.note);
        payload.extend_from_slice(record.raw);
        let (stream, payload) = (Arc::clone(stream), payload.into());
        Self { stream, seq: record.seq, observed: record.observed, payload, new_here: false }
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

/// The event of an item's record, as a sink is given it: with the sink's own labels.
pub(super) fn event<'a>(item: &'a Item, record: &'a Record<'a>, options: &'a SinkOptions) -> Event<'a> {
    let mut event = interpret::event(&item.stream, record);
    if item.new_here {
        event.duplicate_of = None;
    }
    options.label(&mut event);
    event
}

/// Items for the tests of those that hold them.
#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use crate::record::StreamId;
    use crate::words::Lane;

    pub(in crate::delivery) fn item(seq: u64, raw: &str) -> Item {
        let stream = Stream {
            id: StreamId(7),
            lane: Lane::Row,
            source: "rows".to_owned(),
            scope: "test".to_owned(),
            edge: None,
            task: None,
            node: None,
            database: None,
            retention_policy: None,
            labels: vec![("a".to_owned(), "b".to_owned())],
            alert: None,
        };
        let (content, note) = (Content::Row, Note::default());
        Item::of(&Arc::new(stream), &Record { seq, observed: 5, n: seq, content, note, raw: raw.as_bytes() })
    }
}
