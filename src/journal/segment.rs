//! What readers and the writer share about one segment: how far it goes, and where in it to begin.

use super::format;
use bytes::Bytes;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An index point is kept for about every so many bytes.
const INDEX_STEP: u64 = 256 << 10;
/// Bytes of context descriptions that one segment's index may hold; after that it takes no more points.
const INDEX_CONTEXT_BYTES: usize = 1 << 20;

/// One segment that is there.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first_seq: u64,
    /// When it was begun, nanoseconds since 1970.
    pub(super) created: i64,
    extent: Mutex<Extent>,
    index: Mutex<Index>,
}

/// How far a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes that may be read.
    pub(super) end: u64,
    /// Bytes of the file: what is behind `end` are zeros that were written ahead.
    pub(super) length: u64,
    /// Last seq in it; one less than its first when it has none.
    pub(super) last: u64,
    /// No record in it is newer.
    pub(super) newest: i64,
    /// Seqs from here on are elsewhere, even if entries of this segment hold them too; `u64::MAX` while it is the
    /// newest.
    pub(super) limit: u64,
    /// How many seqs just before `limit` were passed over on purpose.
    pub(super) skipped: u64,
    /// Records from here on are still in memory and come again in the next segment: what cannot be read here is not
    /// lost.
    pub(super) retained_from: u64,
    /// The seq that its end entry says is next, once it has one.
    pub(super) ended: Option<u64>,
}

impl Extent {
    /// An extent of nothing.
    pub(super) fn empty(first_seq: u64) -> Self {
        Self {
            end: format::HEADER_BYTES as u64,
            length: format::HEADER_BYTES as u64,
            last: first_seq.saturating_sub(1),
            newest: i64::MIN,
            limit: u64::MAX,
            skipped: 0,
            retained_from: u64::MAX,
            ended: None,
        }
    }
}

/// Where to begin reading in a segment, and the contexts described before that place.
#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) offset: u64,
    pub(super) contexts: HashMap<u64, Bytes>,
}

impl Segment {
    pub(super) fn new(path: PathBuf, first_seq: u64, created: i64, extent: Extent) -> Self {
        Self { path, first_seq, created, extent: Mutex::new(extent), index: Mutex::default() }
    }

    pub(super) fn extent(&self) -> Extent {
        *lock(&self.extent)
    }

    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Extent) -> T) -> T {
        change(&mut lock(&self.extent))
    }

    /// Notes entries that were written at `offset`: the first seq among them, the newest time before them, and what
    /// they say of contexts.
    pub(super) fn note(&self, offset: u64, seq: u64, newest_before: i64, contexts: &[(u64, Option<Bytes>)]) {
        let mut index = lock(&self.index);
        if index.full {
            return;
        }
        if index.points.last().is_none_or(|point| offset >= point.offset + INDEX_STEP) {
            index.points.push(Point { offset, seq, newest_before });
        }
        for (key, description) in contexts {
            index.context_bytes += 64 + description.as_ref().map_or(0, Bytes::len);
            index.contexts.push((offset, *key, description.clone()));
        }
        // A point is of use only with all contexts before it, so what comes later is found by reading on from here.
        index.full = index.context_bytes > INDEX_CONTEXT_BYTES;
    }

    /// Frees the index; reading begins at the front from now on.
    pub(super) fn drop_index(&self) {
        *lock(&self.index) = Index { full: true, ..Index::default() };
    }

    /// The last indexed place from which no record at or behind `seq` is missed.
    pub(super) fn start_for_seq(&self, seq: u64) -> Start {
        lock(&self.index).start(|point| point.seq <= seq)
    }

    /// The last indexed place from which no record of `time` or later is missed.
    pub(super) fn start_for_time(&self, time: i64) -> Start {
        lock(&self.index).start(|point| point.newest_before < time)
    }
}

/// Sparse, and only of segments written by this process lately.
#[derive(Debug, Default)]
struct Index {
    points: Vec<Point>,
    /// Offset of the chunk that said it, key, description; in order.
    contexts: Vec<(u64, u64, Option<Bytes>)>,
    context_bytes: usize,
    full: bool,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    offset: u64,
    seq: u64,
    newest_before: i64,
}

impl Index {
    /// `fits` holds for a front part of the points, then no more.
    fn start(&self, fits: impl Fn(&Point) -> bool) -> Start {
        let number = self.points.partition_point(fits);
        let Some(point) = number.checked_sub(1).and_then(|last| self.points.get(last)) else {
            return Start { offset: format::HEADER_BYTES as u64, contexts: HashMap::new() };
        };
        let mut contexts = HashMap::new();
        for (_, key, description) in self.contexts.iter().take_while(|(offset, ..)| *offset < point.offset) {
            match description {
                Some(bytes) => contexts.insert(*key, bytes.clone()),
                None => contexts.remove(key),
            };
        }
        Start { offset: point.offset, contexts }
    }
}

/// A value behind a mutex stays whole when a thread panics: every change under these locks is a plain assignment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
