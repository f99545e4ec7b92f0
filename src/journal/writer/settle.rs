//! When what was written is made durable, and what follows from it.

use super::super::active::Failure;
use super::super::chunk::Chunk;
use super::super::recovery::UNSYNCED_RECORDS;
use super::super::syncing::{Covered, Synced};
use super::{SYNC_BYTES, Writer};
use std::sync::atomic::Ordering;

impl Writer {
    pub(super) fn is_too_far(&self, written: u64) -> bool {
        written.saturating_sub(self.counters.durable.load(Ordering::Relaxed)) > UNSYNCED_RECORDS
    }

    /// Syncs aside when much is not durable.
    pub(super) fn sync_if_many(&mut self) -> Result<(), Failure> {
        let many = SYNC_BYTES.min(self.options.buffer_bytes / 4);
        if self.sync_due.is_some() && self.retained_bytes >= many { self.sync_aside() } else { Ok(()) }
    }

    /// Syncs what nobody waits for, and goes on writing meanwhile. If a sync is under way, its end brings this up again.
    pub(super) fn sync_aside(&mut self) -> Result<(), Failure> {
        if self.syncing.is_under_way() {
            return Ok(());
        }
        let Some(active) = &mut self.active else { return self.sync() };
        let Some(second) = active.second.take() else { return self.sync() };
        let covered = Covered { seq: self.written, chunks: self.retained.len() };
        if let Err(second) = self.syncing.begin(second, covered) {
            active.second = Some(second);
            return self.sync();
        }
        self.sync_due = None;
        Ok(())
    }

    /// Waits for the sync that is under way, if one is.
    pub(super) fn wait_for_sync(&mut self) -> Result<(), Failure> {
        self.syncing.wait().map_or(Ok(()), |synced| self.settle_aside(synced))
    }

    /// What was written when that sync began is durable, unless it failed.
    pub(super) fn settle_aside(&mut self, synced: Synced) -> Result<(), Failure> {
        self.call_is_over();
        let Some(active) = &mut self.active else { return Ok(()) };
        synced.result.map_err(Failure::of("sync", &active.segment.path))?;
        active.second = synced.file;
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        let mut left = synced.of.chunks;
        // Behind them, what asks for no sync was kept for their sake only.
        while left > 0 || self.retained.front().is_some_and(|chunk| !chunk.needs_sync) {
            let Some(chunk) = self.retained.pop_front() else { break };
            self.retained_bytes = self.retained_bytes.saturating_sub(chunk.bytes.len());
            self.release(chunk);
            left = left.saturating_sub(1);
        }
        self.tell_durable(synced.of.seq);
        Ok(())
    }

    /// Syncs all that was written, and waits for it.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        self.wait_for_sync()?;
        if let Some(active) = &self.active {
            self.buffer.call_begins();
            active.sync()?;
            self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        } else if !self.retained.is_empty() {
            return self.begin_segment();
        }
        self.settle();
        Ok(())
    }

    /// Prepares the place of the next commits, while those whose commit was done go their way. What is filled is synced
    /// with the next of them.
    pub(super) fn fill_ahead(&mut self) {
        let Some(active) = &mut self.active else { return };
        let Some(stretch) = active.ahead.wanted(active.end, || self.buffer.somebody_waits()) else { return };
        self.buffer.call_begins();
        if let Err(error) = active.fill(stretch) {
            let segment = active.segment.path.display();
            tracing::warn!(%error, %segment, "No room is prepared for commits; until the next segment they take longer");
        }
        self.call_is_over();
    }

    /// All that was written is durable.
    pub(super) fn settle(&mut self) {
        self.call_is_over();
        self.sync_now &= self.queue.iter().any(Chunk::has_records);
        self.sync_due = None;
        self.retained_bytes = 0;
        self.buffer.crowd_is_served();
        while let Some(chunk) = self.retained.pop_front() {
            self.release(chunk);
        }
        self.tell_durable(self.written);
    }

    pub(super) fn tell_durable(&self, seq: u64) {
        self.tell.space.send_modify(|count| *count += 1);
        self.counters.durable.store(seq, Ordering::Relaxed);
        self.tell.durable.send_if_modified(|durable| std::mem::replace(durable, seq) != seq);
    }
}
