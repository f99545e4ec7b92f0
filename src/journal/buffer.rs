//! The buffer between those who append and the writer: a bounded heap of entries that are not yet durable.
//!
//! Those who append hold the lock for one copy of their bytes; the writer holds it to take what waits. Nobody holds it
//! while the disk works.

use super::attention::Followers;
use super::chunk::Chunk;
use super::crowd::Crowd;
use super::format::{self, Run};
use super::segment::lock;
use super::{AppendError, Entry, Options, Share, Sync};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One chunk, and so one write, is about this large at most.
const CHUNK_BYTES: usize = 1 << 20;
/// A new chunk begins with room for this much, or for as much as the last one came to.
const CHUNK_START: usize = 32 << 10;
/// This much waiting wakes the writer at once.
const WAKE_BYTES: usize = 1 << 20;
/// Emptied chunks kept for reuse while data flows.
const SPARE_CHUNKS: usize = 4;
/// A disk call that takes longer makes the journal blocked.
const STALL: Duration = Duration::from_secs(2);

/// The buffer.
pub(super) struct Buffer {
    state: Mutex<State>,
    wake: Condvar,
    capacity: usize,
    chunk_bytes: usize,
    pub(super) followers: Followers,
    /// Counts milliseconds for `calling`.
    begun: Instant,
    /// When the disk call began that the writer is in, in milliseconds since `begun` plus one; 0 when in none.
    calling: AtomicU64,
    /// The same of the sync that is under way beside the writer.
    syncing: AtomicU64,
    /// Whether that sync has ended, and the writer has not seen it.
    synced: AtomicBool,
    /// Whether somebody found that a disk call takes too long.
    stalled: AtomicBool,
}

struct State {
    chunks: VecDeque<Chunk>,
    spare: Vec<Vec<u8>>,
    next_seq: u64,
    /// Bytes of `chunks`.
    pending: usize,
    /// Bytes that the writer has taken and not released.
    held: usize,
    /// What contexts mean now. One per context described and not forgotten.
    described: HashMap<u64, Bytes>,
    /// Whether runs wait for which nobody waits, and whether somebody wants a sync at once.
    runs: bool,
    sync_now: bool,
    /// The appends with a commit.
    crowd: Crowd,
    closed: bool,
    waiting: Waiting,
    /// When the writer last took runs, and how long its last chunk was.
    taken: Option<Instant>,
    usual: usize,
}

/// What the writer wants to be woken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// It is at work, or has been woken.
    Nothing,
    /// It lets things pile up.
    Urgent,
    /// It sleeps.
    Anything,
}

/// What the writer is to do.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) sync_now: bool,
    /// Whether somebody waits for that sync.
    pub(super) commits: bool,
    pub(super) closed: bool,
}

impl Buffer {
    pub(super) fn new(options: &Options, next_seq: u64) -> Self {
        let segment = usize::try_from(options.segment_limit() / 4).unwrap_or(CHUNK_BYTES);
        Self {
            state: Mutex::new(State {
                chunks: VecDeque::new(),
                spare: Vec::new(),
                next_seq,
                pending: 0,
                held: 0,
                described: HashMap::new(),
                runs: false,
                sync_now: false,
                crowd: Crowd::default(),
                closed: false,
                waiting: Waiting::Nothing,
                taken: None,
                usual: 0,
            }),
            wake: Condvar::new(),
            capacity: options.buffer_bytes,
            chunk_bytes: CHUNK_BYTES.min(segment).min(options.buffer_bytes / 4),
            followers: Followers::default(),
            begun: Instant::now(),
            calling: AtomicU64::new(0),
            syncing: AtomicU64::new(0),
            synced: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
        }
    }

    /// Takes a run and gives it its first seq.
    pub(super) fn append(&self, entry: Entry<'_>, sync: Sync, share: Share) -> Result<u64, AppendError> {
        let payload = entry.payload.iter().map(|piece| piece.len()).sum::<usize>();
        let bytes = payload.saturating_add(format::HEAD_BYTES);
        let bound = match share {
            Share::Common => self.capacity - self.capacity / 4,
            Share::Last => self.capacity,
        };
        if bytes > bound.min(format::ENTRY_LIMIT) {
            return Err(AppendError::TooLarge { bytes: payload });
        }
        let mut state = lock(&self.state);
        if state.closed {
            return Err(AppendError::Closed);
        }
        let first_seq = state.next_seq;
        // 2^64 records do not happen; if they did, nothing would be given twice.
        let Some(next_seq) = first_seq.checked_add(u64::from(entry.count)) else { return Err(AppendError::Full) };
        if state.pending + state.held + bytes > bound {
            return Err(AppendError::Full);
        }
        if entry.count == 0 {
            return Ok(first_seq);
        }
        let run = Run { first_seq, count: entry.count, time: entry.time, context: entry.context };
        let chunk = state.chunk_for(bytes, self.chunk_bytes);
        format::put_run(&mut chunk.bytes, &run, entry.payload);
        chunk.next_seq = next_seq;
        chunk.newest = chunk.newest.max(entry.time);
        chunk.needs_sync |= sync != Sync::Os;
        state.next_seq = next_seq;
        state.pending += bytes;
        if sync == Sync::Commit {
            state.crowd.join();
        } else {
            state.runs = true;
        }
        let urgent = self.urgent(&state);
        let wake = state.wake_writer(urgent);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        Ok(first_seq)
    }

    /// Says what a context means. It goes out with the next run; only a lot of it wakes the writer by itself.
    pub(super) fn describe(&self, context: u64, description: &[u8]) {
        let bytes = format::context_bytes(description);
        let mut state = lock(&self.state);
        let known = state.described.get(&context).is_some_and(|known| known == description);
        if known || state.closed || bytes > format::ENTRY_LIMIT {
            return;
        }
        let description = Bytes::copy_from_slice(description);
        state.described.insert(context, description.clone());
        let chunk = state.chunk_for(bytes, self.chunk_bytes);
        format::put_context(&mut chunk.bytes, context, &description);
        chunk.contexts.push((context, Some(description)));
        self.added(state, bytes);
    }

    /// Says that a context is over.
    pub(super) fn forget(&self, context: u64) {
        let bytes = format::context_bytes(&[]);
        let mut state = lock(&self.state);
        if state.closed || state.described.remove(&context).is_none() {
            return;
        }
        let chunk = state.chunk_for(bytes, self.chunk_bytes);
        format::put_forget(&mut chunk.bytes, context);
        chunk.contexts.push((context, None));
        self.added(state, bytes);
    }

    fn added(&self, mut state: MutexGuard<'_, State>, bytes: usize) {
        state.pending += bytes;
        let wake = self.urgent(&state) && state.wake_writer(true);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Whether the writer should not let things pile up any longer.
    fn urgent(&self, state: &State) -> bool {
        state.sync_now || state.crowd.is_complete() || state.pending > WAKE_BYTES.min(self.capacity / 4)
    }

    /// Asks for a sync of all that was appended so far.
    pub(super) fn ask_sync(&self) {
        let mut state = lock(&self.state);
        state.sync_now = true;
        let wake = state.wake_writer(true);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Takes nothing more, and lets the writer finish.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn next_seq(&self) -> u64 {
        lock(&self.state).next_seq
    }

    /// Bytes in it, those that the writer holds included.
    pub(super) fn bytes(&self) -> usize {
        let state = lock(&self.state);
        state.pending + state.held
    }

    /// For the writer: waits until there is something to do, or until `due`, or, after a failure, until `retry`
    /// whatever else happens but closing. Sleeps without a timer when none is given. Appends without a commit are
    /// taken at most once in the time that `followers` says; what comes after a pause is taken at once.
    pub(super) fn wait(&self, due: Option<Instant>, retry: Option<Instant>) -> Work {
        let mut state = lock(&self.state);
        let mut runs_due = None;
        let mut now = Instant::now();
        state.crowd.end(now);
        loop {
            let crowd = state.crowd.patience(now);
            let synced = self.synced.swap(false, Ordering::SeqCst);
            let ready = if let Some(retry) = retry {
                now >= retry
            } else {
                if state.runs {
                    runs_due.get_or_insert_with(|| state.taken.map_or(now, |taken| taken + self.followers.linger()));
                }
                self.urgent(&state) || synced || [runs_due, due].into_iter().flatten().any(|due| now >= due)
            };
            if ready || state.closed {
                state.waiting = Waiting::Nothing;
                if state.runs || !state.crowd.is_empty() {
                    state.taken = Some(now);
                }
                return state.take(now);
            }
            let until = retry.or_else(|| [runs_due, due, crowd].into_iter().flatten().min());
            state.waiting = match (retry, runs_due.or(crowd)) {
                (Some(_), _) => Waiting::Nothing,
                (None, Some(_)) => Waiting::Urgent,
                (None, None) => Waiting::Anything,
            };
            if state.pending + state.held == 0 {
                // A burst is over: give its memory back.
                state.spare = Vec::new();
            }
            state = match until {
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let time = until.saturating_duration_since(now);
                    self.wake.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            now = Instant::now();
        }
    }

    /// For the writer: the sync has ended whose appends it had taken. To be said before they hear of it, because those who
    /// come again at once would count twice.
    pub(super) fn crowd_is_served(&self) {
        lock(&self.state).crowd.end(Instant::now());
    }

    /// For the writer: whether somebody waits for the next sync already.
    pub(super) fn somebody_waits(&self) -> bool {
        !lock(&self.state).crowd.is_empty()
    }

    /// For the writer: bytes it had taken are durable, or nobody minds their loss.
    pub(super) fn release(&self, chunk: Chunk) {
        let mut bytes = chunk.bytes;
        let mut state = lock(&self.state);
        state.held = state.held.saturating_sub(bytes.len());
        if state.spare.len() < SPARE_CHUNKS && bytes.capacity() <= self.chunk_bytes {
            bytes.clear();
            state.spare.push(bytes);
        }
    }

    /// For the writer: a disk call begins.
    pub(super) fn call_begins(&self) {
        self.calling.store(self.milliseconds(), Ordering::Relaxed);
    }

    /// For the writer: the disk call is over. Returns whether somebody found that the disk takes too long, and it no
    /// longer does.
    pub(super) fn call_is_over(&self) -> bool {
        self.calling.store(0, Ordering::SeqCst);
        !self.is_stalled() && self.stalled.swap(false, Ordering::SeqCst)
    }

    /// A sync beside the writer begins.
    pub(super) fn sync_begins(&self) {
        self.syncing.store(self.milliseconds(), Ordering::SeqCst);
    }

    /// The sync beside the writer has come back from the disk.
    pub(super) fn sync_ends(&self) {
        self.syncing.store(0, Ordering::SeqCst);
    }

    /// The sync beside the writer is over; the writer is to look at it.
    pub(super) fn sync_is_over(&self) {
        self.synced.store(true, Ordering::SeqCst);
        let mut state = lock(&self.state);
        let wake = state.wake_writer(true);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Whether a disk call takes too long.
    pub(super) fn is_stalled(&self) -> bool {
        [&self.calling, &self.syncing].into_iter().any(|since| {
            let since = since.load(Ordering::SeqCst);
            since != 0 && u128::from(self.milliseconds().saturating_sub(since)) > STALL.as_millis()
        })
    }

    /// Remembers that the stall was told, so that the writer takes it back. Returns whether it was not known before.
    pub(super) fn tell_stall(&self) -> bool {
        !self.stalled.swap(true, Ordering::SeqCst)
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
}

impl State {
    /// The chunk that the next entry goes into.
    fn chunk_for(&mut self, bytes: usize, chunk_bytes: usize) -> &mut Chunk {
        let fits = self.chunks.back().is_some_and(|chunk| chunk.bytes.len() + bytes <= chunk_bytes);
        if !fits {
            let room = self.spare.pop().unwrap_or_default();
            self.chunks.push_back(Chunk::new(room, self.next_seq));
        }
        let last = self.chunks.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "one was just pushed if there was none")]
        let chunk = &mut self.chunks[last];
        let room = chunk.bytes.capacity();
        if room - chunk.bytes.len() < bytes {
            // Up to the size that all full chunks have, and not beyond: memory that is let go fits the next one.
            let wanted = if room == 0 { self.usual.max(CHUNK_START) } else { 2 * room };
            let wanted = if wanted > chunk_bytes / 4 { chunk_bytes } else { wanted };
            chunk.bytes.reserve_exact(wanted.max(chunk.bytes.len() + bytes) - chunk.bytes.len());
        }
        chunk
    }

    /// Whether the writer must be woken now; it is taken as woken then.
    fn wake_writer(&mut self, urgent: bool) -> bool {
        let wake = self.waiting == Waiting::Anything || self.waiting == Waiting::Urgent && urgent;
        if wake {
            self.waiting = Waiting::Nothing;
        }
        wake
    }

    fn take(&mut self, now: Instant) -> Work {
        self.held += std::mem::take(&mut self.pending);
        self.runs = false;
        self.usual = self.chunks.back().map_or(0, |chunk| chunk.bytes.len());
        let commits = !self.crowd.is_empty();
        let sync_now = std::mem::take(&mut self.sync_now) || commits;
        self.crowd.begin(now);
        Work { chunks: std::mem::take(&mut self.chunks), sync_now, commits, closed: self.closed }
    }
}
