//! What went over the wire lately: a ring of recent raw traffic for each connection of Kapacitor's, in both directions.
//!
//! For a person who asks what Kapacitor really says. UDF connections have a ring each, posts one for each source, as
//! each of them is a connection of its own. Of what arrives in one gulp the beginning is kept: at a few frames a second
//! that is everything, at full load a sample of whole frames, and the cost of both is the same few hundred bytes a gulp.
//!
//! * [`Tap`] is one connection's ring; whoever moves the bytes records them there.
//! * [`messages`] takes an exchange apart.
//! * [`http`] writes requests and answers as they go over the wire, without what is secret, and takes them apart again.
//!
//! Bounded by [`Options::ring`] for each connection, [`SOURCES`] sources and [`CLOSED`] closed connections. When a
//! ring is full its oldest exchanges go.

pub mod http;
mod message;
mod ring;

pub use crate::kapacitor::describe::{Described, DescribedField};
pub use message::messages;
pub use ring::{Direction, Exchange};

use crate::record::StreamId;
use crate::sorted;
use crate::words::Lane;
use ring::Ring;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most of one exchange that is kept, in bytes.
pub const SHOWN: usize = 2 << 10;
/// Sources of posts with a ring; beyond it the longest silent one loses its ring.
pub const SOURCES: usize = 256;
/// Closed connections that are remembered with their rings; the oldest go first.
pub const CLOSED: usize = 32;

/// What of the configuration the rings need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// `[wire] ring`: bytes kept for each connection; 0 keeps nothing.
    pub ring: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { ring: 16 << 10 }
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Stream that the connection feeds, once it does.
    pub stream: Option<StreamId>,
    /// Task that Init named.
    pub task: Option<String>,
    /// Node that Init named.
    pub node: Option<String>,
}

/// The ring of one connection, or of all connections of one source.
#[derive(Debug)]
pub struct Tap {
    /// Number of the connection since kaptap started, from 1.
    pub connection: u64,
    /// Lane it belongs to.
    pub lane: Lane,
    /// Source.
    pub source: String,
    /// When it was opened, nanoseconds since 1970.
    pub opened: i64,
    named: Mutex<Named>,
    last: AtomicI64,
    ring: Mutex<Ring>,
    numbers: Arc<AtomicU64>,
}

impl Tap {
    /// Takes bytes that arrived or were sent. `at` is when, nanoseconds since 1970.
    pub fn record(&self, direction: Direction, at: i64, bytes: &[u8]) {
        if !bytes.is_empty() {
            let shown = bytes.get(..SHOWN).unwrap_or(bytes);
            self.record_with(direction, at, bytes.len() - shown.len(), |room| room.extend_from_slice(shown));
        }
    }

    /// Takes what `write` writes, and the number of bytes that it left out.
    pub fn record_with(&self, direction: Direction, at: i64, left_out: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.is_off() {
            return;
        }
        self.last.store(at, Ordering::Relaxed);
        // Given under the lock, so that within a ring they grow.
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        ring.push(number, direction, at, left_out, write);
    }

    /// Says who is at the other end.
    pub fn name(&self, named: Named) {
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = named;
    }

    /// Who is at the other end.
    #[must_use]
    pub fn named(&self) -> Named {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its exchanges with a number above `after`, oldest first.
    #[must_use]
    pub fn exchanges(&self, after: u64) -> Vec<Exchange> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).after(after)
    }
}

/// All rings. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Wire(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    connections: AtomicU64,
    numbers: Arc<AtomicU64>,
    taps: Mutex<Taps>,
}

#[derive(Debug, Default)]
struct Taps {
    open: HashMap<u64, Arc<Tap>>,
    closed: VecDeque<Arc<Tap>>,
    sources: HashMap<(Lane, String), Arc<Tap>>,
}

impl Wire {
    /// No connections yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Shared {
            options,
            connections: AtomicU64::new(0),
            numbers: Arc::default(),
            taps: Mutex::default(),
        }))
    }

    fn taps(&self) -> MutexGuard<'_, Taps> {
        self.0.taps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tap(&self, lane: Lane, source: &str, at: i64) -> Arc<Tap> {
        Arc::new(Tap {
            connection: self.0.connections.fetch_add(1, Ordering::Relaxed) + 1,
            lane,
            source: source.to_owned(),
            opened: at,
            named: Mutex::default(),
            last: AtomicI64::new(at),
            ring: Mutex::new(Ring::new(self.0.options.ring)),
            numbers: Arc::clone(&self.0.numbers),
        })
    }

    /// The ring of a connection that was opened now.
    #[must_use]
    pub fn open(&self, lane: Lane, source: &str, at: i64) -> Arc<Tap> {
        let tap = self.tap(lane, source, at);
        self.taps().open.insert(tap.connection, Arc::clone(&tap));
        tap
    }

    /// The connection has ended; what went over it is remembered for a while.
    pub fn close(&self, tap: &Tap) {
        let mut taps = self.taps();
        if let Some(tap) = taps.open.remove(&tap.connection) {
            if taps.closed.len() >= CLOSED {
                taps.closed.pop_front();
            }
            taps.closed.push_back(tap);
        }
    }

    /// The ring of a source; made if need be.
    #[must_use]
    pub fn source(&self, lane: Lane, source: &str, at: i64) -> Arc<Tap> {
        let mut taps = self.taps();
        let key = (lane, source.to_owned());
        if let Some(tap) = taps.sources.get(&key) {
            return Arc::clone(tap);
        }
        if taps.sources.len() >= SOURCES {
            let silent = taps.sources.iter().min_by_key(|(_, tap)| tap.last.load(Ordering::Relaxed));
            if let Some(key) = silent.map(|(key, _)| key.clone()) {
                taps.sources.remove(&key);
            }
        }
        let tap = self.tap(lane, source, at);
        taps.sources.insert(key, Arc::clone(&tap));
        tap
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.options.ring > 0
    }

    /// Everything with a number above `after` on the connections that are wanted, oldest first.
    #[must_use]
    pub fn recent(&self, after: u64, wanted: impl Fn(&Tap, &Named) -> bool) -> Vec<(Arc<Tap>, Exchange)> {
        let taps: Vec<Arc<Tap>> = {
            let taps = self.taps();
            taps.open.values().chain(&taps.closed).chain(taps.sources.values()).cloned().collect()
        };
        let wanted = taps.into_iter().filter(|tap| wanted(tap, &tap.named()));
        let mut found: Vec<(Arc<Tap>, Exchange)> = wanted
            .flat_map(|tap| tap.exchanges(after).into_iter().map(move |exchange| (Arc::clone(&tap), exchange)))
            .collect();
        sorted::sort_by(&mut found, |one, other| one.1.number.cmp(&other.1.number));
        found
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
