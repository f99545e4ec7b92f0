//! The segments that are there, in order, for the writer and every reader. No call here touches the disk.

use super::segment::{Segment, lock};
use super::storage::Storage;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// This many of the newest segments keep their index.
const INDEXED_SEGMENTS: usize = 4;

/// The segments that are there.
pub(super) struct Catalog {
    pub(super) storage: Arc<dyn Storage>,
    segments: Mutex<VecDeque<Arc<Segment>>>,
    /// Highest seq readers can see; never before the segments say so.
    written: AtomicU64,
}

/// Where a seq is.
pub(super) enum Place {
    /// In this segment, if it is there at all.
    In(Arc<Segment>),
    /// Before the oldest segment, which begins at this seq.
    Before(u64),
    /// Behind all that is there.
    Beyond,
}

impl Catalog {
    pub(super) fn new(storage: Arc<dyn Storage>, segments: Vec<Arc<Segment>>, written: u64) -> Self {
        Self { storage, segments: Mutex::new(segments.into()), written: AtomicU64::new(written) }
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    pub(super) fn set_written(&self, seq: u64) {
        self.written.store(seq, Ordering::Release);
    }

    pub(super) fn find(&self, seq: u64) -> Place {
        let segments = lock(&self.segments);
        let number = segments.partition_point(|segment| segment.first_seq <= seq);
        match number.checked_sub(1).and_then(|last| segments.get(last)) {
            Some(segment) if seq < segment.extent().limit => Place::In(Arc::clone(segment)),
            Some(_) => Place::Beyond,
            None => segments.front().map_or(Place::Beyond, |oldest| Place::Before(oldest.first_seq)),
        }
    }

    /// Whether this very segment is still there.
    pub(super) fn holds(&self, segment: &Arc<Segment>) -> bool {
        lock(&self.segments).iter().any(|other| Arc::ptr_eq(other, segment))
    }

    pub(super) fn all(&self) -> Vec<Arc<Segment>> {
        lock(&self.segments).iter().cloned().collect()
    }

    /// Adds a segment that has just been begun, or replaces the one whose name it took.
    pub(super) fn push(&self, segment: Arc<Segment>, skipped: u64) {
        let mut segments = lock(&self.segments);
        if let Some(last) = segments.back() {
            last.update(|extent| {
                extent.limit = segment.first_seq;
                extent.skipped = skipped;
                extent.retained_from = u64::MAX;
            });
            if last.first_seq == segment.first_seq {
                segments.pop_back();
            }
        }
        segments.push_back(segment);
        if let Some(old) = segments.len().checked_sub(INDEXED_SEGMENTS + 1).and_then(|old| segments.get(old)) {
            old.drop_index();
        }
    }

    /// Takes the oldest segment away if `expired` says so of it and the bytes of all others but the newest. The
    /// newest never goes: it is what makes sure that no seq is given twice.
    pub(super) fn pop_oldest(&self, expired: impl FnOnce(&Segment, u64) -> bool) -> Option<Arc<Segment>> {
        let mut segments = lock(&self.segments);
        let older = segments.len().checked_sub(1).filter(|older| *older > 0)?;
        let bytes = segments.iter().take(older).map(|segment| segment.extent().length).sum();
        if expired(segments.front()?, bytes) { segments.pop_front() } else { None }
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.segments).len()
    }

    /// First seq, number and bytes of the segments.
    pub(super) fn totals(&self) -> (Option<u64>, u64, u64) {
        let segments = lock(&self.segments);
        let bytes = segments.iter().map(|segment| segment.extent().length).sum();
        (segments.front().map(|segment| segment.first_seq), segments.len() as u64, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Catalog, Segment};
    use crate::journal::Disk;
    use crate::journal::segment::Extent;
    use std::sync::Arc;

    #[test]
    fn zeros_written_ahead_count() {
        let segment = |first_seq| {
            let extent = Extent { end: 1_000, length: 5_000, ..Extent::empty(first_seq) };
            Arc::new(Segment::new(format!("{first_seq}").into(), first_seq, 0, extent))
        };
        let catalog = Catalog::new(Arc::new(Disk::default()), (1..=3).map(segment).collect(), 3);
        assert_eq!(catalog.totals(), (Some(1), 3, 15_000));
        let asked = |_: &Segment, bytes: u64| {
            assert_eq!(bytes, 10_000, "of all but the newest");
            true
        };
        assert_eq!(catalog.pop_oldest(asked).map(|segment| segment.first_seq), Some(1));
    }
}
