//! The one thread that writes: takes what waits in the buffer, writes it with one write per chunk, syncs it as its
//! appends asked for, begins a fresh segment when one is full or has failed, and lets old ones go.

mod settle;

use super::active::{Active, Failure};
use super::ahead::Ahead;
use super::buffer::{Buffer, Work};
use super::catalog::Catalog;
use super::chunk::Chunk;
use super::format::Header;
use super::retention::{LOOK, Retention};
use super::syncing::Syncing;
use super::table::Tables;
use super::{Health, Options};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;

/// This many written bytes are synced without waiting for the interval.
const SYNC_BYTES: usize = 8 << 20;
/// Descriptions of contexts that wait without a run are written once they are this many bytes.
const CONTEXTS_WAIT: usize = 1 << 20;
/// Pauses between attempts after a failure.
const RETRY: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(1);

/// Numbers that the writer counts for [`super::Stats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) durable: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) removed_segments: AtomicU64,
}

/// What the writer tells everybody. Its ends are dropped with the writer, so that whoever waits learns of the end.
pub(super) struct Tell {
    pub(super) written: watch::Sender<u64>,
    pub(super) durable: watch::Sender<u64>,
    pub(super) space: watch::Sender<u64>,
    pub(super) health: Arc<watch::Sender<Health>>,
}

/// The writer.
pub(super) struct Writer {
    options: Options,
    buffer: Arc<Buffer>,
    catalog: Arc<Catalog>,
    counters: Arc<Counters>,
    tell: Tell,
    retention: Retention,
    tables: Tables,
    syncing: Syncing,
    /// First seq that this process gives, and how many before it were passed over on purpose.
    begin: (u64, u64),
    active: Option<Active>,
    /// What contexts mean behind all that was released.
    live: BTreeMap<u64, Bytes>,
    /// Written, not durable.
    retained: VecDeque<Chunk>,
    retained_bytes: usize,
    /// Taken from the buffer, not written.
    queue: VecDeque<Chunk>,
    written: u64,
    sync_now: bool,
    /// Whether somebody waits for that.
    commits: bool,
    /// Whether segments are filled ahead: not from a failure on until one has been finished, because the disk may have
    /// been full.
    fills: bool,
    sync_due: Option<Instant>,
    look_due: Instant,
    /// The pause after the last failure and when it is over, while there is one.
    blocked: Option<(Duration, Instant)>,
}

impl Writer {
    pub(super) fn new(
        options: Options,
        buffer: Arc<Buffer>,
        catalog: Arc<Catalog>,
        counters: Arc<Counters>,
        tell: Tell,
        begin: (u64, u64),
        tables: Tables,
    ) -> Self {
        Self {
            retention: Retention::new(&options),
            tables,
            syncing: Syncing::new(Arc::clone(&buffer)),
            options,
            buffer,
            catalog,
            counters,
            tell,
            begin,
            active: None,
            live: BTreeMap::new(),
            retained: VecDeque::new(),
            retained_bytes: 0,
            queue: VecDeque::new(),
            written: begin.0.saturating_sub(1),
            sync_now: false,
            commits: false,
            fills: true,
            sync_due: None,
            look_due: Instant::now(),
            blocked: None,
        }
    }

    /// Works until the journal is closed.
    pub(super) fn run(mut self) -> io::Result<()> {
        self.look();
        loop {
            let looks = self.retention.needs_looks(&self.catalog).then_some(self.look_due);
            // While a sync is under way its end is waited for, not the time of the next.
            let sync_due = self.sync_due.filter(|_| !self.syncing.is_under_way());
            let due = [sync_due, looks].into_iter().flatten().min();
            if due.is_none()
                && let Some(active) = &mut self.active
            {
                active.shrink();
            }
            let work = self.buffer.wait(due, self.blocked.map(|(_, retry)| retry));
            let closed = work.closed;
            self.take(work);
            if closed {
                return self.close();
            }
            if let Err(failure) = self.step() {
                self.fail(&failure);
            }
        }
    }

    fn take(&mut self, work: Work) {
        self.queue.extend(work.chunks);
        self.sync_now |= work.sync_now;
        self.commits |= work.commits;
    }

    /// Does all there is to do now.
    fn step(&mut self) -> Result<(), Failure> {
        if let Some(synced) = self.syncing.over() {
            self.settle_aside(synced)?;
        }
        if self.active.is_none() && (self.blocked.is_some() || self.has_work()) {
            self.begin_segment()?;
        }
        while let Some(chunk) = self.queue.front() {
            let bytes = chunk.bytes.len() as u64;
            if self.must_roll(bytes) {
                self.roll()?;
            }
            if self.active.is_none() {
                // Contexts that no run needs yet; they wait.
                break;
            }
            self.write_chunk()?;
            self.sync_if_many()?;
        }
        if self.sync_now {
            self.sync()?;
        } else if self.sync_due.is_some_and(|due| Instant::now() >= due) {
            self.sync_aside()?;
        }
        self.sync_if_many()?;
        if self.blocked.take().is_some() {
            // Not before all that waited is out: a disk with a little space left would turn well and blocked by turns.
            self.tell_well();
        }
        if std::mem::take(&mut self.commits) {
            self.fill_ahead();
        }
        if Instant::now() >= self.look_due {
            self.look();
        }
        Ok(())
    }

    fn has_work(&self) -> bool {
        self.queue.iter().any(Chunk::has_records)
            || self.queue.iter().map(|chunk| chunk.bytes.len()).sum::<usize>() >= CONTEXTS_WAIT
    }

    fn must_roll(&self, bytes: u64) -> bool {
        self.active.as_ref().is_some_and(|active| {
            active.has_records()
                && (active.end + bytes > self.options.segment_limit()
                    || self.retention.spans_too_much(&active.segment, now()))
        })
    }

    /// Closes the full segment and begins the next.
    fn roll(&mut self) -> Result<(), Failure> {
        self.finish()?;
        self.begin_segment()
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.wait_for_sync()?;
        if let Some(active) = &mut self.active {
            self.buffer.call_begins();
            active.finish()?;
            self.counters.syncs.fetch_add(1, Ordering::Relaxed);
            self.active = None;
            self.fills = true;
            self.tables.closed_one();
            self.settle();
        }
        Ok(())
    }

    /// Begins a segment with everything that is written but not durable, which is durable then.
    fn begin_segment(&mut self) -> Result<(), Failure> {
        let first_seq = self.retained.front().map_or(self.written + 1, |chunk| chunk.first_seq);
        let skipped = if first_seq == self.begin.0 { self.begin.1 } else { 0 };
        let header = Header { first_seq, created: now(), boot: self.catalog.storage.boot(), skipped };
        let Options { directory, compression, .. } = &self.options;
        self.buffer.call_begins();
        let storage = &*self.catalog.storage;
        let mut active = Active::begin(storage, directory, &header, &self.live, &mut self.retained, *compression)?;
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        if self.fills {
            active.ahead = Ahead::new(self.options.segment_limit(), active.end);
        }
        self.catalog.push(Arc::clone(&active.segment), skipped);
        self.active = Some(active);
        self.settle();
        // Readers that had found nothing but a failed segment look again.
        self.tell.written.send_replace(self.written);
        self.look();
        Ok(())
    }

    /// Writes the first chunk of the queue and lets readers see it.
    fn write_chunk(&mut self) -> Result<(), Failure> {
        // Readers never see more that a power loss can take than recovery passes over.
        let written = self.queue.front().map_or(self.written, |chunk| chunk.next_seq.saturating_sub(1));
        if self.is_too_far(written) {
            self.wait_for_sync()?;
        }
        let must_sync = self.is_too_far(written);
        let (Some(active), Some(chunk)) = (&mut self.active, self.queue.front_mut()) else { return Ok(()) };
        self.buffer.call_begins();
        active.append(chunk)?;
        if must_sync {
            active.sync()?;
            self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        }
        self.call_is_over();
        if let Some(active) = &self.active {
            active.publish();
        }
        self.written = written;
        self.catalog.set_written(written);
        self.tell.written.send_replace(written);
        let Some(chunk) = self.queue.pop_front() else { return Ok(()) };
        if must_sync {
            self.retain(chunk);
            self.settle();
        } else if chunk.needs_sync || !self.retained.is_empty() {
            // What stands behind something that is retained is retained too: a fresh segment takes over all from its
            // first seq on.
            if chunk.needs_sync {
                self.sync_due.get_or_insert(Instant::now() + self.options.sync_interval);
            }
            self.retain(chunk);
        } else {
            self.release(chunk);
            self.tell.space.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    fn retain(&mut self, chunk: Chunk) {
        self.retained_bytes += chunk.bytes.len();
        self.retained.push_back(chunk);
    }

    fn release(&mut self, mut chunk: Chunk) {
        for (key, description) in std::mem::take(&mut chunk.contexts) {
            match description {
                Some(description) => self.live.insert(key, description),
                None => self.live.remove(&key),
            };
        }
        self.buffer.release(chunk);
    }

    fn call_is_over(&self) {
        if self.buffer.call_is_over() && self.blocked.is_none() {
            self.tell_well();
        }
    }

    fn tell_well(&self) {
        self.tell.health.send_if_modified(|health| std::mem::replace(health, Health::Well) != Health::Well);
    }

    /// Never touches the segment again; all that is not durable waits in memory for a fresh one.
    fn fail(&mut self, failure: &Failure) {
        // It is of a segment that no longer counts, whatever comes of it.
        drop(self.syncing.wait());
        self.buffer.call_is_over();
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        self.fills = false;
        if let Some(active) = self.active.take() {
            let from = self.retained.front().map_or(u64::MAX, |chunk| chunk.first_seq);
            active.segment.update(|extent| extent.retained_from = from);
        }
        let pause = self.blocked.map_or(*RETRY.start(), |(pause, _)| (pause * 2).min(*RETRY.end()));
        self.blocked = Some((pause, Instant::now() + pause));
        let health = Health::Blocked { reason: failure.to_string() };
        self.tell.health.send_if_modified(|old| {
            let changed = *old != health;
            *old = health;
            changed
        });
    }

    fn look(&mut self) {
        self.look_due = Instant::now() + LOOK;
        self.buffer.call_begins();
        let removed = self.retention.run(&self.catalog, now());
        if self.tables.is_due() {
            self.tables.write(&self.catalog, &self.options.directory);
        }
        self.call_is_over();
        self.counters.removed_segments.fetch_add(removed, Ordering::Relaxed);
    }

    /// Writes and syncs what is left: on the segment that is open, and if that fails once more on a fresh one.
    fn close(mut self) -> io::Result<()> {
        self.sync_now = true;
        // Nobody comes any more.
        self.commits = false;
        let first = self.step();
        let result = first.or_else(|failure| {
            self.fail(&failure);
            self.step()
        });
        let Err(failure) = result else {
            // Everything is durable. Without the segment's end the next start has to look for it, nothing more.
            drop(self.finish());
            return Ok(());
        };
        let until = self.queue.back().or(self.retained.back()).map_or(self.written, |chunk| chunk.next_seq - 1);
        let from = self.retained.front().or(self.queue.front()).map_or(until, |chunk| chunk.first_seq);
        let lost = format!("records {from} to {until} may be lost: {failure}");
        Err(io::Error::new(failure.source.kind(), lost))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // However the writer ends, nobody may go on to fill a buffer that nobody empties.
        self.buffer.close();
    }
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}
