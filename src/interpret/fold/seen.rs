//! Which event ids were seen: two generations of bounded size.
//!
//! New ids go into the younger generation. When it is half of the bound or as old as the window, it becomes the elder
//! one and the elder is dropped whole: an id is remembered for at least the window, unless the bound comes first, and
//! nothing is ever searched for what to forget.

use crate::event::id::EventId;
use crate::words::Transition;
use std::collections::HashMap;

/// The first record with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First {
    /// Its seq.
    pub(super) seq: u64,
    /// What it changed.
    pub(super) transition: Transition,
}

/// An id as a key of 8-byte alignment: an entry takes 24 bytes, not 32.
type Key = [u64; 2];

/// A [`First`] in eight bytes: the seq and, in the lowest four bits, the number of the transition.
type Packed = u64;

/// The ids seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Size at which a generation is full.
    half: usize,
    window: i64,
    younger: HashMap<Key, Packed>,
    elder: HashMap<Key, Packed>,
    /// Observed time of the first id of the younger generation.
    since: i64,
}

impl Seen {
    pub(super) fn new(ids: usize, window: i64) -> Self {
        Self { half: (ids / 2).max(1), window, ..Self::default() }
    }

    pub(super) fn first(&self, id: EventId) -> Option<First> {
        let key = key(id);
        self.younger.get(&key).or_else(|| self.elder.get(&key)).copied().and_then(unpack)
    }

    /// Remembers an id; what is known of it already stays.
    pub(super) fn add(&mut self, id: EventId, first: First, observed: i64) {
        let is_full = self.younger.len() >= self.half;
        if is_full || observed.saturating_sub(self.since) >= self.window {
            self.elder = std::mem::take(&mut self.younger);
        }
        let key = key(id);
        if self.elder.contains_key(&key) {
            return;
        }
        if self.younger.is_empty() {
            self.since = observed;
        }
        self.younger.entry(key).or_insert_with(|| pack(first));
    }

    /// Both generations, the elder first, and the time of the first id of the younger one.
    pub(super) fn parts(&self) -> (impl Iterator<Item = (EventId, u64)>, impl Iterator<Item = (EventId, u64)>, i64) {
        let ids =
            |map: &'_ HashMap<Key, Packed>| map.iter().map(|(key, packed)| (id(*key), *packed)).collect::<Vec<_>>();
        (ids(&self.elder).into_iter(), ids(&self.younger).into_iter(), self.since)
    }

    /// Puts a generation back; what is beyond the bound is left out, the oldest first.
    pub(super) fn restore(&mut self, elder: Vec<(EventId, u64)>, younger: Vec<(EventId, u64)>, since: i64) {
        self.elder = self.generation(elder);
        self.younger = self.generation(younger);
        self.since = since;
    }

    fn generation(&self, mut ids: Vec<(EventId, Packed)>) -> HashMap<Key, Packed> {
        if ids.len() > self.half {
            ids.sort_unstable_by_key(|(_, packed)| std::cmp::Reverse(*packed));
            ids.truncate(self.half);
        }
        ids.into_iter().map(|(id, packed)| (key(id), packed)).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
const fn key(id: EventId) -> Key {
    [(id.0 >> 64) as u64, id.0 as u64]
}

const fn id([high, low]: Key) -> EventId {
    EventId((high as u128) << 64 | low as u128)
}

/// A journal has fewer than 2^60 records.
fn pack(first: First) -> Packed {
    first.seq << 4 | u64::from(first.transition.number())
}

/// `None` for a transition that is not known.
pub(super) fn unpack(packed: Packed) -> Option<First> {
    let number = u8::try_from(packed & 15).ok()?;
    Some(First { seq: packed >> 4, transition: Transition::from_number(number)? })
}
