//! The streams that are open now, and up to which number the journal holds each stream.

use super::clock;
use crate::record::{Stream, StreamId};
use crate::sorted;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many closed streams are remembered, so that a restore finds its number; the longest silent ones go first.
const REMEMBERED: usize = 16_384;

/// A stream that is open now, as `GET /v1/streams` shows it.
#[derive(Debug, Clone)]
pub struct OpenStream {
    /// What it said about itself.
    pub stream: Arc<Stream>,
    /// When it was opened, nanoseconds since 1970.
    pub opened: i64,
    /// Records received.
    pub received: u64,
    /// Records kept.
    pub kept: u64,
    /// When something last arrived, nanoseconds since 1970.
    pub last: i64,
    /// Whether reading is held back now.
    pub held: bool,
    /// How often Kapacitor asks for a sign of life, nanoseconds; 0 until it has asked twice. Half of the UDF's `timeout`.
    pub asked_every: u64,
}

/// The live numbers of one open stream. Written by its one owner, read by whoever looks.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) stream: Arc<Stream>,
    pub(crate) opened: i64,
    pub(crate) received: AtomicU64,
    pub(crate) kept: AtomicU64,
    pub(crate) last: AtomicI64,
    pub(crate) held: AtomicBool,
    /// Nanoseconds between the last two asks for a sign of life; 0 is not known.
    pub(crate) asked_every: AtomicU64,
    /// Highest number the journal was given.
    pub(crate) last_n: AtomicU64,
}

/// Up to which number the journal holds a stream that is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Closed {
    last_n: u64,
    last: i64,
}

/// All streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<StreamId, Arc<Live>>,
    closed: HashMap<StreamId, Closed>,
}

/// A stream id that no other stream has: random, from the operating system's source by way of the standard hasher.
pub(crate) fn fresh_id() -> StreamId {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_i64(clock::now());
    // Zero stays free: it is the id of nothing.
    StreamId(hasher.finish().max(1))
}

impl Streams {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream whose numbers go on after `last_n`.
    pub(crate) fn open(&self, stream: Arc<Stream>, last_n: u64) -> Arc<Live> {
        let opened = clock::now();
        let live = Arc::new(Live {
            opened,
            received: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            last: AtomicI64::new(opened),
            asked_every: AtomicU64::new(0),
            held: AtomicBool::new(false),
            last_n: AtomicU64::new(last_n),
            stream,
        });
        let mut inner = self.lock();
        // What was remembered of it is over: a stream has one number, and that is the live one from now on.
        inner.closed.remove(&live.stream.id);
        inner.open.insert(live.stream.id, Arc::clone(&live));
        drop(inner);
        live
    }

    /// Whether a connection of this stream is open.
    pub(crate) fn is_open(&self, id: StreamId) -> bool {
        self.lock().open.contains_key(&id)
    }

    /// Closes a stream and remembers its number.
    pub(crate) fn close(&self, id: StreamId) {
        let mut inner = self.lock();
        if let Some(live) = inner.open.remove(&id) {
            let last_n = live.last_n.load(Ordering::Acquire);
            inner.remember(id, last_n, live.last.load(Ordering::Relaxed));
        }
    }

    /// Up to which number the journal holds a stream; `None` when it never heard of it.
    pub(crate) fn last_n(&self, id: StreamId) -> Option<u64> {
        let inner = self.lock();
        inner
            .open
            .get(&id)
            .map(|live| live.last_n.load(Ordering::Acquire))
            .or_else(|| inner.closed.get(&id).map(|closed| closed.last_n))
    }

    /// Takes what was found in the journal.
    pub(crate) fn found(&self, id: StreamId, last_n: u64, observed: i64) {
        self.lock().remember(id, last_n, observed);
    }

    /// All streams with their last numbers and times, each once, for the checkpoint.
    pub(crate) fn numbers(&self) -> Vec<(StreamId, u64, i64)> {
        let inner = self.lock();
        let open = inner
            .open
            .iter()
            .map(|(id, live)| (*id, live.last_n.load(Ordering::Acquire), live.last.load(Ordering::Relaxed)));
        open.chain(inner.closed.iter().map(|(id, closed)| (*id, closed.last_n, closed.last))).collect()
    }

    /// The open streams, oldest first.
    pub(crate) fn list(&self) -> Vec<OpenStream> {
        let mut list: Vec<_> = self
            .lock()
            .open
            .values()
            .map(|live| OpenStream {
                stream: Arc::clone(&live.stream),
                opened: live.opened,
                received: live.received.load(Ordering::Relaxed),
                kept: live.kept.load(Ordering::Relaxed),
                last: live.last.load(Ordering::Relaxed),
                held: live.held.load(Ordering::Relaxed),
                asked_every: live.asked_every.load(Ordering::Relaxed),
            })
            .collect();
        sorted::sort_by(&mut list, |one, other| (one.opened, one.stream.id).cmp(&(other.opened, other.stream.id)));
        list
    }
}

impl Inner {
    fn remember(&mut self, id: StreamId, last_n: u64, last: i64) {
        let entry = self.closed.entry(id).or_insert(Closed { last_n, last });
        entry.last_n = entry.last_n.max(last_n);
        entry.last = entry.last.max(last);
        if self.closed.len() > REMEMBERED {
            // A tenth at once, so that the sort is paid for by many streams.
            let mut ages: Vec<_> = self.closed.iter().map(|(id, closed)| (closed.last, *id)).collect();
            ages.sort_unstable();
            for (_, id) in ages.into_iter().take(REMEMBERED / 10) {
                self.closed.remove(&id);
            }
        }
    }
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
